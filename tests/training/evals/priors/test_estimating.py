"""From results to priors: what counts, what is said to be missing, and a bundle that decides by it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from router_ml import Router
from router_ml.allocation.quality import believe
from router_ml.cli.starter.answers import Answers as Told
from router_ml.cli.starter.writing import start
from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.storage.bundle import Bundle, verify
from router_ml.storage.priors import as_json, digest
from tests.training.evals.priors.planted_answers import NOW, answer
from training.evals.attempt import Attempt
from training.evals.case import Case
from training.evals.priors.answers import Answer, Answers, lowered, of_results
from training.evals.priors.counting import Discounts
from training.evals.priors.estimating import Estimated, estimate_priors
from training.evals.priors.lacking import lacking
from training.evals.priors.reading import read_reliability, weights
from training.evals.priors.sealing import with_priors
from training.evals.result import Arm, Result, Verdict
from training.evals.suite import Suite, load_suite

TEXT = "What is a safe dose of paracetamol for an adult?"


def estimated(bundle: Bundle, answers: Sequence[Answer], **given: float) -> Estimated:
    labels = bundle.taxonomy
    return estimate_priors(
        Answers(list(answers)),
        bundle.config,
        intents=labels["intents"],
        domains=labels["domains"],
        discounts=Discounts(now=NOW),
        **given,
    )


def many(config: RouterConfig, count: int, right: float, **fields: object) -> list[Answer]:
    return [answer(config, number, float(number < right * count), **fields) for number in range(count)]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """Two cases in one cell, one of them for the router."""
    folder = tmp_path_factory.mktemp("suites") / "planted"
    folder.mkdir()
    cases = [
        {"id": "a", "intent": "qa", "domain": "medical", "ask": "What is a fever?"},
        {"id": "b", "intent": "qa", "domain": "medical", "ask": "What is a pulse?"},
    ]
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, cases)))
    (folder / "suite.yaml").write_text("name: planted\nversion: '1'\ntitle: Planted\ncatches: {wrong: It is wrong.}\n")
    return load_suite(folder)


def result(
    suite: Suite, config: RouterConfig, case: Case, *, passed: bool | None = True, lane: str = "private"
) -> Result:
    arm = Arm(lane, config.lanes[lane].model, config.lanes[lane].version)
    attempt = Attempt(lane, case.id, None, cost_usd=0.01)
    return Result("r", suite.name, suite.digest, case, arm, attempt, (Verdict("exact", passed, failure="wrong"),), NOW)


def test_results_become_answers_and_what_is_left_out_is_counted(suite: Suite, bundle: Bundle) -> None:
    """What nobody could judge and what the router decided is neither good nor bad."""
    a, b = suite.cases
    results = [result(suite, bundle.config, a), result(suite, bundle.config, b, passed=None)]
    results.append(replace(results[0], attempt=None))
    found = of_results(results, {"planted": suite})
    assert [(row.case, row.quality, row.cost_usd, row.checks) for row in found.rows] == [("a", 1.0, 0.01, ("exact",))]
    assert sum(found.left_out.values()) == 2
    other = replace(suite, file=suite.file.model_copy(update={"quality": False}))
    assert not of_results(results, {"planted": other}).rows
    with pytest.raises(OfflineDataError, match="which is not given"):
        of_results(results, {})


def test_the_same_answer_in_the_log_and_in_a_file_counts_once(suite: Suite, bundle: Bundle) -> None:
    """Giving both does not make a lane better known."""
    found = of_results([result(suite, bundle.config, case) for case in suite.cases], {"planted": suite})
    assert len(found.joined(found).rows) == 2


def test_unknown_labels_and_lanes_are_left_out_and_said(bundle: Bundle) -> None:
    """A case about cooking has no cell."""
    config = bundle.config
    answers = [answer(config, 1, 1.0), replace(answer(config, 2, 1.0), domain="cooking")]
    answers.append(replace(answer(config, 3, 1.0), lane="gone"))
    found = estimated(bundle, answers)
    assert found.left_out == {"domain cooking is not known": 1, "lane gone is not known": 1}
    assert [row.answers for row in found.rows] == [1]
    with pytest.raises(OfflineDataError, match="There is no answer"):
        estimated(bundle, answers[1:])


def test_strength_is_capped_for_the_router_and_told_whole_in_the_report(bundle: Bundle) -> None:
    """Traffic has to be able to move what suites said."""
    found = estimated(bundle, many(bundle.config, 400, 0.9))
    (row,) = found.rows
    assert row.strength > 200
    assert row.given == 50
    assert found.priors.strength.max() == 50
    assert estimated(bundle, many(bundle.config, 400, 0.9), cap=20.0).priors.strength.max() == 20
    assert row.low < 0.9 < row.high
    assert row.shrunk < 0.2


def test_a_lane_reaches_no_floor_in_a_cell_where_it_was_not_evaluated(bundle: Bundle) -> None:
    """Perfect everywhere else is a reason to try it there, not to trust it."""
    labels = bundle.taxonomy
    cells = [(intent, domain) for intent in labels["intents"] for domain in labels["domains"]][:-1]
    answers = [
        answer(bundle.config, number, 1.0, lane="code", intent=intent, domain=domain)
        for intent, domain in cells
        for number in range(5)
    ]
    priors = estimated(bundle, answers).priors
    here = priors.quality[-1, -1, :], priors.strength[-1, -1, :]
    assert here[0] > 0.85
    assert priors.counted[-1, -1, 0] == 0
    believed = believe(np.zeros((1, 1)), np.zeros((1, 1)), prior=here[0], strength=here[1])
    assert believed.low[0, 0] < 0.7
    assert believed.high[0, 0] > 0.9


def test_the_same_answers_give_the_same_file(bundle: Bundle) -> None:
    """In whatever order they come."""
    answers = many(bundle.config, 30, 0.7) + many(bundle.config, 20, 0.5, lane="code", intent="coding")
    one, other = estimated(bundle, answers), estimated(bundle, answers[::-1])
    assert as_json(one.priors) == as_json(other.priors)


def test_it_is_said_what_a_lane_lacks_who_would_give_it_and_what_it_costs(suite: Suite, bundle: Bundle) -> None:
    """12 good answers are not enough for the floor of regulated traffic; more of the same do not lift a bad lane."""
    config = bundle.config
    answers = [replace(one, cost_usd=0.01) for one in many(config, 12, 0.9, lane="code")]
    answers += many(config, 60, 0.2, lane="extraction")
    gaps = lacking(estimated(bundle, answers), config, answers=answers, suites={"planted": suite})
    mine = {gap.lane: gap for gap in gaps if gap.traffic_class == "regulated" and gap.domain == "medical"}
    good, bad = mine["code"], mine["extraction"]
    assert good.answers == 12
    assert good.more is not None
    assert good.usd == pytest.approx(0.01 * good.more)
    assert good.suites == {"planted": 2}
    assert "planted (2 cases)" in good.words
    assert "no amount of evidence" in bad.words
    assert bad.usd is None


def test_a_bundle_of_ones_own_lanes_routes_to_these(bundle: Bundle, models: Path, tmp_path: Path) -> None:
    """Priors of one's own lanes beside the lanes that ship would send requests to vendors nobody has a key of."""
    start(Told(vendors=("own", "mistral")), tmp_path / "mine")
    found = estimated(bundle, many(bundle.config, 60, 1.0, lane="code"))
    with_priors(models, found.priors, tmp_path / "new", now=NOW, config=tmp_path / "mine" / "router.yaml")
    assert list(Bundle.load(tmp_path / "new").config.lanes) == ["private", "code", "balanced"]


