"""``router-ml serve``: the gateway."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from router_ml.errors import MissingExtraError


def serve(  # noqa: PLR0913 - a command line has as many options as it has
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="0: one that is free. Default: 8080.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes. Default: 1.")] = None,
    model: Annotated[
        str | None, typer.Option(help="A bundle folder, models:/router or models:/router@champion.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A router.yaml, whose rules are followed as it changes.")] = None,
    log: Annotated[str | None, typer.Option(help="Path or URL of the event log; default $ROUTER_ML_LOG.")] = None,
    reports: Annotated[Path | None, typer.Option(help="A folder of HTML reports that the console lists.")] = None,
    drain: Annotated[float | None, typer.Option(help="Seconds served after the signal to end. Default: 1.")] = None,
    log_format: Annotated[str | None, typer.Option(help="json or text. Default: json.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error. Default: info.")] = None,
) -> None:
    """Serve decisions and answers over HTTP, and a console. Every option is also a variable, ROUTER_ML_SERVE_*."""
    for package in ("fastapi", "uvicorn", "httptools", "prometheus_client"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "serve")
    import logging.config

    from router_ml.serve.observing.logs import config_of_logs
    from router_ml.serve.process.running import run
    from router_ml.serve.settings import Settings

    settings = Settings.from_environment(
        host=host,
        port=port,
        workers=workers,
        model=model,
        config=config,
        log=log,
        reports=reports,
        drain_seconds=drain,
        log_format=log_format,
        log_level=log_level,
    )
    logging.config.dictConfig(config_of_logs(settings))
    raise typer.Exit(run(settings))
