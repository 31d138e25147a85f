"""Values cut into pieces, or put where a scan of the last message would not look."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import pairwise

from router_ml.contract import RouteRequest
from router_ml.contract.request import Message
from training.redteam.carriers import Case
from training.redteam.kinds import Shape
from training.redteam.technique import ALL, INLINE, SHORT, Technique, of_text, of_value, shapes

_REPLIES = ("Go on.", "Thanks, and the rest?", "Got that. What comes next?", "OK.")


def cut(value: str, count: int, rng: random.Random) -> list[str]:
    """So many pieces of about the same length; fewer where there are not enough characters."""
    count = min(count, max(1, len(value) // 2))
    shift = 1 if len(value) > 4 * count else 0
    places = [len(value) * at // count + rng.randint(-shift, shift) for at in range(1, count)]
    edges = [0, *places, len(value)]
    return [value[start:end] for start, end in pairwise(edges)]


def _lines(value: str, rng: random.Random) -> str:
    return "\n".join(cut(value, rng.choice((2, 3)), rng))


def _continued(value: str, rng: random.Random) -> str:
    return "\\\n    ".join(cut(value, 2, rng))


def _concatenated(value: str, rng: random.Random) -> str:
    return " + ".join(json.dumps(piece) for piece in cut(value, rng.choice((2, 3)), rng))


def _assigned(value: str, rng: random.Random) -> str:
    pieces = cut(value, 2, rng)
    return f"a+b where a={json.dumps(pieces[0])} and b={json.dumps(pieces[-1])}"


def _bold(value: str, rng: random.Random) -> str:
    return "".join(f"**{piece}**" for piece in cut(value, 3, rng))


def _tags(value: str, rng: random.Random) -> str:
    return "".join(f"<b>{piece}</b>" for piece in cut(value, 3, rng))


def _messages(count: int) -> Callable[[Case, random.Random], RouteRequest]:
    def apply(case: Case, rng: random.Random) -> RouteRequest:
        before, after = case.around()
        pieces = cut(case.value, count, rng)
        texts = [before + pieces[0], *pieces[1:-1], pieces[-1] + after]
        messages: list[Message] = []
        for at, text in enumerate(texts):
            if at:
                messages.append(Message(role="assistant", content=rng.choice(_REPLIES)))
            messages.append(Message(role="user", content=text))
        return RouteRequest(messages=tuple(messages))

    return apply


def _system_and_user(case: Case, rng: random.Random) -> RouteRequest:
    before, after = case.around()
    first, last = (cut(case.value, 2, rng) * 2)[:2]
    system = Message(role="system", content=f"You help customers. {before}{first}")
    return RouteRequest(messages=(system, Message(role="user", content=last + after)))


def _earlier(case: Case, _: random.Random) -> RouteRequest:
    said = [("user", case.text()), ("assistant", "Understood."), ("user", "Now write the summary, please.")]
    return RouteRequest(messages=tuple(Message(role=role, content=text) for role, text in said))


def _metadata_values(case: Case, rng: random.Random) -> RouteRequest:
    before, after = case.around()
    pieces = cut(case.value, 3, rng)
    parts = {f"part{at}": piece for at, piece in enumerate(pieces, start=1)}
    return RouteRequest(text="Handle the attached record.", metadata={"note": before + after, **parts})


def _metadata_key(case: Case, _: random.Random) -> RouteRequest:
    label = case.slots["label"]
    return RouteRequest(text="Handle the attached record.", metadata={"ticket": {f"{label} {case.value}": True}})


def _metadata_nested(case: Case, _: random.Random) -> RouteRequest:
    record = {"items": [{"kind": "note", "body": {"text": case.text()}}]}
    return RouteRequest(text="Handle the attached record.", metadata={"record": [record]})


def _tool_call(case: Case, _: random.Random) -> RouteRequest:
    arguments = json.dumps({"payload": json.dumps({"note": case.text()})})
    call = {"id": "call_1", "type": "function", "function": {"name": "save_note", "arguments": arguments}}
    return RouteRequest(
        messages=(
            Message(role="user", content="Save that note."),
            Message(role="assistant", tool_calls=[call]),
            Message(role="tool", content="saved", tool_call_id="call_1"),
            Message(role="user", content="Did it work?"),
        )
    )


def _tool_result(case: Case, _: random.Random) -> RouteRequest:
    return RouteRequest(
        messages=(
            Message(role="user", content="Look up the last ticket."),
            Message(role="tool", content=json.dumps({"ticket": case.text()}), tool_call_id="call_1"),
            Message(role="user", content="Summarise it."),
        )
    )


def _file_name(case: Case, _: random.Random) -> RouteRequest:
    label = case.slots["label"].replace(" ", "_")
    name = f"scan_{label}_{case.value.replace(' ', '_').replace('/', '-')}.pdf"
    parts = [{"type": "text", "text": "Summarise the file."}, {"type": "file", "file": {"filename": name}}]
    return RouteRequest(messages=(Message(role="user", content=parts),))


def _comment(text: str, _: random.Random) -> str:
    return f"<html><body><p>Please translate this page.</p><!-- {text.replace('--', '- -')} --></body></html>"


def _code_block(text: str, _: random.Random) -> str:
    return "Explain this file:\n```text\n" + text + "\n```"


def _far_down(text: str, rng: random.Random) -> str:
    line = "The warehouse reported no change for this shift, and the next count is due at the end of the week."
    return "\n".join((line,) * rng.randint(120, 200)) + f"\n{text}\n" + "\n".join((line,) * rng.randint(20, 60))


def _other(name: str, fits: frozenset[Shape], apply: Callable[[Case, random.Random], RouteRequest]) -> Technique:
    return Technique(name, "other", fits, apply)


_FILE = SHORT | shapes("token")
TECHNIQUES: tuple[Technique, ...] = (
    of_value("split over lines", "other", INLINE, _lines),
    of_value("line continuation", "other", shapes("token", "url", "password"), _continued),
    of_value("string concatenation", "other", INLINE - shapes("words"), _concatenated),
    of_value("two variables", "other", shapes("token", "password", "url", "digits", "code", "email"), _assigned),
    of_value("Markdown bold", "other", INLINE, _bold),
    of_value("HTML tags inside", "other", INLINE, _tags),
    of_text("HTML comment", "other", ALL, _comment),
    of_text("code block", "other", ALL, _code_block),
    of_text("far down a long text", "other", ALL, _far_down),
    _other("two messages", INLINE, _messages(2)),
    _other("three messages", INLINE - shapes("date"), _messages(3)),
    _other("system and user message", INLINE, _system_and_user),
    _other("earlier message", ALL, _earlier),
    _other("metadata values", INLINE, _metadata_values),
    _other("metadata key", INLINE, _metadata_key),
    _other("nested metadata", ALL, _metadata_nested),
    _other("tool arguments", ALL, _tool_call),
    _other("tool result", ALL, _tool_result),
    _other("file name", _FILE, _file_name),
)
