"""Promises certified on a log hold for decisions that were drawn, and nothing is certified that was not shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="retraining needs the 'offline' extra")

from router_ml.errors import OfflineDataError
from router_ml.storage.bundle import Bundle
from router_ml.storage.database.records import LoggedData
from router_ml.storage.promises import Certificate
from training.allocation import Outcomes
from training.logged.certificates import LoggedPromises, certify_log
from training.logged.outcomes import from_log
from training.predicting.certification import Believed
from training.predicting.fitting import learn

Made = Callable[..., LoggedData]


def certified(data: LoggedData, bundle: Bundle, *, sound: bool = True) -> LoggedPromises:
    outcomes, _ = from_log(data, bundle.config, bundle.classifier)
    return certify_log(data, outcomes, bundle.config, learn=learn, sound=sound)


@pytest.fixture(scope="module")
def kept(make_logged: Made, bundle: Bundle) -> Certificate:
    """Of a log in which both lanes are better than the floor."""
    certificate = certified(make_logged(500, best=1.0, other=0.9), bundle).promises.get("default")
    assert certificate is not None
    return certificate


def test_a_floor_that_is_kept_is_certified(kept: Certificate) -> None:
    assert kept.lambda_max is not None
    assert kept.quality > kept.floor
    assert kept.rows == 500
    assert "drawn at random" in kept.basis


def test_a_floor_that_is_not_kept_is_not(make_logged: Made, bundle: Bundle) -> None:
    certificate = certified(make_logged(500, best=0.55, other=0.5), bundle).promises.get("default")
    assert certificate is not None
    assert certificate.lambda_max is None
    assert "not shown" in certificate.reason


def test_what_no_draw_decided_is_not_covered(make_logged: Made, bundle: Bundle) -> None:
    data = make_logged(500, best=1.0, other=0.9)
    data.randomised[:250] = False
    certificate = certified(data, bundle).promises.get("default")
    assert certificate is not None
    assert certificate.rows == 250
    assert certificate.uncovered == pytest.approx(0.5)


def test_nothing_is_certified_on_a_request_that_taught(
    make_logged: Made, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request comes twice, drawn once: the other time it would teach every fold. Fill-ups teach, no more."""
    seen: dict[str, set[bytes]] = {}

    def spy(outcomes: Outcomes, rest: Outcomes, **_: object) -> Believed:
        for name, part in (("certified", outcomes), ("taught", rest)):
            seen[name] = {row.tobytes() for row in part.contexts.embedding}
        raise OfflineDataError("seen")

    monkeypatch.setattr("training.logged.certificates.cross_fit", spy)
    data = make_logged(900, rated=1.0).select(np.concatenate([np.arange(900), np.arange(600)]))
    data.randomised[900:] = False
    uniform = np.arange(1500) < 600
    outcomes, _ = from_log(data, bundle.config, bundle.classifier)
    certify_log(data, outcomes, bundle.config, learn=learn, uniform=uniform)
    assert len(seen["certified"]) == 600
    assert len(seen["taught"]) == 300
    assert not seen["certified"] & seen["taught"]


@pytest.mark.parametrize("case", ["few", "unsound", "ratings", "old"])
def test_without_evidence_there_is_a_reason_instead(make_logged: Made, bundle: Bundle, case: str) -> None:
    data = make_logged(150 if case == "few" else 300, best=1.0, other=1.0)
    if case == "ratings":
        data.rated_probability[:] = 1.0
    if case == "old":
        data.lane_version[-1] = "0"
    found = certified(data, bundle, sound=case != "unsound")
    assert found.promises.get("default") is None
    assert len(found.refused["default"]) > 20


def test_where_the_log_could_not_go_nothing_is_won(make_logged: Made, bundle: Bundle, kept: Certificate) -> None:
    """An eligible lane that could not be drawn counts as worthless where the policy would take it."""
    data = make_logged(500, best=1.0, other=0.9)
    data.propensities[:250] = np.eye(2)[data.action[:250]]
    narrow = certified(data, bundle).promises.get("default")
    assert narrow is not None
    assert narrow.quality < kept.quality
