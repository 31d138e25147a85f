"""Signals become quality by the mapping that the user wrote, and by nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml import Router
from router_ml.config.rewards import Rewards, parse_rewards, rewards_sha256, shipped_rewards
from router_ml.contract import Outcome
from router_ml.errors import InvalidRequestError, LogError
from router_ml.rewards import Cell, rated, reward

SHIPPED = shipped_rewards()
MEAN = parse_rewards("""\
version: 1
combine: mean
signals:
  thumb: {values: {up: 1.0, down: 0.0, skipped: null}}
  judge: {scale: {worst: 1, best: 5}, weight: 3}
  dwell_seconds: {}
sources:
  judge: {rated_probability: 0.05}
overrides:
  - when: {intent: [coding], traffic_class: [work]}
    combine: priority
    signals:
      thumb: {values: {up: 0.8, down: 0.1}}
      judge: null
""")
CODING = Cell("work", "coding", "software")


@pytest.mark.parametrize(
    ("signals", "quality", "by"),
    [
        ({"thumb": "up"}, 1.0, "thumb"),
        ({"thumb": "down", "resolved": True}, 1.0, "resolved"),
        ({"resolved": True, "reopened_after_days": 2}, 0.0, "reopened_after_days"),
        ({"resolved": True, "reopened_after_days": 3.5}, 1.0, "resolved"),
        ({"judge": 4}, 0.75, "judge"),
        ({"edited": 0.25}, 0.75, "edited"),
        ({"hours_to_resolution": 500}, 0.0, "hours_to_resolution"),
        ({"thumb": None, "edited": 0}, 1.0, "edited"),
    ],
)
def test_the_mapping_that_ships(signals: dict[str, Any], quality: float, by: str) -> None:
    found = reward(SHIPPED, signals)
    assert (found.quality, found.by) == (quality, (by,))


def test_in_a_mean_every_signal_counts_by_its_weight() -> None:
    assert reward(MEAN, {"thumb": "down", "judge": 5}).quality == 0.75
    assert reward(MEAN, {"thumb": "skipped", "judge": 5, "dwell_seconds": 8}).by == ("judge",)
    assert reward(MEAN, {"dwell_seconds": 8}).quality is None


def test_an_override_is_for_its_decisions_alone() -> None:
    assert reward(MEAN, {"thumb": "up"}, cell=CODING).quality == 0.8
    assert reward(MEAN, {"thumb": "up"}, cell=Cell("work", "qa", "software")).quality == 1.0
    with pytest.raises(InvalidRequestError, match="thumb, dwell_seconds"):
        reward(MEAN, {"judge": 3}, cell=CODING)


@pytest.mark.parametrize(
    "signals",
    [
        {"thumbs": "up"},
        {"thumb": "secret words"},
        {"thumb": ["up"]},
        {"judge": 6},
        {"judge": "5"},
        {"judge": True},
        {"reopened_after_days": -1},
        {"edited": float("nan")},
    ],
)
def test_what_cannot_be_read_is_an_error_that_holds_no_value(signals: dict[str, Any]) -> None:
    """A typo must not become "not rated"."""
    with pytest.raises(InvalidRequestError) as found:
        reward(SHIPPED, signals)
    assert "secret" not in str(found.value)


@given(
    signals=st.fixed_dictionaries(
        {},
        optional={
            "thumb": st.sampled_from(["up", "down", "skipped"]),
            "judge": st.floats(1, 5),
            "dwell_seconds": st.integers(),
        },
    ),
    coding=st.booleans(),
)
def test_quality_is_a_share_and_never_outside_what_the_signals_say(signals: dict[str, Any], coding: bool) -> None:
    signals = {name: value for name, value in signals.items() if not (coding and name == "judge")}
    if coding and signals.get("thumb") == "skipped":
        return
    cell = CODING if coding else None
    alone = [reward(MEAN, {name: value}, cell=cell).quality for name, value in signals.items()]
    said = [quality for quality in alone if quality is not None]
    found = reward(MEAN, signals, cell=cell).quality
    assert (found is None) == (not said)
    if found is not None:
        assert min(said) - 1e-12 <= found <= max(said) + 1e-12
        assert 0 <= found <= 1


def test_a_quality_that_was_given_stays_and_so_does_a_probability() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)

    def of(**fields: Any) -> Outcome:
        outcome = Outcome(decision_id="d", at=at, source="judge", **fields)
        return rated(outcome, MEAN.model_copy(update={"overrides": ()}), lambda: pytest.fail("not needed"))

    assert (of(quality=0.3, signals={"anything": 1}).quality, of(quality=0.3).rewards) == (0.3, None)
    assert of(signals={"judge": 5}).rated_probability == of(quality=0.3).rated_probability == 0.05
    assert of(signals={"judge": 5}, rated_probability=0.5).rated_probability == 0.5


@pytest.mark.parametrize("quality", [None, 0.5])
@pytest.mark.parametrize(
    ("signals", "said"),
    [
        ({"comment": "secret words"}, "Known signals"),
        ({"thumb": "secret words"}, "down, skipped, up"),
        ({"dwell_seconds": "secret words"}, "Signal dwell_seconds is a text"),
        ({"dwell_seconds": {"by": ["secret words"]}}, "free text"),
    ],
)
def test_what_somebody_wrote_is_not_kept_as_a_signal(signals: dict[str, Any], said: str, quality: float | None) -> None:
    """A comment may name a person, and an outcome is kept whatever the level of its decision."""
    outcome = Outcome(decision_id="d", at=datetime(2026, 3, 1, tzinfo=UTC), quality=quality, signals=signals)
    mapping = MEAN.model_copy(update={"overrides": ()})
    with pytest.raises(InvalidRequestError) as found:
        rated(outcome, mapping, lambda: pytest.fail("not needed"))
    assert said in str(found.value) or quality is None
    assert "secret" not in str(found.value)


@pytest.mark.parametrize("value", ["up", 3, 0.5, True, None])
def test_with_a_quality_numbers_and_listed_words_are_kept_as_they_are(value: Any) -> None:
    signals = {"thumb": value}
    outcome = Outcome(decision_id="d", at=datetime(2026, 3, 1, tzinfo=UTC), quality=0.5, signals=signals)
    assert rated(outcome, SHIPPED, lambda: pytest.fail("not needed")).signals == signals


@pytest.fixture
def own(root: Path, tmp_path: Path) -> Path:
    """A router.yaml with rewards of its own beside it."""
    path = tmp_path / "router.yaml"
    path.write_text((root / "models/default/router.yaml").read_text())
    (tmp_path / "rewards.yaml").write_text(
        "version: 1\nsignals:\n  thumb: {values: {up: 0.9, down: 0.1}}\n"
        "overrides:\n  - when: {traffic_class: [default]}\n    signals: {thumb: {values: {up: 0.6, down: 0.4}}}\n"
    )
    return path


def test_log_outcome_takes_signals_and_records_how_they_were_read(own: Path, tmp_path: Path) -> None:
    router = Router.load(own, log=tmp_path / "log.sqlite")
    decision = router.predict_route("Who wrote Faust?", traffic_class="default")
    assert router.log_outcome(decision.decision_id, signals={"thumb": "up"})
    assert router.log is not None
    logged = router.log.logged()
    assert logged.quality.tolist() == [0.6]
    with pytest.raises(InvalidRequestError, match="Known signals: thumb"):
        router.log_outcome(decision.decision_id, signals={"thum": "up"})
    with pytest.raises(LogError):
        router.log_outcome("dec_unknown", signals={"thumb": "up"})


def test_a_decision_that_is_still_in_the_spool_is_found(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An override needs it, and a thumb may be quicker than the way to the database."""
    monkeypatch.setenv("ROUTER_ML_SPOOL", str(tmp_path / "spool"))
    with Router.load(own, log=tmp_path / "log.sqlite") as router:
        decision = router.predict_route("Who wrote Faust?", traffic_class="default")
        router.log_outcome(decision.decision_id, signals={"thumb": "down"})
        assert router.flush()
        assert router.log is not None
        assert [outcome.quality for outcome in router.log.outcomes()] == [0.4]


def test_the_digest_is_that_of_the_mapping() -> None:
    outcome = Outcome(decision_id="d", at=datetime(2026, 3, 1, tzinfo=UTC), signals={"thumb": "up"})
    other: Rewards = MEAN.model_copy(update={"overrides": ()})
    for mapping in (SHIPPED, other):
        assert rated(outcome, mapping, lambda: pytest.fail("not needed")).rewards == rewards_sha256(mapping)
