"""The authored corpus: labelled requests, one JSONL file per author batch.

What it knows: the row format, how slots become synthetic values, and the two diversity rules that keep the
corpus from being a template in disguise (at most 3 rows per sentence pattern, no pair over .7 token overlap).
What it does not know: what a label means (``data/LABELS.md`` does) and how anything is trained.

``python -m training.corpus FILE [FILE ...]`` checks files and prints counts.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

INTENTS = (
    "qa",
    "extraction",
    "classification",
    "summarization",
    "writing",
    "rewriting",
    "coding",
    "reasoning",
    "action",
    "chitchat",
)
DOMAINS = (
    "general",
    "support",
    "finance",
    "hr",
    "legal",
    "medical",
    "software",
    "sales_marketing",
    "science_education",
)
RISKS = (
    "pii",
    "secrets",
    "medical_advice",
    "financial_advice",
    "legal_advice",
    "employment_decision",
    "state_change",
    "prompt_injection",
    "harmful",
)
MODES = ("chat", "batch")

MAX_ROWS_PER_PATTERN = 3
MAX_OVERLAP = 0.7
MIN_PAGE_TEXT = 150  # characters

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_SLOT = re.compile(r"⟦([a-z_]+)⟧")


@dataclass(frozen=True)
class Row:
    """One labelled request; ``note`` says why a row is there (``hard negative: medical_advice``)."""

    text: str
    intent: str
    domain: str
    mode: str
    risks: tuple[str, ...]
    language: str
    batch: str
    note: str = ""


def tokens(text: str) -> list[str]:
    """Lower-cased words of a text, in order."""
    return _WORD.findall(text.lower())


def pattern(text: str) -> str:
    """The sentence pattern of a request: its first five words with digits masked.

    Rows that open alike were written from one template. Short requests are their own pattern.
    """
    return " ".join(re.sub(r"\d+", "#", word) for word in tokens(text)[:5])


def overlapping_pairs(texts: Sequence[str], limit: float = MAX_OVERLAP) -> list[tuple[int, int, float]]:
    """Pairs ``(i, j, overlap)`` whose Jaccard overlap of word sets exceeds ``limit``.

    Prefix filtering (Chaudhuri et al., 2006): two sets over the limit share one of their rarest words, so only those
    pairs are compared.
    """
    sets = [set(tokens(text)) for text in texts]
    frequency = Counter(word for words in sets for word in words)
    by_word: dict[str, list[int]] = defaultdict(list)
    found = []
    for i, words in enumerate(sets):
        rare_first = sorted(words, key=lambda word: (frequency[word], word))
        prefix = rare_first[: len(words) - int(limit * len(words)) + 1]
        for j in sorted({j for word in prefix for j in by_word[word]}):
            least, most = sorted((len(words), len(sets[j])))
            if least / most <= limit:  # even if all words of the shorter one are in the longer one
                continue
            shared = len(words & sets[j])
            overlap = shared / (least + most - shared)
            if overlap > limit:
                found.append((j, i, overlap))
        for word in prefix:
            by_word[word].append(i)
    return found


def crowded_patterns(texts: Sequence[str], limit: int = MAX_ROWS_PER_PATTERN) -> dict[str, list[int]]:
    """Patterns that more than ``limit`` rows share, with the indices of those rows."""
    rows: dict[str, list[int]] = defaultdict(list)
    for i, text in enumerate(texts):
        rows[pattern(text)].append(i)
    return {key: indices for key, indices in rows.items() if len(indices) > limit}


def _luhn_digit(digits: str) -> str:
    total = sum(int(d) if i % 2 else sum(divmod(2 * int(d), 10)) for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


def _card(rng: random.Random) -> str:
    body = rng.choice(("4", "51", "55")) + "".join(rng.choices("0123456789", k=14))
    number = body[:15] + _luhn_digit(body[:15])
    return rng.choice((number, " ".join(number[i : i + 4] for i in range(0, 16, 4))))


def _iban(rng: random.Random) -> str:
    body = "".join(rng.choices("0123456789", k=18))
    check = 98 - int(body + "131400") % 97  # D = 13, E = 14 (ISO 13616)
    return f"DE{check:02d}{body}"


def _chars(
    rng: random.Random, count: int, alphabet: str = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
) -> str:
    return "".join(rng.choices(alphabet, k=count))


_SLOTS: dict[str, Callable[[random.Random], str]] = {
    "card": _card,
    "iban": _iban,
    "ssn": lambda rng: f"{rng.randint(101, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}",
    "aws_key": lambda rng: "AKIA" + _chars(rng, 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "aws_secret": lambda rng: _chars(rng, 40),
    "github_token": lambda rng: "ghp_" + _chars(rng, 36),
    "openai_key": lambda rng: "sk-proj-" + _chars(rng, 48),
    "stripe_key": lambda rng: "sk_live_" + _chars(rng, 24),
    "slack_token": lambda rng: f"xoxb-{rng.randint(10**10, 10**11)}-{rng.randint(10**11, 10**12)}-{_chars(rng, 24)}",
    "jwt": lambda rng: f"eyJhbGciOiJIUzI1NiJ9.eyJ{_chars(rng, 40)}.{_chars(rng, 43)}",
    "private_key": lambda rng: (
        f"-----BEGIN RSA PRIVATE KEY-----\nMIIE{_chars(rng, 60)}\n{_chars(rng, 64)}\n-----END RSA PRIVATE KEY-----"
    ),
    "password": lambda rng: _chars(rng, 7) + rng.choice("!#$%&*") + _chars(rng, 4, "0123456789"),
    "api_key": lambda rng: _chars(rng, 32, "0123456789abcdef"),
    "db_url": lambda rng: (
        f"postgres://svc_{_chars(rng, 4)}:{_chars(rng, 12)}@db-{rng.randint(1, 9)}.corp-internal.net:5432/prod"
    ),
}


def fill(text: str) -> str:
    """Replace each slot such as ``⟦card⟧`` by a synthetic value of its kind; the same text always gets the same values.

    Files hold slots instead of live-looking keys and card numbers, so that no scanner mistakes the corpus for a leak.
    """
    rng = random.Random(hashlib.sha256(text.encode()).digest())

    def value(match: re.Match[str]) -> str:
        kind = match.group(1)
        if kind not in _SLOTS:
            raise ValueError(f"Unknown slot ⟦{kind}⟧. Expected one of: {', '.join(sorted(_SLOTS))}.")
        return _SLOTS[kind](rng)

    return _SLOT.sub(value, text)


def _row(record: dict[str, object], batch: str) -> Row:
    missing = {"text", "intent", "domain", "mode", "risks", "language"} - set(record)
    unknown = set(record) - {"text", "intent", "domain", "mode", "risks", "language", "note"}
    if missing or unknown:
        raise ValueError(f"missing fields {sorted(missing)}, unknown fields {sorted(unknown)}")
    risks = record["risks"]
    if not isinstance(risks, list):
        raise ValueError(f"risks is {risks!r}, expected a list")
    checks: tuple[tuple[str, Sequence[object], Sequence[str]], ...] = (
        ("intent", [record["intent"]], INTENTS),
        ("domain", [record["domain"]], DOMAINS),
        ("mode", [record["mode"]], MODES),
        ("risks", risks, RISKS),
    )
    for field, values, allowed in checks:
        bad = [value for value in values if value not in allowed]
        if bad:
            raise ValueError(f"{field} {bad[0]!r} is unknown, expected one of {', '.join(allowed)}")
    text = str(record["text"])
    if not text.strip():
        raise ValueError("text is empty")
    return Row(
        text=fill(text),
        intent=str(record["intent"]),
        domain=str(record["domain"]),
        mode=str(record["mode"]),
        risks=tuple(str(risk) for risk in risks),
        language=str(record["language"]),
        batch=batch,
        note=str(record.get("note", "")),
    )


def load(paths: Iterable[Path]) -> list[Row]:
    """Rows of the given JSONL files, slots filled; ``batch`` is the file's stem.

    Raises:
        ValueError: a line is not a row; names file, line, what was found and what was expected.
    """
    rows = []
    for path in sorted(paths):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            try:
                rows.append(_row(json.loads(line), path.stem))
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from error
    return rows


def calm(rows: Sequence[Row]) -> list[str]:
    """Texts that harmless documents can be made of: some lines long, no risk, not written to look like one."""
    return [row.text for row in rows if len(row.text) > MIN_PAGE_TEXT and not row.risks and not row.note]


def counts(rows: Sequence[Row]) -> dict[str, Counter[str]]:
    """How often each label, language, batch and kind of note occurs."""
    return {
        "batch": Counter(row.batch for row in rows),
        "intent": Counter(row.intent for row in rows),
        "domain": Counter(row.domain for row in rows),
        "mode": Counter(row.mode for row in rows),
        "risk": Counter(risk for row in rows for risk in (row.risks or ("none",))),
        "language": Counter(row.language for row in rows),
        "note": Counter(row.note for row in rows if row.note),
    }


def main(arguments: Sequence[str]) -> int:
    """Check files and print counts; 1 if a diversity rule is broken."""
    rows = load([Path(argument) for argument in arguments])
    texts = [row.text for row in rows]
    pairs, crowded = overlapping_pairs(texts), crowded_patterns(texts)
    out = [f"{len(rows)} rows"]
    out += [f"{name}: {dict(counter.most_common())}" for name, counter in counts(rows).items()]
    out += [f"too alike ({overlap:.2f}): {texts[i][:90]!r} ~ {texts[j][:90]!r}" for i, j, overlap in pairs]
    out += [f"{len(indices)} rows open with {key!r}" for key, indices in crowded.items()]
    sys.stdout.write("\n".join(out) + "\n")
    return 1 if pairs or crowded else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
