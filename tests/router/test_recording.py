"""What a router keeps of its decisions, how far it says that got, and what happens where it cannot be kept."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sql

import router_ml
from router_ml import Router, front_door
from router_ml.config import RouterConfig
from router_ml.config.schema import Keep, Logging
from router_ml.contract import RouteDecision
from router_ml.contract.executed import Validation
from router_ml.errors import InvalidRequestError, LogError, LogRefusedError
from router_ml.guardrails.digests import json_digest
from router_ml.storage.bundle import Bundle
from router_ml.storage.database import tables
from router_ml.storage.database.entries import of_decision
from router_ml.storage.eventlog import EventLog
from router_ml.storage.opening import open_log
from router_ml.storage.spooling.drain import Drain
from router_ml.storage.spooling.recorder import Recorder
from router_ml.storage.spooling.spool import Spool

QUESTION = "Which planet has the strongest winds?"
MAIL = "Write to nora.winter" + "@posteo-mail.net about the invoice."
SECRET = "deploy with -----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq0x3nUq\n-----END RSA PRIVATE KEY-----"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Open = Callable[..., Router]


def configured(config: RouterConfig, *, on_log_error: str | None = None, **logging: Any) -> RouterConfig:
    classes = {
        name: item.model_copy(update={"on_log_error": on_log_error}) for name, item in config.traffic_classes.items()
    }
    return config.model_copy(update={"logging": Logging(**logging), "traffic_classes": classes})


@pytest.fixture
def open_router(bundle: Bundle, tmp_path: Path) -> Iterator[Open]:
    """A router with a log in a file, by default without a spool."""
    opened: list[Router] = []

    def make(*, spool: Path | None = None, **settings: Any) -> Router:
        log, drain = open_log(str(tmp_path / "log.sqlite"), spool=spool)
        opened.append(Router(configured(bundle.config, **settings), bundle=bundle, log=log, drain=drain))
        return opened[-1]

    yield make
    for router in opened:
        router.close()


def rows(router: Router, table: sql.Table) -> dict[str, Any]:
    """What a table of the log holds, by decision."""
    assert router.flush()
    assert router.log is not None
    with router.log.session.read() as connection:
        return {row.decision_id: row for row in connection.execute(sql.select(table))}


def fill(spool: Path) -> None:
    """Take a spool's folder away, so that nothing can be appended."""
    for path in spool.rglob("*"):
        if path.is_file():
            path.unlink()
    for path in (*spool.iterdir(), spool):
        path.rmdir()


def test_text_is_kept_only_where_it_is_configured_and_nothing_private_is(open_router: Open) -> None:
    plain, texts = open_router(), open_router(keep={"low": Keep(level="text"), "medium": Keep(level="text")})
    before = plain.predict_route(QUESTION)
    kept = texts.predict_route(QUESTION, metadata={"org": "acme"})
    private = texts.predict_route(MAIL)
    found = rows(texts, tables.texts)
    assert set(found) == {kept.decision_id}
    assert router_ml.RouteRequest.model_validate_json(found[kept.decision_id].text).text == QUESTION
    assert [one.log_level for one in (before, kept, private)] == ["embedding", "text", "features"]
    features = rows(texts, tables.features)
    assert features[kept.decision_id].embedding is not None
    assert features[private.decision_id].embedding is None


@pytest.mark.parametrize("level", ["text", "embedding"])
def test_private_traffic_still_teaches(open_router: Open, level: str) -> None:
    """Labels, cells, tier and estimates stay, whatever the table says; what was said does not."""
    router = open_router(keep=dict.fromkeys(("low", "medium", "high", "restricted"), Keep(level=level)))
    decision = router.predict_route(MAIL)
    assert router.log_outcome(decision.decision_id, quality=1.0)
    assert router.log is not None
    data = router.log.logged()
    assert np.isnan(data.embeddings).all()
    assert np.isfinite(data.features).all()
    assert data.features.shape[1] > 30
    assert (data.quality[0], data.intent[0], data.risk_tier[0]) == (1.0, decision.intent.label, decision.risk_tier)
    assert np.isfinite(data.estimated_quality).any()
    database = Path(str(router.log.session.engine.url.database))
    stored = b"".join(path.read_bytes() for path in database.parent.glob("log.sqlite*"))
    assert decision.decision_id.encode() in stored
    assert b"nora" not in stored


