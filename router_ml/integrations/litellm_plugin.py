"""A routing plugin of ``litellm.Router``: of the deployments of a group, the one on the lane that was decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

from litellm.integrations.custom_logger import CustomLogger

from router_ml.errors import InvalidRequestError, NotRoutedError
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.integrations.asking import ask
from router_ml.integrations.flights import Flight, Flights
from router_ml.integrations.litellm_calls import (
    MARK,
    apart,
    failed,
    metadata_of,
    milliseconds,
    reply_of,
    signalled,
    why,
)
from router_ml.rollout import Rollout
from router_ml.router import Router

_OWN = ("org", "region", "user", "session")


class LanePlugin:
    """Narrows the candidates of a call to one lane; on a retry, to the next step of the decision's fallback.

    Only asynchronous methods of ``litellm.Router`` run plugins; it refuses the others. A deployment belongs to a lane
    by the model's name, so no two lanes may share one. ``log`` is a callback that records what the calls came to and
    what their answers held; it cannot withhold one. Without it in ``litellm.callbacks`` there are decisions and no
    executions.

    Args:
        request: fields of ``RouteRequest`` for every call. metadata: names of LiteLLM's metadata that rules may see.

    Raises:
        InvalidRequestError: two lanes have the same model.
    """

    def __init__(
        self,
        router: Router | Rollout,
        *,
        request: Mapping[str, Any] | None = None,
        metadata: tuple[str, ...] = _OWN,
    ) -> None:
        shared = [
            model for model, count in Counter(lane.model for lane in router.config.lanes.values()).items() if count > 1
        ]
        if shared:
            raise InvalidRequestError(f"Lanes share the models {shared}, so LiteLLM cannot tell them apart by it.")
        self._flights, self._request, self._metadata = Flights(router), dict(request or {}), metadata
        _FLIGHTS.add(self._flights)

    @property
    def log(self) -> CustomLogger:
        """The callback for ``litellm.callbacks``: one for all plugins of a process, as LiteLLM keeps one of a class."""
        return _LOG

    async def run(self, context: Any) -> Any:
        """See ``litellm.types.router.RoutingPlugin``.

        Raises:
            NotRoutedError: no lane is to answer this request yet, or none is left.
        """
        flight = self._flights.of(signalled({"metadata": context.metadata}))
        if flight is None:
            flight = await apart(self._flights.take_off, self._read(context))
            lane = flight.decision.lane
            flight.given.append(str(lane))
        else:
            lane = await apart(self._flights.next_lane, flight, why(context.metadata))
        if lane is None:
            await apart(self._flights.land, flight, "failed", error=why(context.metadata))
            raise NotRoutedError(flight.decision)
        context.candidate_models = [self._flights.router.config.lanes[str(lane)].model]
        context.signals[MARK] = {"decision_id": flight.decision.decision_id, "lane": lane}
        return context

    def _read(self, context: Any) -> Any:
        config, own = self._flights.router.config, dict(self._request)
        here = [name for name, lane in config.lanes.items() if lane.model in context.candidate_models]
        asked = dict(own.get("constraints") or {})
        allowed = asked.get("allow_lanes")
        asked["allow_lanes"] = here if allowed is None else [name for name in here if name in allowed]
        seen = {name: context.metadata[name] for name in self._metadata if name in context.metadata}
        own |= {"constraints": asked, "metadata": {**(own.get("metadata") or {}), **seen}}
        return ask(config, context.structured_messages, router=own).request


class _Log(CustomLogger):  # type: ignore[misc]
    """Records the calls of flights, and how they end."""

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A call answered."""
        flights, flight = _flight(kwargs)
        if flights is None or flight is None:
            return
        lane, took = _lane(flights, flight, kwargs), milliseconds(start_time, end_time)
        try:
            reply = reply_of(response_obj)
        except LaneFailure as failure:
            flights.add_hop(flight, lane, kind=failure.kind, error=failure.detail, latency_ms=took)
            await apart(flights.land, flight, "failed", error=failure.kind)
            return
        model = reply.served_model
        flights.add_hop(flight, lane, usage=reply.usage, served_model=model, latency_ms=took)
        try:
            await apart(flights.check, flight, reply)  # too late to withhold it; what it held is on record
        finally:
            await apart(flights.land, flight, "answered", lane=lane)

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A call failed; whether it was the last one, LiteLLM's count of retries says."""
        flights, flight = _flight(kwargs)
        if flights is None or flight is None:
            return
        kind, detail = failed(kwargs.get("exception"))
        lane, took, noted = _lane(flights, flight, kwargs), milliseconds(start_time, end_time), metadata_of(kwargs)
        flights.add_hop(flight, lane, kind=kind, error=detail, latency_ms=took)
        if noted.get("attempted_retries", 0) >= noted.get("max_retries", 0):
            await apart(flights.land, flight, "failed", error=kind)


_FLIGHTS: WeakSet[Flights] = WeakSet()
_LOG = _Log()


def _flight(kwargs: Any) -> tuple[Flights | None, Flight | None]:
    decision_id = signalled(kwargs)
    return next(((flights, found) for flights in list(_FLIGHTS) if (found := flights.of(decision_id))), (None, None))


def _lane(flights: Flights, flight: Flight, kwargs: Any) -> str:
    model = metadata_of(kwargs).get("deployment")
    lanes = flights.router.config.lanes
    return next((name for name, lane in lanes.items() if lane.model == model), flight.given[-1])
