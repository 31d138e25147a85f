"""The suite that ``router-ml init`` writes: it is read, its answers pass, and wrong ones do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from router_ml.cli.starter.answers import Answers
from router_ml.cli.starter.evaluations import evaluations
from router_ml.config import load_config
from router_ml.execution.lanes.reply import Reply
from router_ml.storage.loading import shipped_bundle
from training.evals.attempt import Attempt
from training.evals.bench import Bench
from training.evals.case import Case
from training.evals.registry import Seen, run_check
from training.evals.result import Verdict
from training.evals.suite import Suite, load_suite


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    folder = tmp_path_factory.mktemp("own")
    for name, text in evaluations(Answers(regulated=True)).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return load_suite(folder / "evals")


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(load_config(Path(shipped_bundle()) / "router.yaml"))


def verdicts(suite: Suite, case: Case, text: str, bench: Bench) -> list[Verdict]:
    seen = Seen(suite, case, Attempt("lane", case.id, Reply(text=text)), bench)
    return [one for expect in (*suite.file.checks, *case.checks) for one in run_check(seen, expect)]


def test_the_references_pass(suite: Suite, bench: Bench) -> None:
    for case in suite.cases:
        assert case.reference is not None
        wrong = [one for one in verdicts(suite, case, case.reference, bench) if one.passed is not True]
        assert not wrong, case.id


def test_a_label_counts_as_lanes_that_are_held_to_a_schema_say_it(suite: Suite, bench: Bench) -> None:
    """A lane that can keep a JSON schema is asked for its label as JSON, so a right one comes so."""
    case = next(one for one in suite.cases if one.output_contract is not None and one.output_contract.type == "label")
    for text, right in (('{"label": "bug"}', True), ("Label: Bug.", True), ('{"label": "praise"}', False)):
        assert all(one.passed for one in verdicts(suite, case, text, bench)) == right


def test_an_answer_to_something_else_fails_each_case_by_a_name_that_is_explained(suite: Suite, bench: Bench) -> None:
    for case in suite.cases:
        failures = {one.failure for one in verdicts(suite, case, "The sky is blue.", bench) if one.passed is False}
        assert failures, case.id
        assert failures <= suite.file.catches.keys()


def test_without_regulated_questions_there_are_none(suite: Suite) -> None:
    lines = evaluations(Answers(regulated=False))["evals/cases.jsonl"]
    assert "medical" not in lines
    assert {"medical", "legal"} <= {case.domain for case in suite.cases}
