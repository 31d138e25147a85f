"""``router-ml explain``: one id, the whole story; or which words of a text made its labels."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_ml.cli.inputs import Archive, Log, attributions, event_log
from router_ml.cli.output import AsJson, Model, render, write, write_json
from router_ml.cli.question import Question
from router_ml.errors import InvalidRequestError

if TYPE_CHECKING:
    from router_ml.execution.story.story import Story


class Audience(StrEnum):
    """Whom an explanation is for."""

    user = "user"
    operator = "operator"
    auditor = "auditor"


def explain(  # noqa: PLR0913 - a command line has as many options as it has
    decision_id: Annotated[str | None, typer.Argument(help="The id of a logged decision.", show_default=False)] = None,
    *,
    log: Log = None,
    archive: Archive = None,
    audience: Annotated[Audience, typer.Option(help="Whom it is for.")] = Audience.operator,
    text: Annotated[
        str | None, typer.Option(help="A request's text (a log keeps none): which words made its labels; - for stdin.")
    ] = None,
    deny: Annotated[list[str] | None, typer.Option(help="What if not this lane; repeatable.")] = None,
    allow: Annotated[list[str] | None, typer.Option(help="What if only this lane; repeatable.")] = None,
    floor: Annotated[float | None, typer.Option(help="What if this quality floor, 0 to 1.")] = None,
    quality_per_usd: Annotated[float | None, typer.Option(help="What if a dollar had to buy this much.")] = None,
    model: Model = None,
    as_json: AsJson = False,
) -> None:
    """Tell the story of a logged request: why it went where it went, what was done, who agreed, what came of it, and
    the smallest change that would have moved it. Or say which words of a text made its labels."""
    record: dict[str, Any] = {}
    question = Question(deny, allow, floor, quality_per_usd)
    if question and decision_id is None:
        raise InvalidRequestError("Found --deny, --allow, --floor or --quality-per-usd without the id of a decision.")
    if decision_id is not None:
        record = explained(decision_id, audience=audience, log=log, archive=archive, question=question)
        if not as_json:
            answer = record.get("what_if")
            write(record["explanation"] + (f"\n{answer}" if answer is not None else ""))
        elif "what_if" in record:
            record["what_if"] = asdict(record["what_if"])
    if text is not None:
        said, found = attributions(text, model=model)
        record["labels"] = [asdict(each) for each in found]
        if not as_json:
            from router_ml.cli.show.decisions import attribution_table

            render(attribution_table(said, found))
    if not record:
        raise InvalidRequestError("Found neither an id nor --text, expected one of them. See router-ml explain --help.")
    if as_json:
        write_json(record)


def explained(
    decision_id: str,
    *,
    audience: Audience,
    log: str | None = None,
    archive: str | None = None,
    question: Question | None = None,
) -> dict[str, Any]:
    """The explanation of a logged request; beside it, but for a user, all records and the smallest changes.

    Args:
        question: what if; the answer stands under ``what_if``.

    Raises:
        LogError: the log cannot be read or does not hold it. InvalidRequestError: as ``told`` and ``what_if``.
    """
    from router_ml.execution.story.story import story
    from router_ml.execution.story.words import told

    with event_log(log) as events:
        found: Story = story(events, decision_id, archive=archive)
    record: dict[str, Any] = {"decision_id": decision_id, "audience": audience.value}
    record["explanation"] = told(found, audience.value)
    if audience is not Audience.user:
        nearest = found.decision.nearest_changes()
        record |= found.to_dict() | {"nearest_changes": [asdict(change) for change in nearest.changes]}
    if question:
        record["what_if"] = question.of(found.decision)
    return record
