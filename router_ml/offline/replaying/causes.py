"""Why a decision came out otherwise: what the record says that it was made with, against what replays it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from router_ml.contract import Versions

ABSENT = "(absent)"
ADVICE: Mapping[str, str] = {
    "contract": "Another release wrote the record. Replay it with that release.",
    "bundle": "Another bundle decided. Give the one that the record names with --bundle.",
    "detectors": "Other detectors, packs or user's detectors scanned the request. Replay with those.",
    "policy": "Other rules were in force, and neither the configuration nor the log's audit events give them. Give the "
    "router.yaml of that time with --config.",
    "prices": "Other prices were in force. Give the router.yaml of that time with --config.",
    "lanes": "A lane had another version. Give the router.yaml of that time with --config.",
    "config": "Something else in router.yaml differs: classes, exploration, plans. Give the one of that time.",
    "library": "Other library versions computed here. Install those that the record names.",
    "cpu": "Another class of CPU computed here; last digits of an embedding depend on it. Replay on such a machine.",
    "platform": "The record does not say which libraries and CPU decided.",
    "match key": "Digests of findings need the key of that time in $ROUTER_ML_MATCH_KEY.",
    "record": "Nothing that the record names differs, so it was changed after it was written, or what it was made from "
    "was. router-ml log verify says which records of a log were changed.",
}
"""What each cause means, in the order in which causes are named."""


def inputs_that_differ(recorded: Versions, here: Versions) -> tuple[str, ...]:
    """Which of the things that a decision names are others here: keys of ``ADVICE``."""
    lanes = {name for name in {*recorded.lanes, *here.lanes} if recorded.lanes.get(name) != here.lanes.get(name)}
    parts = ("bundle", "encoder", "classifier", "entities")
    differs = {
        "contract": recorded.contract != here.contract,
        "bundle": any(getattr(recorded, part) != getattr(here, part) for part in parts),
        "detectors": recorded.detectors != here.detectors,
        "policy": recorded.policy_sha256 != here.policy_sha256,
        "prices": recorded.prices != here.prices,
        "lanes": bool(lanes),
    }
    # the digest of the whole differs wherever a part does
    named = differs["policy"] or differs["prices"] or differs["lanes"]
    differs["config"] = recorded.config_sha256 != here.config_sha256 and not named
    return (*(name for name, other in differs.items() if other), *_platform(recorded.platform, here.platform))


def _platform(recorded: str, here: str) -> Iterator[str]:
    if recorded == here:
        return
    if recorded == "unknown":
        yield "platform"
        return
    (*theirs, cpu), (*ours, our_cpu) = recorded.split(", "), here.split(", ")
    if theirs != ours:
        yield "library"
    if cpu != our_cpu:
        yield "cpu"


def causes(inputs: Sequence[str], fields: Sequence[str]) -> tuple[str, ...]:
    """Why ``fields`` of a decision came out otherwise, given the ``inputs`` that differ."""
    if fields and all(field.startswith("findings") and field.endswith(".digest") for field in fields):
        return ("match key",)
    return tuple(inputs) or ("record",)


def differences(recorded: Any, found: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Leaves in which two plain values differ, as ``(path, recorded, found)``; lists of other lengths are one leaf.

    >>> list(differences({"a": {"b": 1, "c": [1, 2]}}, {"a": {"b": 2, "c": [1, 3]}}))
    [('a.b', 1, 2), ('a.c.1', 2, 3)]
    """
    if isinstance(recorded, dict) and isinstance(found, dict):
        for key in dict.fromkeys((*recorded, *found)):
            inner = f"{path}.{key}" if path else str(key)
            yield from differences(recorded.get(key, ABSENT), found.get(key, ABSENT), inner)
    elif isinstance(recorded, list | tuple) and isinstance(found, list | tuple) and len(recorded) == len(found):
        for index, (one, other) in enumerate(zip(recorded, found, strict=True)):
            yield from differences(one, other, f"{path}.{index}")
    elif recorded != found:
        yield path, recorded, found
