"""One row of an export as what a log needs to know of it, or why it cannot be used."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping as Table
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from pydantic import ValidationError

from router_ml.config import RouterConfig
from router_ml.contract import OutcomeLabels, RouteRequest
from router_ml.contract.base import Channel
from router_ml.errors import InvalidRequestError
from router_ml.offline.importing.fitting import check_lanes
from router_ml.offline.importing.mapping import Fixed, Given, Mapping
from router_ml.offline.importing.paths import from_json, look_up
from router_ml.offline.importing.propensities import propensities_of
from router_ml.offline.importing.troubles import Cautious, Trouble
from router_ml.offline.importing.values import UnreadableError, absent, kind_of, moment, number, quality_of, with_point

_ID = re.compile(r"[\w.:/@-]{1,128}")
_CHANNELS = get_args(Channel)


@dataclass(frozen=True)
class Row:
    """A row that can be used. ``request`` names no person, ``user`` does; ``propensities`` by lane, of the chosen one
    alone where it was not drawn; ``at`` in UTC; quality 0..1, USD and milliseconds, None where not known."""

    line: int
    key: str
    at: datetime
    request: RouteRequest
    user: str | None
    lane: str
    executed: str | None
    propensities: dict[str, float]
    quality: float | None
    rated_probability: float
    rated_at: datetime
    cost_usd: float | None
    latency_ms: float | None
    labels: OutcomeLabels | None

    @property
    def drawn(self) -> bool:
        """Whether another lane could have been chosen."""
        return len(self.propensities) > 1


class RowReader:
    """Reads rows by a mapping; lanes, traffic classes and labels are those of ``config``.

    Raises:
        ConfigError: the mapping names a lane that is not one of them.
    """

    def __init__(self, mapping: Mapping, config: RouterConfig) -> None:
        check_lanes(mapping, config)
        self.mapping, self.config = mapping, config
        self.unknown_lanes: dict[str, int] = {}
        names = {lane: lane for lane in config.lanes}
        models = [lane.model for lane in config.lanes.values()]
        for lane, told in config.lanes.items():
            if models.count(told.model) == 1:
                names.setdefault(told.model, lane)
                names.setdefault(told.model.partition("/")[2] or told.model, lane)
        self._lanes = {**names, **mapping.lane.lanes}

    def read(self, line: int, cells: Table[str, Any]) -> tuple[Row | None, tuple[Trouble, ...]]:
        """The row, None where it has to be left out; and what is wrong with it."""
        cautious, key = Cautious(line), self._key(cells)  # of what stands there, however numbers are written
        if self.mapping.read.decimal == ",":
            cells = {**cells, **{name: with_point(cells[name]) for name in self.mapping.numbers if name in cells}}
        mapping, told = self.mapping, self.mapping.time
        at = cautious.needs(told.column, lambda: moment(look_up(cells, told.column), told))
        lane = cautious.needs(mapping.lane.column, lambda: self._lane(cells))
        request = cautious.needs(mapping.text or mapping.messages or "", lambda: self._request(cells))
        if at is None or lane is None or request is None:
            return None, tuple(cautious.troubles)
        latency = cautious.tries(lambda: self._latency(cells))
        quality = cautious.tries(lambda: self._quality(cells))
        chance = 1.0 if quality is None else cautious.tries(lambda: self._rated_probability(cells))
        row = Row(
            line=line,
            key=key,
            at=at,
            request=request,
            user=cautious.tries(lambda: self._person(cells)),
            lane=lane,
            executed=cautious.tries(lambda: self._executed(cells)),
            propensities=cautious.tries(lambda: self._propensities(cells, lane)) or {lane: 1.0},
            quality=None if chance is None else quality,  # 1 would be a guess, and would weigh it too little
            rated_probability=chance or 1.0,
            rated_at=cautious.tries(lambda: self._rated_at(cells)) or at + timedelta(milliseconds=latency or 0),
            cost_usd=cautious.tries(lambda: self._cost(cells, lane)),
            latency_ms=latency,
            labels=cautious.tries(lambda: self._labels(cells)),
        )
        return row, tuple(cautious.troubles)

    def _key(self, cells: Table[str, Any]) -> str:
        """The id of the row, else a digest of all that it says: the same row twice is one."""
        given = look_up(cells, self.mapping.request_id) if self.mapping.request_id else None
        if not (absent(given) or isinstance(given, dict | list)):
            return f"id:{str(given).strip()}"
        whole = json.dumps(cells, sort_keys=True, default=str, ensure_ascii=False)
        return "row:" + hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()

    def _person(self, cells: Table[str, Any]) -> str | None:
        """Whom the row is about; where nobody is named, its session stands for a person of its own."""
        mapping = self.mapping
        user, session = _name_in(cells, mapping.user), _name_in(cells, mapping.session)
        return user or (f"session:{session}" if session else None)

    def _named(self, column: str, name: str) -> str:
        lane = self._lanes.get(name.strip())
        if lane is None or lane not in self.config.lanes:
            if column == self.mapping.lane.column:
                self.unknown_lanes[name.strip()[:80]] = self.unknown_lanes.get(name.strip()[:80], 0) + 1
            known = ", ".join(self.config.lanes)
            raise UnreadableError(column, f"expected a lane of router.yaml ({known}), or a name that lane.lanes maps")
        return lane

    def _lane(self, cells: Table[str, Any]) -> str:
        column = self.mapping.lane.column
        if self.mapping.format in ("litellm", "mlflow") and cells.get("failed") is True:
            raise UnreadableError(column, "expected a call that was answered, found one that failed")
        value = look_up(cells, column)
        if absent(value):
            raise UnreadableError(column, "expected the lane that was chosen, found nothing")
        return self._named(column, str(value))

    def _executed(self, cells: Table[str, Any]) -> str | None:
        column = self.mapping.executed
        value = look_up(cells, column) if column else None
        return None if column is None or absent(value) else self._named(column, str(value))

    def _request(self, cells: Table[str, Any]) -> RouteRequest:
        mapping = self.mapping
        column = mapping.text or mapping.messages or ""
        value = look_up(cells, column)
        if mapping.messages is not None:
            value = from_json(value) if isinstance(value, str) else value
            said: dict[str, Any] = {"messages": _messages(value)}
        else:
            said = {"text": value if isinstance(value, str) else None}
        for name in ("org", "region"):
            if (found := _given(cells, getattr(mapping, name))) is not None:
                said.setdefault("metadata", {})[name] = found
        for name in ("channel", "traffic_class"):
            if (found := _given(cells, getattr(mapping, name))) is not None:
                said[name] = found
        for name, known in (("channel", _CHANNELS), ("traffic_class", tuple(self.config.traffic_classes))):
            if said.get(name, known[0]) not in known:
                raise UnreadableError(name, f"expected one of {', '.join(known)}, found another text")
        if (own := _name_in(cells, mapping.request_id)) and _ID.fullmatch(own):
            said["request_id"] = own
        try:
            return RouteRequest.parse(said)
        except InvalidRequestError:
            wanted = "a text" if mapping.text else "messages in the OpenAI shape, or a JSON text of them"
            found = "nothing" if absent(value) or value in ([], {}) else kind_of(value)
            raise UnreadableError(column, f"expected {wanted}, found {found}") from None

    def _propensities(self, cells: Table[str, Any], lane: str) -> dict[str, float] | None:
        told = self.mapping.propensity
        return None if told is None else propensities_of(cells, told, lane=lane, named=self._named)

    def _quality(self, cells: Table[str, Any]) -> float | None:
        told = self.mapping.quality
        return None if told is None else quality_of(look_up(cells, told.column), told)

    def _rated_probability(self, cells: Table[str, Any]) -> float:
        """Of a row that is rated; 1 where no column says it."""
        told = self.mapping.rated_probability
        if not isinstance(told, str):
            return told or 1.0
        found = number(look_up(cells, told), told, most=1.0)
        if not found:
            raise UnreadableError(told, "expected a probability above 0 of a row that is rated; its rating is left out")
        return found

    def _rated_at(self, cells: Table[str, Any]) -> datetime | None:
        told = self.mapping.rated_at
        return None if told is None else moment(look_up(cells, told.column), told)

    def _cost(self, cells: Table[str, Any], lane: str) -> float | None:
        mapping = self.mapping
        if mapping.cost_usd is not None:
            return number(look_up(cells, mapping.cost_usd), mapping.cost_usd)
        if mapping.tokens is None:
            return None
        into, out = mapping.tokens.input, mapping.tokens.output
        read, written = number(look_up(cells, into), into), number(look_up(cells, out), out)
        price = self.config.lanes[self._executed(cells) or lane].price
        if read is None or written is None:
            return None
        return (read * price.input_per_mtok + written * price.output_per_mtok) / 1e6

    def _latency(self, cells: Table[str, Any]) -> float | None:
        told = self.mapping.latency_ms
        found = None if told is None else number(look_up(cells, told.column), told.column)
        return None if told is None or found is None else found * (1000 if told.unit == "s" else 1)

    def _labels(self, cells: Table[str, Any]) -> OutcomeLabels | None:
        told, taxonomy = self.mapping.labels, self.config.taxonomy
        said: dict[str, Any] = {}
        for name, column, known in (
            ("intent", told.intent, taxonomy.intents),
            ("domain", told.domain, taxonomy.domains),
            ("risks", told.risks, taxonomy.risks),
        ):
            value = look_up(cells, column) if column else None
            if column is None or (absent(value) and name != "risks") or value is None:
                continue
            found = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
            if not isinstance(found, list) or not set(map(str, found)) <= set(known):
                raise UnreadableError(column, f"expected labels of router.yaml: {', '.join(known)}")
            said[name] = tuple(map(str, found)) if name == "risks" else str(found[0])
        try:
            return OutcomeLabels(**said) if said else None
        except ValidationError:
            raise UnreadableError("labels", "expected names") from None


def _messages(value: Any) -> Any:
    """Messages, without what no request has: logged ones often say more."""
    if isinstance(value, Table):
        value = value.get("messages")
    if not isinstance(value, list):
        return ()
    kept = ("role", "content", "name", "tool_calls", "tool_call_id")
    return tuple({key: one[key] for key in kept if one.get(key) is not None} for one in value if isinstance(one, dict))


def _given(cells: Table[str, Any], told: Given | None) -> str | None:
    if told is None:
        return None
    return str(told.value) if isinstance(told, Fixed) else _name_in(cells, told)


def _name_in(cells: Table[str, Any], column: str | None) -> str | None:
    """A name in a column; None where it says nothing."""
    value = look_up(cells, column) if column else None
    if column and isinstance(value, dict | list) and value:
        raise UnreadableError(column, f"expected a name or a number, found {kind_of(value)}: map a path into it")
    return None if absent(value) or isinstance(value, dict | list) else str(value).strip() or None
