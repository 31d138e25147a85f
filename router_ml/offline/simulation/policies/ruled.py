"""What the hard rules say of each kind of request: the router's own tables, asked once for equal questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig
from router_ml.contract import Constraints
from router_ml.guardrails.policy import Ruling
from router_ml.guardrails.rules.apply import apply_rules
from router_ml.guardrails.rules.conditions import Facts
from router_ml.guardrails.rules.limits import smallest
from router_ml.offline.simulation.playing.carried import FATES
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.planning.plan import class_of
from router_ml.planning.situation import Situation

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_Question = tuple[Facts, Constraints]


@dataclass(frozen=True)
class Table:
    """Of each kind, (k,): ``fate`` by rule (-1: goes on), whether a change needs ``approval``, whether policies let it
    ``explore``, its traffic class, whether batch prices hold, ceilings (inf for none). eligible: (k, K)."""

    fate: NDArray[np.int64]
    approval: Mask
    explore: Mask
    traffic_class: NDArray[np.int64]
    batch: Mask
    max_cost_usd: Floats
    max_latency_ms: Floats
    max_tokens: Floats
    eligible: Mask


class Ruled:
    """Rules, constraints, context windows and the ceilings of classes, under one configuration, without health.

    Raises:
        InvalidRequestError: a request names a class, tool or lane that is not configured.
    """

    def __init__(self, config: RouterConfig, kinds: Kinds) -> None:
        self._config = config
        self._windows = np.unique([lane.context_window for lane in config.lanes.values()])
        self._questions = list(zip(kinds.facts, kinds.constraints, strict=True))
        number = {question: index for index, question in enumerate(dict.fromkeys(self._questions))}
        self._number = np.array([number[question] for question in self._questions])
        self._asked = list(number)
        self._told: dict[tuple[int, int], Mask] = {}
        self._cascades = [
            (column, [list(config.lanes).index(part) for part in lane.cascade.parts])
            for column, lane in enumerate(config.lanes.values())
            if lane.cascade is not None
        ]
        self.table = self._table(kinds)

    def eligible(self, kind: NDArray[np.int64], tokens_in: NDArray[np.int64]) -> Mask:
        """What rules leave of the lanes, (n, K), for requests of these kinds that are so long, (n,)."""
        group = np.searchsorted(self._windows, tokens_in)
        width = len(self._windows) + 1
        found, back = np.unique(self._number[kind] * width + group, return_inverse=True)
        rows = [self._lanes(int(key) // width, int(key) % width) for key in found]
        result: Mask = np.array(rows).reshape(len(rows), len(self._config.lanes))[back.reshape(-1)]
        return result

    def whole(self, eligible: Mask) -> Mask:
        """Without the cascades of which a part is not eligible, in place."""
        for column, parts in self._cascades:
            eligible[:, column] &= np.logical_and.reduce(eligible[:, parts], axis=1)
        return eligible

    def _ruling(self, question: _Question, tokens_in: int) -> Ruling:
        facts, constraints = question
        return apply_rules(self._config, facts, constraints=constraints, tokens_in=tokens_in)

    def _lanes(self, number: int, group: int) -> Mask:
        """The eligible lanes of a question whose tokens lie above ``group`` of the context windows."""
        if (number, group) not in self._told:
            tokens = 0 if group == 0 else int(self._windows[group - 1]) + 1
            left = self._ruling(self._asked[number], tokens).eligible
            self._told[number, group] = np.array([lane in left for lane in self._config.lanes])
        return self._told[number, group]

    def _table(self, kinds: Kinds) -> Table:
        rulings = [self._ruling(question, 0) for question in self._asked]
        fate = [
            FATES.index("refused") if one.refuse else FATES.index("review") if one.human_review else -1
            for one in rulings
        ]
        approval = [_needs_approval(self._config, one) for one in rulings]
        classes = list(self._config.traffic_classes)
        names = [
            class_of(self._config, named, _situation(facts))[0]
            for named, facts in zip(kinds.traffic_class, kinds.facts, strict=True)
        ]
        promises = [self._config.traffic_classes[name] for name in names]
        pairs = list(zip(promises, kinds.facts, kinds.constraints, strict=True))
        ceilings = np.array(
            [
                (
                    _or_inf(smallest(promise.limits.max_cost_usd, asked.max_cost_usd)),
                    _or_inf(smallest(promise.limits.deadline_ms, asked.max_latency_ms)),
                    _or_inf(promise.limits.max_input_tokens),
                )
                for promise, _, asked in pairs
            ]
        ).reshape(len(kinds), 3)
        return Table(
            fate=np.array(fate)[self._number],
            approval=np.array(approval)[self._number]
            & np.array([promise.limits.max_tool_calls > 0 for promise in promises]),
            explore=np.array([one.explore for one in rulings])[self._number],
            traffic_class=np.array([classes.index(name) for name in names]),
            batch=np.array([promise.batched(channel=facts.channel, mode=facts.mode) for promise, facts, _ in pairs]),
            max_cost_usd=ceilings[:, 0],
            max_latency_ms=ceilings[:, 1],
            max_tokens=ceilings[:, 2],
            eligible=self.eligible(np.arange(len(kinds)), kinds.contexts.tokens_in),
        )


def _needs_approval(config: RouterConfig, ruling: Ruling) -> bool:
    """Whether any write tool that is left would wait for a person; which of them the plan offers, only words tell."""
    writes = [config.tools[name] for name in ruling.tools if config.tools[name].effect == "write"]
    return any(tool.approval or ruling.approval for tool in writes)


def _situation(facts: Facts) -> Situation:
    return Situation(facts.intent, facts.domain, facts.mode, facts.channel, facts.org)


def _or_inf(ceiling: float | None) -> float:
    return np.inf if ceiling is None else float(ceiling)
