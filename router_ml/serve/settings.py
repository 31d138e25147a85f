"""How a gateway runs: from the environment, ``ROUTER_ML_SERVE_*``, or from the options of ``router-ml serve``.

What is decided stands in ``router.yaml``; here is only what differs between machines.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from router_ml.contract import describe
from router_ml.errors import InvalidRequestError

PREFIX = "ROUTER_ML_SERVE_"


class Settings(BaseModel):
    """``model``, ``config``, ``log``: as ``Router.load`` takes them, with the same variables behind them.
    ``poll_seconds``: how often the registry, the rules and what other processes say are looked at. ``console``: whether
    there are pages; ``reports``: a folder of HTML reports that they list.

    ``max_body_bytes``: of a request, which has to come within ``body_seconds``. ``keep_keys_seconds``: that known keys
    go on while the database is away. ``max_in_flight``: requests at a time of one worker, and ``max_waiting`` of
    requests that wait to be decided, ``max_wait_seconds`` that one without a deadline is expected to wait: beyond, the
    answer is 503. ``decide_ms``: after which a request is decided by
    rules alone; None: never. ``drain_seconds``: that a worker which is to end still serves, and is not ready.
    ``deciding_threads``: that decide at a time, ``decide_together``: requests that they take at once at most;
    ``max_list``: requests in one call of ``/v1/route/batch``.
    ``origins``: of pages that may call from a browser; none by default. ``trusted_proxies``: addresses whose
    ``X-Forwarded-For`` counts.

    ``grace_seconds``: that requests under way may take after that. ``keep_alive_seconds``: that a connection without a
    request stays open. ``log_level``, ``log_format``: of the lines on standard error. ``open_metrics``: whether
    ``/metrics`` needs no key. ``run_folder``: where workers share what one of them says for all; by default a
    temporary one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    model: str | None = None
    config: Path | None = None
    log: str | None = None
    tracking_uri: str | None = None
    online: bool = False
    poll_seconds: float = Field(default=2.0, gt=0, le=3600)
    console: bool = True
    reports: Path | None = None
    max_body_bytes: int = Field(default=2_000_000, ge=1_000)
    body_seconds: float = Field(default=20.0, gt=0, le=3600)
    keep_keys_seconds: float = Field(default=300.0, ge=0, le=86_400)
    max_in_flight: int = Field(default=256, ge=1)
    max_waiting: int = Field(default=256, ge=1)
    max_wait_seconds: float = Field(default=5.0, gt=0)
    decide_ms: float | None = Field(default=None, gt=0)
    deciding_threads: int = Field(default=1, ge=1, le=16)
    decide_together: int = Field(default=8, ge=1, le=256)
    max_list: int = Field(default=100, ge=1, le=10_000)
    drain_seconds: float = Field(default=1.0, ge=0, le=600)
    grace_seconds: float = Field(default=30.0, ge=1, le=3600)
    keep_alive_seconds: float = Field(default=30.0, ge=1, le=3600)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    open_metrics: bool = False
    run_folder: Path | None = None
    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **given: object) -> Settings:
        """Read ``ROUTER_ML_SERVE_*``; lists are separated by commas. ``given``: what takes its place, None: nothing.

        Raises:
            InvalidRequestError: a variable or an option is unknown or wrong.
        """
        environ = os.environ if environ is None else environ
        found: dict[str, object] = {}
        for name, value in environ.items():
            if name.startswith(PREFIX):
                key = name.removeprefix(PREFIX).lower()
                field = cls.model_fields.get(key)
                is_list = field is not None and field.annotation == tuple[str, ...]
                found[key] = tuple(part.strip() for part in value.split(",") if part.strip()) if is_list else value
        found.update({key: value for key, value in given.items() if value is not None})
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            raise InvalidRequestError(describe(error, f"settings ({PREFIX}* or options)")) from None

    def to_environment(self) -> dict[str, str]:
        """The same as variables: how workers are told."""
        said = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        return {
            PREFIX + key.upper(): ",".join(value) if isinstance(value, list) else str(value)
            for key, value in said.items()
        }
