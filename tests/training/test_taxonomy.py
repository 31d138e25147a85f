"""Labels of a user's own: trained on the shipped encoder, reported, and routed by; other heads stay as they ship."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the 'train' extra; make test-all installs it")

from router_ml.errors import ConfigError, OfflineDataError
from router_ml.router import Router
from router_ml.understanding.classifier import HEADS, Classifier
from router_ml.understanding.surface import NAMES
from training import corpus, taxonomy, taxonomy_report
from training.classifier import own_labels
from training.reading.calibration import NEVER

pytestmark = pytest.mark.slow

TEAMS = {"software": "engineering", "finance": "back office", "hr": "back office", "legal": "back office"}


@pytest.fixture(scope="module")
def data(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Requests of one author with the team that should get them as their domain; a few labels are wrong on purpose."""
    rows = corpus.load([root / "data" / "corpus" / "everyday.jsonl", root / "data" / "corpus" / "plain.jsonl"])
    path = tmp_path_factory.mktemp("own") / "teams.jsonl"
    records = [{"text": row.text, "domain": TEAMS.get(row.domain, "front desk")} for row in rows]
    for record in records[::60]:
        record["domain"] = "engineering" if record["domain"] != "engineering" else "back office"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(data: Path, models: Path) -> taxonomy.Trained:
    return taxonomy.train(taxonomy.checked(data), models)


def test_own_labels_are_learned_and_the_other_heads_stay(trained: taxonomy.Trained, models: Path) -> None:
    spec, shipped = trained.classifier.spec, Classifier.load(models)
    assert spec.domain.labels == ("back office", "engineering", "front desk")
    assert (spec.intent, spec.mode, spec.risks) == (shipped.spec.intent, shipped.spec.mode, shipped.spec.risks)
    assert trained.found["domain"]["macro_f1"] > 0.6
    intents = len(spec.intent.labels)
    np.testing.assert_array_equal(trained.classifier.weights.value[:, :intents], shipped.weights.value[:, :intents])
    assert trained.classifier.weights.surface.shape == (len(NAMES), len(spec.readers))


def test_labels_that_were_flipped_are_suspected(trained: taxonomy.Trained) -> None:
    suspects = {each.row for each in trained.suspects["domain"][:60]}
    flipped = set(range(0, len(trained.table.examples), 60))
    assert len(suspects & flipped) >= 0.4 * len(flipped)


def test_the_report_has_tables_plots_and_no_text(trained: taxonomy.Trained, tmp_path: Path) -> None:
    files = {path.name for path in taxonomy_report.write_report(trained, tmp_path)}
    assert files == {"report.md", "report.json", "calibration.png", "confusion_domain.png"}
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| back office |" in page
    assert "Suspected label errors" in page
    assert trained.table.examples[0].text not in page + (tmp_path / "report.json").read_text(encoding="utf-8")


def test_a_head_that_answers_nothing_says_so_and_what_to_do(trained: taxonomy.Trained, tmp_path: Path) -> None:
    """Every request of such a bundle counts as unsure: whoever labelled too little learns of it where they trained."""
    spec, weights = trained.classifier.spec, trained.classifier.weights
    sure, never = (replace(spec, domain=replace(spec.domain, abstain_below=below)) for below in (0.5, NEVER))
    assert taxonomy_report.unsure(replace(trained, classifier=Classifier(weights, sure))) == []
    found = {**trained.found, "domain": {**trained.found["domain"], "answered": 0.0, "error_among_answered": None}}
    nothing = replace(trained, classifier=Classifier(weights, never), found=found)
    (said,) = taxonomy_report.unsure(nothing)
    assert said.startswith(f"domain: on {found['rows']['calibration']} calibration rows no confidence was shown")
    taxonomy_report.write_report(nothing, tmp_path)
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert said in page
    assert "None" not in page


def test_own_labels_are_routed_by_and_what_names_gone_ones_is_left_out_and_said(
    data: Path, models: Path, tmp_path: Path
) -> None:
    """And no outcome was seen in the new cells, so each lane says so."""
    out = tmp_path / "own"
    told = own_labels(data, out, base=models, config=None, seed=0, register=False)
    assert "domain_macro_f1" in told
    assert "that are gone: traffic class regulated, " in told
    assert (tmp_path / "own_report" / "report.md").is_file()
    router = Router.load(out)
    assert [policy.id for policy in router.config.policies] == [p.id for p in Router.load(models).config.policies]
    decision = router.predict_route("Why does the nightly build fail on the database migration?")
    assert decision.domain.label == "engineering"
    assert all(estimate.evidence < 1 for estimate in decision.estimates.values())


def test_policies_that_name_risks_which_are_gone_stop_everything_before_training(models: Path, tmp_path: Path) -> None:
    """A rule of protection is never left out silently."""
    rows = [
        {"text": f"{kind} number {at}", "risks": [kind] if kind == "fire" else []}
        for kind in ("fire", "tea")
        for at in range(20)
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(ConfigError, match="pii"):
        taxonomy.prepare(taxonomy.checked(tmp_path / "a.jsonl"), models, config=None)


def test_lanes_that_the_pack_does_not_know_are_refused_before_training(root: Path, models: Path) -> None:
    """Training takes minutes; that there is nothing to estimate lanes with is known before."""
    own = root / "examples" / "bring_your_own"
    table = taxonomy.checked(own / "labels.jsonl")
    with pytest.raises(OfflineDataError, match="retrain --config"):
        taxonomy.prepare(table, models, config=own / "router.yaml")


def test_a_folder_that_is_no_bundle_is_never_replaced(trained: taxonomy.Trained, models: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("years of work", encoding="utf-8")
    plan = taxonomy.prepare(trained.table, models, config=None)
    with pytest.raises(OfflineDataError, match="not a bundle"):
        taxonomy.bundle(trained, models, tmp_path / "own", plan)
    assert (tmp_path / "own" / "thesis.txt").is_file()


def test_a_file_without_enough_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "few.jsonl").write_text('{"text": "hello", "intent": "greet"}\n', encoding="utf-8")
    with pytest.raises(OfflineDataError, match="no rows for"):
        taxonomy.checked(tmp_path / "few.jsonl")


def test_heads_of_two_classifiers_fit_together_in_any_mix(models: Path) -> None:
    shipped = Classifier.load(models)
    for trained in ((), ("intent",), ("domain", "risks"), (*HEADS, "risks")):
        same = taxonomy.combine(shipped, shipped, trained)
        np.testing.assert_array_equal(same.columns, shipped.columns)
        assert same.spec == shipped.spec
