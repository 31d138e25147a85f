"""Documents of a folder as passages: Markdown, plain text and HTML, cut at headings and paragraphs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from router_ml.execution.retrieval.words import sentences

ENDINGS = (".md", ".markdown", ".txt", ".html", ".htm")
LONGEST, SHORTEST = 900, 160  # characters of a passage; shorter ones of one section are joined
_HEADING = re.compile(r"^(#{1,6})\s+(.{1,300}?)\s*#*$")
_BLOCK = frozenset("p div li tr table ul ol section article br pre blockquote dt dd".split())
_SILENT = frozenset("script style".split())
_LEFT_OUT = frozenset("head template noscript title".split())
_IN_HEAD = frozenset("title meta link base script style template noscript head html".split())


@dataclass(frozen=True)
class Piece:
    """One passage of a document: its ``id``, the ``text`` that a lane reads, and the ``heading`` above it."""

    id: str
    text: str
    heading: str
    source: str


@dataclass(frozen=True)
class Caps:
    """How much of a folder is read: ``files``, ``bytes`` of each and ``passages`` of all at most."""

    files: int = 5_000
    bytes: int = 2_000_000
    passages: int = 50_000


def files_of(folder: Path) -> Iterator[Path]:
    """The documents of a folder, sorted; nothing hidden, and nothing that a link leads out of it."""
    home = folder.resolve()
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in ENDINGS and path.is_file() and path.resolve().is_relative_to(home):
            yield path


def pieces_of(name: str, text: str) -> list[Piece]:
    """The passages of a document.

    An id is the file, the number of the passage in it, and a digest of what it says, so that a citation never points
    at a text that has changed.

    Args:
        name: its path inside the folder, with ``/``.
    """
    if name.lower().endswith((".html", ".htm")):
        text = _from_html(text)
    made, at = [], 0
    for heading, body in _sections(text):
        for part in _parts(body):
            said = f"{heading}\n{part}" if heading else part
            digest = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:6]
            made.append(Piece(f"{_safe(name)}#{at}-{digest}", said, heading, name))
            at += 1
    return made


def _safe(name: str) -> str:
    """A path that can stand in square brackets."""
    return re.sub(r"[^\w./-]", "_", name)


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """``(headings, body)`` of each section; the headings from the outermost to its own."""
    above: list[tuple[int, str]] = []
    body: list[str] = []
    fenced = False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        found = None if fenced else _HEADING.match(line)
        if found is None:
            body.append(line)
            continue
        yield " > ".join(said for _, said in above), "\n".join(body)
        above = [*((level, said) for level, said in above if level < len(found[1])), (len(found[1]), found[2])]
        body = []
    yield " > ".join(said for _, said in above), "\n".join(body)


def _parts(body: str) -> Iterator[str]:
    """Paragraphs of a section, short ones joined, long ones cut between sentences."""
    held = ""
    for paragraph in (part for block in re.split(r"\n\s*\n", body) for part in _fitting(block.strip())):
        if held and (len(held) >= SHORTEST or len(held) + len(paragraph) > LONGEST):
            yield held
            held = ""
        held = f"{held}\n{paragraph}" if held else paragraph
    if held:
        yield held


def _fitting(paragraph: str) -> Iterator[str]:
    if len(paragraph) <= LONGEST:
        yield from [paragraph] if paragraph else []
        return
    held = ""
    for sentence in (part[at : at + LONGEST] for part in sentences(paragraph) for at in range(0, len(part), LONGEST)):
        if held and len(held) + len(sentence) >= LONGEST:
            yield held
            held = ""
        held = f"{held} {sentence}" if held else sentence
    if held:
        yield held


class _Text(HTMLParser):
    """The text of a page, headings as in Markdown. Its head ends where its body begins, as browsers have it; what
    ``noscript`` or ``template`` holds counts unless they are closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent = 0
        self.open: list[tuple[str, int]] = []  # what is left out once it is closed, and where its text begins

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _IN_HEAD and self.open and self.open[-1][0] == "head":
            self._leave_out("head")
        if tag in _LEFT_OUT:
            self.open.append((tag, len(self.parts)))
        self.silent += tag in _SILENT
        if _is_heading(tag):
            self.parts.append(f"\n\n{'#' * int(tag[1])} ")
        elif tag in _BLOCK:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        self.silent = max(0, self.silent - (tag in _SILENT))
        if tag in _LEFT_OUT:
            self._leave_out(tag)
        elif tag in _BLOCK or _is_heading(tag):
            self.parts.append("\n\n")

    def _leave_out(self, tag: str) -> None:
        at = next((at for at in range(len(self.open) - 1, -1, -1) if self.open[at][0] == tag), None)
        if at is not None:
            del self.parts[self.open[at][1] :]
            del self.open[at:]

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(re.sub(r"\s+", " ", data))


def _is_heading(tag: str) -> bool:
    return len(tag) == 2 and tag[0] == "h" and tag[1] in "123456"


def _from_html(text: str) -> str:
    page = _Text()
    page.feed(text)
    page.close()
    return "".join(page.parts)
