"""Read ``router.yaml`` and say exactly where it is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from router_ml.config.checks import check
from router_ml.config.issues import Issue
from router_ml.config.schema import RouterConfig
from router_ml.config.source import Source, dotted, read, shape_problems
from router_ml.config.tool_files import put_in_contracts
from router_ml.errors import ConfigError, Problem

_RULES = (
    *("policies", "guardrails", "output_policies", "notices", "boundaries", "regions"),
    *("tools", "indexes", "rerankers", "judges", "trace_sinks"),
)
LEARNED_OF_LANES = frozenset({"price", "prior", "latency", "outcomes", "decoding", "version", "probe", "endpoint"})
"""Fields of a lane that hard rules do not decide by."""

Check = Callable[[RouterConfig], Iterable[Issue]]


def nothing_else(_: RouterConfig) -> Iterable[Issue]:
    """No check beside those of this package."""
    return ()


def load_config(
    path: str | Path, taxonomy: Mapping[str, Sequence[str]] | None = None, *, also: Check = nothing_else
) -> RouterConfig:
    """Read and check a ``router.yaml``.

    Args:
        path: the file.
        taxonomy: labels a bundle's classifier knows (``intents``, ``domains``, ``risks``); replaces the file's own.
        also: a further check, for what only a caller knows.

    Raises:
        ConfigError: with every problem found, each with file, line, key and fix.
    """
    path = Path(path)
    return parse_config(read(path, expected="a router.yaml"), file=str(path), taxonomy=taxonomy, also=also)


def parse_config(
    text: str,
    *,
    file: str = "router.yaml",
    taxonomy: Mapping[str, Sequence[str]] | None = None,
    also: Check = nothing_else,
) -> RouterConfig:
    """Like ``load_config``, from text; files that it names are looked for beside ``file``."""
    source = Source(text, file)
    if not isinstance(source.value, dict):
        message = f"expected a mapping of sections, found {type(source.value).__name__}."
        raise ConfigError([Problem(file, 1, "(file)", message, "Start from the router.yaml that ships.")])
    if taxonomy is not None:
        source.value["taxonomy"] = {key: list(labels) for key, labels in taxonomy.items()}
    problems = [*source.problems, *put_in_contracts(source)]
    try:
        config = RouterConfig.model_validate(source.value)
    except ValidationError as error:
        raise ConfigError([*problems, *shape_problems(error, source, root=RouterConfig)]) from None
    problems += [
        Problem(file, source.line(issue.path), dotted(issue.path), issue.message, issue.fix)
        for issue in (*check(config), *also(config))
    ]
    if problems:
        raise ConfigError(problems)
    return config


def config_sha256(config: RouterConfig) -> str:
    """sha256 of the canonical form of a whole configuration."""
    return _digest(config.model_dump(mode="json", by_alias=True))


def policy_sha256(config: RouterConfig) -> str:
    """sha256 of all that hard rules decide by: rules on requests and answers, places, limits, and lanes without their
    prices."""
    whole = config.model_dump(mode="json", by_alias=True)
    lanes = {
        name: {k: v for k, v in lane.items() if k not in LEARNED_OF_LANES and (k, v) != ("cascade", None)}
        for name, lane in whole["lanes"].items()
    }
    limits = {name: [item["when"], item["limits"]] for name, item in whole["traffic_classes"].items()}
    rules = {key: whole[key] for key in _RULES}
    return _digest({**rules, "lanes": lanes, "limits": limits})


def prices_sha256(config: RouterConfig) -> str:
    """sha256 of the price list; of a cascade the parts that its cost follows from."""
    return _digest({name: (lane.cascade or lane.price).model_dump(mode="json") for name, lane in config.lanes.items()})


def _digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