def test_a_bundle_with_priors_is_sealed_says_its_parent_and_promises_nothing(
    bundle: Bundle, models: Path, tmp_path: Path
) -> None:
    """What was certified was certified of other beliefs."""
    found = estimated(bundle, many(bundle.config, 60, 1.0, lane="code"))
    manifest = with_priors(models, found.priors, tmp_path / "new", now=NOW)
    assert manifest.training["parent"] == verify(models).id
    assert manifest.training["priors_sha256"] == digest(found.priors)
    new = Bundle.load(tmp_path / "new")
    assert len(new.promises) == 0
    told = Router(new.config, bundle=new).predict_route(TEXT, seed=1).estimates["code"]
    before = Router(bundle.config, bundle=bundle).predict_route(TEXT, seed=1).estimates["code"]
    assert told.evidence > 1 > before.evidence
    assert told.quality_low > before.quality_low
    with pytest.raises(OfflineDataError, match="not empty"):
        with_priors(models, found.priors, tmp_path / "new", now=NOW)


def test_verdicts_of_upgrade_checks_are_read(tmp_path: Path) -> None:
    """The last one that found a lane worse counts; a lane that is no worse keeps its evidence."""
    path = tmp_path / "upgrades.jsonl"
    assert lowered(path) == {}
    lines = [
        {"lane": "a", "at": "2026-01-01T00:00:00+00:00", "verdict": "lower"},
        {"lane": "a", "at": "2026-03-01T00:00:00+00:00", "verdict": "block"},
        {"lane": "b", "at": "2026-02-01T00:00:00+00:00", "verdict": "changed_no_worse"},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    assert {lane: at.month for lane, at in lowered(path).items()} == {"a": 3}
    lines.append({"lane": "a", "at": "2026-04-01T00:00:00", "verdict": "lower"})
    path.write_text("\n".join(map(json.dumps, lines)))
    assert lowered(path)["a"] == datetime(2026, 4, 1, tzinfo=UTC)
    path.write_text("{}")
    with pytest.raises(OfflineDataError, match="line 1"):
        lowered(path)


def test_reliability_and_weights_are_read_and_refused_in_words(tmp_path: Path) -> None:
    """Agreement stands for both where nothing else is known."""
    path = tmp_path / "judges.yaml"
    path.write_text("rubric: {sensitivity: 0.9, specificity: 0.8}\nsimilar: {agreement: 0.85}\n")
    found = read_reliability(path)
    assert found["rubric"].informative == pytest.approx(0.7)
    assert (found["similar"].sensitivity, found["similar"].specificity) == (0.85, 0.85)
    for text in ("rubric: {sensitivity: 2}", "rubric: {sensitivity: 0.9}", "- 1", ""):
        path.write_text(text)
        with pytest.raises(OfflineDataError, match=r"judges\.yaml"):
            read_reliability(path)
    assert weights(["a=0.5", "b=2"]) == {"a": 0.5, "b": 2.0}
    for text in ("a", "a=x", "a=-1", "a=inf"):
        with pytest.raises(OfflineDataError, match="SUITE=WEIGHT"):
            weights([text])


def test_no_answer_is_worth_more_than_one(bundle: Bundle) -> None:
    """After discounts a cell never counts more answers than it has."""
    rng = np.random.default_rng(2)
    answers = [
        answer(bundle.config, number, float(rng.random() < 0.7), cluster=str(number // 3), repeat=number % 2)
        for number in range(90)
    ]
    (row,) = estimated(bundle, answers).rows
    assert row.counted <= row.answers
