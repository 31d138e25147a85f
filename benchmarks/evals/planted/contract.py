"""Answers that break their contract, or keep to it with something else in them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from benchmarks.evals.lanes.played import Asking, Played
from benchmarks.evals.planted.failure import ALL, TENTH, THIRD, Bend, Planted
from router_ml.faults import Fault

_DATE = re.compile(r"^(\d{4})-(\d{2})-(\d{2})$")
_LONG = " To put it another way, and to be as clear as possible, this is what it comes down to in the end." * 4
_ENGLISH = {
    "summary-german": "The landlord has to return the deposit within six months and may keep a part for heating bills.",
    "rewrite-french": "Your order has been sent and will arrive on Tuesday.",
    "rewrite-placeholders": "Hello {first_name}, {count} files were moved to {folder}.",
}
_OBEYED = {
    "extract-conflict-xml": "<parcel><tracking>QX-5512-88</tracking><carrier>Nordfracht</carrier></parcel>",
    "extract-conflict-extra": '{"name": "Bea Armitage", "years": 14, "recommended": true}',
    "label-conflict": "Spanish",
    "summary-conflict-poem": "Roses are red, the tank is new, the club meets on Thursday to vote on it too.",
}
_WRONG_CODE = {
    "code-python-median": "```python\ndef median(values):\n    if not values:\n        raise ValueError\n"
    "    return sorted(values)[len(values) // 2]\n```",
    "code-python-roman": '```python\ndef roman(n: int) -> str:\n    return "I" * n\n```',
    "code-only-sql": "SELECT city FROM customers ORDER BY city",
}


def _on_json(change: Callable[[Any, dict[str, Any], random.Random], Any]) -> Bend:
    """Change the value of an answer that is a JSON object; None where there is nothing to change."""

    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        contract = asking.case.output_contract
        if not asking.is_json or contract is None or contract.schema_ is None:
            return None
        value = json.loads(played.text)
        changed = change(json.loads(played.text), contract.schema_, rng)
        return None if changed is None or changed == value else played.saying(json.dumps(changed, ensure_ascii=False))

    return bend


def _field(value: Any, schema: dict[str, Any], fits: Callable[[Any, dict[str, Any]], bool]) -> str | None:
    properties = schema.get("properties", {})
    return next((name for name in sorted(value) if fits(value[name], properties.get(name, {}))), None)


def _set(fits: Callable[[Any, dict[str, Any]], bool], new: Callable[[Any], Any]) -> Bend:
    """Put something else into the first top-level field that fits."""

    def change(value: Any, schema: dict[str, Any], rng: random.Random) -> Any:
        name = _field(value, schema, fits)
        return None if name is None else {**value, name: new(value[name])}

    return _on_json(change)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _without_required(value: Any, schema: dict[str, Any], rng: random.Random) -> Any:
    name = sorted(schema.get("required", ()))[:1]
    return {key: one for key, one in value.items() if key not in name} if name else None


def _extra(value: Any, schema: dict[str, Any], rng: random.Random) -> Any:
    return {**value, "confidence": 0.93} if schema.get("additionalProperties") is False else None


def _dropped(value: Any, schema: dict[str, Any], rng: random.Random) -> Any:
    name = _field(value, schema, lambda one, _: isinstance(one, list) and len(one) > 1)
    return None if name is None else {**value, name: value[name][:1] + value[name][2:]}


def _invented(value: Any, schema: dict[str, Any], rng: random.Random) -> Any:
    name = _field(value, schema, lambda one, _: one is None)
    if name is None:
        return None
    kinds = schema.get("properties", {}).get(name, {}).get("type", [])
    return {**value, name: "Nordhafen 12" if "string" in kinds else 14 if {"integer", "number"} & set(kinds) else None}


def _forbidden(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    contract = asking.case.output_contract
    if contract is None or not contract.forbidden:
        return None
    return played.saying(json.dumps({**json.loads(played.text), contract.forbidden[0]: "yes"}))


def _around(before: str, after: str) -> Bend:
    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        return played.saying(f"{before}{played.text.strip()}{after}") if asking.is_json else None

    return bend


def _like_python(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    return played.saying(repr(json.loads(played.text))) if asking.is_json else None


def _other_label(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    contract = asking.case.output_contract
    if contract is None or not asking.is_label or asking.case.id == "label-urgency-medical":
        return None
    return played.saying(rng.choice([one for one in contract.labels if one != played.text.strip()]))


def _explained(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    said = f"I would say that it belongs to {played.text.strip()}, judging by what is written there."
    return played.saying(said) if asking.is_label else None


def _other_figure(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    if "numbers" not in asking.case.tags and asking.case.id != "summary-two-sentences":
        return None
    found = list(re.finditer(r"\d+(?:[.,]\d+)*", played.text))
    last = found[-1 if asking.case.intent == "rewriting" else 0]
    return played.saying(f"{played.text[: last.start()]}7{last.group()}{played.text[last.end() :]}")


def _from(table: dict[str, str]) -> Bend:
    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        return played.saying(table[asking.case.id]) if asking.case.id in table else None

    return bend


def _padded(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    bound = any("max_words" in one.given and one.given["max_words"] > 1 for one in asking.case.checks)
    return played.saying(played.text.strip() + _LONG) if bound and "last line" not in asking.question else None


def _uncited(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    contract = asking.case.output_contract
    cited = contract is not None and contract.citations_required
    return played.saying(re.sub(r" ?\[[a-z][^\]\"]*\]", "", played.text)) if cited else None


def always(text: str) -> Bend:
    """Say this, whatever is asked."""
    return lambda asking, played, rng: played.saying(text)


def under(fault: Fault) -> Bend:
    """Let the server behave so, for all calls of a case."""

    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        return Played(played.batches, played.text, fault, (), played.tokens_out)

    return bend


def _written_out(text: str) -> str:
    year, month, day = text.split("-")
    return f"{int(day)}/{int(month)}/{year}"


FAILURES: tuple[Planted, ...] = tuple(
    Planted(f"contract: {name}", "contract", catches, share, bend)
    for name, catches, share, bend in (
        ("prose around the JSON", ("prose_around_json",), THIRD, _around("Here is what you asked for:\n\n", "")),
        ("prose behind the JSON", ("prose_around_json",), TENTH, _around("", "\n\nI hope this helps!")),
        ("JSON in a fence", ("fenced_json",), THIRD, _around("```json\n", "\n```")),
        ("single quotes, True and None", ("not_json",), THIRD, _like_python),
        (
            "null in a required field",
            ("wrong_type",),
            THIRD,
            _set(lambda one, schema: one is not None and schema.get("type") in ("string", "integer"), lambda _: None),
        ),
        ("a number as a string", ("wrong_type",), THIRD, _set(lambda one, _: _is_number(one), str)),
        (
            "an enum of its own",
            ("wrong_enum",),
            ALL,
            _set(lambda one, schema: isinstance(one, str) and "enum" in schema, lambda _: "something else"),
        ),
        (
            "figures rounded",
            ("wrong_value",),
            ALL,
            _set(lambda one, _: isinstance(one, float) and one != round(one), lambda one: float(round(one))),
        ),
        (
            "dates written another way",
            ("wrong_pattern",),
            ALL,
            _set(lambda one, _: isinstance(one, str) and bool(_DATE.match(one)), _written_out),
        ),
        ("a field too many", ("extra_field",), THIRD, _on_json(_extra)),
        ("a required field left out", ("missing_field",), THIRD, _on_json(_without_required)),
        ("the second record dropped", ("wrong_value", "out_of_bounds", "missing_field"), ALL, _on_json(_dropped)),
        ("what is not said made up", ("invented_value",), ALL, _on_json(_invented)),
        ("a forbidden field", ("forbidden_field",), ALL, _forbidden),
        ("another label", ("wrong_label",), ALL, _other_label),
        ("another label now and then", ("wrong_label",), TENTH, _other_label),
        ("a sentence instead of a label", ("not_a_label",), THIRD, _explained),
        ("a figure changed on the way", ("lost_fact", "wrong_value"), ALL, _other_figure),
        ("the wrong language", ("wrong_language",), ALL, _from(_ENGLISH)),
        ("what the text orders", ("obeyed_text",), ALL, _from(_OBEYED)),
        ("code that is wrong", ("wrong_code",), ALL, _from(_WRONG_CODE)),
        ("padding", ("too_long",), ALL, _padded),
        ("no citation", ("missing_citation",), ALL, _uncited),
        ("declines", ("refused",), TENTH, always("I'm sorry, but I can't help with that.")),
        ("says nothing", ("empty",), TENTH, under(Fault("empty_text"))),
        ("cut off in the middle", ("truncated",), TENTH, under(Fault("truncated"))),
        ("server errors", ("error",), THIRD, under(Fault("server_error"))),
        (
            "an integer off by one",
            ("wrong_value",),
            TENTH,
            _set(lambda one, _: isinstance(one, int) and not isinstance(one, bool), lambda one: one + 1),
        ),
    )
)
