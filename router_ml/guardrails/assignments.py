"""Secrets known by the name they are given: ``password = ...``, ``my pw is ...``, ``API_KEY: ...``.

How a value is tied to its name decides how much it has to look like a secret: an assignment may hold a weak value,
"is" and "to" a plausible one, and mere neighbourhood only one that nothing else looks like.
"""

from __future__ import annotations

import re

from router_ml.guardrails.detector import Detector, Span
from router_ml.guardrails.placeholders import is_placeholder, is_uuid, kinds, looks_random

_GAP = r"(?:\s{1,3}[\w'-]{1,16}){1,6}?"
_LINK = (
    r"[\"'`\])]{0,2}(?:"
    r"(?P<assigned>[ \t]{0,4}(?:=>|:=|==?|->|:)\s{0,4}(?:(?:bearer|basic|token|apikey)[: ]{1,2})?)"
    r"|(?P<said>\s{1,3}(?:is|ist|es|est|was|to|é|è)[: \t]{1,3})"
    rf"|(?P<apart>{_GAP}\s{{1,3}}(?:is|be|to|was|es|ist|est)[: \t]{{1,3}})"
    r"|(?P<beside>[ \t(]{1,2}))(?P<quote>[\"'`]?)"
)
_PASSWORD_NAME = (
    r"(?:pass(?:word|wd|phrase|wort)|kennwort|contrase[ñn]a|mot de passe|key ?phrase"
    r"|(?<![^\W_])(?:senha|wachtwoord|hasło|parola|pwd?|pin|pass(?:code)?))"
)
_KEY_NAME = (
    r"(?:api|key|token|secret|credentials?|bearer|authorization|signing|signature|auth"
    r"|(?:api|access|secret|private|auth|client|account)[_\-. ]?(?:key|token|secret))(?![^\W_])"
)
_LOGIN_NAME = r"(?<![^\W_])(?:log(?:in|s? in|ged in)|user(?:name)?|admin|creds?|credentials?|zugang|acceso)"
_CODE = re.compile(r"[()\[\]|\\]|^[A-Za-z_]\w{0,63}(?:\.[A-Za-z_]\w{0,63}){1,8}$")
_SIGNS = frozenset("!#$%&*@^?+~=")
_STRONG_LENGTH = 8


def _trimmed(match: re.Match[str]) -> tuple[str, Span]:
    """The value without the punctuation of the sentence around it."""
    value = match["value"].rstrip(".,;:!?)") or match["value"]
    return value, (match.start("value"), match.start("value") + len(value))


def _is_mixed(value: str) -> bool:
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def _is_strong(value: str) -> bool:
    return len(value) >= _STRONG_LENGTH and kinds(value) >= 3 and _is_mixed(value)


def _is_unmistakable(value: str) -> bool:
    return len(value) >= _STRONG_LENGTH and kinds(value) == 4 and not _SIGNS.isdisjoint(value)


def _password(match: re.Match[str]) -> Span | None:
    value, span = _trimmed(match)
    if len(value) < 6 or is_placeholder(value) or "|" in value or (not match["quote"] and _CODE.search(value)):
        return None
    mixed = _is_mixed(value)
    if match["assigned"] is not None:
        closed = bool(match["quote"]) and match.string[match.end("value") : match.end("value") + 1] == match["quote"]
        literal = closed and "=" in match["assigned"] and len(value) >= _STRONG_LENGTH
        good = mixed or literal or kinds(value) >= 3
    elif match["said"] is not None:
        good = mixed
    elif match["beside"] is not None:
        good = _is_strong(value) and (not _SIGNS.isdisjoint(value) or value.isalnum())
    else:
        good = _is_unmistakable(value)
    return span if good else None


def _key(match: re.Match[str]) -> Span | None:
    value, span = _trimmed(match)
    loose = match["beside"] is not None or match["apart"] is not None
    if len(value) < (20 if loose else 16) or _CODE.search(value):
        return None
    if is_uuid(value):
        return span if match["assigned"] is not None and "key" in match[0].partition(value)[0].lower() else None
    if not looks_random(value) or (loose and not value.replace("_", "").isalnum()):
        return None
    return span


def _basic(match: re.Match[str]) -> Span | None:
    value = match["value"]
    good = (_is_mixed(value) or kinds(value) >= 3) and not is_placeholder(value) and not _CODE.search(value)
    return match.span("value") if good else None


def _login(match: re.Match[str]) -> Span | None:
    value, span = _trimmed(match)
    return span if _is_unmistakable(value) and not is_placeholder(value) and not _CODE.search(value) else None


ASSIGNMENTS = (
    Detector(
        type="aws_secret_key",
        risk="secrets",
        pattern=re.compile(
            r"(?i:aws[\w .\-]{0,32}|secret[_ -]?access[_ -]?key)[\"'`]?\s{0,3}[:=]\s{0,3}[\"'`]?"
            r"(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
            re.ASCII,
        ),
        triggers=("aws", "access"),
        accept=lambda match: None if is_placeholder(match["value"]) else match.span("value"),
    ),
    Detector(
        type="password",
        risk="secrets",
        pattern=re.compile(rf"{_PASSWORD_NAME}{_LINK}(?P<value>[^\s\"'`<>]{{4,128}})", re.IGNORECASE),
        triggers=("pass", "pw", "phrase", "pin", "kennwort", "contrase", "senha", "wachtwoord", "hasło", "parola"),
        accept=_password,
    ),
    Detector(
        type="api_key",
        risk="secrets",
        pattern=re.compile(rf"{_KEY_NAME}{_LINK}(?P<value>[\w\-./+=~]{{16,512}})", re.IGNORECASE),
        triggers=("key", "token", "secret", "credential", "signing", "signature", "bearer", "auth", "api"),
        digits=1,
        accept=_key,
    ),
    Detector(
        type="password",
        risk="secrets",
        pattern=re.compile(
            rf"{_LOGIN_NAME}(?:[ \t:]{{1,3}}[\w.@/-]{{1,24}}){{0,5}}?[ \t:]{{1,3}}(?P<value>[^\s\"'`<>/:,]{{8,64}})",
            re.IGNORECASE,
        ),
        triggers=("login", "log in", "logs in", "user", "admin", "cred", "zugang", "acceso"),
        digits=1,
        accept=_login,
    ),
    Detector(
        type="password",
        risk="secrets",
        pattern=re.compile(r"(?<!\w)(?:-u|--user)[ =][\"']?[\w.@+-]{1,64}:(?P<value>[^\s\"'@:]{4,128})", re.ASCII),
        triggers=("-u ", "--user"),
        accept=_basic,
    ),
)
