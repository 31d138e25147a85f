"""Which column of an export is which, from its name, and where no name is known, from what stands in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from router_ml.config import RouterConfig
from router_ml.offline.importing.mapping import Quality
from router_ml.offline.importing.paths import look_up
from router_ml.offline.importing.values import UnreadableError, absent, number, quality_of, with_point

FEW = 30
"""Different names of lanes in so many rows; more are no names of lanes."""

_NAMES = {  # what each part is called elsewhere, the surest first; in English, then in German
    "messages": "messages|conversation|chat",
    "text": "text|question|prompt|query|input|request|user_message|body|content|frage|anfrage|nachricht|eingabe",
    "lane": "lane|model_group|deployment|model|model_name|answered_by|engine|llm|route|modell",
    "quality": "quality|thumbs|thumb|rating|stars|score|feedback|liked|helpful|resolved|vote|csat|bewertung|sterne",
    "cost_usd": "cost_usd|cost|spend|price|usd|response_cost|kosten|preis",
    "latency_ms": "latency_ms|latency|duration_ms|duration|elapsed|seconds|response_time|took_ms|ms|dauer|antwortzeit",
    "time": "created_at|timestamp|time|asked_at|at|date|created|started_at|starttime|datetime|zeitpunkt|zeit|datum",
    "request_id": "request_id|ticket|id|uuid|trace_id|message_id|interaction_id|vorgang|nr|nummer",
    "user": "user|user_id|employee|customer|customer_id|end_user|person|account|kunde|kundennummer|nutzer|benutzer",
    "org": "org|organisation|organization|team|team_id|tenant|department|company|firma|abteilung",
    "region": "region",
    "channel": "channel|kanal",
    "session": "session|session_id|conversation_id|thread_id|sitzung",
    "propensities": "propensities|chances|probabilities|probs",
    "propensity": "propensity|probability|prob|p_chosen",
}
TIMES = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M")
_UNIT = re.compile(r"_(?:usd|s|sec|ms)$")
_COMMA = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})*,\d+|[+-]?\d+,\d+")
_SENTENCE = 12  # characters, at least, of what people ask; shorter ones are names and numbers


def columns(rows: Sequence[dict[str, Any]], config: RouterConfig) -> dict[str, str]:
    """The column of each part: the first whose name is one that the part has elsewhere; of the parts that a mapping
    has to have, else one that holds such values."""
    plain = {_plain(name): str(name) for row in rows[:20] for name in row}
    names = {_UNIT.sub("", name): column for name, column in plain.items()} | plain
    found: dict[str, str] = {}
    for part, known in _NAMES.items():
        match = next((names[name] for name in known.split("|") if name in names), None)
        if match is not None and match not in found.values():
            found[part] = match
    if "messages" in found and not isinstance(look_up(rows[0], found["messages"]), list | str):
        del found["messages"]
    if "messages" in found:
        found.pop("text", None)
    holds: dict[str, Callable[[list[Any]], bool]] = {
        "time": _are_times,
        "lane": lambda values: _are_lanes(values, config),
        "quality": _are_thumbs,
        "text": _are_texts,
    }
    for part, test in holds.items():
        if part not in found and not (part == "text" and "messages" in found):
            free = [column for column in names.values() if column not in found.values()]
            match = next((column for column in free if (values := filled(rows, column)) and test(values)), None)
            found |= {} if match is None else {part: match}
    return found


def chances(rows: Sequence[dict[str, Any]], used: Collection[str]) -> list[str]:
    """Columns that are nothing else and add up to 1 wherever all are filled: probabilities, one for each lane."""
    read = {name: [_chance(look_up(row, name)) for row in rows] for name in map(str, rows[0]) if name not in used}
    names = [
        name
        for name, values in read.items()
        if all(value is None or value >= 0 for value in values) and any(value and value < 1 for value in values)
    ]
    whole = [values for values in zip(*(read[name] for name in names), strict=True) if None not in values]
    even = all(abs(sum(value or 0.0 for value in values) - 1) < 0.02 for values in whole)
    return names if len(names) > 1 and whole and even else []


def _chance(value: Any) -> float | None:
    """A number from 0 to 1; None where there is none, below 0 where it is something else."""
    try:
        return number(with_point(value), "", most=1.0)
    except UnreadableError:
        return -1.0


def filled(rows: Sequence[dict[str, Any]], column: str) -> list[Any]:
    """What stands in a column, without the cells that say nothing."""
    return [value for value in (look_up(row, column) for row in rows) if not absent(value)]


def time_format(values: Sequence[Any]) -> str | None:
    """The one of ``TIMES`` that all values have."""
    for known in TIMES:
        try:
            for value in values:
                datetime.strptime(str(value).strip(), known)
        except ValueError:
            continue
        return known
    return None


def likely(name: str, config: RouterConfig) -> str | None:
    """The lane that somebody's name of a model is likely to mean."""
    folded = name.casefold()
    for lane, told in config.lanes.items():
        model = told.model.casefold()
        if folded in (lane.casefold(), model) or model.endswith(f"/{folded}") or folded.endswith(f"/{model}"):
            return lane
    names = {lane: told.model.casefold().rpartition("/")[2] for lane, told in config.lanes.items()}
    near = [lane for lane, model in names.items() if model in folded or model.startswith(f"{folded}-")]
    return near[0] if len(near) == 1 else None


def commas(values: Sequence[Any]) -> bool:
    """Whether these are numbers with a comma for decimals."""
    return any(isinstance(value, str) and _COMMA.fullmatch(value.strip()) for value in values)


def _plain(name: object) -> str:
    """A name of a column as ``_NAMES`` writes it: without case, blanks and the unit in brackets behind it."""
    return re.sub(r"[\s-]+", "_", re.sub(r"\s*[(\[][^)\]]*[)\]]\s*$", "", str(name)).strip().casefold())


def _are_times(values: list[Any]) -> bool:
    if all(isinstance(value, datetime) for value in values) or time_format(values) is not None:
        return True
    try:
        return all(len(str(value)) > 9 and datetime.fromisoformat(str(value).strip()) for value in values)
    except ValueError:
        return False


def _are_lanes(values: list[Any], config: RouterConfig) -> bool:
    names = {str(value).strip() for value in values}
    return len(names) <= FEW and any(likely(name, config) for name in names)


def _are_thumbs(values: list[Any]) -> bool:
    told = Quality.model_validate({"column": "any", "as": "thumbs"})
    if any(str(value).strip() in ("0", "1") for value in values):  # may be anything
        return False
    try:
        return all(quality_of(value, told) is not None for value in values)
    except UnreadableError:
        return False


def _are_texts(values: list[Any]) -> bool:
    said = [value for value in values if isinstance(value, str)]
    long = [value for value in said if len(value) >= _SENTENCE and " " in value.strip() and not _are_times([value])]
    return len(long) * 2 > len(values)
