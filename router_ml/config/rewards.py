"""The shape of ``rewards.yaml``: what observed signals say about the quality of an answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from router_ml.config.issues import Issue, unknown
from router_ml.config.schema import RouterConfig
from router_ml.config.section import Fraction, NotNegative, Positive, Section
from router_ml.config.source import Source, dotted, read, shape_problems
from router_ml.errors import ConfigError, Problem

REWARDS = "rewards.yaml"
Combine = Literal["priority", "mean"]
_Path = tuple[str | int, ...]
_RULES = ("values", "scale", "within")


class Scale(Section):
    """A number between ``worst`` (0) and ``best`` (1), in either direction; one outside is an error, or counts as the
    nearer end with ``clip``."""

    worst: float = Field(allow_inf_nan=False)
    best: float = Field(allow_inf_nan=False)
    clip: bool = False


class Signal(Section):
    """What one signal says, by one of three rules; without any it is kept and says nothing.

    ``values``: the quality of each word, null for those that say nothing. ``scale``: of a number. ``within``: a delay
    of at most so much is worth ``then``, a longer one ``later`` (null: says nothing). ``weight``: in a mean.
    """

    values: dict[str, Fraction | None] | None = None
    scale: Scale | None = None
    within: NotNegative | None = None
    then: Fraction = 0.0
    later: Fraction | None = None
    weight: Positive = 1.0


class RatedBy(Section):
    """A source of outcomes that picks decisions at random, and with which probability."""

    rated_probability: float = Field(gt=0.0, le=1.0)


class RewardWhen(Section):
    """Which decisions an override is for."""

    traffic_class: tuple[str, ...] | None = None
    intent: tuple[str, ...] | None = None
    domain: tuple[str, ...] | None = None


class Override(Section):
    """Other rules for some decisions: ``signals`` are laid over the general ones, null takes one away."""

    when: RewardWhen
    combine: Combine | None = None
    signals: dict[str, Signal | None] = Field(default_factory=dict)


class Rewards(Section):
    """All of ``rewards.yaml``. The order of ``signals`` is their priority."""

    version: Literal[1]
    combine: Combine = "priority"
    signals: dict[str, Signal] = Field(min_length=1)
    sources: dict[str, RatedBy] = Field(default_factory=dict)
    overrides: tuple[Override, ...] = ()


def load_rewards(path: str | Path, *, config: RouterConfig | None = None) -> Rewards:
    """Read and check a ``rewards.yaml``.

    Args:
        config: the ``router.yaml`` whose traffic classes, intents and domains overrides may name.

    Raises:
        ConfigError: with every problem found, each with file, line, key and fix.
    """
    path = Path(path)
    return parse_rewards(read(path, expected=f"a {REWARDS}"), file=str(path), config=config)


def parse_rewards(text: str, *, file: str = REWARDS, config: RouterConfig | None = None) -> Rewards:
    """Like ``load_rewards``, from text."""
    source = Source(text, file)
    if not isinstance(source.value, dict):
        message = f"expected a mapping of sections, found {type(source.value).__name__}."
        raise ConfigError([Problem(file, 1, "(file)", message, f"Start from the {REWARDS} that ships.")])
    problems = list(source.problems)
    try:
        rewards = Rewards.model_validate(source.value)
    except ValidationError as error:
        raise ConfigError([*problems, *shape_problems(error, source, root=Rewards)]) from None
    problems += [
        Problem(file, source.line(issue.path), dotted(issue.path), issue.message, issue.fix)
        for issue in (*_signals(rewards), *(_names(rewards, config) if config else ()))
    ]
    if problems:
        raise ConfigError(problems)
    return rewards


@cache
def shipped_rewards() -> Rewards:
    """The mapping that counts where a router has none of its own."""
    return load_rewards(Path(__file__).with_name(REWARDS))


def rewards_beside(folder: Path | None, *, config: RouterConfig | None = None) -> Rewards:
    """The ``rewards.yaml`` of a folder, else the one that ships.

    Raises:
        ConfigError: there is one, and it is wrong.
    """
    path = folder / REWARDS if folder is not None else None
    return load_rewards(path, config=config) if path is not None and path.is_file() else shipped_rewards()


def rewards_sha256(rewards: Rewards) -> str:
    """sha256 of the canonical form; the order of signals counts, since it is their priority."""
    canonical = json.dumps(rewards.model_dump(mode="json"), separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _signals(rewards: Rewards) -> Iterator[Issue]:
    stated: list[tuple[_Path, Signal | None]] = [(("signals", name), rule) for name, rule in rewards.signals.items()]
    for index, override in enumerate(rewards.overrides):
        here: Sequence[str | int] = ("overrides", index, "signals")
        stated += [((*here, name), rule) for name, rule in override.signals.items()]
        for name in [name for name, rule in override.signals.items() if rule is None and name not in rewards.signals]:
            yield Issue((*here, name), "there is no such signal to take away.", "Remove this line.")
    for path, rule in stated:
        if rule is not None:
            yield from _signal(path, rule)


def _signal(path: _Path, rule: Signal) -> Iterator[Issue]:
    given = [name for name in _RULES if getattr(rule, name) is not None]
    if len(given) > 1:
        yield Issue(path, f"found {' and '.join(given)}.", "Keep one of them, or split the signal.")
    if "within" not in given and rule.model_fields_set & {"then", "later"}:
        yield Issue(path, "then and later belong to within.", "Add within, or remove them.")
    if rule.scale is not None and rule.scale.worst == rule.scale.best:
        yield Issue((*path, "scale"), "worst and best are the same.", "Give the two ends of the scale.")


def _names(rewards: Rewards, config: RouterConfig) -> Iterator[Issue]:
    known = {
        "traffic_class": tuple(config.traffic_classes),
        "intent": config.taxonomy.intents,
        "domain": config.taxonomy.domains,
    }
    for index, override in enumerate(rewards.overrides):
        for key, names in known.items():
            yield from unknown(("overrides", index, "when", key), getattr(override.when, key) or (), names, key)