@pytest.mark.parametrize(("level", "parts"), [("embedding", 2), ("features", 1), ("decision", 0)])
def test_a_tier_keeps_what_the_table_says_and_the_decision_says_so(open_router: Open, level: Any, parts: int) -> None:
    router = open_router(keep={"low": Keep(level=level)})
    decision = router.predict_route(QUESTION)
    assert (decision.risk_tier, decision.log_level) == ("low", level)
    row = rows(router, tables.features).get(decision.decision_id)
    assert parts == (0 if row is None else 1 + (row.embedding is not None))


def test_records_of_a_tier_expire_when_the_table_says(open_router: Open) -> None:
    router = open_router(keep={"low": Keep(days=30)})
    short, long = router.predict_route(QUESTION, now=NOW), router.predict_route(MAIL, now=NOW)
    kept = rows(router, tables.decision_keys)
    assert kept[short.decision_id].keep_until == (NOW + timedelta(days=30)).replace(tzinfo=None)
    assert kept[long.decision_id].keep_until is None


def test_a_person_is_known_by_a_keyed_hash_alone(open_router: Open) -> None:
    """So that their data can be found and erased, and nobody can read from the log who they are."""
    router = open_router(subject="customer")
    assert router.log is not None
    asked = [{"customer": "u-47114711"}, {"customer": 47114711}, {"customer": ["u-47114711"]}, {"customer": True}, {}]
    decisions = router.predict_routes([{"text": QUESTION, "metadata": metadata} for metadata in asked])
    kept = rows(router, tables.decision_keys)
    expected = [router.log.subject_of("u-47114711"), router.log.subject_of("47114711"), None, None, None]
    assert [kept[one.decision_id].subject for one in decisions] == expected
    assert all("47114711" not in str(row) for row in kept.values())


def test_calls_say_how_far_a_record_got(open_router: Open, bundle: Bundle, tmp_path: Path) -> None:
    direct, spooled, nowhere = (
        open_router(),
        open_router(spool=tmp_path / "spool"),
        Router(bundle.config, bundle=bundle),
    )
    for router, expected in ((direct, "database"), (spooled, "spool"), (nowhere, None)):
        decision = router.predict_route(QUESTION)
        approval = {"approval_id": f"a-{expected}", "tool": "t", "version": "1", "arguments_sha256": "0", "at": NOW}
        assert router.acknowledged(decision) == router.acknowledged(decision.decision_id) == expected
        assert router.log_execution({"decision_id": decision.decision_id, "final_lane": decision.lane}) == expected
        assert router.log_outcome(decision.decision_id, quality=1.0) == expected
        assert router.log_approval({"decision_id": decision.decision_id, "state": "requested", **approval}) == expected
        assert router.flush()
    assert direct.acknowledged("never") is None
    assert direct.log is not None
    counted = direct.log.counts()
    assert [counted[kind] for kind in ("decisions", "executions", "outcomes", "approvals")] == [2, 2, 2, 2]


def test_what_waits_in_the_spool_is_found_by_its_id(open_router: Open, tmp_path: Path) -> None:
    """An answer may be checked a moment after its decision."""
    router = open_router(spool=tmp_path / "spool")
    decision = router.predict_route(QUESTION)
    assert router.check_output(decision.decision_id, "Neptune.").decision_id == decision.decision_id
    with pytest.raises(LogError, match="no decision with this id"):
        router.check_output("dec_unknown", "Neptune.")


@pytest.mark.parametrize("text", [QUESTION, SECRET])
def test_without_a_spool_the_database_takes_it(open_router: Open, tmp_path: Path, text: str) -> None:
    router = open_router(spool=tmp_path / "spool")
    fill(tmp_path / "spool")
    decision = router.predict_route(text)
    assert router.acknowledged(decision) == "database"
    assert router.log is not None
    assert router.log.decision(decision.decision_id) == decision


