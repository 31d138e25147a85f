"""The form of the page to try: what was typed becomes a request of the contract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from router_ml.config import RouterConfig
from router_ml.contract import RouteRequest
from router_ml.errors import InvalidRequestError
from router_ml.serve.access.caller import Caller
from router_ml.serve.bodies import bound

NUMBERS = {"max_cost_usd": "the largest cost", "max_latency_ms": "the longest latency"}
LISTS = ("regions", "allow_lanes", "deny_lanes")
CHANNELS = ("api", "web", "app", "batch")


@dataclass(frozen=True)
class Typed:
    """What stands in the form, to be shown again. ``several``: what was chosen of lists."""

    values: Mapping[str, str] = field(default_factory=dict)
    several: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, form: FormData) -> Typed:
        """From a form; files in it are left out."""
        texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        lists = ("tools", *LISTS)
        several = {name: tuple(value for key, value in texts if key == name) for name in lists}
        return cls({name: value for name, value in texts if name not in lists}, several)

    def get(self, name: str, default: str = "") -> str:
        """One value, without space around it."""
        return self.values.get(name, default).strip()

    def request(self, caller: Caller) -> RouteRequest:
        """The request, of the organisation of whoever asks, if they have one.

        Raises:
            InvalidRequestError: something in it cannot be read. AccessError: it names another organisation.
        """
        fields: dict[str, Any] = {
            "channel": self.get("channel") or "api",
            "allowed_tools": self.several.get("tools", ()),
        }
        if self.get("messages"):
            fields["messages"] = _json(self.get("messages"), "messages", list)
        else:
            fields["text"] = self.values.get("text", "").replace("\r\n", "\n")
        metadata = _json(self.get("metadata") or "{}", "metadata", dict)
        metadata |= {name: self.get(name) for name in ("org", "region") if self.get(name)}
        fields["metadata"] = metadata
        for name in ("traffic_class", "output_contract"):
            if self.get(name):
                fields[name] = self.get(name)
        fields["constraints"] = self._constraints()
        return RouteRequest.parse(caller.stamped(fields))

    @property
    def seed(self) -> int | None:
        """Of the draw.

        Raises:
            InvalidRequestError: it is no whole number.
        """
        if not self.get("seed"):
            return None
        try:
            return int(self.get("seed"))
        except ValueError:
            raise InvalidRequestError("The seed is no whole number. Leave it empty, or write one.") from None

    def _constraints(self) -> dict[str, Any]:
        asked: dict[str, Any] = {"explore": self.get("explore", "yes") == "yes"}
        for name, words in NUMBERS.items():
            if self.get(name):
                try:
                    asked[name] = float(self.get(name))
                except ValueError:
                    raise InvalidRequestError(f"Found no number for {words}. Write one like 0.01.") from None
        if self.get("boundary"):
            asked["boundary"] = self.get("boundary")
        for name in LISTS:
            if self.several.get(name):
                asked[name] = self.several[name]
        return asked


def choices(config: RouterConfig) -> dict[str, Any]:
    """What the form offers."""
    return {
        "channels": CHANNELS,
        "regions": config.regions,
        "classes": tuple(config.traffic_classes),
        "tools": tuple(config.tools),
        "contracts": tuple(config.output_contracts),
        "boundaries": config.boundaries,
        "lanes": tuple(config.lanes),
    }


def _json(text: str, what: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequestError(f"The {what} are not JSON. Check brackets and quotes.") from None
    if not isinstance(found, kind):
        raise InvalidRequestError(f"The {what} are a {type(found).__name__}, expected a {kind.__name__}.")
    bound(found)
    return found
