"""Whether an answer keeps its output contract, what to tell a lane about one, and how to have an answer corrected.

The order is: was it an answer at all (refused, filtered, cut off, empty), has it the right shape, is nothing in it that
must not be, does it cite what it was given. What comes out as valid is an answer; everything else is a failure with a
kind. Personal data in an answer is the business of ``Router.check_output``, which gets ``to_scan``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, JsonValue

from router_ml.contract import FailureKind, OutputContract
from router_ml.contract.base import JsonObject
from router_ml.errors import InvalidRequestError
from router_ml.execution.lanes.normal_text import as_seen
from router_ml.execution.lanes.reply import Reply, blank
from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.validation.citations import broken, citations_of
from router_ml.execution.validation.forbidden import forbidden_in
from router_ml.execution.validation.grounded import unsupported
from router_ml.execution.validation.labels import label_in, labels_of
from router_ml.execution.validation.reading import NotJsonError, read_json
from router_ml.execution.validation.refusals import is_refusal
from router_ml.execution.validation.says import declines, says_nothing
from router_ml.execution.validation.schema import compiled
from router_ml.execution.validation.structured import errors_of_model


@dataclass(frozen=True)
class Checked:
    """An answer looked at: ``kind`` and ``errors`` are empty where it is valid; ``value`` is the parsed JSON, the label
    or the text. ``warnings``: what is doubtful about a valid one; ``cut``: it ends where it was to end. Errors never
    hold text of the answer, but an invented citation that looks like an id."""

    kind: FailureKind | None = None
    errors: tuple[str, ...] = ()
    value: JsonValue = None
    citations: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    cut: bool = False


_DECLINED = Checked("refusal", ("the answer declines",))
_EMPTY = Checked("empty", ("the answer is empty",))


def prepare(contract: OutputContract) -> None:
    """Look at a contract before any money is spent on it.

    Raises:
        InvalidRequestError: its schema is no JSON Schema or not safe to use, or its labels are.
    """
    if contract.schema is not None:
        compiled(contract.schema)
    if contract.type == "label" and any(not label.strip() for label in contract.labels):
        raise InvalidRequestError("A label of the output contract is empty. Remove it.")


def check(
    contract: OutputContract,
    reply: Reply,
    *,
    context_ids: Collection[str] = (),
    passages: Sequence[Passage] = (),
    model: type[BaseModel] | None = None,
    cut_as_asked: bool = False,
) -> Checked:
    """Whether a reply is an answer, and one of the shape that was asked for.

    Args:
        context_ids: of the passages that the lane was given; a citation of anything else is invented.
        passages: those passages; with them it is looked at whether they support what cites them.
        model: a pydantic model that the value has to fit as well, with its own validators.
        cut_as_asked: it was cut off where whoever asked wanted it to be; as a text it stands, even if nothing is left.

    Raises:
        InvalidRequestError: the schema of the contract cannot be used; ``prepare`` says so earlier.
    """
    reply = as_seen(reply)
    text, cut = reply.text.strip(), cut_as_asked and contract.type == "text"
    if cut:
        reply = replace(reply, stop="end")
        if blank(text) and reply.refusal is None:
            return Checked(value=text, cut=True)
    if (failed := _no_answer(contract, reply, text)) is not None:
        return failed
    given = frozenset((*context_ids, *(one.id for one in passages)))
    checked = _shaped(contract, text, model)
    if checked.kind is not None:
        return checked
    errors = list(forbidden_in(contract.forbidden, text=text, value=checked.value))
    value = checked.value if contract.type == "json" else None
    cited = citations_of(replace(reply, text=text), given, value=value, required=contract.citations_required)
    errors += broken(cited, required=contract.citations_required, given=given)
    doubts = unsupported(text, cited.known, passages) if passages else ()
    if contract.grounded:
        errors += doubts
    if errors:
        return Checked("schema", tuple(errors), citations=cited.known)
    return replace(checked, citations=cited.known, warnings=doubts, cut=cut)


def _no_answer(contract: OutputContract, reply: Reply, text: str) -> Checked | None:
    """Why a reply is no answer at all; None where it may be one."""
    if reply.refusal is not None or reply.stop == "refusal":
        return Checked("refusal", ("the lane refused",))
    if reply.stop == "filter":
        return Checked("content_filter", ("a content filter cut in",))
    if reply.stop == "length":
        return Checked("truncated", ("the answer was cut off",))
    if blank(text):
        return _EMPTY
    return _DECLINED if contract.type != "json" and is_refusal(text) else None


def _shaped(contract: OutputContract, text: str, model: type[BaseModel] | None) -> Checked:
    if contract.type == "label":
        label = label_in(text, labels_of(contract))
        return (
            Checked(value=label) if label is not None else Checked("schema", ("the answer is not one of the labels",))
        )
    if contract.type != "json":
        return Checked(value=text)
    try:
        value = read_json(text, roots=_roots(contract.schema))
    except NotJsonError as error:
        if is_refusal(text):
            return _DECLINED
        return Checked("truncated" if error.cut else "schema", (str(error),))
    errors = compiled(contract.schema).errors(value) if contract.schema else ()
    if not errors and model is not None:
        errors = errors_of_model(model, value)
    if errors:
        return Checked("schema", errors)
    said_no = _DECLINED if declines(value) else _EMPTY if says_nothing(value) else None
    return said_no or Checked(value=value)


def _roots(schema: JsonObject | None) -> str:
    return {"object": "{", "array": "["}.get(str((schema or {}).get("type")), "{[")


def to_scan(reply: Reply, checked: Checked) -> JsonObject:
    """All that a reader of the answer could see, for ``Router.check_output``: its text, and the strings of its value as
    they read once JSON is unescaped."""
    scanned: JsonObject = {"content": reply.text}
    if checked.value is not None and checked.value != reply.text:
        scanned["value"] = checked.value
    return scanned


def instructions(contract: OutputContract) -> str | None:
    """What to tell a lane that cannot be held to the shape of a contract; None where there is nothing to tell."""
    said: list[str] = []
    if contract.type == "json":
        follows = f" that follows this JSON Schema:\n{json.dumps(contract.schema)}" if contract.schema else "."
        said.append(f"Answer with one JSON value and nothing else, no code fence and no comment{follows}")
    elif contract.type == "label" and (labels := labels_of(contract)):
        said.append(f"Answer with exactly one of these labels and nothing else: {' | '.join(labels)}")
    elif contract.type == "label":
        said.append("Answer with one label of a few words and nothing else.")
    if contract.citations_required:
        where = " inside the strings of the JSON" if contract.type == "json" else ""
        said.append(
            f"Cite the passages that you use by their ids in square brackets{where}, each id exactly as it is given. "
            "Say nothing that they do not support."
        )
    if contract.forbidden:
        said.append(f"Never include these fields, at any depth: {', '.join(contract.forbidden)}.")
    return "\n\n".join(said) or None


def repair(reply: Reply, checked: Checked, contract: OutputContract) -> list[JsonObject]:
    """Messages to append so that the lane corrects its answer: what it said, and what is wrong with it."""
    wrong = "\n".join(f"- {error}" for error in checked.errors) or "- it does not have the shape that was asked for"
    again = f"That answer cannot be used:\n{wrong}\n\nGive the whole answer again, corrected."
    shape = instructions(contract)
    asked: JsonObject = {"role": "user", "content": again + (f"\n\n{shape}" if shape else "")}
    return [{"role": "assistant", "content": reply.text}, asked] if reply.text.strip() else [asked]
