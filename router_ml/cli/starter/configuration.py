"""The ``router.yaml`` of some answers: the one that ships, cut down to what they need, so that every rule in it is one
that has been tried."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from router_ml.cli.starter import texts
from router_ml.cli.starter.answers import Answers
from router_ml.cli.starter.cutting import Shipped

_FIRST = ("boundaries", "regions", "taxonomy")
_CUES = ("in_json", "one_label", "with_sources", "make_it_up")
_CUES_OF_TOOLS = ("refund", "how_it_works", "figures", "order", "where_it_is")
_PRIVATE = ("pii-stays-private", "secrets-stay-private", "unscanned-stays-private")
_ON_ANSWERS = (
    "answers-hold-no-secrets",
    "harmful-answers-are-withheld",
    "new-personal-data-is-looked-at",
    "injected-requests-yield-no-personal-data",
    "unscanned-answers-are-looked-at",
)
_NOTICES = tuple(
    f"{what}-{of}-need-the-notice" for what in ("medical", "financial", "legal") for of in ("requests", "answers")
)
_USERS = {"eu": "in the EU", "elsewhere": "outside of the EU", "both": "in the EU and elsewhere"}


def configuration(answers: Answers, shipped: str) -> str:
    """The text of a ``router.yaml``.

    Args:
        shipped: that of the configuration that ships.
    """
    return "\n\n".join(part.strip("\n") for part in _parts(answers, Shipped(shipped))) + "\n"


def _parts(answers: Answers, source: Shipped) -> Iterator[str]:
    said = f"Written by router-ml init for: {_said(answers)}."
    yield texts.HEAD.format(said=textwrap.fill(said, 118, initial_indent="# ", subsequent_indent="#   "))
    yield texts.VERSION
    yield from map(source.section, _FIRST)
    yield f"{source.some('lanes', answers.lanes)}\n{texts.PROXY}"
    if answers.tools:
        _, _, entries = source.some("tools", ("order_lookup", "refund")).partition("tools:\n")
        yield f"{texts.TOOLS}tools:\n{entries}"
    if answers.documents is not None:
        yield texts.INDEXES.format(folder=json.dumps(answers.documents, ensure_ascii=False))
    yield from map(source.section, ("output_contracts", "guardrails"))
    yield _policies(answers, source)
    if answers.regulated:
        yield source.section("notices")
    yield source.some("output_policies", (*_ON_ANSWERS, *(_NOTICES if answers.regulated else ())))
    yield _classes(answers)
    yield from _plan(answers, source)
    yield from map(source.section, ("stability", "exploration", "fallback"))
    yield texts.LOGGING.format(url=json.dumps(answers.log, ensure_ascii=False))


def _said(answers: Answers) -> str:
    return "; ".join(
        (
            f"lanes of {', '.join(answers.vendors)}",
            f"users {_USERS[answers.users]}",
            "regulated questions" if answers.regulated else "no regulated questions",
            "tools" if answers.tools else "no tools",
            f"average quality at least {_plain(answers.floor)}",
            "no daily budget" if answers.budget_usd is None else f"{_plain(answers.budget_usd)} USD a day",
        )
    )


def _policies(answers: Answers, source: Shipped) -> str:
    keep = [*_PRIVATE] if answers.private else []
    keep += ["eu-residency"] if answers.users == "both" else []
    keep += ["injection-gets-no-tools", "harmful-is-refused", "advice-needs-a-strong-lane"]
    keep += ["employment-decisions-are-human", "changes-need-a-tool"]
    keep += ["changes-need-approval"] if answers.tools else []  # a rule that nothing can fire is a mistake
    text = source.some("policies", [*keep, "changes-are-not-explored"])
    if answers.users == "both":
        text = text.replace("  - id: eu-residency\n", f"{texts.REGION}  - id: eu-residency\n")
    rules = "" if answers.private else texts.PERSONAL_DATA_TO_A_PERSON
    rules += texts.EU_ONLY if answers.users == "eu" else ""
    head, first, rest = text.partition("  - id: ")
    return head + rules + first + rest


def _classes(answers: Answers) -> str:
    high, low = min(answers.floor + 0.05, 1.0), max(answers.floor - 0.1, 0.0)
    return texts.CLASSES.format(
        floor=_plain(answers.floor),
        low=_plain(low),
        regulated=texts.REGULATED.format(high=_plain(high), budget=_budget(answers, 0.2)) if answers.regulated else "",
        budget_of_batch=_budget(answers, 0.2),
        budget=_budget(answers, 0.6 if answers.regulated else 0.8),
    )


def _budget(answers: Answers, share: float) -> str:
    """The lines of a class with its share of the day's money."""
    if answers.budget_usd is None:
        return ""
    return texts.BUDGET.format(part=_plain(answers.budget_usd * share), whole=_plain(answers.budget_usd))


def _plain(value: float) -> str:
    """A number without an exponent, which YAML may read as a text."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _plan(answers: Answers, source: Shipped) -> Iterator[str]:
    rules = texts.PLAN_OF_TOOLS if answers.tools else ""
    rules += texts.PLAN_OF_DOCUMENTS if answers.documents is not None else ""
    yield source.some("cues", (*_CUES, *(_CUES_OF_TOOLS if answers.tools else ())))
    if answers.tools:
        yield source.some("slots", ("order_id",))
    yield texts.PLAN.format(rules=rules)
