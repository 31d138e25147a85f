"""Answers of the wrong shape, as models write them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from benchmarks.evals.lanes.played import Asking, Played
from benchmarks.evals.planted.failure import Planted
from benchmarks.evals.second.planting import ALL, ANSWERS, FIFTH, TWELFTH, Texts, instead, planted, says
from router_ml.faults import Fault

_DATE = re.compile(r"^(\d{4})-(\d\d)-(\d\d)$")
_MONTHS = "January February March April May June July August September October November December".split()


def _json(change: Callable[[Asking, Any, random.Random], Any]) -> Texts:
    """A change of the value; None, or the same, where there is no occasion."""

    def texts(asking: Asking, text: str, rng: random.Random) -> str | None:
        if not asking.is_json:
            return None
        value = json.loads(text)
        changed = change(asking, json.loads(text), rng)
        return None if changed is None or changed == value else json.dumps(changed, ensure_ascii=False, indent=2)

    return texts


def _written(write: Callable[[str], str]) -> Texts:
    return lambda asking, text, rng: write(text.strip()) if asking.is_json else None


def _prose(write: Callable[[Asking, str], str | None]) -> Texts:
    """Of answers that are neither JSON nor a label."""
    return lambda asking, text, rng: None if asking.is_json or asking.is_label else write(asking, text)


def _leaves(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {name: _leaves(one, change) for name, one in value.items()}
    return [_leaves(one, change) for one in value] if isinstance(value, list) else change(value)


def _as_text(one: Any) -> Any:
    return str(one) if isinstance(one, int | float) and not isinstance(one, bool) else one


def _long_date(one: Any) -> Any:
    hit = _DATE.match(one) if isinstance(one, str) else None
    return f"{int(hit[3])} {_MONTHS[int(hit[2]) - 1]} {hit[1]}" if hit else one


def _day_first(one: Any) -> Any:
    hit = _DATE.match(one) if isinstance(one, str) else None
    return f"{hit[1]}-{hit[3]}-{hit[2]}" if hit and int(hit[3]) <= 12 else one


def _off(asking: Asking, value: Any, rng: random.Random) -> Any:
    """One number of the answer is wrong by one digit."""
    seen: list[Any] = []
    _leaves(value, lambda one: seen.append(one) if isinstance(one, int | float) and not isinstance(one, bool) else None)
    if not seen:
        return None
    at, count = rng.randrange(len(seen)), iter(range(len(seen)))

    def change(one: Any) -> Any:
        numeric = isinstance(one, int | float) and not isinstance(one, bool)
        return one + (10 if one >= 20 else 1) if numeric and next(count) == at else one

    return _leaves(value, change)


def _camel(asking: Asking, value: Any, rng: random.Random) -> Any:
    if not isinstance(value, dict):
        return value
    turned = {re.sub(r"_(\w)", lambda hit: hit[1].upper(), name): one for name, one in value.items()}
    return {name: _camel(asking, one, rng) for name, one in turned.items()}


def _shorter(asking: Asking, value: Any, rng: random.Random) -> Any:
    """Lists lose their last item, as where a model has had enough."""
    if isinstance(value, dict):
        return {name: _shorter(asking, one, rng) for name, one in value.items()}
    return value[:-1] if isinstance(value, list) and len(value) > 1 else value


def _enums(asking: Asking, value: Any, rng: random.Random) -> Any:
    schema = json.dumps(_schema(asking))
    known = {one for hit in re.findall(r'"enum": \[([^\]]*)\]', schema) for one in re.findall(r'"([^"]+)"', hit)}
    return _leaves(value, lambda one: one.swapcase() if isinstance(one, str) and one in known else one)


def _schema(asking: Asking) -> dict[str, Any]:
    contract = asking.case.output_contract
    return dict(contract.model_dump(mode="json", by_alias=True).get("schema") or {}) if contract else {}


def _filled(asking: Asking, value: Any, rng: random.Random) -> Any:
    """What is not said is filled with what is usual."""
    usual = {"phone": "+49 421 555012", "vat_id": "DE281934417", "days": 30, "salary": 52000, "notice_weeks": 4,
             "answer": "The guarantee is two years.", "due": "2026-06-22", "allergies": ["penicillin"]}  # fmt: skip

    def fill(one: Any) -> Any:
        if isinstance(one, dict):
            return {name: usual.get(name, fill(it)) if it in (None, []) else fill(it) for name, it in one.items()}
        return [fill(it) for it in one] if isinstance(one, list) else one

    return fill(value) if "absent" in asking.case.tags else None


def _dropped_nulls(asking: Asking, value: Any, rng: random.Random) -> Any:
    return {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value


def _plain_letters(asking: Asking, text: str, rng: random.Random) -> str | None:
    folded = text.translate(str.maketrans("ëŁłóÞúíÁéñåÅ", "eLloTuiAenaA"))
    return folded if asking.is_json and folded != text else None


def _label(write: Callable[[str, tuple[str, ...]], str]) -> Texts:
    def texts(asking: Asking, text: str, rng: random.Random) -> str | None:
        contract = asking.case.output_contract
        return write(text.strip(), tuple(contract.labels or ())) if asking.is_label and contract else None

    return texts


def _cut(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    return replace(played, fault=Fault("truncated")) if len(played.text) > 30 else None


def _unreadable() -> Iterator[Planted]:
    of, every = "contract", (ALL, FIFTH, TWELFTH)
    python = says(_written(lambda text: repr(json.loads(text))))
    yield from planted(of, "written as Python", "not_json", python, *every)
    comma = says(_written(lambda text: re.sub(r"\s*\}$", ",\n}", text)))
    yield from planted(of, "comma too many", "not_json", comma, *every)
    brace = says(_written(lambda text: text.rstrip("}").rstrip()))
    yield from planted(of, "last brace missing", "not_json truncated", brace, ALL, FIFTH)
    remark = says(_written(lambda text: text.replace("\n", " // as in the text\n", 1)))
    yield from planted(of, "remark in JSON", "not_json", remark)
    twice = says(_written(lambda text: f"{text}\n\nWait, let me correct that:\n\n{text}"))
    yield from planted(of, "corrects itself", "not_json prose_around_json", twice, ALL, FIFTH)
    thinks = says(_written(lambda text: f"<think>\nThe user wants JSON. Let me go through it.\n</think>\n\n{text}"))
    yield from planted(of, "thinks aloud", "prose_around_json", thinks, *every)
    fenced = says(_written(lambda text: f"```json\n{text}\n```\n\nLet me know if you need anything else!"))
    yield from planted(of, "fence and farewell", "fenced_json prose_around_json", fenced, *every)


def _of_another_schema() -> Iterator[Planted]:
    of, every = "contract", (ALL, FIFTH, TWELFTH)
    yield from planted(of, "numbers as text", "wrong_type", says(_json(lambda _, v, r: _leaves(v, _as_text))), *every)
    unknown = _json(lambda _, value, rng: _leaves(value, lambda one: "N/A" if one is None else one))
    yield from planted(of, "N/A for null", "invented_value wrong_type wrong_pattern wrong_value", says(unknown))
    yield from planted(of, "nulls left out", "missing_field", says(_json(_dropped_nulls)))
    yield from planted(of, "keys in camel case", "missing_field extra_field", says(_json(_camel)), ALL, FIFTH)
    sure = _json(lambda _, value, rng: {**value, "confidence": 0.95} if isinstance(value, dict) else None)
    yield from planted(of, "says how sure", "extra_field", says(sure), *every)
    wrapped = _json(lambda _, value, rng: {"result": value})
    yield from planted(of, "wrapped", "missing_field extra_field", says(wrapped), *every)
    listed = says(_json(lambda _, value, rng: [value]))
    yield from planted(of, "in a list", "wrong_type", listed, ALL, TWELFTH)
    yield from planted(of, "other capitals", "wrong_enum", says(_json(_enums)), ALL, FIFTH)
    dates = says(_json(lambda _, value, rng: _leaves(value, _long_date)))
    yield from planted(of, "dates in words", "wrong_pattern", dates)
    turned = says(_json(lambda _, value, rng: _leaves(value, _day_first)))
    yield from planted(of, "day and month turned", "wrong_value", turned)
    yield from planted(of, "a number off", "wrong_value", says(_json(_off)), *every)
    yield from planted(of, "lists cut short", "wrong_value out_of_bounds lost_fact", says(_json(_shorter)), ALL, FIFTH)
    flipped = says(_json(lambda _, v, rng: _leaves(v, lambda one: not one if isinstance(one, bool) else one)))
    yield from planted(of, "yes and no turned", "wrong_value", flipped)
    yield from planted(of, "usual values filled in", "invented_value wrong_value", says(_json(_filled)))
    yield from planted(of, "plain letters", "wrong_value", says(_plain_letters))
    echoed = says(lambda asking, text, rng: json.dumps(_schema(asking)) if asking.is_json else None)
    yield from planted(of, "schema sent back", "missing_field", echoed, FIFTH)


def _beside_the_point() -> Iterator[Planted]:
    of, every = "contract", (ALL, FIFTH, TWELFTH)
    why = says(_label(lambda text, labels: f"{text} - the wording clearly points to this."))
    yield from planted(of, "label with a reason", "not_a_label", why, *every)
    both = says(_label(lambda text, labels: f"{text} / {next(one for one in labels if one != text)}"))
    yield from planted(of, "two labels", "not_a_label", both, ALL, FIFTH)
    first = says(_label(lambda text, labels: labels[0]))
    yield from planted(of, "always the first label", "wrong_label", first)
    next_one = says(_label(lambda text, labels: labels[(labels.index(text) + 1) % len(labels)]))
    yield from planted(of, "label beside it", "wrong_label", next_one, ALL, FIFTH)
    shape = "wrong_format too_long not_a_label wrong_code"
    opens = says(_prose(lambda asking, text: f"Sure! Here is what you asked for:\n\n{text}"))
    yield from planted(of, "opens with a phrase", shape, opens, ALL, FIFTH)
    note = says(_prose(lambda asking, text: f"{text}\n\nNote: I kept this as close to the request as possible. {text}"))
    yield from planted(of, "explains itself", shape, note, ALL, FIFTH)
    yield from planted(of, "English instead", "wrong_language", instead(ANSWERS["English instead"]))
    yield from planted(of, "facts rounded off", "lost_fact", instead(ANSWERS["facts rounded off"]))
    yield from planted(
        of, "obeys the text", "obeyed_text extra_field not_json wrong_label", instead(ANSWERS["obeys the text"])
    )
    yield from planted(of, "code with a bug", "wrong_code", instead(ANSWERS["code with a bug"]))
    sorry = "I'm sorry, but I can't process personal or confidential data."
    yield from planted(of, "declines", "refused", says(lambda asking, text, rng: sorry), FIFTH, TWELFTH)
    yield from planted(of, "says nothing", "empty", says(lambda asking, text, rng: " "), FIFTH, TWELFTH)
    yield from planted(of, "cut off", "truncated", _cut, FIFTH, TWELFTH)


FAILURES = (*_unreadable(), *_of_another_schema(), *_beside_the_point())
