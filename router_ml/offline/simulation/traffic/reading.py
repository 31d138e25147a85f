"""Kinds from requests, from an outcome pack, and from the examples that ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import estimate
from router_ml.config import RouterConfig
from router_ml.contract import RouteRequest
from router_ml.deciding.arguments import numbered
from router_ml.deciding.reading import Guards, read
from router_ml.errors import InvalidRequestError, OfflineDataError
from router_ml.guardrails.rules.apply import apply_rules
from router_ml.guardrails.rules.limits import of_constraints
from router_ml.offline.simulation.traffic.circumstances import Mix, placed, put, shares_of, weighted
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.packed import kinds_from_pack
from router_ml.planning.guess import NO_GUESS, Advice
from router_ml.planning.rules import asked_back, matching
from router_ml.planning.seen import Seen
from router_ml.ruling.case import Case, build_case, contexts, features_vector, with_entities_of
from router_ml.storage.bundle import Bundle
from router_ml.understanding.understand import Understanding

__all__ = ["example_requests", "kinds_from_pack", "kinds_from_requests", "read_requests"]

_EXAMPLES = Path(__file__).parent / "requests.jsonl"
_NEAR = 0.97  # cosine of embeddings
NO_MIX: Mix = MappingProxyType({})


def example_requests() -> list[RouteRequest]:
    """The requests that ship: authored and fictional, of all intents and domains, some with invented personal data,
    some with tools. ``training/example_requests.py`` chose them."""
    return read_requests(_EXAMPLES)


def read_requests(path: str | Path, *, config: RouterConfig | None = None) -> list[RouteRequest]:
    """Requests from a file, one JSON object a line, each the fields of a ``RouteRequest``.

    Args:
        config: the classes, lanes and contracts that a request may name; without one that is not looked at.

    Raises:
        OfflineDataError: the file cannot be read, holds none, or a line is no request or names what is not configured.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise OfflineDataError(f"{path} cannot be read: {reason}. Give a file of requests, one JSON a line.") from None
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            request = RouteRequest.from_json(line)
        except InvalidRequestError as error:
            raise OfflineDataError(f"{path}:{number}: no request: {error}") from None
        try:
            found.append(_with_known_names(request, config))
        except InvalidRequestError as error:
            raise OfflineDataError(f"{path}:{number}: {error}") from None
    if not found:
        raise OfflineDataError(f"{path} holds no request; expected one JSON object a line.")
    return found


def kinds_from_requests(
    requests: Sequence[RouteRequest], bundle: Bundle, *, mix: Mix = NO_MIX, size: int = 2000, seed: int = 0
) -> Kinds:
    """Requests read and ruled as the router reads and rules them, with what the bundle believes as the truth: good for
    what a policy does, not for whether the bundle is right.

    Args:
        mix: as in a scenario's ``traffic``. Circumstances that neither mix nor requests say are those of a
            ``circumstances.company``.
        size: the most kinds there are to be. With fewer circumstances than that each request is in all of them; of
            more requests than that some are drawn.
        seed: of these draws.

    Raises:
        OfflineDataError: there is no request, or the mix leaves none.
        InvalidRequestError: a request names a class, lane or contract that is not configured; it says the number of the
            request, from 1 on. Tools that are not
            configured are left out, and ``source`` says so.
    """
    if not requests:
        raise OfflineDataError("There are no requests. Give some, or use the examples that ship.")
    config = bundle.config
    for number, request in enumerate(requests, 1):
        numbered(number, partial(_with_known_names, config=config), request)
    where = placed(len(requests), shares_of(mix, requests, config), size=size, seed=seed)
    asked, dropped = _with_known_tools(requests, config.tools)
    every = [put(asked[row], places) for row, places in zip(where.request.tolist(), where.places, strict=True)]
    texts = [(request.task, request.context, request.conversation) for request in every]
    first = {text: index for index, text in reversed(list(enumerate(texts)))}
    unique = sorted(first.values())
    known = dict(zip((texts[row] for row in unique), read(config, bundle, [every[row] for row in unique]), strict=True))
    understood = [known[text] for text in texts]
    cases, asks_back = _cases(every, understood, bundle, numbers=(where.request + 1).tolist())
    stacked = Contexts.stack([contexts(each) for each in understood])
    believed = estimate(bundle.allocation, config.lanes, stacked)
    note = f" Left out as not configured: tools {', '.join(dropped)}." if dropped else ""
    return Kinds(
        contexts=stacked,
        facts=tuple(case.facts for case in cases),
        constraints=tuple(request.constraints for request in every),
        traffic_class=tuple(request.traffic_class for request in every),
        asks_back=np.array(asks_back),
        lanes=tuple(config.lanes),
        tokens_out=believed.tokens_out,
        quality=np.asarray(believed.belief.quality, np.float64),
        cost_usd=believed.cost_usd,
        latency_ms=believed.latency_ms,
        cluster=_clusters(stacked, [first[text] for text in texts]),
        weight=weighted(where.weight, [case.facts for case in cases], mix),
        truth="believed",
        in_sample=False,
        source=(
            f"{len(set(where.request.tolist()))} requests in {len(every)} circumstances; what each lane makes of them "
            f"is what bundle {bundle.manifest.id} believes.{note}"
        ),
    )


