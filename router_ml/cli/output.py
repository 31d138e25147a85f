"""What all commands share: the options that they have in common, and how they print."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console, RenderableType

_PIPED_WIDTH = 120

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only.")]
Model = Annotated[
    str | None, typer.Option(help="Bundle folder or models:/ URI; default $ROUTER_ML_MODEL, else the shipped one.")
]


def write(text: str) -> None:
    """Print a text, with a line end."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def write_json(value: object) -> None:
    """Print a value as JSON."""
    write(json.dumps(value, indent=2, ensure_ascii=False))


def render(content: RenderableType) -> None:
    """Print a renderable, as wide as the terminal."""
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    Console(file=sys.stdout, width=width, highlight=False).print(content, crop=False)
