"""What stands between a decision and a call: the rules as they are now, and what the limits leave."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel

from router_ml.config import RouterConfig
from router_ml.contract import Decoding, Destinations, FailureKind, Lookup, RouteDecision, RouteRequest
from router_ml.contract.base import JsonObject
from router_ml.contract.executed import HopPurpose
from router_ml.deciding.deadline import Left
from router_ml.execution.allowance import Allowance, allow, expected_usd, tokens_in
from router_ml.execution.client_side import decoding_with
from router_ml.execution.lanes.calls import LaneCall, Lanes
from router_ml.execution.messages import as_sent
from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.run import Run
from router_ml.execution.tools.toolbox import Toolbox
from router_ml.execution.validation.checking import instructions
from router_ml.execution.validation.structured import decoding_for, held_to_shape
from router_ml.planning.plan import batch_priced
from router_ml.rollout import Rollout
from router_ml.router import Router

if TYPE_CHECKING:
    from router_ml.execution.reviews.reviews import Reviews


_MODELS = 10_000
"""Of requests that wait; one that is not known any more has to be given again."""


class LookUp(Protocol):
    """Looks up what a decision plans: ``Indexes.look_up``."""

    def __call__(
        self,
        decision: RouteDecision,
        request: RouteRequest,
        *,
        allowed: Destinations,
        still: Callable[[Sequence[str]], Destinations],
        timeout_s: float,
    ) -> Awaitable[tuple[Lookup, list[Passage]] | None]:
        """What was found; None where nothing is planned."""
        ...


class Decide(Protocol):
    """Decides a request beside an event loop: ``serve.deciding.Decider.decide``."""

    def __call__(
        self, request: RouteRequest, *, deadline_ms: float | None = None, left: Left | None = None
    ) -> Awaitable[RouteDecision]:
        """The decision, by the rules alone where it takes longer than ``deadline_ms``; ``left`` is told of one that was
        recorded although nobody waits for it any more."""
        ...


@dataclass(frozen=True)
class Parts:
    """What carrying out needs, beside the request; ``rng`` draws the jitter of pauses; ``models``: what answers of
    requests that wait have to fit, by id of the approval; ``decide``: in the place of the router's own threads."""

    router: Router | Rollout
    lanes: Lanes
    tools: Toolbox
    look_up: LookUp
    reviews: Reviews
    rng: random.Random = field(default_factory=random.Random)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    models: OrderedDict[str, type[BaseModel]] = field(default_factory=OrderedDict)
    decide: Decide | None = None

    @property
    def config(self) -> RouterConfig:
        """The configuration in force."""
        return self.router.config

    def remember(self, approval_id: str, model: type[BaseModel]) -> None:
        """Keep a model until its request goes on."""
        self.models[approval_id] = model
        if len(self.models) > _MODELS:
            self.models.popitem(last=False)


@dataclass(frozen=True)
class Failed:
    """A step that gave no answer that holds; ``retry_after_ms``: how long its lane asked to be left alone; ``final``:
    the lane would not have this request another time either; ``hopeless``: no lane could do better within what the
    request itself allows, and nor could a person."""

    kind: FailureKind
    retry_after_ms: float | None = None
    final: bool = False
    hopeless: bool = False


@dataclass(frozen=True)
class Halted:
    """Nothing more may be tried: a rule asks for a refusal or for a person; ``queue`` where the person looks."""

    status: str
    reason: str
    queue: str | None = None


@dataclass(frozen=True)
class Asked:
    """What a call says beside the conversation. ``more``: messages of this call alone, as for a repair."""

    purpose: HopPurpose = "answer"
    more: Sequence[JsonObject] = ()
    tools: Sequence[JsonObject] = ()
    must_call: bool = False


async def obey(parts: Parts, run: Run) -> Halted | None:
    """Look at the rules again, with all that has appeared, and take away what they take away.

    A person who has agreed to a request is not asked again; a refusal still counts.
    """
    given, look = run.client.strings(), parts.router.recheck
    if run.fresh or (given and not run.hops):
        still = await asyncio.to_thread(look, run.decision, list(run.appeared), definitions=given)
    else:
        still = look(run.decision, run.appeared, definitions=given)
    run.fresh = False
    run.narrow(still)
    run.gone.update(still.excluded)
    if still.refuse is not None:
        return Halted("refused", still.refuse)
    if still.human_review is not None and not run.reviewed:
        return Halted("human_review", "A rule asks for a person to look first.", still.human_review)
    return None


@dataclass(frozen=True)
class Ready:
    """A call that may be made, and what it is expected to cost."""

    call: LaneCall
    expected_usd: float


def ready(
    parts: Parts, run: Run, lane: str, messages: Sequence[JsonObject], decoding: Decoding, asked: Asked
) -> Ready | FailureKind:
    """A call within the limits, or which of them it would pass; and only of a lane that the rules have left."""
    if lane not in run.lanes or lane not in run.decision.eligible:
        return run.why_not(lane)
    place = parts.config.lanes[lane]
    tokens = tokens_in(run.decision, messages, asked.tools, run.asked_bytes)
    allowed = allow(
        run.decision,
        lane,
        place,
        decoding,
        tokens=tokens,
        spent_usd=run.spent_usd,
        left_ms=run.left_ms,
    )
    if not isinstance(allowed, Allowance):
        return allowed
    call = LaneCall(
        lane,
        messages,
        allowed.decoding,
        allowed.timeout_s,
        tools=tuple(asked.tools),
        must_call=asked.must_call,
        batch=batch_priced(parts.config, run.decision),
    )
    return Ready(call, expected_usd(run.decision, lane, place, tokens=tokens))


def shaped(parts: Parts, run: Run, lane: str, asked: Asked) -> tuple[list[JsonObject], Decoding]:
    """What a lane is sent, held to the shape of the answer as far as it can be, and told of it where it cannot."""
    place, contract = parts.config.lanes[lane], run.decision.output_contract
    decoding = decoding_for(place, decoding_with(run.client, run.decision.decoding), contract)
    more = contract.citations_required or contract.forbidden
    told = None if held_to_shape(place, contract) and not more else instructions(contract)
    return as_sent((*run.messages, *asked.more), told), decoding


def not_made(parts: Parts, run: Run, lane: str, purpose: HopPurpose, kind: FailureKind) -> Failed:
    """Write down a call that was not made, and why. A lane that is no longer configured has no place to state."""
    if lane in parts.config.lanes:
        run.add_hop(parts.config, lane, purpose=purpose, kind=kind, error=why_not_made(run, lane, kind))
    return Failed(kind)


def why_not_made(run: Run, lane: str, kind: FailureKind) -> str:
    """The class of an error, and the reasons of the rules where they took the lane away."""
    why = "; ".join(run.gone.get(lane, ())) if kind in ("not_allowed", "unavailable") else ""
    name = "".join(part.capitalize() for part in kind.split("_")) + "Error"
    return f"{name} {why}".strip()
