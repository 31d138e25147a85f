"""What a reader sees of a text, what the lane only thought, and the ids that it cites."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from router_ml.execution.lanes.reply import Reply
from router_ml.execution.validation.brackets import in_brackets, telling

TAGS = ("think", "thinking", "reasoning", "thought")
"""What stands between them at the beginning of a text is thinking, in any case; the one list of all parts."""

_OPEN = tuple(f"<{tag}>" for tag in TAGS)
_CLOSE = re.compile(rf"</(?:{'|'.join(TAGS)})>", re.IGNORECASE)
_UNOPENED = re.compile(
    rf"\A([^<]*(?:<(?!/?(?:{'|'.join(TAGS)})>)[^<]*)*)</(?:{'|'.join(TAGS)})>[ \t]*\n", re.IGNORECASE
)
_BLOCKS = 8  # of thinking, one after another; more is no model's way
_ID = re.compile(r"[^\W_](?:[\w.:/#@+-]{0,98}\w)?")


class Visible:
    """Tells thinking from text while it comes in, however it is cut into pieces.

    Only what stands at the beginning is thinking: a text may speak of ``<think>`` later. After thinking, blanks before
    the text are dropped.

    Args:
        thought: some thinking came apart from the text.
        unopened: the lane is known to leave the opening tag away, so that nothing is shown before the closing one.

    >>> seen = Visible()
    >>> [seen.feed(piece) for piece in ("<thi", "nk>Two and two", "</think>", "\\n\\nFour", ".")], seen.thinking
    (['', '', '', 'Four', '.'], 'Two and two')
    """

    def __init__(self, *, thought: bool = False, unopened: bool = False) -> None:
        self.thought, self._unopened = thought, unopened
        self._pending = ""
        self._where = "start"
        self._thoughts: list[str] = []

    @property
    def unfinished(self) -> bool:
        """Whether it is in the middle of thinking."""
        return self._where == "thinking"

    @property
    def thinking(self) -> str:
        """What was thought, without the tags."""
        return "\n".join(thought for thought in self._thoughts if thought)

    def feed(self, piece: str) -> str:
        """What of the text so far can be shown and has not been."""
        if self._where == "text":
            return piece
        self._pending += piece
        while self._where != "text":
            moved = self._begin() if self._where == "start" else self._think()
            if not moved:
                return ""
        shown, self._pending = self._pending, ""
        return shown

    def end(self) -> str:
        """What is left to show when nothing more comes; thinking that was cut off stays thinking."""
        left, self._pending = self._pending, ""
        if self._where == "thinking":
            self._thoughts.append(left.strip())
            return ""
        return left.lstrip() if self.thought else left

    def _begin(self) -> bool:
        """Whether it is clear now what the text begins with."""
        seen = self._pending.lstrip()
        begins = seen[: max(map(len, _OPEN))].lower()
        opened = next((tag for tag in _OPEN if begins.startswith(tag)), None)
        if opened is not None and len(self._thoughts) < _BLOCKS:
            self._where, self.thought, self._pending = "thinking", True, seen[len(opened) :]
            return True
        if any(tag.startswith(begins) for tag in _OPEN):
            return False
        if self._unopened and not self.thought:
            return self._close()
        self._where = "text"
        if self.thought:
            self._pending = seen
        return True

    def _close(self) -> bool:
        """Whether the thinking is over that began without a tag."""
        parted = unopened(self._pending)
        if parted is None:
            return False
        self.thought = True
        self._thoughts.append(parted[0])
        self._pending = parted[1]
        return True

    def _think(self) -> bool:
        closed = _CLOSE.search(self._pending)
        if closed is None:
            return False
        self._thoughts.append(self._pending[: closed.start()].strip())
        self._where, self._pending = "start", self._pending[closed.end() :]
        return True


def unopened(text: str) -> tuple[str, str] | None:
    """Thinking whose opening tag the server swallowed, and what follows it; None where there is none.

    The closing tag has a line of its own, outside code; where it stands in a sentence, the text speaks of it.

    >>> unopened("Two and two\\n</think>\\n\\nFour.")
    ('Two and two', '\\nFour.')
    >>> unopened("Thinking ends with </think>\\nand then comes the answer.")
    """
    closed = _UNOPENED.match(text) if "</" in text else None
    if closed is None or not closed[1].strip() or not closed[1].rstrip(" \t").endswith("\n"):
        return None
    return None if closed[1].count("```") % 2 else (closed[1].strip(), text[closed.end() :])


def split_thinking(text: str, *, thought: bool = False, tagged: bool = False) -> tuple[str, str]:
    """Thinking and text of a whole answer.

    Args:
        thought: some thinking came apart from the text.
        tagged: the server does not swallow opening tags.

    >>> split_thinking("<think>Two and two</think>\\n\\nFour.")
    ('Two and two', 'Four.')
    >>> split_thinking("Two and two\\n</think>\\n\\nFour.")
    ('Two and two', 'Four.')
    """
    thinking, shown, _ = _split(text, thought=thought, tagged=tagged)
    return thinking, shown


def as_seen(reply: Reply) -> Reply:
    """A reply of any lane without the thinking in its text, so that what is validated is what is shown; one whose
    thinking never ends was cut off."""
    thinking, shown, unfinished = _split(reply.text, thought=False, tagged=True)
    if shown == reply.text:
        return reply
    thought = "\n".join(part for part in (reply.thinking, thinking) if part)
    return replace(reply, text=shown, thinking=thought, stop="length" if unfinished else reply.stop)


def _split(text: str, *, thought: bool, tagged: bool) -> tuple[str, str, bool]:
    """Thinking, text, and whether the thinking never ended."""
    seen = Visible(thought=thought, unopened=not tagged)
    shown = seen.feed(text)
    unfinished = seen.unfinished
    shown += seen.end()
    return seen.thinking, shown, unfinished


def cited_ids(text: str) -> tuple[str, ...]:
    """Ids in square brackets, in the order of the text; of an answer in JSON, those in its strings.

    Links, tick boxes, subscripts and code are no citations.

    >>> cited_ids("It takes 14 days [refunds#2, terms], see [the shop](https://example.com) or `a[0]`.")
    ('refunds#2', 'terms')
    """
    if "[" not in text:
        return ()
    found = (one for part in _strings(text) for one in _brackets(part))
    return tuple(dict.fromkeys(found))


def _brackets(text: str) -> Iterator[str]:
    """Ids in the brackets of a text; which are known is not told here, so behind a word only paths count."""
    for one in in_brackets(text):
        named = one.alone and one.place == "free" and one.name not in ("x", "X")
        if (named or telling(one.name)) and _ID.fullmatch(one.name):
            yield one.name


def _strings(text: str) -> Iterator[str]:
    """The text, or the strings that it holds where it is JSON."""
    if text.lstrip()[:1] not in ("{", "["):
        yield text
        return
    try:
        stack = [json.loads(text)]
    except (ValueError, RecursionError):
        yield text
        return
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            stack.extend(reversed(value.values()))
        elif isinstance(value, list):
            stack.extend(reversed(value))
