"""What a router carries between requests: health, sessions, the log; and what it is opened from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.errors import BundleError, ConfigError, InvalidRequestError, LogError, RouterError
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog

ONE_LANE = """
version: 1
lanes:
  only:
    model: openai/gpt-4.1
    provider: openai
    failure_domain: openai
    region: us
    boundary: vendor
    price: {input_per_mtok: 2.0, output_per_mtok: 8.0}
    latency: {base_ms: 400, ms_per_output_token: 10}
    prior: {quality: 0.8}
    context_window: 100000
    max_output_tokens: 4096
traffic_classes:
  default: {floor: 0.5, quality_per_usd: 10}
"""
QUESTION = "Which planet has the strongest winds?"
GREETING = "hi"
MAIL = "mail me at nora.winter@posteo-mail.net about my results"


def test_one_lane_without_anything_learned_works(tmp_path: Path) -> None:
    """Contract, guardrails and propensities work before anything has been learned."""
    path = tmp_path / "router.yaml"
    path.write_text(ONE_LANE)
    router = Router.load(path)
    decision = router.predict_route("What is a bond?")
    assert (decision.lane, decision.propensity, decision.propensities) == ("only", 1.0, {"only": 1.0})
    assert decision.intent.abstained
    assert decision.estimates["only"].evidence == 0
    assert router.predict_route("call +46 70 174 06 18").guard_state == "hit"


def test_what_does_not_exist_is_a_clear_error(tmp_path: Path) -> None:
    """A wrong path to a bundle or configuration is told as such."""
    with pytest.raises(BundleError, match="not a bundle"):
        Router.load(tmp_path)
    with pytest.raises(RouterError):
        Router.load(tmp_path / "router.yaml")


def test_a_decision_names_its_classifier(router: Router, bundle: Bundle, tmp_path: Path) -> None:
    assert router.predict_route(GREETING).versions.classifier == bundle.manifest.classifier_sha256
    path = tmp_path / "router.yaml"
    path.write_text(ONE_LANE)
    assert Router.load(path).predict_route(GREETING).versions.classifier == "none"


def test_a_key_for_matching_that_is_too_short_is_told_when_the_router_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the first finding, which may come days later."""
    path = tmp_path / "router.yaml"
    path.write_text(ONE_LANE)
    monkeypatch.setenv("ROUTER_ML_MATCH_KEY", "short")
    with pytest.raises(ConfigError, match="ROUTER_ML_MATCH_KEY"):
        Router.load(path)


def test_health_counts_from_the_next_decision_on(bundle: Bundle) -> None:
    """A dead vendor gets no traffic, and gets it back when it is up."""
    router = Router(bundle.config, bundle=bundle)
    router.report_health("google", "down")
    decision = router.predict_route(QUESTION)
    assert {"fast", "premium"} <= set(decision.excluded)
    assert decision.state.lane_health == {"google": "down"}
    router.report_health("google", "up")
    assert "fast" in router.predict_route(QUESTION).eligible
    with pytest.raises(InvalidRequestError):
        router.report_health("gogle", "down")


def test_health_reports_of_many_threads_are_all_kept(bundle: Bundle) -> None:
    """A lost report would keep sending traffic to a dead vendor."""

    vendors = ("google", "openai", "mistral", "anthropic")
    for _ in range(50):
        router = Router(bundle.config, bundle=bundle)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(partial(router.report_health, status="down"), vendors))
        assert set(router.predict_route(GREETING).state.lane_health) == set(vendors)


def test_private_sessions_stay_private(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a session held personal data its next turn is private too, and so is one that cannot be proven clean."""
    monkeypatch.setenv("ROUTER_ML_PIN_KEY", "a key of this test alone")
    router, other = (Router(bundle.config, bundle=bundle) for _ in range(2))
    clean, private = router.predict_route(QUESTION), router.predict_route(MAIL)

    def next_turn(by: Router, previous: dict[str, object]) -> set[str]:
        decision = by.predict_route("And why is that?", previous=previous)
        return {bundle.config.lanes[lane].boundary for lane in decision.eligible}

    assert "vendor" in next_turn(router, {"decision_id": clean.decision_id})
    assert next_turn(router, {"decision_id": private.decision_id}) == {"private"}
    assert next_turn(other, {"decision_id": clean.decision_id}) == {"private"}
    assert "vendor" in next_turn(other, {"decision_id": clean.decision_id, "pin": router.pin(clean)})
    assert next_turn(other, {"decision_id": private.decision_id, "pin": router.pin(private)}) == {"private"}
    assert next_turn(other, {"decision_id": "dec_other", "pin": router.pin(clean)}) == {"private"}


def test_the_cached_prompt_makes_the_same_lane_cheaper(router: Router) -> None:
    """A session's lane gets the cached price of what it still holds."""
    first = router.predict_route(QUESTION)
    long = "And now compare it with all the others. " * 40
    warm = {"decision_id": first.decision_id, "lane": "balanced", "cached_tokens": 300}
    fresh = router.predict_route(long).estimates["balanced"].cost_usd
    assert router.predict_route(long, previous=warm).estimates["balanced"].cost_usd < fresh


def test_decisions_and_outcomes_are_logged_without_private_embeddings(bundle: Bundle, tmp_path: Path) -> None:
    """What was decided can be read back; the embedding of a request with personal data is not kept."""

    with EventLog(tmp_path / "log.sqlite") as log:
        router = Router(bundle.config, bundle=bundle, log=log)
        clean, private = router.predict_route(QUESTION), router.predict_route(MAIL)
        assert router.log_outcome(clean.decision_id, quality=1.0)
        with pytest.raises(InvalidRequestError):
            router.log_outcome(clean.decision_id, quality=1.5)
        assert log.decision(clean.decision_id) == clean
        assert log.counts()["embeddings"] == 1
        assert log.decision(private.decision_id) == private
    assert not Router(bundle.config, bundle=bundle).log_outcome(clean.decision_id, quality=1.0)


def test_a_log_that_cannot_be_written_does_not_stop_traffic(
    bundle: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Traffic goes on and the loss is reported; what is restricted does not leave without a record."""

    log = EventLog(tmp_path / "log.sqlite")
    router = Router(bundle.config, bundle=bundle, log=log)
    log.write = _broken  # type: ignore[method-assign]
    assert router.predict_route(QUESTION).lane is not None
    assert "not logged" in caplog.text
    secret = "deploy with -----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq0x3nUq\n-----END RSA PRIVATE KEY-----"
    with pytest.raises(LogError) as caught:
        router.predict_route(secret)
    assert caught.value.decision is not None
    log.close()


def _broken(*_: object) -> None:

    raise LogError("The disk is full.")