@pytest.mark.parametrize(
    ("on_error", "on_log_error", "stops"),
    [("continue", None, False), ("raise", None, True), ("continue", "raise", True), ("raise", "continue", False)],
)
def test_where_neither_can_be_written_the_rule_of_the_class_decides(
    open_router: Open, tmp_path: Path, on_error: str, on_log_error: str | None, stops: bool
) -> None:
    """And what is restricted never leaves without a record; money and probes of it are given back."""
    router = open_router(spool=tmp_path / "spool", on_error=on_error, on_log_error=on_log_error)
    assert router.log is not None
    router.log.close()
    fill(tmp_path / "spool")
    if stops:
        with pytest.raises(LogError) as caught:
            router.predict_route(QUESTION)
        assert isinstance(caught.value.decision, RouteDecision)
    else:
        assert router.acknowledged(router.predict_route(QUESTION)) is None
    with pytest.raises(LogError) as caught:
        router.predict_routes([QUESTION, SECRET])
    assert isinstance(caught.value.decision, RouteDecision)
    assert stops or caught.value.decision.risk_tier == "restricted"
    with pytest.raises(LogError):
        router.log_outcome("dec_x", quality=1.0)


@pytest.mark.parametrize("spooled", [True, False])
def test_an_id_that_is_taken_is_refused_before_the_answer(open_router: Open, tmp_path: Path, spooled: bool) -> None:
    """Whatever the rule for outages: it is the caller's mistake, and the answer would leave unlogged."""
    router = open_router(spool=tmp_path / "spool" if spooled else None, on_error="continue")
    first = router.predict_route(QUESTION, decision_id="same", seed=1, now=NOW)
    for text in (SECRET, MAIL):
        with pytest.raises(LogRefusedError, match="already logged as same") as caught:
            router.predict_route(text, decision_id="same")
        assert isinstance(caught.value.decision, RouteDecision)
    assert router.predict_route(QUESTION, decision_id="same", seed=1, now=NOW) == first, "a repeat is no other decision"
    with pytest.raises(LogRefusedError):
        router.predict_routes([QUESTION, MAIL], decision_ids=["twice", "twice"])
    assert router.predict_route(MAIL, decision_id="twice").decision_id == "twice", "nothing had been decided"
    assert router.flush()
    assert router.log is not None
    assert router.log.decision("same") == first


def test_what_is_restricted_is_in_the_log_whoever_else_took_its_id(open_router: Open, tmp_path: Path) -> None:
    """Only the database knows what other processes have written; a spool would find out after the answer."""
    other, router = open_router(), open_router(spool=tmp_path / "spool")
    other.predict_route(QUESTION, decision_id="taken")
    with pytest.raises(LogRefusedError) as caught:
        router.predict_route(SECRET, decision_id="taken")
    assert isinstance(caught.value.decision, RouteDecision)
    mine, unnamed = router.predict_route(SECRET, decision_id="mine"), router.predict_route(SECRET)
    assert [router.acknowledged(one) for one in (mine, unnamed)] == ["database", "spool"]
    assert router.flush()
    router.predict_route(MAIL, decision_id="taken")
    assert not router.flush(), "a record that was set aside is not in the database"


def test_what_is_on_its_way_is_remembered_as_its_record(tmp_path: Path, make_decision: Callable[..., Any]) -> None:
    """A thousand decisions take six times the memory of their records, and are hardly ever asked for."""
    decision = make_decision()
    said, kept = decision.to_json(), weakref.ref(decision)
    recorder = Recorder(None, Drain(Spool(tmp_path)))
    recorder.write_decisions([(decision, of_decision(decision))])
    del decision
    found = recorder.find("dec-1")
    assert kept() is None
    assert found is not None
    assert found.to_json() == said
    recorder.close()


DONE: dict[str, Any] = {
    "hops": [
        {"lane": "l", "provider": "p", "region": "eu", "boundary": "b", "error": f"lane.TimeoutError: {MAIL}"},
        {"lane": "l", "provider": "p", "region": "eu", "boundary": "b", "error": MAIL, "cost_usd": 0.5},
    ],
    "tool_calls": [{"name": "refund", "version": "1", "arguments": {"to": MAIL}, "result": [MAIL], "approval_id": "a"}],
    "validation": {"status": "failed", "errors": [MAIL]},
    "citations": ["chunk-1", MAIL],
    "context_ids": ["chunk-1"],
}


