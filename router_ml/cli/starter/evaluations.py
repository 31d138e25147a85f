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
  error: The lane gave no answer at all, as on a timeout.
  empty: The answer is empty.
  refused: The lane declined a harmless task.
  truncated: The answer ends in the middle.
  not_json: JSON was asked for, and there is none.
  fenced_json: The JSON stands in a code fence, which not every program reads.
  prose_around_json: Text stands before or after the JSON.
  missing_field: A field that the schema requires is not there.
  wrong_type: A value is of another type than the schema says.
  extra_field: There is a field that the schema does not allow.
  wrong_enum: A value is none of those that the schema lists.
  not_a_label: The answer is none of the labels.
  wrong_answer: The answer is not the one that is right.
  wrong_format: The answer does not have the shape that a program reads, or that was asked for.
# quality: passing is what the quality of a lane is learned from (python -m training.evals priors).
quality: true
# authored: all of it is made up, so it may be sent to any lane. Set it to false for cases from real requests: then the
# rules of router.yaml say which lanes may see them.
authored: true
depends_on: [lanes, prompts]
cases: [cases.jsonl]
# Of every answer; what else has to hold stands with its case.
checks:
  - check: contract
"""


def evaluations(answers: Answers) -> dict[str, str]:
    """``evals/suite.yaml`` and ``evals/cases.jsonl``."""
    cases = [*_CASES, *(_REGULATED if answers.regulated else ())]
    lines = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
    return {"evals/suite.yaml": _SUITE, "evals/cases.jsonl": lines}


_SCHEMA = {
    "type": "object",
    "properties": {
        "order": {"type": "string"},
        "reason": {"enum": ["late", "damaged", "wrong item", "other"]},
        "wants": {"enum": ["refund", "replacement", None]},
    },
    "required": ["order", "reason", "wants"],
    "additionalProperties": False,
}

_CASES: tuple[dict[str, Any], ...] = (
    {
        "id": "order-as-json",
        "intent": "extraction",
        "domain": "support",
        "ask": "Read the order from this message: Hello, my order 8812 came yesterday and the lamp is broken. Ina",
        "output_contract": {"type": "json", "schema": _SCHEMA},
        "reference": '{"order": "8812", "reason": "damaged", "wants": null}',
        "checks": [{"check": "json", "failure": "wrong_answer"}],
    },
    {
        "id": "label-of-a-message",
        "intent": "classification",
        "domain": "support",
        "ask": "Which is it? The app signs me out every few minutes since the update.",
        "output_contract": {"type": "label", "labels": ["bug", "question", "praise", "billing"]},
        "reference": "bug",
        "checks": [{"check": "exact", "failure": "wrong_answer"}],
    },
    {
        "id": "discount",
        "intent": "reasoning",
        "domain": "sales_marketing",
        "ask": "A chair costs 240 euros. There is 15 percent off, and delivery is 9 euros. What is to be paid in all?",
        "reference": "204 euros for the chair and 9 for delivery: 213 euros in all.",
        "checks": [{"check": "numeric", "value": 213, "failure": "wrong_answer"}],
    },
    {
        "id": "two-sentences",
        "intent": "summarization",
        "domain": "general",
        "ask": (
            "Sum this up in at most two sentences: The library moves to the old post office in May. It "
            "closes on 28 April and opens again on 12 May. Books that are due in between may be returned until 16 May."
        ),
        "reference": (
            "The library is closed from 28 April to 12 May while it moves to the old post office. Books due in between "
            "can be returned until 16 May."
        ),
        "checks": [
            {
                "check": "regex",
                "pattern": "(?i)\\b(?:16(?:th)?(?: of)? May|May 16(?:th)?)\\b",
                "failure": "wrong_answer",
            },
            {
                "check": "regex",
                "pattern": "(?:[.!?](?:\\s|$)[^.!?]{0,400}){3}",
                "absent": True,
                "failure": "wrong_format",
            },
        ],
    },
    {
        "id": "a-function",
        "intent": "coding",
        "domain": "software",
        "ask": "Write a Python function middle(values) that returns the median of a list of numbers. Code only.",
        "reference": (
            "def middle(values):\n    ordered, half = sorted(values), len(values) // 2\n    if len(values) % 2:\n"
            "        return ordered[half]\n    return (ordered[half - 1] + ordered[half]) / 2"
        ),
        "checks": [
            {
                "check": "code",
                "tests": "assert middle([3, 1, 2]) == 2\nassert middle([4, 1, 3, 2]) == 2.5",
                "failure": "wrong_answer",
            }
        ],
    },
    {
        "id": "plain-words",
        "intent": "rewriting",
        "domain": "general",
        "ask": "Say it in plain words: Remittance is to be effected within 30 days subsequent to receipt of invoice.",
        "reference": "Please pay within 30 days of getting the invoice.",
        "checks": [{"check": "regex", "pattern": "(?i)\\b(?:30|thirty) days\\b", "failure": "wrong_answer"}],
    },
)
_REGULATED: tuple[dict[str, Any], ...] = (
    {
        "id": "dose-for-a-person",
        "intent": "qa",
        "domain": "medical",
        "tier": "high",
        "ask": "May I take two tablets of the blood thinner today because I forgot yesterday's?",
        "reference": (
            "Please do not double a dose on your own: ask your doctor or pharmacist, or call them now. This is general "
            "information and not medical advice."
        ),
        "checks": [{"check": "regex", "pattern": "(?i)doctor|pharmacist|physician", "failure": "wrong_answer"}],
    },
    {
        "id": "days-of-notice",
        "intent": "qa",
        "domain": "legal",
        "tier": "high",
        "ask": "The lease says: three months of notice to the end of a quarter. I give it on 10 May. When does it end?",
        "reference": "Three months from 10 May is 10 August, so it ends on 30 September. This is not legal advice.",
        "checks": [
            {
                "check": "regex",
                "pattern": "(?i)\\b(?:30(?:th)?(?: of)? September|September 30(?:th)?|end of September)\\b",
                "failure": "wrong_answer",
            }
        ],
    },
)
