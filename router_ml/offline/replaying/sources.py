"""A logged decision once more: from its text, from its embedding, or from its recorded estimates. Nothing is written.

Each gives the parts of the decision that it can work out, as plain values beside the recorded ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from router_ml.allocation.choose import as_contract
from router_ml.allocation.estimate import Estimates
from router_ml.allocation.replay import reproduce
from router_ml.allocation.select import draw
from router_ml.config import RouterConfig
from router_ml.contract import Previous, RouteDecision, RouteRequest, State
from router_ml.deciding.decider import Decider
from router_ml.deciding.reading import read
from router_ml.deciding.terms import chosen, learned_lane, terms
from router_ml.errors import InvalidRequestError
from router_ml.guardrails import Scan
from router_ml.guardrails.rules.conditions import Facts
from router_ml.planning.plan import Situation, batch_priced
from router_ml.ruling.case import Case
from router_ml.ruling.of_record import facts_of, ruling_again
from router_ml.state.draws import Draw
from router_ml.state.overrides import InForce
from router_ml.state.remembered import Remembered
from router_ml.storage.database.records import Features
from router_ml.understanding.surface import NAMES
from router_ml.understanding.understand import Understanding

Values = dict[str, Any]
NOT_KEPT = "not kept"
ASKED = ("rollout", "online", *(name for name in State.model_fields if name.startswith("arm")))
"""What of the state is nothing that a bundle decides: which arm was drawn, and for whom."""


def from_text(decider: Decider, force: InForce, decision: RouteDecision, text: str) -> tuple[Values, Values]:
    """The whole decision, and the recorded one, without their versions.

    Raises:
        InvalidRequestError: the text is not a request, or asks for what is not configured.
    """
    request = RouteRequest.from_json(text)
    understood = read(force.config, decider.bundle, [request])[0]
    again = decider.conclude(
        force,
        request,
        understood,
        Remembered.of_record(decision, force.config),
        stamp=(decision.seed, decision.created_at, decision.decision_id),
        draw=Draw.of(decision.state),
    )
    who = {name: getattr(decision.state, name) for name in ASKED}
    again = again.model_copy(update={"state": again.state.model_copy(update=who)})
    found, recorded = (each.model_dump(mode="json", exclude={"versions"}) for each in (again, decision))
    return found, recorded


def from_embedding(
    decider: Decider, force: InForce, decision: RouteDecision, features: Features
) -> tuple[Values, Values]:
    """What is learned and what is drawn, and the rules on the recorded circumstances.

    Raises:
        InvalidRequestError: the vectors are those of another bundle, or the class is not configured any more.
    """
    config, request = force.config, _stand_in(decision)
    if decision.traffic_class not in config.traffic_classes:
        raise InvalidRequestError(f"Traffic class {decision.traffic_class} is not configured.")
    understood = _understood(decider, decision, features)
    estimates = decider.estimate(request, understood, batch=batch_priced(config, decision))
    names = list(config.lanes)
    found: Values = {**from_rules(config, decision)[0]}
    found["estimates"] = _plain(as_contract(estimates, names, decision.eligible))
    if decision.lane is not None:
        found |= _selected(decider, force, decision, request, understood, estimates)
    return found, _recorded(decision, found)


def from_estimates(decision: RouteDecision) -> tuple[Values, Values]:
    """Propensities and draw from the recorded estimates: whether the record agrees with itself.

    Raises:
        InvalidRequestError: a record of a contract before 1.2, which does not hold what is needed.
    """
    shares = reproduce(decision)
    found: Values = {"propensities": shares, "lane": None, "propensity": None}
    if shares:
        lanes = list(shares)
        lane = lanes[draw(np.array([shares[name] for name in lanes]), decision.seed)]
        found |= {"lane": lane, "propensity": shares[lane]}
    return found, _recorded(decision, found)


def from_rules(config: RouterConfig, decision: RouteDecision) -> tuple[Values, Values]:
    """The lanes that the rules leave on the recorded circumstances; nothing where the record leaves some of them out,
    such as an organisation in whose name something was found."""
    hidden = decision.guard_state == "unknown" or any(f.part.startswith("metadata") for f in decision.findings)
    if hidden or "circumstances" not in decision.model_fields_set:
        return {}, {}
    try:
        ruling = ruling_again(config, decision, facts_of(config, decision))
    except InvalidRequestError as error:
        return {"eligible": [f"none: {error}"]}, _recorded(decision, {"eligible": None})
    found = {"eligible": list(ruling.eligible)}
    return found, _recorded(decision, found)


def _selected(
    decider: Decider,
    force: InForce,
    decision: RouteDecision,
    request: RouteRequest,
    understood: Understanding,
    estimates: Estimates,
) -> Values:
    """Terms and draw over the recorded eligible lanes, of a decision that went to one."""
    config = force.config
    facts, remembered = facts_of(config, decision), Remembered.of_record(decision, config)
    case = _case(config, decision, request, understood, facts)
    ruling = replace(
        ruling_again(config, decision, facts),
        eligible=decision.eligible,
        explore=decision.state.selection.explore_share > 0,
        refuse=None,
        human_review=None,
    )
    asked = terms(
        config,
        case,
        ruling,
        estimates,
        remembered.standing(case.class_name),
        now=decision.created_at,
        probes=remembered.probes,
        certified=decider.certified(case, force.versions.prices),
    )
    found: Values = {
        "quality_per_usd": asked.rule.quality_per_usd,
        "selection": asked.selection.model_dump(mode="json"),
        "learned_lane": learned_lane(config, estimates, asked),
    }
    choice = chosen(config, ruling, estimates, asked, seed=decision.seed)
    if choice is not None:
        found |= {"propensities": choice.propensities, "propensity": choice.propensities[choice.lane]}
        found |= {"lane": choice.lane, "explored": choice.explored}
    return found


def _recorded(decision: RouteDecision, names: Values) -> Values:
    whole = decision.model_dump(mode="json", include={*names, "state"})
    whole["selection"] = whole.pop("state")["selection"]
    return {name: whole[name] for name in names}


def _plain(estimates: Any) -> Values:
    return {lane: each.model_dump(mode="json") for lane, each in estimates.items()}


def _stand_in(decision: RouteDecision) -> RouteRequest:
    """A request of which allocation sees the same as of the one that is not kept."""
    seen, session = decision.circumstances, decision.state.session
    previous = None
    if session is not None:
        previous = Previous(decision_id="not-kept", lane=session.lane, cached_tokens=session.cached_tokens)
    return RouteRequest(
        text=NOT_KEPT,
        channel=seen.channel,
        allowed_tools=seen.tools,
        constraints=seen.constraints,
        traffic_class=decision.traffic_class,
        previous=previous,
    )


def _understood(decider: Decider, decision: RouteDecision, features: Features) -> Understanding:
    bundle = decider.bundle
    if bundle is None or features.embedding is None or features.encoder != bundle.encoder.sha256:
        raise InvalidRequestError("The embedding that was kept is of another encoder.")
    spec = bundle.classifier.spec
    sizes = (len(NAMES), len(spec.intent.labels), len(spec.domain.labels))
    if len(features.surface) != sum(sizes) + 1:
        raise InvalidRequestError("The features that were kept are those of another classifier.")
    surface, intent, domain, tokens = np.split(features.surface, np.cumsum(sizes))
    return Understanding(
        embedding=features.embedding,
        surface=surface,
        intent=intent,
        domain=domain,
        tokens_in=int(tokens[0]),
        intent_label=decision.intent,
        domain_label=decision.domain,
        mode_label=decision.mode,
        risks=(),
        language=decision.language,
        language_characters=decision.circumstances.language_chars,
    )


def _case(
    config: RouterConfig, decision: RouteDecision, request: RouteRequest, understood: Understanding, facts: Facts
) -> Case:
    seen, name = decision.circumstances, decision.traffic_class
    return Case(
        request=request,
        understood=understood,
        scanned=Scan(decision.guard_state, decision.findings, (), decision.guard_reasons, seen.missed),
        risks=decision.risks,
        tier=decision.risk_tier,
        situation=Situation(facts.intent, facts.domain, facts.mode, seen.channel, seen.org),
        class_name=name,
        promise=config.traffic_classes[name],
        facts=facts,
        pinned=frozenset(decision.state.session.risks if decision.state.session else ()),
    )
