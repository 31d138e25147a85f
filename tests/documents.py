"""What documents say that can be checked: links, commands, blocks of configuration, and how-tos that run.

In a how-to, a comment in front of a block says what to do with it::

    <!-- file: router.yaml -->     write it into the folder of the how-to
    <!-- into: router.yaml -->     put its sections into a file of YAML that is there
    <!-- append: tests.yaml -->    add it at the end of a file that is there
    <!-- run -->                   run it: Python in one namespace, ``router-ml`` and ``training.evals`` in this process
    <!-- run: exit 1 -->           the same, and its last command ends with this code

Nothing is put into a shell: a line of a block that is no such command is an error of the how-to.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer
import yaml

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^(?P<mark>(?:<!--[^\n]*-->\n)?)```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```", re.M | re.S)
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_OWN = ("router-ml ", "python -m training", "python -m benchmarks", "python -m router_ml")


def documents() -> list[Path]:
    """Every document of the repository that a reader may start from."""
    ours = ("docs", "models", "data", "mlflow", "examples", "notebooks", "training")
    found = [path for name in ours for path in (ROOT / name).rglob("*.md")]
    return sorted([*ROOT.glob("*.md"), *found])


@dataclass(frozen=True)
class Block:
    """A fenced block. ``does``: what the comment in front of it says, without its arrows."""

    kind: str
    text: str
    does: str


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a document."""
    return [
        Block(one["kind"], one["text"], one["mark"].strip().removeprefix("<!--").removesuffix("-->").strip())
        for one in _BLOCK.finditer(text)
    ]


def links(text: str) -> list[str]:
    """What a document points to that is no address on the web."""
    return _LINK.findall(_BLOCK.sub("", text))


def anchors(path: Path) -> set[str]:
    """The names by which headings of a document may be pointed to, as GitHub makes them."""
    lines = _BLOCK.sub("", path.read_text(encoding="utf-8")).splitlines()
    titles = (line.lstrip("#").strip().lower() for line in lines if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def commands(text: str) -> Iterator[list[str]]:
    """The commands of ours that a document names, in blocks and within sentences, as words."""
    for block in blocks(text):
        if block.kind in ("", "bash", "sh", "console"):
            for line in block.text.replace("\\\n", " ").splitlines():
                yield from _ours(line)
    for code in _CODE.findall(_BLOCK.sub("", text)):
        yield from _ours(code)


def _ours(line: str) -> Iterator[list[str]]:
    line = re.sub(r"^\$ ", "", line.strip())
    line = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line)
    if line.startswith(_OWN):
        try:
            yield shlex.split(re.split(r" [|>&]|; ", line)[0], comments=True)
        except ValueError:
            return  # a line with an apostrophe in its prose is no command


def wrong_in(words: list[str]) -> str | None:
    """What a command names that is not there, or None."""
    if words[0] == "router-ml":
        return _wrong_in_group(_router_ml(), words[1:])
    if words[:3] == ["python", "-m", "training.evals"]:
        return _wrong_in_group(_evals(), words[3:])
    return _wrong_in_module(words[2], words[3:])


def _wrong_in_group(command: Any, words: list[str]) -> str | None:
    while hasattr(command, "commands") and words and re.fullmatch(r"[a-z]+", words[0]):
        if words[0] not in command.commands:
            return f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    given = [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    missing = [name for name in given if name not in known]
    return f"{command.name} does not know {', '.join(missing)}" if missing else None


def _wrong_in_module(name: str, words: list[str]) -> str | None:
    """A module and its options, read from its source: some of them need torch to be imported."""
    name = name.rstrip(".,")
    place = ROOT.joinpath(*name.split("."))
    files = [place.with_suffix(".py")] if place.with_suffix(".py").is_file() else sorted(place.rglob("*.py"))
    if not files or importlib.util.find_spec(name.split(".")[0]) is None:
        return f"there is no module {name}"
    source = "".join(path.read_text(encoding="utf-8") for path in (*files, *place.parent.glob("*.py")))
    given = [word.split("=")[0] for word in words if re.match(r"--[a-z]", word)]
    missing = [one for one in given if f'"{one}"' not in source and one[2:].replace("-", "_") not in source]
    return f"{name} does not know {', '.join(missing)}" if missing else None


@cache
def _router_ml() -> Any:
    from router_ml.cli.app import app

    return typer.main.get_command(app)


@cache
def _evals() -> Any:
    from training.evals.__main__ import build

    return typer.main.get_command(build())


def merged(base: Any, over: Any) -> Any:
    """Two readings of YAML as one: mappings by key, rules one after the other, the later of anything else. A tool whose
    contract lies elsewhere takes the place of one of its name."""
    if not (isinstance(base, dict) and isinstance(over, dict)) or "contract" in over:
        return over
    found = {**base, **{key: merged(base[key], value) if key in base else value for key, value in over.items()}}
    for key in ("policies", "output_policies"):
        if key in base and key in over:
            found[key] = [*base[key], *over[key]]
    return found


class HowTo:
    """A how-to that is being followed in a folder of its own. ``said``: what its last command printed."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder = path, folder
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def follow(self) -> int:
        """Do what its blocks say; the number of blocks that ran.

        Raises:
            AssertionError: a command ended otherwise than the how-to says, or is none of ours.
        """
        ran = 0
        for block in blocks(self.path.read_text(encoding="utf-8")):
            word, _, rest = block.does.partition(" ")
            if word == "file:":
                place = self.folder / rest
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(block.text, encoding="utf-8")
            elif word == "into:":
                place = self.folder / rest
                whole = merged(yaml.safe_load(place.read_text(encoding="utf-8")), yaml.safe_load(block.text))
                place.write_text(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False), encoding="utf-8")
            elif word == "append:":
                with (self.folder / rest).open("a", encoding="utf-8") as file:
                    file.write("\n" + block.text)
            elif word in ("run", "run:"):
                self._run(block, int(rest.rsplit("exit ", 1)[1]) if "exit " in rest else 0)
                ran += 1
        return ran

    def _run(self, block: Block, code: int) -> None:
        if block.kind == "python":
            exec(compile(block.text, str(self.path), "exec"), self.names)
            return
        lines = [line for line in block.text.replace("\\\n", " ").splitlines() if line.strip() and line[0] != "#"]
        for number, line in enumerate(lines, start=1):
            ended = _ended(shlex.split(line, comments=True))
            expected = code if number == len(lines) else 0
            assert ended == expected, f"{self.path.name}: {line!r} ended with {ended}, not {expected}"


def _ended(words: list[str]) -> int:
    if words[0] == "router-ml":
        from router_ml.cli import main

        try:
            main(words[1:])
        except SystemExit as end:
            return int(end.code or 0)
    assert words[:3] == ["python", "-m", "training.evals"], f"{' '.join(words)!r} is not run by the tests of documents"
    try:
        _evals().main(args=words[3:], prog_name="training.evals", standalone_mode=True)
    except SystemExit as end:
        return int(end.code or 0)
    return 0
