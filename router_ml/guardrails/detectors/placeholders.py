"""Values that only stand for a value: placeholders, variable references, documentation."""

from __future__ import annotations

import itertools
import re

_STAND_IN = re.compile(
    r"\{\{|\}\}|\$\{|\$\(|%\(|^\$[A-Za-z_]{1,64}$|^\$[A-Z_][A-Z0-9_]{0,64}$|^%\w{1,64}%$|^\{[\w.]{1,64}\}$"
    r"|^\[[\w. -]{1,64}\]$|^<|>$|[xX]{4}|[*•·]{3}|\.{3}|…|_{4}|-{6}|#{4}"
    r"|(?i:your|example|sample|placeholder|change[_-]?(?:me|it|this)|redacted|dummy|replace[_-]?(?:me|this|with)"
    r"|masked|insert[_-]|not[_-]a?[_-]?real|fake|(?:key|token|secret|password|value)[_-]?here"
    r"|^my[_-]?(?:api|secret|key|token))"
    r"|^env[:.]|(?i:environ|getenv|process\.env|secrets\.|vault[:.]|config[\[.(]|settings\.|import\.meta|self\.|this\.)"
)
_NOBODYS_SECRET = re.compile(
    r"pass(?:word|wd|wort|phrase|code)?|secret|token|user(?:name)?|admin|root|postgres|mysql|guest|test(?:ing)?|foo|bar"
    r"|foobar|baz|none|null|nil|true|false|undefined|string|required|optional|empty|default|value|prompt|enabled"
    r"|disabled|unknown|incorrect|invalid",
    re.IGNORECASE,
)
_SEGMENT = re.compile(r"[A-Za-z0-9]{1,512}")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_RESERVED_DOMAIN = re.compile(
    r"(?:^|\.)(?:example\.(?:com|org|net|edu)|(?:[\w-]{1,63}\.)?(?:example|test|invalid|localhost|localdomain|local))$",
    re.IGNORECASE,
)
_PROBE = 96


def is_placeholder(value: str) -> bool:
    """Whether a secret-like value is a placeholder, a variable reference or a word that is nobody's secret."""
    return _NOBODYS_SECRET.fullmatch(value) is not None or _STAND_IN.search(value[:_PROBE]) is not None


def is_uuid(value: str) -> bool:
    """Whether a value is a UUID and nothing else."""
    return _UUID.fullmatch(value) is not None


def kinds(value: str) -> int:
    """How many of lower case, upper case, digits and signs a value holds."""
    return len(set(map(_kind, value)))


def _kind(character: str) -> str:
    if character.isdigit():
        return "digit"
    if character.isalpha():
        return "upper" if character.isupper() else "lower"
    return "sign"


def looks_random(value: str) -> bool:
    """Whether a value reads like a key: its longest run of letters and digits changes kind as words never do.

    ``cache_user_12345_v2`` has digits, but no run of twelve; ``renderTemplateVersion2`` has one, but few changes.
    """
    run = max(_SEGMENT.findall(value), key=len, default="")
    if len(run) < 12 or len(set(run)) < 8 or is_placeholder(value):
        return False
    changes = [a != b for a, b in itertools.pairwise(map(_kind, run))]
    numbers = len(re.findall(r"\d{1,512}", run))
    return (numbers >= 2 and not run.isdigit()) or sum(changes) >= 0.35 * len(run)


def is_reserved_domain(domain: str) -> bool:
    """Whether a domain is set aside for documentation and tests (RFC 2606, RFC 6761, RFC 6762)."""
    return _RESERVED_DOMAIN.search(domain) is not None


def is_counting(digits: str) -> bool:
    """Whether digits only count up, count down or repeat, as made-up numbers do (1234567890, 0000000)."""
    steps = {(int(b) - int(a)) % 10 for a, b in itertools.pairwise(digits)}
    return len(steps) <= 1 and steps <= {0, 1, 9}
