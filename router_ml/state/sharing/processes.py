"""The processes of a service, as they tell of themselves."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from router_ml.state.sharing.hearsay import Said

_LONGEST_HOST = 40


@dataclass(frozen=True)
class Process:
    """A process that lives. ``serves``: by arm the bundle that decides and its version in the registry; ``down``: what
    it says of places that are not well there; ``age_s``: when it last spoke; ``own``: whether it is this one."""

    name: str
    host: str
    pid: int
    started_at: datetime
    serves: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    down: Mapping[str, Said] = field(default_factory=dict)
    age_s: float = 0.0
    own: bool = False

    @classmethod
    def this(cls) -> Process:
        """The process that this runs in; two in one operating system process are two as well."""
        host, pid = socket.gethostname(), os.getpid()
        name = f"{host[:_LONGEST_HOST]}-{pid}-{secrets.token_hex(3)}"
        return cls(name, host, pid, datetime.now(UTC), own=True)

    def to_json(self) -> str:
        """What it tells the others."""
        said = {"host": self.host, "pid": self.pid, "started_at": self.started_at.isoformat()}
        down = {place: asdict(one) for place, one in self.down.items()}
        return json.dumps({**said, "serves": self.serves, "down": down}, sort_keys=True)

    def to_dict(self) -> dict[str, Any]:
        """For people and programs that look."""
        said: dict[str, Any] = json.loads(self.to_json())
        return {"process": self.name, **said, "age_s": self.age_s, "own": self.own}

    @classmethod
    def told(cls, name: str, said: str, *, age_s: float) -> Process | None:
        """One as it told of itself; None where another release did and this one cannot read it."""
        try:
            found = json.loads(said)
            down = {
                place: Said(str(one["phase"]), float(one["left_s"]), float(one["since_s"]))
                for place, one in found["down"].items()
            }
            started = datetime.fromisoformat(found["started_at"])
            serves = {arm: dict(one) for arm, one in found["serves"].items()}
            return cls(name, str(found["host"]), int(found["pid"]), started, serves, down, age_s)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
