"""A request with everything that rules, selection and plan may look at, from the scan and the classifier together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.config import RouterConfig, TrafficClass
from router_ml.contract import Risk, RiskTier, RouteRequest
from router_ml.guardrails.entities import Chunk, Entity, Tagger
from router_ml.guardrails.policy import Facts, risk_tier, worst_tier
from router_ml.guardrails.rules.conditions import ELSEWHERE
from router_ml.guardrails.scan import Scan
from router_ml.guardrails.tagging.entity_findings import with_entities
from router_ml.guardrails.views import normalize
from router_ml.planning.plan import traffic_class
from router_ml.planning.situation import Situation
from router_ml.understanding.understand import Understanding


@dataclass(frozen=True)
class Case:
    """One request as rules see it; ``pinned``: the risks that an earlier turn of its session brings."""

    request: RouteRequest
    understood: Understanding
    scanned: Scan
    risks: tuple[Risk, ...]
    tier: RiskTier
    situation: Situation
    class_name: str
    promise: TrafficClass
    facts: Facts
    pinned: frozenset[str]


def build_case(
    config: RouterConfig, request: RouteRequest, understood: Understanding, scanned: Scan, *, pinned: frozenset[str]
) -> Case:
    """Join what rules and model say. A rule outranks the model; the model adds risks and never takes one away.

    Raises:
        InvalidRequestError: the request names a traffic class that is not configured.
    """
    by_pin = (Risk(name=name, probability=1.0, source="rule") for name in sorted(pinned))
    write_tool = any(config.tools[name].effect == "write" for name in request.allowed_tools if name in config.tools)
    risks = {risk.name: risk for risk in (*understood.risks, *scanned.risks, *by_pin)}
    tier = risk_tier(
        config.guardrails,
        risks=frozenset(risks),
        guard_state=scanned.state,
        language_validated=understood.language.validated,
        language_chars=understood.language_characters,
        abstained=understood.intent_label.abstained or understood.domain_label.abstained,
        channel=request.channel,
        write_tool=write_tool,
    )
    org, region = organisation_of(request), _region(request.metadata.get("region"), config)
    situation = Situation(
        intent=understood.intent_label.label,
        domain=understood.domain_label.label,
        mode=understood.mode_label.label,
        channel=request.channel,
        org=org,
    )
    class_name, promise = traffic_class(config, request, situation)
    facts = Facts(
        intent=situation.intent,
        domain=situation.domain,
        mode=understood.mode_label.label,
        channel=request.channel,
        org=org,
        region=region,
        risks=frozenset(risks),
        tier=tier,
        findings=frozenset(finding.type for finding in scanned.findings),
        guard_state=scanned.state,
        tools=request.allowed_tools,
        write_tool=write_tool,
        language_validated=understood.language.validated,
        language=understood.language.code,
        missed=frozenset(scanned.missed),
        worst_tier=worst_tier(config.guardrails, tier, missed=frozenset(scanned.missed)),
    )
    by_name = tuple(risks[name] for name in sorted(risks))
    return Case(request, understood, scanned, by_name, tier, situation, class_name, promise, facts, pinned)


def with_entities_of(
    scanned: Scan, request: RouteRequest, understood: Understanding, tagger: Tagger | None, *, key: bytes | None = None
) -> Scan:
    """A scan with the entities that the tagger finds; where it fails, the texts count as not scanned."""
    try:
        return with_entities(scanned, request, entities(understood, tagger), key=key)
    except Exception as error:  # noqa: BLE001 - whatever breaks a detector, its text counts as not scanned
        reason = f"the entity tagger failed with {type(error).__name__}"
        return replace(scanned, state="unknown", reasons=(*scanned.reasons, reason))


def entities(understood: Understanding, tagger: Tagger | None) -> dict[str, tuple[Entity, ...]]:
    """People, addresses and organisations in each text of a request that was read for the tagger."""
    if tagger is None:
        return {}
    found = {}
    for passage in understood.passages:
        one = passage.encoded
        chunks = [Chunk(*parts) for parts in zip(one.ids, one.offsets, one.readings, strict=True)]
        found[passage.text] = tagger.find(passage.text, chunks)
    return found


def contexts(understood: Understanding) -> Contexts:
    """One understood request as a batch of one."""
    return Contexts(
        embedding=understood.embedding[None],
        surface=understood.surface[None],
        intent=understood.intent[None],
        domain=understood.domain[None],
        tokens_in=np.array([understood.tokens_in]),
    )


def features_vector(understood: Understanding) -> NDArray[np.float32]:
    """What the log keeps beside the embedding: surface, intent and domain probabilities, tokens in."""
    tokens = np.array([understood.tokens_in], np.float32)
    return np.concatenate([understood.surface, understood.intent, understood.domain, tokens])


def organisation_of(request: RouteRequest) -> str | None:
    """The organisation that a request names, as decisions record it."""
    return organisation(request.metadata.get("org"))


def organisation(value: object) -> str | None:
    """The organisation that a request names, without disguise; ``ELSEWHERE`` for what is no name."""
    return None if value is None else _text(value) or ELSEWHERE


def _text(value: object) -> str | None:
    return normalize(value).strip().casefold() if isinstance(value, str) else None


def _region(value: object, config: RouterConfig) -> str | None:
    """The configured region a request names, however it is spelled; ``ELSEWHERE`` for anything else but nothing."""
    if value is None:
        return None
    known = {region.casefold(): region for region in config.regions}
    text = _text(value)
    if text is None:
        return ELSEWHERE
    return known.get(text, ELSEWHERE) if known else text
