"""What operators tell a running router, and what it tells them: which places are down or off, and what it serves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from router_ml import telemetry
from router_ml.contract import AuditEvent
from router_ml.deciding.reviewed import Reviewed
from router_ml.state.sharing.switches import Switch


class Operated(Reviewed):
    """Is watched over while it runs."""

    def report_health(self, name: str, status: str) -> None:
        """Say that a lane, provider or failure domain is ``down`` or ``up``; eligibility follows at once.

        Raises:
            InvalidRequestError: no lane, provider or failure domain has this name.
        """
        self._health.report(name, status)
        telemetry.reported(name, status)

    def switch_off(self, places: Sequence[str], *, who: str, why: str, until: datetime | None = None) -> Switch:
        """Turn lanes, providers or failure domains off: here at once, and within seconds in every router of the log,
        until then or until ``switch_on``. Whatever is reported of their health does not turn them on. Where the log
        cannot be written they are off in this process alone: the switch is ``local``.

        Raises:
            InvalidRequestError: no lane, provider or failure domain has such a name, or who or why is missing.
        """
        return self.memory.switches.off(places, who=who, why=why, until=until)

    def switch_on(self, name: str, *, who: str, why: str) -> AuditEvent:
        """Turn on again what one switch turned off, by its id, or one place.

        Raises:
            InvalidRequestError: it is not off. LogError: the event could not be written; it stays off then.
        """
        return self.memory.switches.on(name, who=who, why=why)

    def switched_off(self) -> tuple[Switch, ...]:
        """What is off here."""
        return self.memory.switches.now()

    def serves(self) -> dict[str, dict[str, str | None]]:
        """By arm the bundle that decides, and its version in the registry."""
        versions = self._rules.base.versions
        return {"champion": {"bundle": versions.bundle, "version": versions.registry}}
