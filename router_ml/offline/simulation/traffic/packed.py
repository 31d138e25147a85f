"""Kinds from an outcome pack: what lanes truly made of prompts whose texts are not there any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.cost import latency, price
from router_ml.allocation.estimate import estimate
from router_ml.config import Lane, RouterConfig
from router_ml.contract import Constraints, Language, ModeLabel, Risk, RouteRequest
from router_ml.errors import EncoderMismatchError, OfflineDataError
from router_ml.guardrails.rules.conditions import SCANNED_RISKS, Facts
from router_ml.guardrails.scan import Scan
from router_ml.offline.judging.packs import Pack, check_outcomes
from router_ml.offline.simulation.scenarios.checking import NONE
from router_ml.offline.simulation.traffic.circumstances import Mix, Placed, evenly, placed, put, shares_of, weighted
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.ruling.case import build_case
from router_ml.storage.bundle import Bundle
from router_ml.understanding.surface import NAMES
from router_ml.understanding.understand import Understanding, label

Floats = NDArray[np.float64]

RISKS: Mapping[str, float] = MappingProxyType({"pii": 0.05, "secrets": 0.005, "prompt_injection": 0.005})
"""Share of the requests that hold a risk, where a mix says none: a pack has no texts to scan. An assumption."""
_NO_MIX: Mix = MappingProxyType({})
_MTOK = 1e6


def kinds_from_pack(
    pack: Pack, bundle: Bundle, *, in_sample: bool, mix: Mix = _NO_MIX, size: int = 2000, seed: int = 0
) -> Kinds:
    """The prompts of a pack with what was measured of each lane that names a column of it by ``outcomes``. The other
    lanes of the configuration are none here, as nothing is known of them.

    Rules see the labels of the prompts and the circumstances of the mix; risks are drawn, each prompt has one or none.
    The cost is at the prices of the configuration where the pack says what was paid; latency as configured.

    Args:
        in_sample: the bundle has learned from these prompts.
        mix: as in a scenario's ``traffic``; of ``risk`` the shares of requests that hold one, by default ``RISKS``.
        size: the most kinds there are to be. seed: of what is drawn.

    Raises:
        EncoderMismatchError: the pack was embedded by another encoder than that of the bundle.
        OfflineDataError: labels of another classifier, no lane with outcomes, or outcomes or a mix that cannot be.
    """
    config = bundle.config
    _check(pack, bundle)
    columns = {
        name: pack.lanes.index(lane.outcomes) for name, lane in config.lanes.items() if lane.outcomes in pack.lanes
    }
    if not columns:
        raise OfflineDataError(
            f"No lane of the configuration names a column of the pack as its outcomes; it has {', '.join(pack.lanes)}."
        )
    blank = RouteRequest(text="(the text does not ship)")
    where = placed(len(pack.group), shares_of(mix, [blank], config), size=size, seed=seed)
    rows = pack.take(where.request.astype(np.intp))
    shares = _risks(mix, config)
    risks = _drawn(shares, len(where.request), seed=seed)
    facts = tuple(_facts(rows, where, risks, bundle, blank))
    lanes = {name: config.lanes[name] for name in columns}
    tokens, cost = _spent(rows, columns, lanes, bundle)
    without = [name for name in config.lanes if name not in columns]
    said = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
    quality = rows.quality[:, list(columns.values())]
    unknown = float(np.isnan(quality).mean())
    return Kinds(
        contexts=rows.contexts,
        facts=facts,
        constraints=(Constraints(),) * len(facts),
        traffic_class=(None,) * len(facts),
        asks_back=np.zeros(len(facts), bool),
        lanes=tuple(columns),
        tokens_out=tokens,
        quality=quality,
        cost_usd=cost,
        latency_ms=latency(list(lanes.values()), tokens),
        cluster=rows.group.astype(np.int64),
        weight=weighted(where.weight, facts, mix, but="risk"),
        truth="measured",
        in_sample=in_sample,
        source=(
            f"{len(set(where.request.tolist()))} prompts with measured outcomes of {', '.join(columns)}"
            + (f"; without outcomes, and so no lanes here: {', '.join(without)}" if without else "")
            + (f"; {unknown:.1%} of the qualities are not known" if unknown else "")
            + f". Risks are drawn: {said or 'none'}."
        ),
    )


def _check(pack: Pack, bundle: Bundle) -> None:
    check_outcomes(pack)
    if pack.encoder != bundle.encoder.sha256:
        raise EncoderMismatchError(
            f"The pack was embedded by encoder {pack.encoder[:12]}, the bundle has {bundle.encoder.sha256[:12]}. "
            "Build the pack again: python -m training.outcomes --help"
        )
    spec = bundle.classifier.spec
    found = pack.contexts.intent.shape[1], pack.contexts.domain.shape[1]
    expected = len(spec.intent.labels), len(spec.domain.labels)
    if found != expected:
        raise OfflineDataError(
            f"The pack has probabilities of {found[0]} intents and {found[1]} domains, the classifier of the bundle "
            f"{expected[0]} and {expected[1]}. Build the pack again: python -m training.outcomes --help"
        )


def _risks(mix: Mix, config: RouterConfig) -> dict[str, float]:
    """Share of the requests that hold each risk."""
    known = (*config.taxonomy.risks, *SCANNED_RISKS)
    given = mix.get("risk")
    if not given:
        return {name: share for name, share in RISKS.items() if name in known}
    whole = sum(given.values()) if NONE in given else 1.0
    shares = {name: weight / whole for name, weight in given.items() if name != NONE and weight > 0}
    if sum(shares.values()) > 1 + 1e-9 or min(shares.values(), default=0) < 0 or not set(shares) <= set(known):
        raise OfflineDataError(
            f"The mix of risks is {dict(given)}; of a pack it is the share of requests that hold each, at most 1 in "
            f"all, or weights with one for {NONE!r}; of {', '.join(dict.fromkeys(known))}."
        )
    return shares


def _drawn(shares: Mapping[str, float], count: int, *, seed: int) -> list[frozenset[str]]:
    """One risk or none for each request, as often as the shares say."""
    names = [frozenset([name]) for name in shares]
    ladder = np.cumsum(list(shares.values()))
    points = evenly(count, np.random.default_rng([seed, 1]))
    return [([*names, frozenset()])[index] for index in np.searchsorted(ladder, points, side="right").tolist()]


def _facts(
    rows: Pack, where: Placed, risks: list[frozenset[str]], bundle: Bundle, blank: RouteRequest
) -> Iterator[Facts]:
    """What rules see of each prompt."""
    for row, (places, held) in enumerate(zip(where.places, risks, strict=True)):
        found = tuple(Risk(name=name, probability=1.0, source="rule") for name in sorted(held))
        scanned = Scan("hit" if found else "clean", (), found, ())
        yield build_case(
            bundle.config, put(blank, places), understood(rows, row, bundle), scanned, pinned=frozenset()
        ).facts


def understood(pack: Pack, row: int, bundle: Bundle) -> Understanding:
    """A row of a pack as if it had just been encoded and classified: English, and a chat."""
    contexts, spec = pack.contexts, bundle.classifier.spec
    return Understanding(
        embedding=contexts.embedding[row],
        surface=contexts.surface[row],
        intent=contexts.intent[row],
        domain=contexts.domain[row],
        tokens_in=int(contexts.tokens_in[row]),
        intent_label=label(spec.intent, contexts.intent[row]),
        domain_label=label(spec.domain, contexts.domain[row]),
        mode_label=ModeLabel(label="chat", probabilities={"chat": 1.0}),
        risks=(),
        language=Language(code="en", validated=True),
        language_characters=int(np.expm1(contexts.surface[row, NAMES.index("log_characters")] * 7)),
    )


def _spent(rows: Pack, columns: Mapping[str, int], lanes: Mapping[str, Lane], bundle: Bundle) -> tuple[Floats, Floats]:
    """Tokens out and USD of each prompt and lane, (k, L) each: from what was paid at the prices of the pack; what was
    paid, and the tokens that are expected, where it does not say these; the latter at the prices of the configuration
    where it is not known what was paid."""
    expected = estimate(bundle.allocation, bundle.config.lanes, rows.contexts).tokens_out
    tokens, cost = np.empty((len(rows.group), len(columns))), rows.cost_usd[:, list(columns.values())].copy()
    for at, (name, column) in enumerate(columns.items()):
        paid, read = rows.prices.get(rows.lanes[column]), rows.contexts.tokens_in
        tokens[:, at] = expected[:, list(bundle.config.lanes).index(name)]
        again = unknown = np.isnan(cost[:, at])
        if paid is not None and paid[1] > 0:
            made = np.maximum((rows.cost_usd[:, column] * _MTOK - read * paid[0]) / paid[1], 1.0)
            tokens[:, at], again = np.where(unknown, tokens[:, at], made), np.ones(len(read), bool)
        cost[again, at] = price([lanes[name]], read, tokens[:, [at]])[again, 0]
    return tokens, cost
