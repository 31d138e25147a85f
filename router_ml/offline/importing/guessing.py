"""A first mapping file, from the names of columns and from what stands in the first rows: to be read and corrected."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.offline.importing.files import kind_of, rows_of
from router_ml.offline.importing.mapping import Format, Read
from router_ml.offline.importing.recognising import FEW, chances, commas, filled, likely, time_format
from router_ml.offline.importing.recognising import columns as recognised
from router_ml.offline.importing.values import UnreadableError, quality_of

_ROWS = 2000
_EXPORTS: dict[str, dict[str, str]] = {
    "litellm": {
        "messages": "asked", "lane": "lane", "cost_usd": "cost", "latency_ms": "took_ms", "time": "at",
        "user": "person", "org": "organisation", "session": "session_id", "request_id": "id",
    },
    "mlflow": {
        "messages": "asked", "lane": "lane", "cost_usd": "cost", "latency_ms": "took_ms", "time": "at",
        "user": "person", "session": "session", "request_id": "id",
    },
}  # fmt: skip
_ORDER = ("text", "messages", "request_id", "lane", "quality", "cost_usd", "latency_ms", "time")


def guess(path: str | Path, config: RouterConfig, *, kind: Format | None = None) -> str:
    """The text of a mapping file; what could not be guessed stands in it as a comment.

    Raises:
        OfflineDataError: the file cannot be read, or holds no row.
    """
    kind = kind or kind_of(path)
    read = Read(delimiter=_delimiter(Path(path))) if kind == "csv" else Read()
    found = itertools.islice(rows_of(path, kind=kind, read=read), _ROWS)
    rows = [cells for _, cells in found if cells is not None]
    if not rows:
        raise OfflineDataError(f"{path} holds no row to guess from. Check that it is the export, and its format.")
    columns = _EXPORTS.get(kind) or recognised(rows, config)
    columns = {part: column for part, column in columns.items() if filled(rows, column) or part in ("lane", "time")}
    lines = [
        f"# Guessed from the first {len(rows)} rows of {Path(str(path)).name}. Read it before you use it.",
        "version: 1",
        f"source: {_slug(path)} # a part of the ids: importing the same source twice adds nothing",
        f"format: {kind}",
    ]
    read = read.model_copy(update={"decimal": ","} if kind == "csv" and _with_commas(columns, rows) else {})
    if unusual := read.model_dump(exclude_defaults=True):
        lines.append(f"read: {{{', '.join(f'{key}: {json.dumps(value)}' for key, value in unusual.items())}}}")
    drawn = [] if kind in _EXPORTS else chances(rows, columns.values())
    used = {*columns.values(), *drawn}
    if strange := [str(name) for name in rows[0] if str(name) not in used and kind not in _EXPORTS]:
        lines.append(f"# Columns that are not used: {', '.join(map(_quoted, strange))}")
    lines += [line for part in _ORDER for line in _line(part, columns, rows, config, kind)]
    for part in ("user", "org", "region", "channel", "session"):
        if part in columns:
            lines.append(f"{part}: {_quoted(columns[part])}")
    lines += _chances(columns, drawn, config)
    return "\n".join(lines) + "\n"


def _line(
    part: str, columns: dict[str, str], rows: Sequence[dict[str, Any]], config: RouterConfig, kind: Format
) -> Iterable[str]:
    column = columns.get(part)
    if part == "quality" and kind in _EXPORTS:
        where = "metadata.rating" if kind == "litellm" else "feedback.NAME"
        yield f"# quality: {{column: {where}, as: thumbs}} # thumbs, boolean, unit, scale, table: where ratings stand"
        return
    if column is None:
        needed = part in ("lane", "time") or (part == "text" and "messages" not in columns)
        if needed or part == "quality":
            yield f"{'' if needed else '# '}{part}: COLUMN # not found: name the column"
        return
    values = filled(rows, column)
    if part == "lane":
        yield f"lane: {{column: {_quoted(column)}, lanes: {_lanes(values, config)}}} # name: lane of router.yaml"
    elif part == "quality":
        yield f"quality: {{column: {_quoted(column)}, {_quality(column, values)}}}"
        yield "# rated_probability: 0.5 # where ratings were asked of a random part: how large that part was"
    elif part == "time":
        yield f"time: {{column: {_quoted(column)}, format: {json.dumps(_format(values))}, zone: UTC}} # zone: check it"
    elif part == "latency_ms":
        name = column.casefold()
        seconds = "sec" in name or "sek" in name or name.endswith(("_s", "(s)", "[s]")) or name == "response_time"
        yield f"latency_ms: {{column: {_quoted(column)}, unit: {'s' if seconds else 'ms'}}}"
    elif part == "cost_usd" and re.search(r"(?i)eur|€|gbp|chf", column):
        yield f"# cost_usd: {_quoted(column)} # not named USD: convert it first, or map tokens"
    else:
        yield f"{part}: {_quoted(column)}"


def _with_commas(columns: dict[str, str], rows: Sequence[dict[str, Any]]) -> bool:
    numbers = [columns[part] for part in ("quality", "cost_usd", "latency_ms", "propensity") if part in columns]
    return any(commas(filled(rows, column)) for column in numbers)


def _lanes(values: Sequence[Any], config: RouterConfig) -> str:
    """Names of the column beside the lane that each is likely to be; CHANGE_ME where none is."""
    names = sorted({str(value).strip() for value in values})
    if len(names) > FEW:
        return "{}"
    return "{" + ", ".join(f"{_quoted(name)}: {likely(name, config) or 'CHANGE_ME'}" for name in names) + "}"


def _quality(column: str, values: Sequence[Any]) -> str:
    ways: list[dict[str, Any]] = [{"as": way} for way in ("thumbs", "boolean", "unit", "scale")]
    from router_ml.offline.importing.mapping import Quality

    if {str(value).strip().casefold() for value in values} <= {"true", "false", "yes", "no"}:
        ways.reverse()
        ways.insert(0, {"as": "boolean"})
    for way in ways:
        told = Quality.model_validate({"column": column, **way})
        try:
            for value in values:
                quality_of(value, told)
        except UnreadableError:
            continue
        return f"as: {told.how}" + (", lowest: 1, highest: 5" if told.how == "scale" else "")
    words = sorted({str(value).strip() for value in values})[:FEW]
    return "as: table, table: {" + ", ".join(f"{_quoted(word)}: 0.5" for word in words) + "}"


def _format(values: Sequence[Any]) -> str:
    text = str(values[0]).strip() if values else ""
    if isinstance(values[0] if values else None, datetime):
        return "iso"
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return "epoch_ms" if number > 1e11 else "epoch_s"
    return time_format(values) or "iso"


def _chances(columns: dict[str, str], drawn: Sequence[str], config: RouterConfig) -> list[str]:
    lanes = ", ".join(config.lanes)
    if "propensities" in columns:
        return [f"propensity: {{table: {_quoted(columns['propensities'])}}} # a JSON object by lane"]
    if "propensity" in columns:
        own = _quoted(columns["propensity"])
        return [f"propensity: {{column: {own}, over: [{lanes}]}} # of the chosen lane; the rest is spread evenly"]
    if drawn:
        known = [likely(re.sub(r"^(?:p|prob|chance)[_ ]", "", name), config) for name in drawn]
        named = [
            f"{lane or f'CHANGE_ME_{at}'}: {_quoted(name)}"
            for at, (lane, name) in enumerate(zip(known, drawn, strict=True))
        ]
        return [f"propensity: {{columns: {{{', '.join(named)}}}}} # lane: column of its probability; they add up to 1"]
    return [
        "# Without these no other policy can be judged on the rows. One of them, if it is true:",
        f"# propensity: {{uniform: [{lanes}]}} # drawn evenly",
        f"# propensity: {{epsilon: 0.1, around: {next(iter(config.lanes))}, over: [{lanes}]}} # a tenth drawn evenly",
    ]


def _delimiter(path: Path) -> str:
    if not path.is_file():
        raise OfflineDataError(f"There is no file at {path}. Give the path of the export.")
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline()
    return max(",;\t|", key=first.count)


def _slug(path: str | Path) -> str:
    return re.sub(r"[^\w.-]+", "-", Path(str(path).replace(":", "-")).stem).strip("-._")[:60] or "export"


def _quoted(text: str) -> str:
    return (
        text
        if re.fullmatch(r"[A-Za-z_][\w./-]*", text) and text not in ("true", "false", "null", "yes", "no")
        else (json.dumps(text, ensure_ascii=False))
    )
