"""What a request says, as far as plan rules ask: cues, slots, a document, earlier turns. No learned part."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from router_ml.config.planning import Slot
from router_ml.contract import RiskTier, RouteRequest
from router_ml.planning.documents import WINDOW, has_attachment, split

_GAP = " .. "
_FAR = 60  # characters between the parts of a cue
_QUESTION = 200  # characters
_NUMBER = re.compile(r"\d{3}")
_SHORT_ANSWER, _LONG_TURN = 8, 12  # words
_QUOTED = re.compile(r"[\"“«„'‘][^\"“”«»„'‘’\n]{2,200}[\"”»“'’](?!\w)")
_AFTER_COLON = re.compile(r"[:：]\s{1,3}(\S[^\n]{0,200})")
_CHOICE = re.compile(r"\b(?:or|oder|ou)\b")


@dataclass(frozen=True)
class Seen:
    """One request as plan rules see it. ``tools`` are those that policies left."""

    request: RouteRequest
    tools: tuple[str, ...]
    tier: RiskTier
    risks: frozenset[str]

    @cached_property
    def _split(self) -> tuple[str, bool]:
        return split(self.request.task)

    @cached_property
    def asked(self) -> str:
        """What is asked, in plain words between single spaces; a short answer to a question of ours goes on from what
        was asked before it."""
        now = self._split[0]
        said = [message for message in self.request.messages if message.role in ("user", "assistant")]
        *before, ours, _ = said if len(said) > 1 and said[-1].role == "user" else (None, None)
        if ours is None or ours.role != "assistant" or "?" not in ours.text or len(now.split()) > _SHORT_ANSWER:
            return plain(now)
        earlier = next((m.text for m in reversed(before) if m is not None and m.role == "user"), "")
        about = ours.text[-_QUESTION:] if _NUMBER.search(now) else ""  # a number alone says nothing of what it is
        return plain(f"{split(earlier)[0]}\n{about}\n{now}")

    @property
    def words(self) -> int:
        """How many words that is."""
        return len(self.asked.split())

    @cached_property
    def document(self) -> bool:
        """Whether a text to work on is quoted or attached, in this turn or an earlier one of the user."""
        if self._split[1] or has_attachment(self.request):
            return True
        earlier = (m.text for m in self.request.messages if m.role in ("user", "tool"))
        return any(split(text)[1] for text in earlier if text.strip() and text != self.request.task)

    @cached_property
    def follow_up(self) -> bool:
        """Whether there were earlier turns."""
        said = [message for message in self.request.messages if message.role not in ("system", "developer")]
        return len(said) > 1 or self.request.previous is not None

    @cached_property
    def _said(self) -> tuple[str, ...]:
        """What users, tools and models said, the last first, so that a long history is cut at its beginning."""
        if self.request.text is not None:
            return (self.request.text[:WINDOW],)
        turns = [m.text for m in self.request.messages if m.role not in ("system", "developer")]
        return tuple(text[:WINDOW] for text in reversed(turns[-50:]))

    def says(self, phrases: Sequence[str]) -> bool:
        """Whether one of the phrases is in what is asked: whole words, ``*`` for any ending, `` .. `` for a gap."""
        key = tuple(phrases)
        if key not in self._heard:
            cue = _cue(key)
            heard = not cue.words.isdisjoint(self._words) or any(
                parts[0] in self.asked and _stands(parts, self.asked) for parts in cue.phrases
            )
            self._heard[key] = heard
        return self._heard[key]

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(self.asked.split())

    @cached_property
    def _heard(self) -> dict[tuple[str, ...], bool]:
        """What has been listened for already: several rules ask for the same cue."""
        return {}

    def has_only(self, words: Sequence[str]) -> bool:
        """Whether every word of what is asked is one of these."""
        return bool(self._words) and _words(tuple(words)).issuperset(self._words)

    def has(self, name: str, slot: Slot) -> bool:
        """Whether a slot has been said."""
        if name in self.request.metadata:
            return True
        if slot.is_ == "document":
            return self.document or self._given or self._told
        if slot.is_ == "context":
            return self.follow_up or self.document
        return any(_compiled(pattern).search(text) for text in self._said for pattern in slot.patterns)

    @cached_property
    def _given(self) -> bool:
        """Whether a few words are quoted or stand behind a colon: no document, but enough to work on. A choice between
        labels is none."""
        text = self.request.task[:WINDOW]
        behind = _AFTER_COLON.search(text)
        return bool(_QUOTED.search(text) or (behind and not _CHOICE.search(behind[1])))

    @cached_property
    def _told(self) -> bool:
        """Whether an earlier turn is long enough to be worked on."""
        earlier = [m.text for m in self.request.messages if m.role not in ("system", "developer")][:-1]
        return any(len(text.split()) >= _LONG_TURN for text in earlier)

    def was_asked(self, question: str) -> bool:
        """Whether an earlier turn of ours asked this already."""
        return any(m.role == "assistant" and question in m.text for m in self.request.messages)


def plain(text: str) -> str:
    """Words in lower case between single spaces, with one at each end, so that whole words can be found as strings.

    >>> plain("Don't  PAY, please!")
    ' don t pay please '
    """
    words = re.sub(r"[^\w]", " ", text.casefold()).split()
    return f" {' '.join(words)} "


@lru_cache(maxsize=64)
def _words(phrases: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for phrase in phrases for word in plain(phrase).split())


@dataclass(frozen=True)
class _Cue:
    """Phrases of one whole word, and all others as the strings that have to follow one another."""

    words: frozenset[str]
    phrases: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=1024)
def _cue(phrases: tuple[str, ...]) -> _Cue:
    whole = {plain(phrase).strip() for phrase in phrases if "*" not in phrase and _GAP not in phrase}
    single = {phrase for phrase in whole if " " not in phrase}
    rest = tuple(
        tuple(plain(part.replace("*", "")).rstrip(" ") + ("" if part.endswith("*") else " ") for part in parts)
        for parts in (phrase.split(_GAP) for phrase in phrases)
        if "*" in "".join(parts) or len(parts) > 1 or plain(parts[0]).strip() not in single
    )
    return _Cue(frozenset(single), rest)


def _stands(parts: tuple[str, ...], text: str) -> bool:
    """Whether the parts stand in the text one after another, the first of them anywhere."""
    first, *rest = parts
    start = text.find(first)
    while start >= 0:
        end = start + len(first)
        for part in rest:
            found = text.find(part, end - 1, end + _FAR + len(part))
            if found < 0:
                break
            end = found + len(part)
        else:
            return True
        start = text.find(first, start + 1)
    return False


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def missing(seen: Seen, names: Sequence[str], slots: Mapping[str, Slot]) -> tuple[str, ...]:
    """Those of the named slots that have not been said."""
    return tuple(name for name in names if not seen.has(name, slots[name]))
