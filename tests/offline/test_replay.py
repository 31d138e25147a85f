"""Logged decisions come out the same once more, whatever the router remembered; what does not is explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router_ml import Router, RouteRequest
from router_ml.config import Policy, RouterConfig
from router_ml.config.schema import Logging
from router_ml.contract import RouteDecision
from router_ml.errors import LogError
from router_ml.offline.replay import Replayer, ReplayReport, replay, replay_decisions
from router_ml.ruling.case import features_vector
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog, Features
from router_ml.storage.readers.made_from import Kept

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHO = {"who": "ana", "why": "a test"}
DENY = {
    **{"id": "deny-fast", "version": "1", "owner": "o", "rationale": "r"},
    **{"when": {"channel": ["web"]}, "then": {"lanes": {"deny": ["fast"]}}},
}
TEXTS = (
    "Which planet has the strongest winds?",
    "Write a function that merges two sorted lists",
    "Summarise this contract clause for a colleague: the tenant shall keep the premises in repair",
    "mail me at nora.winter@posteo-mail.net about my results",
    "hi",
    "Refund order 8812 please, it came broken",
)
HERE = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Recorder:
    """A router with a log in memory, what was kept of each decision beside it."""

    def __init__(self, bundle: Bundle, config: RouterConfig, log: EventLog) -> None:
        self.router, self.bundle, self.log = Router(config, bundle=bundle, log=log), bundle, log
        self.decisions: list[RouteDecision] = []
        self.texts: dict[str, str] = {}
        self.features: dict[str, Features] = {}

    def ask(
        self, text: str = TEXTS[0], *, now: datetime = NOW, seed: int | None = None, **fields: Any
    ) -> RouteDecision:
        request = RouteRequest.parse({"text": text, **fields})
        decision = self.router.predict_route(request, now=now, seed=seed)
        seen = self.router.understand([request])[0]
        self.texts[decision.decision_id] = request.model_dump_json()
        self.features[decision.decision_id] = Features(
            self.bundle.encoder.sha256, seen.embedding, features_vector(seen)
        )
        self.decisions.append(RouteDecision.model_validate_json(decision.to_json()))
        return decision

    def replay(
        self, level: str = "text", *, against: Bundle | RouterConfig | None = None, **given: Any
    ) -> ReplayReport:
        def kept(ids: Sequence[str]) -> dict[str, Kept]:
            texts = self.texts if level == "text" else {}
            features = self.features if level != "estimates" else {}
            return {each: Kept(texts.get(each), features.get(each)) for each in ids}

        again = Replayer(against or self.bundle, events=self.log.audit_events(), **given)
        return replay_decisions(self.decisions, again, kept=kept)


def with_class(config: RouterConfig, **promise: Any) -> RouterConfig:
    default = config.traffic_classes["default"].model_copy(update=promise)
    return config.model_copy(update={"traffic_classes": {**config.traffic_classes, "default": default}})


def with_price(config: RouterConfig, lane: str = "fast", factor: float = 2.0) -> RouterConfig:
    old = config.lanes[lane]
    price = old.price.model_copy(update={"output_per_mtok": (old.price.output_per_mtok or 1.0) * factor})
    return config.model_copy(update={"lanes": {**config.lanes, lane: old.model_copy(update={"price": price})}})


@pytest.fixture
def recorder(bundle: Bundle) -> Recorder:
    return Recorder(bundle, bundle.config, EventLog("sqlite://"))


asked = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.sampled_from(TEXTS),
            "channel": st.sampled_from(["web", "api", "batch"]),
            "org": st.sampled_from([None, "acme", "Initech"]),
            "explore": st.booleans(),
            "tools": st.sampled_from([(), ("refund",)]),
            "session": st.sampled_from(["none", "last", "unknown"]),
            "before": st.sampled_from(["nothing", "down", "override", "end", "outcome"]),
            "hours": st.sampled_from([0, 1, 2, 8]),
        }
    ),
    min_size=1,
    max_size=5,
)


@HERE
@given(asked, st.sampled_from([None, 1e-4, 1.0]), st.sampled_from(["cheapest", "queue", "refuse"]))
def test_whatever_a_router_remembered_its_decisions_come_out_again(
    bundle: Bundle, requests: list[dict[str, Any]], budget: float | None, at_cap: str
) -> None:
    """Health, overrides, sessions, pins, money and probes: all of it is in the record, or in the audit events."""
    lanes = {**bundle.config.lanes, "code": bundle.config.lanes["code"].model_copy(update={"version": "2"})}
    config = with_class(bundle.config, budget_usd_per_day=budget, at_cap=at_cap).model_copy(update={"lanes": lanes})
    with EventLog("sqlite://") as log:
        made = Recorder(bundle, config, log)
        _live(made, requests)
        for level in ("text", "embedding", "estimates"):
            report = made.replay(level, configs=[config])
            assert report.differences == ()
            assert report.inputs == {}
            assert report.identical == report.replayed == len(made.decisions)
            assert getattr(report, f"from_{level}") == report.replayed


def _live(made: Recorder, requests: list[dict[str, Any]]) -> None:
    """Ask one after another, and let something happen before each."""
    begun: list[str] = []
    now = NOW - timedelta(hours=10)
    for number, each in enumerate(requests):
        now += timedelta(hours=each["hours"])
        if each["before"] == "down":
            made.router.report_health("google", "down")
        elif each["before"] == "override":
            policy = {**DENY, "id": f"deny-{number}"}
            ends = now + timedelta(hours=3) if number % 2 else None
            begun.append(made.router.override(policy, expires_at=ends, now=now, **WHO).event_id)
        elif each["before"] == "end" and begun:
            made.router.end_override(begun.pop(), now=now, **WHO)
        elif each["before"] == "outcome" and made.decisions:
            made.router.log_outcome(made.decisions[-1].decision_id, cost_usd=5e-5)
        previous = None
        if each["session"] != "none" and made.decisions:
            last = made.decisions[-1]
            known = last.decision_id if each["session"] == "last" else "dec_unknown"
            previous = {"decision_id": known, "lane": last.lane or "nobody", "cached_tokens": 40}
        made.ask(
            each["text"],
            now=now,
            channel=each["channel"],
            metadata={"org": each["org"]} if each["org"] else {},
            constraints={"explore": each["explore"]},
            allowed_tools=each["tools"],
            previous=previous,
        )


def test_a_changed_price_is_named_and_the_former_file_explains_it(recorder: Recorder, bundle: Bundle) -> None:
    for text in TEXTS:
        recorder.ask(text)
    dearer = with_price(bundle.config)
    for level in ("text", "embedding"):
        report = Recorder.replay(recorder, level, against=_with_config(bundle, dearer))
        assert report.because == {"prices": report.replayed - report.identical}
        assert report.identical < report.replayed
        assert report.inputs == {"prices": len(TEXTS)}
        assert any(each.field == "estimates.fast.cost_usd" for each in report.differences)
        assert recorder.replay(level, against=_with_config(bundle, dearer), configs=[bundle.config]).differences == ()


def _with_config(bundle: Bundle, config: RouterConfig) -> Bundle:
    return replace(bundle, config=config)


def test_newer_rules_that_no_file_is_given_for_are_named(recorder: Recorder, bundle: Bundle) -> None:
    newer = bundle.config.model_copy(update={"policies": (*bundle.config.policies, Policy.model_validate(DENY))})
    recorder.router.replace_policies(newer, now=NOW, **WHO)
    recorder.ask(channel="web")
    report = recorder.replay()
    assert (report.identical, report.because) == (0, {"policy": 1})
    assert {"eligible", "policies"} <= {each.field.split(".")[0] for each in report.differences}
    assert recorder.replay(configs=[newer]).identical == 1


def test_another_bundle_is_named(recorder: Recorder, bundle: Bundle) -> None:
    recorder.ask()
    allocation = replace(bundle.allocation, blend=1.0)
    manifest = replace(bundle.manifest, files={**bundle.manifest.files, "allocation.json": "0" * 64})
    report = recorder.replay(against=replace(bundle, allocation=allocation, manifest=manifest))
    assert report.because == {"bundle": 1}


@pytest.mark.parametrize(
    "tamper",
    [
        lambda d: {"lane": next(lane for lane in d.eligible if lane != d.lane)},
        lambda d: {"seed": d.seed + 1, "explored": not d.explored},
        lambda d: {"propensities": {**d.propensities, d.lane: d.propensity / 2}},
        lambda d: {"risk_tier": "high"},
        lambda d: {"reason": "because"},
        lambda d: {"state": d.state.model_copy(update={"lane_health": {"google": "down"}})},
    ],
    ids=["lane", "seed", "propensities", "tier", "reason", "health"],
)
def test_a_tampered_record_is_named(recorder: Recorder, tamper: Callable[[RouteDecision], dict[str, Any]]) -> None:
    made = recorder.ask()
    recorder.decisions = [made.model_copy(update=tamper(made))]
    report = recorder.replay()
    assert report.because == {"record": 1}
    assert report.inputs == {}


def test_a_tampered_estimate_shows_in_the_propensities_alone(recorder: Recorder) -> None:
    """Neither text nor embedding is needed to see that a record does not agree with itself."""
    made = recorder.ask(seed=1)
    assert not made.explored  # what is drawn to learn about a lane does not depend on what is believed of it
    worse = {
        name: each.model_copy(update={"quality": 0.0}) for name, each in made.estimates.items() if name == made.lane
    }
    recorder.decisions = [made.model_copy(update={"estimates": {**made.estimates, **worse}})]
    report = recorder.replay("estimates")
    assert (report.from_estimates, report.because) == (1, {"record": 1})


def test_another_platform_is_named(recorder: Recorder) -> None:
    made = recorder.ask()
    *libraries, cpu = made.versions.platform.split(", ")
    other = {"library": ["onnxruntime 0.1", *libraries[1:], cpu], "cpu": [*libraries, "abacus"]}
    for cause, platform in other.items():
        versions = made.versions.model_copy(update={"platform": ", ".join(platform)})
        recorder.decisions = [made.model_copy(update={"versions": versions, "reason": "last digits"})]
        assert recorder.replay().because == {cause: 1}


def test_what_was_learned_online_is_not_held_against_the_record(models: Path) -> None:
    """No bundle gives those estimates again: guards, rules and draw are replayed all the same."""
    bundle = Bundle.load(models)
    made = Recorder(bundle, bundle.config, EventLog("sqlite://"))
    made.router = Router(bundle.config, bundle=bundle, log=made.log, online=True)
    for _ in range(3):
        decision = made.ask()
        made.router.log_outcome(decision.decision_id, quality=0.0)
    for level in ("text", "embedding"):
        report = made.replay(level, against=Bundle.load(models))
        assert report.identical == 3
    made.decisions[2] = made.decisions[2].model_copy(update={"risk_tier": "restricted"})
    assert made.replay(against=Bundle.load(models)).because == {"record": 1}


def test_a_decision_of_another_arm_is_replayed_with_its_own_bundle(recorder: Recorder) -> None:
    """The arm is drawn before anything is decided, so it is taken as it was."""
    made = recorder.ask()
    arm = {"arm": "canary", "arm_share": 0.25, "rollout": "router/2"}
    recorder.decisions = [made.model_copy(update={"state": made.state.model_copy(update=arm)})]
    for level in ("text", "embedding", "estimates"):
        assert recorder.replay(level).identical == 1


def test_a_record_of_an_older_contract_is_counted_not_guessed(
    recorder: Recorder, make_decision: Callable[..., RouteDecision]
) -> None:
    recorder.decisions = [make_decision()]
    report = recorder.replay()
    assert (report.replayed, report.not_replayed) == (0, {"recorded under an older contract": 1})


def test_a_router_without_anything_learned_is_replayed_from_its_text(bundle: Bundle) -> None:
    router = Router(bundle.config)
    request = RouteRequest(text=TEXTS[0])
    decision = router.predict_route(request)
    kept = {decision.decision_id: Kept(request.model_dump_json())}
    report = replay_decisions([decision], Replayer(bundle.config), kept=lambda _: kept)
    assert (report.from_text, report.identical) == (1, 1)


def test_a_replay_changes_nothing(recorder: Recorder, bundle: Bundle) -> None:
    """Not the log, not what the bundle has learned: the same decision is made after it as before."""
    recorder.ask()
    state, steps = recorder.router.predict_route(TEXTS[0], seed=1).state, bundle.allocation.bandit.steps
    counted = recorder.log.counts()
    recorder.replay()
    recorder.replay("embedding")
    assert recorder.log.counts() == counted
    assert bundle.allocation.bandit.steps == steps
    assert recorder.router.predict_route(TEXTS[0], seed=1).state == state


def test_what_a_router_logs_is_enough_to_replay_it(bundle: Bundle, tmp_path: Path) -> None:
    """By tier text, embedding or the record alone, as router.yaml says; of personal data neither text nor embedding."""
    keep = {"low": {"level": "text"}, "medium": {"level": "embedding"}, "high": {"level": "decision"}}
    logging = Logging.model_validate({"keep": keep})
    config = bundle.config.model_copy(update={"logging": logging})
    with EventLog(tmp_path / "log.sqlite") as log:
        router = Router(config, bundle=bundle, log=log)
        private = router.predict_route(TEXTS[3], now=NOW)
        for text in TEXTS:
            first = router.predict_route(text, channel="web", metadata={"org": "acme", "deal": {"size": 1.5}})
            router.predict_route("and why?", previous={"decision_id": first.decision_id, "lane": first.lane})
        report = replay(log, bundle, configs=[config])
        assert report.differences == ()
        assert report.replayed == report.identical == 1 + 2 * len(TEXTS)
        assert min(report.from_text, report.from_embedding, report.from_estimates) > 0
        one = replay(log, bundle, configs=[config], ids=[private.decision_id])
        assert (one.replayed, one.from_estimates) == (1, 1)
        assert replay(log, bundle, configs=[config], limit=2).replayed == 2
        with pytest.raises(LogError, match="no decision with one of these ids"):
            replay(log, bundle, ids=["dec_nobody"])