def _with_known_names(request: RouteRequest, config: RouterConfig | None) -> RouteRequest:
    """The request, if all classes, contracts, lanes and places that it names are configured."""
    if config is not None:
        of_constraints(config, request.constraints)
        contract = request.output_contract
        for field, named, there in (
            ("traffic_class", request.traffic_class, config.traffic_classes),
            ("output_contract", contract if isinstance(contract, str) else None, config.output_contracts),
        ):
            if named is not None and named not in there:
                known = ", ".join(there) or "none"
                raise InvalidRequestError(f"{field} is not configured. Known are: {known}.")
    return request


def _with_known_tools(
    requests: Sequence[RouteRequest], tools: Mapping[str, object]
) -> tuple[list[RouteRequest], tuple[str, ...]]:
    """The requests with the tools that are configured, and the names of the others."""
    named = dict.fromkeys(name for request in requests for name in request.allowed_tools)
    dropped = tuple(name for name in named if name not in tools)
    if not dropped:
        return list(requests), ()
    kept = (tuple(name for name in request.allowed_tools if name in tools) for request in requests)
    pairs = zip(requests, kept, strict=True)
    return [request.model_copy(update={"allowed_tools": names}) for request, names in pairs], dropped


def _cases(
    requests: Sequence[RouteRequest], understood: Sequence[Understanding], bundle: Bundle, *, numbers: Sequence[int]
) -> tuple[list[Case], list[bool]]:
    """Each request as rules see it, and whether it is asked back; equal strings are scanned once.

    Args:
        numbers: what errors call each of them.
    """
    config, guards = bundle.config, Guards.open(bundle.config)
    scans = {}
    for request, seen in zip(requests, understood, strict=True):
        key = tuple(request.strings())
        if key not in scans:
            found = guards.scan(config, request)
            scans[key] = with_entities_of(found, request, seen, bundle.tagger, key=guards.key)

    def ruled(row: int) -> tuple[Case, bool]:
        request = requests[row]
        scanned = scans[tuple(request.strings())]
        case = build_case(config, request, understood[row], scanned, pinned=frozenset())
        return case, _asks_back(case, bundle)

    pairs = [numbered(number, ruled, row) for row, number in enumerate(numbers)]
    return [case for case, _ in pairs], [asked for _, asked in pairs]


def _asks_back(case: Case, bundle: Bundle) -> bool:
    """Whether the plan asks the user before any lane answers, where rules and money let one."""
    config, request = bundle.config, case.request
    ruling = apply_rules(config, case.facts, constraints=request.constraints, tokens_in=case.understood.tokens_in)
    seen = Seen(request, ruling.tools, case.tier, case.facts.risks)
    head, understood = bundle.plan, case.understood
    guess = head.guess(understood.embedding, features_vector(understood)[:-1]) if head is not None else NO_GUESS
    return asked_back(config, seen, Advice(matching(config, case.situation, seen), guess)) is not None


def _clusters(stacked: Contexts, same: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Near-duplicates of a request, (k,), by the number of the first of them. ``same``: the first of equal texts."""
    firsts = sorted(set(same))
    vectors = stacked.embedding[firsts]
    near = vectors @ vectors.T >= _NEAR
    leader = dict(zip(firsts, firsts, strict=True))
    for index, first in enumerate(firsts):
        leader[first] = leader[firsts[int(near[index].argmax())]]
    return np.array([leader[first] for first in same], np.int64)
