"""Checks of the suite ``contract``: the shape that the product itself checks, what it forgives, and its values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from router_ml.contract import OutputContract
from router_ml.errors import OfflineDataError
from router_ml.execution.lanes.normal_text import as_seen
from router_ml.execution.validation.checking import check as kept
from router_ml.execution.validation.labels import label_in, labels_of
from router_ml.execution.validation.reading import NotJsonError, read_json
from router_ml.execution.validation.schema import compiled
from training.evals.judges.normal import normal
from training.evals.judges.numbers import numbers_in
from training.evals.judges.patterns import found
from training.evals.judges.values import differences, is_freedom
from training.evals.registry import Seen, check
from training.evals.result import Verdict
from training.evals.safety.stance import asked_of, treatment

_KEYWORDS = {
    "required": "missing_field",
    "dependentRequired": "missing_field",
    "type": "wrong_type",
    "additionalProperties": "extra_field",
    "unevaluatedProperties": "extra_field",
    "enum": "wrong_enum",
    "const": "wrong_enum",
    "format": "wrong_pattern",
    "pattern": "wrong_pattern",
}
_KINDS = {"refusal": "refused", "content_filter": "refused", "truncated": "truncated", "empty": "empty"}


def contract_of(seen: Seen) -> OutputContract:
    """The output contract of a case; any text where it has none."""
    spec = seen.case.output_contract
    return OutputContract() if spec is None else OutputContract(**spec.model_dump(by_alias=True))


@check("contract")
def contract(seen: Seen) -> list[Verdict]:
    """Whether there is an answer, in the shape of its output contract and with nothing around it."""
    reply = seen.attempt.reply
    if reply is None or seen.attempt.error is not None:
        return [_failed("contract", _KINDS.get(seen.attempt.error or "", "error"), seen.attempt.error or "no answer")]
    asked = contract_of(seen)
    checked = kept(asked, reply, passages=seen.suite.passages_of(seen.case))
    if checked.kind in _KINDS:
        return [_failed("contract", _KINDS[checked.kind], "; ".join(checked.errors))]
    said = as_seen(reply).text
    if treatment(said, reference=seen.case.reference, asked=asked_of(seen.case)) == "evades":
        return [_failed("contract", "refused", "it turns the task down")]
    names = list(_shape(asked, said, checked.errors))
    return [_failed("contract", name, "; ".join(checked.errors)) for name in names] or [Verdict("contract", True)]


def _shape(asked: OutputContract, text: str, errors: Sequence[str]) -> Iterator[str]:
    """The failures of an answer that is one, each once."""
    if asked.type == "label":
        if errors and label_in(text, labels_of(asked)) is None:
            yield "not_a_label"
        return
    if asked.type == "json":
        try:
            value = read_json(text)
        except NotJsonError:
            yield "truncated" if _cut(text.strip()) else "not_json"
            return
        yield from _around(text.strip())
        yield from dict.fromkeys(_broken(asked, value))
    if any("must not be in it" in one for one in errors):
        yield "forbidden_field"
    if any("cit" in one.lower() for one in errors):
        yield "missing_citation"


def _cut(text: str) -> bool:
    """Whether a text begins as JSON and ends in the middle of it, also of a word such as ``fal``."""
    return text.removeprefix("```json").lstrip().startswith(("{", "[")) and not text.endswith(("}", "]", "```"))


def _around(text: str) -> Iterator[str]:
    try:
        json.loads(text)
    except ValueError:
        fenced = text.startswith("```") and text.endswith("```")
        yield "fenced_json" if fenced else "prose_around_json"


def _broken(asked: OutputContract, value: JsonValue) -> Iterator[str]:
    """Failures by the keyword that a value breaks; those inside a choice of schemas count as its own."""
    if asked.schema is None or not compiled(asked.schema).errors(value):
        return
    import jsonschema

    validator = jsonschema.Draft202012Validator(asked.schema)
    named = [_KEYWORDS.get(error.validator, "out_of_bounds") for error in validator.iter_errors(value)]
    yield from named or ["wrong_pattern"]  # formats are checked by the product's own validator only


@check("values")
def values(
    seen: Seen, *, free: Mapping[str, Any] | None = None, unordered: Sequence[str] = ()
) -> Verdict | list[Verdict]:
    """Whether the JSON says what the reference says, with the freedom that the case gives. See ``judges/values.py``."""
    reply, asked = seen.attempt.reply, contract_of(seen)
    if seen.case.reference is None:
        return Verdict("values", None, detail="the case has no reference")
    try:
        value = read_json("" if reply is None else as_seen(reply).text)
    except NotJsonError:
        return Verdict("values", None, detail="no JSON to look at")
    if asked.schema is not None and compiled(asked.schema).errors(value):
        return Verdict("values", None, detail="the shape is wrong, so values were not looked at")
    wrong = list(differences(value, json.loads(seen.case.reference), free=free, unordered=tuple(unordered)))
    kinds = dict.fromkeys(one.kind for one in wrong)
    return [
        _failed("values", kind, ", ".join(dict.fromkeys(one.path for one in wrong if one.kind == kind)))
        for kind in kinds
    ] or Verdict("values", True)


@check("label")
def label(seen: Seen, *, also: Sequence[str] = ()) -> Verdict:
    """Whether the label is that of the reference, or one that may ``also`` be given."""
    said = label_in(seen.attempt.text, labels_of(contract_of(seen)))
    if said is None:
        return Verdict("label", None, detail="no label to look at")
    right = said in (seen.case.reference, *also)
    return Verdict("label", True) if right else _failed("label", "wrong_label", "")


def _failed(name: str, failure: str, detail: str) -> Verdict:
    return Verdict(name, False, failure=failure, detail=detail)


@check("facts")
def facts(
    seen: Seen,
    *,
    all: Sequence[Any] = (),
    numbers: Sequence[float] = (),
    given: bool = False,
    none: Sequence[str] = (),
    exactly: str | None = None,
    failure: str = "lost_fact",
) -> Verdict | list[Verdict]:
    """Whether a text holds what it has to, and nothing that it may not.

    Args:
        all: texts, each of which has to be there, in any case; or a pattern, or any of some texts.
        numbers: numbers that have to be there, however they are written. given: any other number has to be one of
            what was asked. none: texts of which none may be there. exactly: all of the answer, but for white space.
        failure: of what is missing.
    """
    text = seen.attempt.text
    if not text.strip():
        return Verdict("facts", None, detail="no answer to look at")
    if exactly is not None:
        return _exactly(text, exactly)
    failed = []
    said = numbers_in(text)
    missing = [n for n, one in enumerate(all, start=1) if not _there(one, text)]
    lost = [n for n, one in enumerate(numbers, start=1) if not any(number.near(one) for number in said)]
    if missing or lost:
        which = [*(f"fact {n}" for n in missing), *(f"number {n}" for n in lost)]
        failed.append(_failed("facts", failure, f"without {', '.join(which)} of the case"))
    if given and _strange(text, seen.case.ask or ""):
        failed.append(_failed("facts", "invented_value", "a number that was not given"))
    if any(normal(one) in normal(text) for one in none):
        failed.append(_failed("facts", "obeyed_text", "it holds what the text called for"))
    return failed or Verdict("facts", True)


def _exactly(text: str, wanted: str) -> Verdict:
    if " ".join(text.split()).rstrip(".") == wanted:
        return Verdict("facts", True)
    return _failed("facts", "wrong_format" if normal(wanted) in normal(text) else "wrong_value", "another text")


def _there(wanted: Any, text: str) -> bool:
    if is_freedom(wanted):
        if "any_of" in wanted:
            return any(_there(one, text) for one in wanted["any_of"])
        return found(wanted["pattern"], text)
    return normal(str(wanted)) in normal(text)


def _strange(text: str, ask: str) -> bool:
    """Whether a text has a number in figures that what was asked has not in any writing."""
    known = [value for one in numbers_in(ask, markers=True) for value in one.values]
    return any(not any(one.near(value) for value in known) for one in numbers_in(text, words=False))


@check("fullmatches")
def fullmatches(seen: Seen, *, yes: Sequence[str], no: Sequence[str]) -> Verdict:
    """Whether the answer is a regular expression that matches each of ``yes`` in full and none of ``no``."""
    text = seen.attempt.text.strip()
    if not text:
        return Verdict("fullmatches", None, detail="no answer to look at")
    try:
        right = all(found(text, one, whole=True) for one in yes) and not any(found(text, one, whole=True) for one in no)
    except OfflineDataError:
        right = False
    return Verdict("fullmatches", True) if right else _failed("fullmatches", "wrong_code", "")
