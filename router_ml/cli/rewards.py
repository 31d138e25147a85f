"""``router-ml rewards``: what signals are worth, and how lanes would look under another mapping."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from router_ml.cli.inputs import Log, event_log, moment, open_config
from router_ml.cli.output import AsJson, Model, render, write_json
from router_ml.config.rewards import load_rewards, rewards_beside, rewards_sha256
from router_ml.storage.loading import LOG_VARIABLE

File = Annotated[
    Path | None, typer.Argument(help="A rewards.yaml; by default the one beside the router.yaml.", show_default=False)
]


def rewards(
    file: File = None,
    log: Log = None,
    since: Annotated[str | None, typer.Option(help="Decisions from this day or time on.")] = None,
    model: Model = None,
    as_json: AsJson = False,
) -> None:
    """Check a rewards.yaml and print its rules; with a log, say how the average quality of each lane would move."""
    beside, config = open_config(model=model)
    mapping = load_rewards(file, config=config) if file is not None else rewards_beside(beside.parent, config=config)
    from router_ml.cli.show.spend import remapped_page, rewards_page

    if log is None and not os.environ.get(LOG_VARIABLE):
        record = {"sha256": rewards_sha256(mapping), "rewards": mapping.model_dump(mode="json")}
        write_json(record) if as_json else render(rewards_page(mapping))
        return
    from router_ml.offline.rewards import remap
    from router_ml.storage.views.stories import stories

    with event_log(log) as events:
        found = remap(stories(events, since=moment(since, "--since")), mapping)
    write_json(found.to_dict()) if as_json else render(remapped_page(found))
