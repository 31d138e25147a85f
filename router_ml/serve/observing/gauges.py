"""What a worker is at the moment of a scrape: its spool, its money, what is down, what it serves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router_ml.rollout import Rollout
from router_ml.serve.observing.readiness import fails, waiting_bytes

if TYPE_CHECKING:
    from router_ml.serve.gateway import Gateway


class Gauges(Collector):  # type: ignore[misc]
    """Read from a gateway whenever they are asked for."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def describe(self) -> list[Metric]:
        """Nothing: so that they are not read when they are registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        gateway, now = self._gateway, datetime.now(UTC)
        found = gateway.operations.readiness()
        yield _one("router_ml_gateway_ready", "1: requests may be sent here.", not found.reasons)
        yield _one("router_ml_gateway_leaving", "1: it ends soon.", gateway.leaving)
        following = gateway.operations.following
        yield _one(
            "router_ml_rules_refused",
            "1: the router.yaml has changed and is not in force.",
            following is not None and following.refused is not None,
        )
        yield _one("router_ml_database_failing", "1: the event log does not answer.", "database" in found.degraded)
        drain = gateway.router.memory.recorder.drain
        if drain is not None:
            yield _one("router_ml_spool_bytes", "Records on their way to the event log.", waiting_bytes(drain))
            yield _one("router_ml_spool_lag_seconds", "Age of the oldest of them.", gateway.operations.lag.seconds)
            yield _one("router_ml_spool_writable", "1: the spool takes records.", "spool" not in found.degraded)
        yield _one("router_ml_sharing_failing", "1: what other processes do is not known.", gateway.sharing.failing)
        yield from self._load()
        yield from self._places()
        yield from self._money(now)
        yield from self._serving()

    def _load(self) -> Iterator[Metric]:
        gateway, decider = self._gateway, self._gateway.decider
        yield _one("router_ml_gateway_waiting", "Requests that wait to be decided.", decider.waiting)
        yield _one("router_ml_gateway_waiting_seconds", "Until one more would be decided.", decider.expected_seconds)
        for name, count, what in (
            ("decided", decider.decided, "Requests that were decided whole."),
            ("batches", decider.batches, "Times that some were decided together."),
            ("degraded", decider.degraded, "Requests that were decided by rules alone, since there was no time."),
            ("dropped", decider.dropped, "Requests that nobody waited for any more when their turn came."),
        ):
            counted = CounterMetricFamily(f"router_ml_gateway_{name}", what)
            counted.add_metric([], float(count))
            yield counted
        shed = CounterMetricFamily(
            "router_ml_gateway_shed", "Requests that were too much, by reason.", labels=["reason"]
        )
        for reason, count in sorted((gateway.shedding.refused + decider.refused).items()):
            shed.add_metric([reason], count)
        yield shed

    def _places(self) -> Iterator[Metric]:
        down = GaugeMetricFamily(
            "router_ml_down", "1: a lane, provider or failure domain is not used.", labels=["place"]
        )
        lanes = self._gateway.router.config.lanes
        is_down = self._gateway.router.memory.health.snapshot
        places = {*lanes, *(one.provider for one in lanes.values()), *(one.failure_domain for one in lanes.values())}
        for place in sorted(places | set(is_down)):
            down.add_metric([place], float(place in is_down))
        yield down
        watch = self._gateway.executor.watch
        if watch is not None:
            troubled = watch.troubled()
            trouble = GaugeMetricFamily(
                "router_ml_lane_troubled", "1: calls fail, or its breaker is open.", labels=["lane"]
            )
            for lane in sorted(lanes):
                trouble.add_metric([lane], float(lane in troubled))
            yield trouble

    def _money(self, now: datetime) -> Iterator[Metric]:
        of_day = GaugeMetricFamily("router_ml_budget_usd", "Budget of the day.", labels=["traffic_class"])
        left = GaugeMetricFamily("router_ml_budget_left_usd", "What is left of it.", labels=["traffic_class"])
        router = self._gateway.router
        for name in router.config.traffic_classes:
            standing = router.memory.budgets.standing(name, now)
            if standing is not None:
                of_day.add_metric([name], standing.budget_usd)
                left.add_metric([name], standing.left_usd)
        yield of_day
        yield left

    def _serving(self) -> Iterator[Metric]:
        router = self._gateway.router
        info = GaugeMetricFamily(
            "router_ml_serving_info", "The version that an arm decides by.", labels=["arm", "version", "bundle"]
        )
        if isinstance(router, Rollout):
            status = router.status()
            for arm, version in status.versions.items():
                if version is not None:
                    bundle = router.bundle.manifest.id if arm == "champion" and router.bundle else ""
                    info.add_metric([arm, version, bundle], 1)
            failing = fails(status)
        else:
            versions = router.rules.base.versions
            info.add_metric(["champion", versions.registry or "", versions.bundle], 1)
            failing = False
        yield _one("router_ml_registry_failing", "1: what should serve is not known or not served.", failing)
        yield info


def _one(name: str, what: str, value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, what)
    family.add_metric([], float(value))
    return family
