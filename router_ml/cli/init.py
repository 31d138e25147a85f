"""``router-ml init``: a few questions, and what they make: configuration, policy tests, evaluations."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from router_ml.cli.output import AsJson, write, write_json
from router_ml.cli.starter import asking
from router_ml.cli.starter.answers import USERS, VENDORS, Answers
from router_ml.cli.starter.writing import CONFIG, EVALS, TESTS, Started, refuse_what_is_there, start

Said = TypeVar("Said")
_USUAL = Answers()
_WHERE = f"Where are your users ({', '.join(USERS)})?"
_REGULATED = "Do medical, legal, financial or personnel questions come (yes, no)?"
_DOCUMENTS = "Folder of documents to look answers up in (empty: none)?"
_BUDGET = "USD a day, beyond which the cheapest lane answers (0: no limit)?"


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
    budget: Annotated[
        float | None,
        typer.Option(help="USD a day, beyond which the cheapest lane answers; by default there is no limit."),
    ] = None,
    log: Annotated[str | None, typer.Option(help="Path or URL of the event log.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: what is not given is as usual.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a few questions and write a commented router.yaml, policy tests and evaluations to start from."""
    refuse_what_is_there(folder, force=force)  # before somebody has answered eight questions for nothing
    said = partial(_said, asks=not yes and not as_json)
    try:
        answers = Answers(
            vendors=said(
                asking.vendors(" ".join(vendor)) if vendor else None,
                f"Who may be called ({', '.join(VENDORS)}; own: models on your machines)?",
                asking.vendors,
                _USUAL.vendors,
            ),
            users=said(asking.users(users) if users else None, _WHERE, asking.users, _USUAL.users),
            regulated=said(regulated, _REGULATED, asking.agreed, _USUAL.regulated),
            tools=said(tools, "May lanes call tools of yours (yes, no)?", asking.agreed, _USUAL.tools),
            documents=said(documents, _DOCUMENTS, str, "") or None,
            floor=said(floor, "Which average quality do you promise (0 to 1)?", asking.quality, _USUAL.floor),
            budget_usd=said(budget, _BUDGET, asking.money, 0.0) or None,
            log=said(log, "Where do decisions go (path or URL)?", str, _USUAL.log or "") or None,
        )
    except typer.Abort:
        typer.echo("Nothing was written. --yes asks nothing; --help names an option for each question.", err=True)
        raise
    made = start(answers, folder, force=force)
    if as_json:
        write_json({"files": list(map(str, made.files)), "lanes": made.report.lanes, "examples": made.examples})
        return
    write(_told(made, answers, folder))


def _said(given: Said | None, question: str, read: Callable[[str], Said], usual: Said, *, asks: bool) -> Said:
    """What was given; else what is answered, or usual where nothing is asked."""
    if given is not None:
        return given
    return asking.ask(question, read, usual=_typed(usual)) if asks else usual


def _typed(usual: object) -> str:
    """A usual answer as somebody would type it."""
    if isinstance(usual, bool):
        return "yes" if usual else "no"
    if isinstance(usual, tuple):
        return ", ".join(usual)
    return f"{usual:g}" if isinstance(usual, float) else str(usual)


def _told(made: Started, answers: Answers, folder: Path) -> str:
    """What was written and what comes next, in commands that can be pasted."""
    config, tests, evals = (shlex.quote(str(folder / name)) for name in (CONFIG, TESTS, EVALS))
    count = len(made.report.lanes)
    lines = ["Written, checked and tried:", *(f"  {path}" for path in made.files), ""]
    lines.append(f"{count} lane{'s' * (count > 1)}: {', '.join(made.report.lanes)}. {made.examples} policy tests pass.")
    lines += worth_knowing(answers)
    next_ones = (
        (f'router-ml route "Where is my parcel?" --config {config}', "a decision, and why"),
        (f"router-ml check {config}", "what deserves a look, who depends on one vendor"),
        (f"router-ml policy test {tests} --config {config}", "do the rules do what they should?"),
        (f"router-ml contract {config} > contract.md", "for people who review it"),
        (f"python -m training.evals run {evals} --lane {answers.lanes[0]} --config {config}", "from a clone"),
    )
    width = max(len(command) for command, _ in next_ones)
    lines += ["", "Next:", *(f"  {command:{width}}  # {what}" for command, what in next_ones)]
    lines += [
        "Models, prices and addresses are examples: put yours in their place. Keys come from the environment alone;",
        f"these lanes are called with {', '.join(answers.variables)}.",
    ]
    return "\n".join(lines)


def worth_knowing(answers: Answers) -> list[str]:
    """What somebody who answered so may not expect."""
    found = []
    if not answers.private:
        found.append("No lane is on your own machines: requests with personal data wait for a person.")
    if answers.users == "both":
        found.append(
            "Requests stay in the EU where their metadata says region: eu. Send it: without it no rule can know."
        )
    if answers.users == "eu" and (idle := [lane for lane in answers.lanes if lane not in answers.european]):
        found.append(
            f"Not in the EU, and so never called: {', '.join(idle)}. Change their region where yours are there."
        )
    if answers.residency and not answers.european:
        whose = "every request waits" if answers.users == "eu" else "requests of users there wait"
        found.append(f"No lane is in the EU: {whose} for a person until you add one.")
    if answers.documents and not Path(answers.documents).is_dir():
        found.append(
            f"No folder {answers.documents} is here: requests can be decided, but not carried out until it is there."
        )
    if re.search(r"//[^/@:]*:.*@|[?&]password=", answers.log or ""):
        found.append(
            "The address of the log holds a password: set $ROUTER_ML_LOG instead, and take it out of the file."
        )
    if len(answers.vendors) == 1:
        found.append("One vendor only: if it goes dark, nobody answers. A second one is a second chance.")
    return found
