"""``router-ml init``: a few questions, and what they make: configuration, policy tests, evaluations."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from router_ml.cli.output import AsJson, write, write_json
from router_ml.cli.starter.answers import USERS, VENDORS, Answers
from router_ml.cli.starter.writing import CONFIG, TESTS, Started, start

_USUAL = Answers()


def init(  # noqa: PLR0913 - a command line has as many options as it has
    folder: Annotated[Path, typer.Argument(help="Where the files go; made if absent.")] = Path(),
    *,
    vendor: Annotated[
        list[str] | None, typer.Option(help=f"Who may be called: {', '.join(VENDORS)}; repeatable.")
    ] = None,
    users: Annotated[str | None, typer.Option(help=f"Where your users are: {', '.join(USERS)}.")] = None,
    regulated: Annotated[
        bool | None,
        typer.Option(
            "--regulated/--not-regulated", help="Whether medical, legal, financial or personnel questions come."
        ),
    ] = None,
    tools: Annotated[bool | None, typer.Option("--tools/--no-tools", help="Whether lanes may call tools.")] = None,
    documents: Annotated[str | None, typer.Option(help="Folder of documents that answers are looked up in.")] = None,
    floor: Annotated[float | None, typer.Option(help="Average quality promised, 0 to 1.")] = None,
    budget: Annotated[float | None, typer.Option(help="USD a day; by default there is no limit.")] = None,
    log: Annotated[str | None, typer.Option(help="Path or URL of the event log.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: what is not given is as usual.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a few questions and write a commented router.yaml, policy tests and evaluations to start from."""
    asking = not yes and not as_json
    answers = Answers(
        vendors=_vendors(vendor, asking),
        users=_said(users, asking, "Where are your users (eu, elsewhere, both)?", _USUAL.users),
        regulated=_agreed(
            regulated, asking, "Do medical, legal, financial or personnel questions come?", _USUAL.regulated
        ),
        tools=_agreed(tools, asking, "May lanes call tools of yours?", _USUAL.tools),
        documents=documents
        or (_said(None, asking, "Folder of documents to look answers up in (empty: none)?", "") or None),
        floor=float(_number(floor, asking, "Which average quality do you promise (0 to 1)?", _USUAL.floor)),
        budget_usd=_number(budget, asking, "USD a day at most (0: no limit)?", 0.0) or None,
        log=_said(log, asking, "Where do decisions go (path or URL)?", _USUAL.log or ""),
    )
    made = start(answers, folder, force=force)
    if as_json:
        write_json({"files": list(map(str, made.files)), "lanes": made.report.lanes, "examples": made.examples})
        return
    write(_told(made, answers, folder))


def _vendors(given: list[str] | None, asking: bool) -> tuple[str, ...]:
    if given:
        return tuple(given)
    if not asking:
        return _USUAL.vendors
    usual = ", ".join(_USUAL.vendors)
    said = str(typer.prompt(f"Who may be called ({', '.join(VENDORS)}; own: models on your machines)?", default=usual))
    return tuple(part for part in said.replace(",", " ").split() if part)


def _said(given: str | None, asking: bool, question: str, usual: str) -> str:
    if given is not None or not asking:
        return usual if given is None else given
    return str(typer.prompt(question, default=usual, show_default=bool(usual)))


def _agreed(given: bool | None, asking: bool, question: str, usual: bool) -> bool:
    if given is not None or not asking:
        return usual if given is None else given
    return typer.confirm(question, default=usual)


def _number(given: float | None, asking: bool, question: str, usual: float) -> float:
    if given is not None or not asking:
        return usual if given is None else given
    return float(typer.prompt(question, default=usual, type=float))


def _told(made: Started, answers: Answers, folder: Path) -> str:
    """What was written and what comes next, in commands that can be pasted."""
    config, tests = (shlex.quote(str(folder / name)) for name in (CONFIG, TESTS))
    lines = ["Written, checked and tried:", *(f"  {path}" for path in made.files), ""]
    lines.append(f"{len(made.report.lanes)} lanes: {', '.join(made.report.lanes)}. {made.examples} policy tests pass.")
    lines += _warnings(answers)
    lines += [
        "",
        "Next:",
        f'  router-ml route "Where is my parcel?" --config {config}     # a decision, and why',
        f"  router-ml check {config}                                # what deserves a look, who depends on one vendor",
        f"  router-ml policy test {tests} --config {config}",
        f"  router-ml contract {config} > contract.md               # for people who review it",
        "Models, prices and addresses are examples: put yours in their place. Keys come from the environment alone.",
    ]
    return "\n".join(lines)


def _warnings(answers: Answers) -> list[str]:
    found = []
    if not answers.private:
        found.append("No lane is on your own machines: requests with personal data wait for a person.")
    if answers.residency and not answers.european:
        found.append("No lane is in the EU: requests of users there wait for a person until you add one.")
    if len(answers.vendors) == 1:
        found.append("One vendor only: if it goes dark, nobody answers. A second one is a second chance.")
    return found
