"""The suite of evaluations to start from: a few cases of each kind, to be replaced by one's own."""

from __future__ import annotations

import json
from typing import Any

from router_ml.cli.starter.answers import Answers

_SUITE = """\
# Run it: python -m training.evals run evals --lane LANE --config router.yaml --budget 1 (from a clone; docs/evals.md).
# A case is one line of cases.jsonl: what is asked, its intent and domain, and what has to come of it. Twenty cases of
# your own per kind of request say more than these; start with those that went wrong.
name: own
version: "1"
title: What our lanes have to do
catches:
  wrong_answer: The answer is not the one that is right.
  wrong_format: The answer does not have the shape that a program reads.
# quality: passing is what the quality of a lane is learned from (python -m training.evals priors).
quality: true
# authored: all of it is made up, so it may be sent to any lane. Set it to false for cases from real requests: then the
# rules of router.yaml say which lanes may see them.
authored: true
depends_on: [lanes, prompts]
cases: [cases.jsonl]
"""


def evaluations(answers: Answers) -> dict[str, str]:
    """``evals/suite.yaml`` and ``evals/cases.jsonl``."""
    cases = [*_CASES, *(_REGULATED if answers.regulated else ())]
    lines = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
    return {"evals/suite.yaml": _SUITE, "evals/cases.jsonl": lines}


_CASES: tuple[dict[str, Any], ...] = ()
_REGULATED: tuple[dict[str, Any], ...] = ()
