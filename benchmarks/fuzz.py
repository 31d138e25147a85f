"""``make fuzz``: the guardrails on input that nobody would write, for a bounded time.

Values of the red team are mixed with random characters, encoded, nested, repeated and cut; rules are left out at random
and configurations damaged. Held for every case: nothing is raised but our own errors, views are few and bounded, spans
lie inside what they point at, a rule never widens what another left, no value stands in a record, a log line or an
error, and no case takes long. The first case that breaks one of these is printed as its number: ``--seed S --case N``
runs it again.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
import yaml

from router_ml.config import RouterConfig, parse_config
from router_ml.config.rules import Guardrails
from router_ml.contract import Constraints, RouteRequest
from router_ml.errors import RouterError
from router_ml.guardrails.policy import rule
from router_ml.guardrails.rules.conditions import Facts
from router_ml.guardrails.scan import scan
from router_ml.guardrails.views import VIEWS, views

LONGEST = 20_000  # characters of a mutated text
SLOWEST_S = 10.0  # of CPU time for one case, some hundred times what it takes
CONFIG = Path(__file__).parents[1] / "models" / "default" / "router.yaml"
ALPHABETS = (
    "0123456789",
    "0123456789 -.",
    "abcXYZ@._-+ ",
    " \t\n\r",
    "([{<>}])\"'`\\|/",
    "\u200b\u202e\u0301\ufe0f٠１𝟏аоеАВ",
    "\x00\x1b\ud800\ufffd",
)
Mutation = Callable[[str, random.Random], str]


class BrokenPromiseError(Exception):
    """A case that does not hold; its text names the promise, never the input."""


def _noise(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text) + 1)
    alphabet = dice.choice(ALPHABETS)
    return text[:at] + "".join(dice.choice(alphabet) for _ in range(dice.randrange(40))) + text[at:]


MUTATIONS: tuple[Mutation, ...] = (
    _noise,
    lambda text, dice: text * dice.choice((2, 3, 50)),
    lambda text, dice: text[: dice.randrange(len(text) + 1)],
    lambda text, dice: text[::-1],
    lambda text, dice: dice.choice(("\u200b", " ", "-", ".", "\n", "_", "</b><b>")).join(text),
    lambda text, dice: base64.b64encode(text.encode("utf-8", "replace")).decode(),
    lambda text, dice: quote(text.encode("utf-8", "replace"), safe=""),
    lambda text, dice: json.dumps({"a": [text, {text[:20]: text}]}),
    lambda text, dice: "".join(f"\\u{min(ord(c), 0xFFFF):04x}" for c in text),
    lambda text, dice: text.encode("utf-8", "replace").hex(" "),
    lambda text, dice: text.swapcase(),
    lambda text, dice: "".join(dice.sample(text, len(text))) if len(text) < 200 else text,
)


def check_text(text: str, value: str) -> None:
    """What holds for any text; ``value`` is what must stand in no record of it."""
    found = list(views(text))
    promise("a view is not known", all(name in VIEWS for name, _ in found))
    promise("there are too many views", len(found) <= len(VIEWS))
    promise("a view is too long", all(len(view) <= 18 * len(text) + 64 for _, view in found))
    if not text.strip():
        return
    request = RouteRequest(text=text, metadata={"note": text[:500]})
    scanned = scan(request, max_bytes=Guardrails().max_bytes)
    shown = dict(reversed(found))
    for finding in scanned.findings:
        promise("a span is empty", finding.start < finding.end)
        if finding.part == "text" and finding.view not in ("keyed", "joined"):
            promise("a span is outside of its view", finding.end <= len(shown[finding.view]))
    record = repr(scanned)
    promise("a value stands in a record", len(value) < 8 or value not in record)


def check_errors(value: str, dice: random.Random) -> None:
    """Errors say what was expected, never what was found."""
    bad: list[Any] = [
        {"text": value, "channel": value},
        {"text": 7, value: value},
        {"messages": [{"role": value}]},
        [value],
    ]
    try:
        RouteRequest.parse(dice.choice(bad))
    except RouterError as error:
        promise("a value stands in an error", len(value) < 8 or value not in str(error))


def check_rules(config: RouterConfig, dice: random.Random) -> None:
    """Another rule never gives anything back."""
    facts = Facts(
        intent=dice.choice(("qa", "action", "")),
        domain=dice.choice(("finance", "general")),
        mode=dice.choice(("chat", "batch")),
        channel=dice.choice(("web", "api", "batch")),
        org=dice.choice((None, "acme")),
        region=dice.choice((None, "eu", "us", "?")),
        risks=frozenset(dice.sample(config.taxonomy.risks, dice.randrange(4))),
        tier=dice.choice(("low", "medium", "high", "restricted")),
        findings=frozenset(dice.sample(("card", "email", "person"), dice.randrange(3))),
        guard_state=dice.choice(("clean", "hit", "unknown")),
        tools=tuple(dice.sample(sorted(config.tools), dice.randrange(3))),
        write_tool=dice.random() < 0.5,
        language_validated=dice.random() < 0.5,
        language=dice.choice(("en", "de", "und")),
    )
    kept = tuple(policy for policy in config.policies if dice.random() < 0.7)
    asked: dict[str, Any] = {"constraints": Constraints(), "tokens_in": dice.randrange(200_000)}
    whole = rule(config, facts, **asked)
    fewer = rule(config.model_copy(update={"policies": kept}), facts, **asked)
    promise("a rule widened the lanes", set(whole.eligible) <= set(fewer.eligible))
    promise("a rule widened the tools", set(whole.tools) <= set(fewer.tools))
    unknown = rule(config, replace(facts, guard_state="unknown"), **asked)
    promise("an unknown scan is wider", set(unknown.eligible) <= set(whole.eligible))


def check_yaml(text: str, dice: random.Random) -> None:
    """A damaged configuration is an error of ours, with its place."""
    lines = text.split("\n")
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(lines))
        lines[at] = dice.choice(("", lines[at] * 2, lines[dice.randrange(len(lines))], _noise(lines[at], dice)))
    with contextlib.suppress(RouterError):
        parse_config("\n".join(lines), file="router.yaml")


def promise(what: str, kept: bool) -> None:
    """Raise ``BrokenPromiseError`` unless it is kept."""
    if not kept:
        raise BrokenPromiseError(what)


def run(case: int, seed: int, config: RouterConfig, source: str) -> None:
    """One case, the same for the same numbers."""
    from training.redteam.values import KINDS

    dice = random.Random(f"{seed} {case}")
    kind = KINDS[dice.choice(sorted(KINDS))]
    value = kind.make(dice)
    text = f"{dice.choice(('', 'my card is ', 'password: ', 'call me at '))}{value}{dice.choice(('', ' ok', chr(10)))}"
    for _ in range(dice.randrange(5)):
        text = dice.choice(MUTATIONS)(text, dice)[:LONGEST]
    check_text(text, value)
    check_errors(value, dice)
    check_rules(config, dice)
    if case % 20 == 0:
        check_yaml(source, dice)


def main(
    seconds: Annotated[float, typer.Option(help="How long to run.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Of all cases.")] = 0,
    case: Annotated[int | None, typer.Option(help="Run this case alone.")] = None,
) -> None:
    """Run cases until the time is over; exit 1 at the first that breaks a promise."""
    logged = io.StringIO()
    logging.basicConfig(stream=logged, level=logging.DEBUG)
    source = CONFIG.read_text(encoding="utf-8")
    config = RouterConfig.model_validate(yaml.safe_load(source))
    end, slowest, number = time.monotonic() + seconds, 0.0, case if case is not None else 0
    while time.monotonic() < end:
        began = time.process_time()
        try:
            run(number, seed, config, source)
            promise("a case takes too long", time.process_time() - began < SLOWEST_S)
            promise("something was logged", not logged.getvalue())
        except Exception as error:
            what = str(error) if isinstance(error, BrokenPromiseError) else f"{type(error).__name__} was raised"
            sys.stdout.write(f"Case {number} of seed {seed}: {what}. Again: --seed {seed} --case {number}\n")
            if case is not None and not isinstance(error, BrokenPromiseError):
                raise
            raise typer.Exit(1) from None
        slowest = max(slowest, time.process_time() - began)
        number += 1
        if case is not None:
            break
    sys.stdout.write(f"{number} cases of seed {seed} hold; the slowest took {slowest:.2f} s of CPU time.\n")


if __name__ == "__main__":
    typer.run(main)