@pytest.mark.parametrize("key", [None, "a key of sixteen bytes"])
def test_below_text_an_execution_keeps_what_was_done_and_no_word_of_it(
    open_router: Open, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """A decision that names a person goes to the tools with that person's data."""
    if key is not None:
        monkeypatch.setenv("ROUTER_ML_MATCH_KEY", key)
    router = open_router(keep={"low": Keep(level="text")})
    private, plain = router.predict_route(MAIL), router.predict_route(QUESTION)
    for decision_id in (private.decision_id, plain.decision_id, "unknown"):
        router.log_execution({"decision_id": decision_id, **DONE})
    router.log_outcome(private.decision_id, validation=DONE["validation"])
    assert router.log is not None
    (outcome,) = router.log.outcomes()
    assert outcome.validation == Validation(status="failed", errors=("withheld",))
    (kept,) = router.log.executions(plain.decision_id)
    assert (kept.hops[1].error, kept.tool_calls[0].arguments) == (MAIL, {"to": MAIL})
    for decision_id in (private.decision_id, "unknown"):
        (kept,) = router.log.executions(decision_id)
        assert MAIL not in kept.model_dump_json()
        (call,) = kept.tool_calls
        digest = json_digest("arguments", {"to": MAIL}, None if key is None else key.encode())
        assert (call.name, call.approval_id, call.arguments) == ("refund", "a", {"digest": digest})
        assert (digest is None) == (key is None)
        assert [hop.error for hop in kept.hops] == ["lane.TimeoutError", "withheld"]
        assert (kept.citations, kept.context_ids, kept.hops[1].cost_usd) == (
            *(("chunk-1", "withheld"), ("chunk-1",), 0.5),
        )


def test_a_level_is_known_after_a_restart(open_router: Open) -> None:
    before, after = (open_router(keep={"low": Keep(level="text")}) for _ in range(2))
    decision = before.predict_route(QUESTION)
    after.log_execution({"decision_id": decision.decision_id, **DONE})
    assert after.log is not None
    assert [one.tool_calls[0].result for one in after.log.executions()] == [[MAIL]]


def test_a_wrong_execution_or_approval_is_the_callers_error(router: Router) -> None:
    with pytest.raises(InvalidRequestError, match="execution"):
        router.log_execution({"decision_id": "d", "hops": [{"lane": "x"}]})
    with pytest.raises(InvalidRequestError, match="approval"):
        router.log_approval({"approval_id": "a"})


def test_a_router_starts_while_its_database_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And delivers all once it is back, with the keyed hash of whom it was about."""
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    monkeypatch.setenv("ROUTER_ML_LOG", str(blocked / "log.sqlite"))
    monkeypatch.setenv("ROUTER_ML_SPOOL", str(tmp_path / "spool"))
    with Router.load() as router:
        assert router.log is None
        decision = router.predict_route(QUESTION, metadata={"user": "nora"})
        assert router.acknowledged(decision) == "spool"
        blocked.unlink()
        assert router.flush()
        assert router.log is not None
        row = rows(router, tables.decision_keys)[decision.decision_id]
        assert row.subject == router.log.subject_of("nora")
    with pytest.raises(LogError):
        router.log.decision("closed")


def test_the_module_logs_executions_too(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_door, "_shared", [router])
    assert router_ml.log_execution({"decision_id": "d1", "final_lane": "fast"}) is None
    with EventLog("sqlite://") as log:
        monkeypatch.setattr(front_door, "_shared", [Router(router.config, bundle=router.bundle, log=log)])
        assert router_ml.log_execution(router_ml.Execution(decision_id="d1", final_lane="fast")) == "database"
        assert [one.final_lane for one in log.executions("d1")] == ["fast"]


def test_a_spool_that_fails_is_reported_once_and_a_failing_database_is_not_waited_for(
    open_router: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where both are gone, each decision must not wait for a database that is known to be away."""
    router = open_router(spool=tmp_path / "spool")
    fill(tmp_path / "spool")
    for _ in range(3):
        assert router.acknowledged(router.predict_route(QUESTION)) == "database"
    assert caplog.text.count("written to directly") == 1
    drain = router._recorder._drain
    assert drain is not None
    assert router.log is not None
    monkeypatch.setattr(type(drain), "failing", property(lambda _: True))
    monkeypatch.setattr(router.log, "write", lambda _: pytest.fail("the database was tried"))
    assert router.acknowledged(router.predict_route(QUESTION)) is None


def test_a_configuration_of_an_earlier_release_keeps_what_it_kept(open_router: Open) -> None:
    """Bundles that are registered hold it, and go on serving."""
    router = open_router(keep_embedding=False, keep={"high": Keep(level="embedding")})
    assert [router.config.logging.of(tier).level for tier in ("low", "high")] == ["features", "embedding"]
    assert router.predict_route("How many moons has Mars?").log_level == "features"
