"""Cases that no lane answers: what the router decides for facts or a request, by the machinery of ``policy test``.

An expectation of names that a configuration does not have (its lanes are called otherwise) says nothing about it and is
left out; one of a policy that it does not have is broken, since a rule that was taken away is what these cases find.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from router_ml.cli.policy_run import Mismatch, mismatches, ruled
from router_ml.cli.policy_table import Example, issues_of
from router_ml.config import RouterConfig
from router_ml.contract.base import describe
from router_ml.errors import OfflineDataError
from router_ml.router import Router
from training.evals.case import Case
from training.evals.result import Verdict

CHECK = "decided"
_POLICIES = "policies"
OURS = frozenset(
    "pii-stays-private secrets-stay-private unscanned-stays-private eu-residency injection-gets-no-tools "
    "harmful-is-refused advice-needs-a-strong-lane employment-decisions-are-human changes-need-a-tool "
    "changes-need-approval changes-are-not-explored".split()
)
"""The rules of the configuration that ships, which the cases are about: one that has fewer than half of them has rules
of its own, of which the cases can say nothing."""


def decide(case: Case, router: Router) -> tuple[Verdict, ...]:
    """What the router makes of a case with ``decided``: one verdict, ``policy_broken`` where it is
    not what is expected.

    Raises:
        OfflineDataError: the case has no ``decided``, or what it says cannot be read.
    """
    example = _example(case)
    if 2 * len(OURS & {policy.id for policy in router.config.policies}) < len(OURS):
        return (Verdict(CHECK, None, detail="This configuration has rules of its own: write cases for them."),)
    asked, left_out = _askable(example, router.config)
    note = f"Left out, since this configuration does not have the names: {', '.join(left_out)}." if left_out else ""
    if asked is None:
        return (Verdict(CHECK, None, detail=note),)
    wrong = list(mismatches(asked.expect, ruled(asked, router.config, router)))
    detail = " ".join([*map(_said, wrong), *([note] if note else [])])
    return (Verdict(CHECK, not wrong, failure="policy_broken" if wrong else "", detail=detail),)


def _example(case: Case) -> Example:
    if case.decided is None:
        raise OfflineDataError(f"Case {case.id} has nothing that a router decides. Give it decided, or ask a lane.")
    said = case.decided
    given: dict[str, Any] = {"name": case.id, "expect": said.expect, "request": said.request, "facts": said.facts}
    try:
        example = Example.model_validate({key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        raise OfflineDataError(f"Case {case.id}: {describe(error, 'decided')}") from None
    if example.request is None and example.facts is None:
        raise OfflineDataError(f"Case {case.id}: decided has neither facts nor a request. Give one of them.")
    return example


def _askable(example: Example, config: RouterConfig) -> tuple[Example | None, list[str]]:
    """An example without the expectations that a configuration has no names for; None where none is left, or where
    the facts themselves have names that it does not have."""
    found = [tuple(map(str, issue.path[1:])) for issue in issues_of(example, config)]
    keys = [path for path in found if path[:1] != ("expect",)]
    missing = [path for path in found if path[:1] == ("expect",) and path[1:2] != (_POLICIES,)]
    left_out = sorted({".".join(path[:2]) for path in (*keys, *missing)})
    if keys:
        return None, left_out
    dropped = {path[1] for path in missing if len(path) > 1}
    kept = {key: getattr(example.expect, key) for key in example.expect.model_fields_set - dropped}
    if not kept:
        return None, left_out
    return example.model_copy(update={"expect": type(example.expect).model_validate(kept)}), left_out


def _said(wrong: Mismatch) -> str:
    return f"{wrong.key}: expected {_shown(wrong.expected)}, found {_shown(wrong.found)}."


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
