"""Certificates travel with a bundle, and lambda never exceeds what they allow."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml import Router
from router_ml.cli import check
from router_ml.config import TrafficClass, prices_sha256
from router_ml.config.schema import Promise
from router_ml.errors import BundleFormatError, BundleIntegrityError
from router_ml.storage.bundle import Bundle, seal, verify
from router_ml.storage.promises import FILE, Certificate, Promises, load_promises, save_promises


def certificate(lambda_max: float | None = 12.0, **fields: object) -> Certificate:
    """Of a class with floor .7, as the default class has it."""
    values: dict[str, object] = {
        **{"floor": 0.7, "delta": 0.1, "kind": "mean", "max_loss": 0.05, "lambda_max": lambda_max, "quality": 0.8},
        **{"rows": 900, "groups": 800, "basis": "all", "uncovered": 0.0, "explore_share": 0.1},
        **{"prices_sha256": "p", "method": "m", "reason": "Because."},
    }
    return Certificate.model_validate({**values, **fields})


PROMISED = TrafficClass(floor=0.7, quality_per_usd=30)


@given(st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_the_largest_lambda_is_the_certified_one_whatever_is_configured(
    configured: float, certified: float | None
) -> None:
    promised = TrafficClass(floor=0.7, quality_per_usd=configured)
    promises = Promises({"a": certificate(certified)})
    assert promises.largest("a", promised, prices_sha256="p") == certified
    assert promises.largest("a", promised, prices_sha256="other") is None
    assert promises.largest("another", promised, prices_sha256="p") is None


@pytest.mark.parametrize(
    "other",
    [
        TrafficClass(floor=0.75, quality_per_usd=30),
        TrafficClass(floor=0.7, promise=Promise(delta=0.05), quality_per_usd=30),
        TrafficClass(floor=0.7, promise=Promise(kind="loss"), quality_per_usd=30),
    ],
)
def test_another_promise_is_not_certified(other: TrafficClass) -> None:
    """A certificate for a lower floor says nothing of a higher one."""
    promises = Promises({"a": certificate()})
    assert promises.largest("a", other, prices_sha256="p") is None
    (note,) = promises.notes({"a": other}, prices_sha256="p")
    assert "not certified" in note


def test_notes_say_what_no_longer_holds() -> None:
    classes = {"a": PROMISED}

    def told(*, prices: str = "p", **fields: object) -> list[str]:
        return list(Promises({"a": certificate(**fields)}).notes(classes, prices_sha256=prices))  # type: ignore[arg-type]

    assert told(lambda_max=50.0) == []
    assert "lambda 12 is in force instead of 30" in told()[0]
    assert "not certified at these prices" in told(prices="q")[0]
    assert "explores up to 0.1" in told(explore_share=0.05)[0]
    assert "not certified" in told(lambda_max=None)[0]
    assert "knows no such class" in next(Promises({"b": certificate()}).notes(classes, prices_sha256="p"))
    assert list(Promises().notes(classes, prices_sha256="p")) == []


def test_certificates_survive_the_way_to_disk(tmp_path: Path) -> None:
    promises = Promises({"a": certificate(), "b": certificate(None)})
    save_promises(promises, tmp_path)
    assert load_promises(tmp_path) == promises
    save_promises(Promises(), tmp_path)
    assert not (tmp_path / FILE).exists()
    assert len(load_promises(tmp_path)) == 0


@pytest.mark.parametrize("text", ["[]", "{", '{"format": 99}', '{"format": 1, "classes": {"a": {"floor": 2}}}'])
def test_what_is_no_list_of_certificates_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BundleFormatError):
        load_promises(tmp_path)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """The bundle that ships, with a certificate for its default class."""
    folder = Path(shutil.copytree(models, tmp_path_factory.mktemp("certified") / "bundle"))
    manifest, config = verify(folder), Bundle.load(folder).config
    explored = config.traffic_classes["default"].explore_share
    found = certificate(12.0, prices_sha256=prices_sha256(config), explore_share=explored)
    save_promises(Promises({"default": found}), folder)
    made = {"name": manifest.name, "encoder_sha256": manifest.encoder_sha256, "training": manifest.training}
    seal(folder, created_at=datetime.fromisoformat(manifest.created_at), **made)  # type: ignore[arg-type]
    return folder


def test_a_router_uses_the_certified_lambda_and_says_so(certified: Path, bundle: Bundle) -> None:
    loaded = Bundle.load(certified)
    found = loaded.promises.get("default")
    assert found is not None
    assert found.lambda_max == 12.0
    decision = Router(loaded.config, bundle=loaded).predict_route("Which is heavier?", seed=1)
    assert decision.traffic_class == "default"
    assert decision.quality_per_usd == decision.state.lambda_ == 12.0
    bare = replace(loaded, promises=Promises())
    assert Router(bare.config, bundle=bare).predict_route("Which is heavier?", seed=1).quality_per_usd == 30


def test_check_shows_certificates_and_what_is_not_certified(certified: Path) -> None:
    report = check(model=str(certified))
    assert report.promises["default"].lambda_max == 12.0
    told = [str(note) for note in report.notes if note.kind == "promise"]
    assert any("regulated: not certified" in note for note in told)
    assert any("lambda 12 is in force instead of 30" in note for note in told)
    assert json.dumps(report.to_dict()["promises"])


def test_a_certificate_cannot_be_changed_unseen(certified: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(certified, tmp_path / "copy"))
    (folder / FILE).write_text((folder / FILE).read_text().replace("12.0", "99.0"))
    with pytest.raises(BundleIntegrityError, match=FILE):
        Bundle.load(folder)
