"""Exactly one person decides, they see what they decide on, and what waits is gone once it is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.contract import Approval
from router_ml.contract.base import JsonObject
from router_ml.errors import InvalidRequestError, LogError, LogRefusedError, ReviewError
from router_ml.execution.reviews.reviews import Reviews, Suspended
from router_ml.storage.proof.verify import verify
from tests.execution.reviewing import PRIVATE, asked, opened, suspended

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SAID = {"who": "ada", "why": "The customer is right."}


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    with opened(tmp_path) as router:
        yield router


@pytest.fixture(params=["log", "memory"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Router]:
    """A router with a log, and one without."""
    with opened(tmp_path, log="" if request.param == "log" else None) as router:
        yield router


def waits(router: Router, **changes: object) -> tuple[Reviews, Suspended, Approval]:
    reviews, stopped = Reviews(router), suspended(router, **changes)  # type: ignore[arg-type]
    step = reviews.ask(stopped, subject="tool", reason="refund changes something", queue="support", now=NOW)
    return reviews, stopped, step


def test_what_is_granted_goes_on_once_as_it_was(either: Router) -> None:
    reviews, stopped, step = waits(either)
    assert (step.state, step.tool, step.version, step.queue) == ("requested", "refund", "1", "support")
    assert reviews.pending(NOW) == [step]
    assert Reviews(either).suspended(step.approval_id) == stopped
    granted = reviews.decide(step.approval_id, True, now=NOW, **SAID)
    assert (granted.state, granted.who, granted.why) == ("granted", *SAID.values())
    assert (reviews.pending(NOW), reviews.ready(NOW)) == ([], [granted])
    assert reviews.state(step.approval_id, NOW) == granted
    assert reviews.take(step.approval_id, now=NOW) == stopped
    assert reviews.ready(NOW) == []
    with pytest.raises(ReviewError, match="was granted by ada on 2026-07-01 12:00 UTC, and has been taken"):
        reviews.take(step.approval_id, now=NOW)
    with pytest.raises(ReviewError, match="was taken or is over"):
        reviews.suspended(step.approval_id)
    assert reviews.state(step.approval_id, NOW + 9 * HOUR) == granted, "it was used in time"


def test_only_the_first_decision_counts(either: Router) -> None:
    reviews, _, step = waits(either)
    reviews.decide(step.approval_id, False, now=NOW, **SAID)
    for granted in (True, False):
        with pytest.raises(ReviewError, match=r"was denied by ada .* What was decided stays"):
            reviews.decide(step.approval_id, granted, who="bob", why="No.", now=NOW)
    assert reviews.state(step.approval_id, NOW).who == "ada"


def test_a_denial_leaves_nothing_that_anybody_said(either: Router) -> None:
    """It can still be taken, so that the request ends in words of ours."""
    reviews, stopped, step = waits(either)
    reviews.decide(step.approval_id, False, now=NOW, **SAID)
    left = reviews.take(step.approval_id, now=NOW)
    assert (left.decision, left.whole, left.messages, left.answer) == (stopped.decision, False, (), None)
    assert left.tool_request is not None
    assert (left.tool_request.name, left.tool_request.arguments) == ("refund", "")
    assert "XYZZY" not in left.to_json()


@pytest.mark.parametrize("missing", ["who", "why"])
def test_nobody_decides_without_a_name_and_a_reason(router: Router, missing: str) -> None:
    reviews, _, step = waits(router)
    with pytest.raises(InvalidRequestError, match=f"{missing} of 0 characters"):
        reviews.decide(step.approval_id, True, now=NOW, **{**SAID, missing: " "})
    assert reviews.state(step.approval_id, NOW).state == "requested"


def test_an_overdue_approval_has_expired_whether_or_not_anybody_wrote_that_down(either: Router) -> None:
    reviews, _, step = waits(either)
    late = NOW + HOUR
    assert reviews.state(step.approval_id, late - timedelta(seconds=1)).state == "requested"
    assert reviews.state(step.approval_id, late).state == "expired"
    assert reviews.pending(late) == []
    assert reviews.ready(NOW) == []
    assert [one.approval_id for one in reviews.ready(late)] == [step.approval_id]
    with pytest.raises(ReviewError, match="expired on 2026-07-01 13:00 UTC"):
        reviews.decide(step.approval_id, True, now=late, **SAID)
    (written,) = reviews.expire(late)
    assert (written.state, written.on_expiry, written.who) == ("expired", "deny", None)
    assert reviews.expire(late) == []
    assert not reviews.take(step.approval_id, now=late).whole


def test_what_expired_can_be_taken_at_once(either: Router) -> None:
    """Whoever waits for an answer does not have to wait for the next run of expire as well."""
    reviews, _, step = waits(either)
    assert not reviews.take(step.approval_id, now=NOW + HOUR).whole
    assert reviews.state(step.approval_id, NOW + HOUR).state == "expired"


def test_a_grant_that_nobody_used_in_time_is_over(either: Router) -> None:
    reviews, _, step = waits(either)
    reviews.decide(step.approval_id, True, now=NOW, **SAID)
    late = NOW + 2 * HOUR
    assert reviews.state(step.approval_id, late).state == "expired"
    with pytest.raises(ReviewError):
        reviews.take(step.approval_id, now=late)
    assert [one.state for one in reviews.expire(late)] == ["expired"]
    assert reviews.expire(late) == []


def test_nobody_takes_what_nobody_decided(either: Router) -> None:
    reviews, _, step = waits(either)
    with pytest.raises(ReviewError, match="Nobody has decided"):
        reviews.take(step.approval_id, now=NOW)
    for call in (reviews.state, reviews.suspended, reviews.take):
        with pytest.raises(ReviewError, match="apr_unknown"):
            call("apr_unknown")


def test_each_step_is_in_the_log_and_its_chain(router: Router) -> None:
    reviews, stopped, step = waits(router)
    reviews.decide(step.approval_id, True, now=NOW + timedelta(minutes=1), **SAID)
    assert router.log is not None
    assert [one.state for one in router.log.approvals()] == ["requested", "granted"]
    assert verify(router.log).ok
    with pytest.raises(LogRefusedError, match="is waiting already"):
        reviews.ask(stopped, subject="tool", reason="again", now=NOW)


def test_another_process_sees_what_waits_and_decides(router: Router, tmp_path: Path) -> None:
    _, stopped, step = waits(router)
    with opened(tmp_path) as other:
        assert Reviews(other).suspended(step.approval_id) == stopped
        Reviews(other).decide(step.approval_id, True, now=NOW, **SAID)
    assert Reviews(router).take(step.approval_id, now=NOW) == stopped


def test_private_words_stay_in_the_process_that_asked(router: Router, tmp_path: Path) -> None:
    """The database never holds them, and nobody grants what they cannot see; a denial needs no look."""
    reviews, stopped, step = waits(router, request=asked(PRIVATE), arguments='{"iban": "DE89370400440532013000"}')
    assert step.arguments_sha256 == "", "an unkeyed digest of an account can be guessed back"
    content = b"".join(path.read_bytes() for path in tmp_path.glob("log.sqlite*"))
    assert b"ann.smith" not in content
    assert b"DE8937" not in content
    assert reviews.suspended(step.approval_id) == stopped
    with opened(tmp_path) as other:
        elsewhere = Reviews(other)
        assert not elsewhere.suspended(step.approval_id).whole
        with pytest.raises(ReviewError, match=r"private request.*keep_private; it can be denied from anywhere"):
            elsewhere.decide(step.approval_id, True, now=NOW, **SAID)
        reviews.decide(step.approval_id, True, now=NOW, **SAID)
        with pytest.raises(ReviewError, match="goes on only there"):
            elsewhere.take(step.approval_id, now=NOW)
    assert reviews.take(step.approval_id, now=NOW) == stopped


def test_private_words_go_with_a_denial_elsewhere(router: Router, tmp_path: Path) -> None:
    reviews, _, step = waits(router, request=asked(PRIVATE))
    with opened(tmp_path) as other:
        Reviews(other).decide(step.approval_id, False, now=NOW, **SAID)
    reviews.expire(NOW)
    assert not reviews._memory.words
    assert not reviews.take(step.approval_id, now=NOW).whole


def test_private_words_may_be_kept_where_the_configuration_says_so(tmp_path: Path) -> None:
    with opened(tmp_path, more=", keep_private: true") as router:
        _, stopped, step = waits(router, request=asked(PRIVATE))
        with opened(tmp_path, more=", keep_private: true") as other:
            assert Reviews(other).suspended(step.approval_id) == stopped


def test_what_a_tool_brought_in_makes_a_request_private(router: Router, tmp_path: Path) -> None:
    """The request was clean when it was decided; the log must not learn from what waits what came later."""
    waits(router, arguments='{"iban": "DE89370400440532013000"}')
    assert b"DE8937" not in b"".join(path.read_bytes() for path in tmp_path.glob("log.sqlite*"))


@pytest.mark.parametrize(
    "message",
    [
        {"role": "tool", "content": "IBAN DE89370400440532013000"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"arguments": '"DE89370400440532013000"'}}]},
    ],
)
def test_so_does_what_a_lane_or_a_tool_said_before(router: Router, tmp_path: Path, message: JsonObject) -> None:
    stopped = replace(suspended(router), messages=(message,))
    Reviews(router).ask(stopped, subject="tool", reason="x", now=NOW)
    assert b"DE8937" not in b"".join(path.read_bytes() for path in tmp_path.glob("log.sqlite*"))
    assert Reviews(router).suspended(stopped.approval_id) == stopped


def test_nothing_is_left_in_the_file_of_what_was_denied_or_erased(router: Router, tmp_path: Path) -> None:
    def content() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.glob("log.sqlite*"))

    reviews, _, step = waits(router, arguments='{"note": "XYZZY-1"}')
    _, _, other = waits(router, request=asked(metadata={"user": "ann"}), arguments='{"note": "XYZZY-2"}')
    assert b"XYZZY-1" in content()
    assert b"XYZZY-2" in content()
    reviews.decide(step.approval_id, False, now=NOW, **SAID)
    assert b"XYZZY-1" not in content()
    assert router.log is not None
    router.log.erase(user="ann", who="privacy", why="request 1", now=NOW)
    assert b"XYZZY-2" not in content()
    with pytest.raises(ReviewError, match="No approval"):
        reviews.state(other.approval_id)
    with pytest.raises(LogRefusedError, match="was erased"):
        reviews.ask(suspended_of(other, router), subject="tool", reason="x", now=NOW)
    assert verify(router.log).ok


def suspended_of(step: Approval, router: Router) -> Suspended:
    """Something that waits for a decision that is no longer there."""
    stopped = suspended(router)
    decision = stopped.decision.model_copy(update={"decision_id": step.decision_id})
    return Suspended("apr_new", decision, stopped.request, (), stopped.execution)


def test_one_row_that_cannot_be_read_does_not_keep_others_from_expiring(router: Router) -> None:
    """A row of another release, in front of all others, would keep their words for good."""
    import sqlalchemy as sql

    from router_ml.storage.database import tables

    reviews = Reviews(router)
    early, late = (reviews.ask(suspended(router), subject="tool", reason="x", now=NOW + n * HOUR) for n in (0, 1))
    log = router.log
    assert log is not None
    change = sql.update(tables.waiting).where(tables.waiting.c.approval_id == early.approval_id)
    log.session.write(lambda connection, _: connection.execute(change.values(kept=b'{"release": 9}')).rowcount)
    ended = reviews.expire(NOW + 9 * HOUR)
    assert {step.approval_id for step in ended} == {early.approval_id, late.approval_id}


def test_what_another_release_asked_for_can_be_denied(router: Router) -> None:
    import sqlalchemy as sql

    from router_ml.storage.database import tables

    reviews = Reviews(router)
    name = reviews.ask(suspended(router), subject="tool", reason="x").approval_id
    log = router.log
    assert log is not None
    change = sql.update(tables.waiting).values(kept=b"{}")
    log.session.write(lambda connection, _: connection.execute(change).rowcount)
    with pytest.raises(ReviewError, match="another release"):
        reviews.decide(name, True, **SAID)
    assert reviews.decide(name, False, **SAID).state == "denied"


def test_private_words_do_not_outlive_their_expiry_elsewhere(router: Router, tmp_path: Path) -> None:
    """The command that lets approvals expire runs in another process; this one must let go of the words as well."""
    reviews = Reviews(router)
    reviews.ask(suspended(router, asked(PRIVATE)), subject="tool", reason="x", now=NOW)
    assert len(reviews._memory.words) == 1
    with opened(tmp_path) as other:
        Reviews(other).expire(NOW + 9 * HOUR)
    assert reviews.pending() == []
    assert reviews._memory.words.names() == set()


def test_what_waits_is_not_compacted(router: Router, tmp_path: Path) -> None:
    """Its steps would leave the database, and nobody could decide, or end it, any more."""
    from router_ml.storage.archives.archive import compact

    pytest.importorskip("pyarrow")
    reviews = Reviews(router)
    name = reviews.ask(suspended(router), subject="tool", reason="x").approval_id
    log, later = router.log, datetime.now(UTC) + timedelta(days=400)
    assert log is not None
    moved = compact(log, before=later - timedelta(days=100), to=str(tmp_path / "a"), now=later, who="ada", why="old")
    assert moved.decisions == 0
    assert reviews.decide(name, True, **SAID).state == "granted"


def test_an_approval_names_the_call_as_its_record_does(router: Router) -> None:
    """An auditor matches what was agreed to with what was done, however the lane had written it."""
    from router_ml.execution.tools.arguments import arguments_sha256

    reviews = Reviews(router)
    steps = [
        reviews.ask(suspended(router, arguments=written), subject="tool", reason="x")
        for written in ('{"order": "XYZZY-1", "cents": 5}', '{ "cents":5,"order":"XYZZY-1" }')
    ]
    expected = arguments_sha256({"order": "XYZZY-1", "cents": 5})
    assert [step.arguments_sha256 for step in steps] == [expected, expected]


def test_a_private_request_that_waits_takes_little_memory(router: Router) -> None:
    """Many may wait for a day: as objects each took ten times this, which looked like a leak under load."""
    reviews = Reviews(router)
    stopped = suspended(router, asked(PRIVATE))
    name = reviews.ask(stopped, subject="tool", reason="x").approval_id
    kept = sum(map(len, reviews._memory.words._packed.values()))
    assert kept < 6_000
    assert reviews.suspended(name) == stopped, "and comes back whole"


def test_many_that_wait_do_not_make_asking_slower(router: Router) -> None:
    """Looking which words are still needed reads all rows; each request that stops would read those of all others."""
    reviews, looked = Reviews(router), []
    log = router.log
    assert log is not None
    before = type(reviews)._forget

    class Counted(Reviews):
        def _forget(self, *, often: bool = True) -> None:
            if often or self._memory.due():
                looked.append(1)
            before(self, often=False)

    counted = Counted(router)
    for number in range(6):
        stopped = suspended(router, asked(PRIVATE))
        counted.ask(Suspended(f"apr_{number}", stopped.decision, stopped.request, (), stopped.execution),
                    subject="tool", reason="x")  # fmt: skip
    assert len(looked) <= 2


def test_looking_which_words_are_needed_reads_none_of_them(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of all would be copied every few seconds, which memory grows by that a process never gives back."""
    from router_ml.storage.service.waiting import Waiting

    def read(*_: object) -> list[object]:
        raise AssertionError("all rows were read")

    reviews = Reviews(router)
    name = reviews.ask(suspended(router, asked(PRIVATE)), subject="tool", reason="x").approval_id
    monkeypatch.setattr(Waiting, "held", read)
    reviews._forget()
    assert reviews._memory.words.names() == {name}


@pytest.mark.parametrize("logs", [True, False])
def test_what_waits_in_memory_is_bounded(router: Router, monkeypatch: pytest.MonkeyPatch, logs: bool) -> None:
    """Nobody may fill the memory of a process with requests that wait; what was there before still goes on."""
    monkeypatch.setattr("router_ml.execution.reviews.memory.MOST_BYTES", 2_000)
    using = router if logs else Router(router.config, bundle=router.bundle)
    reviews = Reviews(using)
    stopped = suspended(using, asked(PRIVATE))
    name = reviews.ask(stopped, subject="tool", reason="x").approval_id
    other = suspended(using, asked(PRIVATE))
    with pytest.raises(LogError, match="wait for a person in the memory"):
        reviews.ask(other, subject="tool", reason="x")
    with pytest.raises(ReviewError, match="No approval"):
        reviews.state(other.approval_id)
    assert reviews.suspended(name) == stopped
