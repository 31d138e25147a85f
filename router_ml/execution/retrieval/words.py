"""Sentences, words and numbers of a text, for likeness by words: BM25, reranking, the look at citations."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_END = re.compile(r"(?<=[.!?。！？])(?=\s+|[\"'”’)]\s)(?<!\b[A-Z]\.)(?<!\be\.g\.)(?<!\bi\.e\.)|\n{1,10}")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_DIGITS = {
    word: str(at)
    for at, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())
}
_ORDINALS = frozenset("first second third fourth fifth sixth seventh eighth ninth tenth last".split())
_ENDINGS = ("ingly", "edly", "ings", "ing", "ied", "ies", "ed", "es", "ly", "s", "e")
_STOP = frozenset(
    "a an and are as at be been being but by can could do does did for from had has have he her his how i if in "
    "into is it its me my no not of on or our she should so such than that the their them then there these they "
    "this those to too up us was we were what when where which while who whom why will with would you your may "
    "must also any all each more most other der die das und oder ein eine ist sind im zu den dem des mit für von "
    "auf le la les un une et ou est el los las y".split()
)


def sentences(text: str) -> Iterator[str]:
    """The sentences and lines of a text, in order, stripped."""
    return (part for found in _END.split(text) if found and (part := found.strip(" \t\r\n-*#>|")))


def stem_words(text: str) -> Iterator[str]:
    """The words of a text that say something, lower-cased and without common endings.

    >>> list(stem_words("The invoices were paid."))
    ['invoic', 'paid']
    """
    for found in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if found not in _STOP:
            yield _stem(_DIGITS.get(found, found))


def numbers(text: str) -> frozenset[str]:
    """The numbers in a text, without separators; those up to twelve also where they are written out, and "first".

    >>> sorted(numbers("Two of 1,000 items, 2.50 each"))
    ['1000', '2', '2.5']
    """
    words = _WORD.findall(text.casefold())
    written = (_DIGITS[word] for word in words if word in _DIGITS and word != "one")
    return frozenset((*written, *(word for word in words if word in _ORDINALS), *map(_plain, _NUMBER.findall(text))))


def _plain(number: str) -> str:
    whole = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", number).replace(",", ".")
    return whole.rstrip("0").rstrip(".") if "." in whole else whole


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4 - (ending in ("s", "e")):
            return word[: -len(ending)]
    return word
