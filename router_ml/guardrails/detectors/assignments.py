"""Secrets known by the name they are given: ``password = ...``, ``my pw is ...``, ``API_KEY: ...``.

How a value is tied to its name decides how much it has to look like a secret: an assignment may hold a weak value,
"is" and "to" a plausible one, and mere neighbourhood only one that nothing else looks like.
"""

from __future__ import annotations

import re

from router_ml.guardrails.detectors.detector import Detector, Span, words
from router_ml.guardrails.detectors.placeholders import is_placeholder, is_uuid, kinds, looks_random

_GAP = r"(?:,?\s{1,3}[\w'-]{1,16}){1,6}?"
_IS = "is|is now|was|c'est(?: maintenant)?|agora é|ahora es|to|ist|lautet|war|es|est|é|è|to jest|jest|är|er|это|je"
_LINK = (
    r"[\"'`\])]{0,2}(?:"
    r"(?P<assigned>[ \t]{0,4}(?:=>|:=|==?|->|:)\s{0,4}(?:[\"'`]?(?:bearer|basic|token|apikey)[: ]{1,2})?)"
    rf"|(?P<said>\s{{1,3}}(?:{_IS})[: \t]{{1,3}}|\s{{0,2}}(?:是|は|為|为|은|는|है|هي|هو)[: \t]{{0,3}})"
    r"|(?P<answered>\?\s{1,4}(?:[\w']{1,16}[,:]?\s{1,3}){1,4})"
    rf"|(?P<apart>{_GAP}(?:\s{{1,3}}(?:be|{_IS})[: \t]{{1,3}}|:\s{{1,3}}))"
    r"|(?P<beside>[ \t(]{1,2}))(?P<quote>[\"'`]?)"
)
_PASSWORD_NAME = (
    r"(?:pass(?:word|wd|phrase|wort)|kennwort|contrase[ñn]a|mot de passe|palavra-?passe|key ?phrase|zugangscode"
    r"|wachtwoord|lösenord|adgangskode|salasana|jelszó|парол[ьяюе]|密码|密碼|口令"
    r"|パスワード|暗証番号|비밀번호|كلمة (?:المرور|السر)|पासवर्ड|mật khẩu|kata sandi|รหัสผ่าน"
    r"|(?<![^\W_])(?:senha|hasł[oa]|haslo|parola|passord|losenord|heslo|şifre|sifre|mdp|clave|pwd?|pin"
    r"|pass(?:code)?))"
)
_PASSWORD_TRIGGERS = (
    "pass pw phrase pin kennwort zugangscode contrase senha wachtwoord hasł haslo parola lösenord losenord adgangskode"
    " salasana jelszó heslo şifre sifre mdp clave парол 密码 密碼 口令 パスワード 暗証番号 비밀번호 كلمة पासवर्ड"
    " mật sandi รหัสผ่าน"
)
_KEY_NAME = (
    r"(?:api|key|token|(?<![^\W_])tok|secret|credentials?|bearer|authorization|signing|signature|auth"
    r"|(?:api|access|secret|private|auth|client|account)[_\-. ]?(?:key|token|secret))(?![^\W_])"
)
_LOGIN_NAME = r"(?<![^\W_])(?:log(?:in|s? in|ged in)|user(?:name)?|admin|creds?|credentials?|zugang|acceso)"
_SPEAKS_OF_ACCESS = words(
    r"log(?:s|ged)? ?in(?:to|s)?|sign(?:ed)? ?in(?:to)?|wi-?fi|wlan|code(?: ?word)?|pass(?: ?word)?s?",
    r"pw|passphrase|creds?|credentials|auth\w{0,12}|root|admins?|users?|account|keys?|secret|token|ssh",
    r"sftp|ftp|vpn|strong|weak|rotated|vault|basic|new one|chat|kennwort|passwort|zugang\w{0,8}|anmeld\w{0,8}|senha",
    r"clave|contraseña|acceso|mot de passe|wachtwoord|hasło",
)
CODE = re.compile(r"[()\[\]|\\]|^[A-Za-z_]\w{0,63}(?:\.[A-Za-z_]\w{0,63}){1,8}$")
_SIGNS = frozenset("!#$%&*@^?+~=")
_STRONG_LENGTH = 8
_AROUND = 90
_WHOSE = re.compile(
    r"\s{1,3}(?:for|of|to|on|at|für|vom|von|zum|del?|para|pour|du|di|per|voor|van|dla|do|för|till|для|от)\b"
)
_PHRASE = re.compile(r"^[A-Za-z]{1,24}-\d|^[A-Z]{2,6}\d{1,4}$|[a-z]-[a-z]|/")  # SHA-256, OWASP10, 8-character, and/or
_HASHES = re.compile(r"(?:sha(?:1|224|256|384|512)|md5|blake2b?|bcrypt|scrypt|argon2\w{0,2})[-:=$]", re.IGNORECASE)


def _trimmed(match: re.Match[str]) -> tuple[str, Span]:
    """The value without the punctuation of the sentence around it."""
    value = match["value"].rstrip(".,;:!?)") or match["value"]
    return value, (match.start("value"), match.start("value") + len(value))


def is_mixed(value: str) -> bool:
    """Whether a value has digits and letters."""
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def _is_strong(value: str) -> bool:
    return len(value) >= _STRONG_LENGTH and kinds(value) >= 3 and is_mixed(value)


def _is_unmistakable(value: str) -> bool:
    return len(value) >= _STRONG_LENGTH and kinds(value) == 4 and not _SIGNS.isdisjoint(value)


def _is_told(match: re.Match[str], value: str) -> bool:
    """Whether "the password for X is Y" tells one: quoted, or a letter first and more than letters."""
    quoted = bool(match["quote"]) and match.string[match.end("value") : match.end("value") + 1] == match["quote"]
    whose = _WHOSE.match(match["apart"]) is not None and is_mixed(value)
    strong = (
        _is_strong(value)
        and value[0].isalpha()
        and _PHRASE.search(value) is None
        and not match["apart"].rstrip().endswith(":")
    )
    return (
        _is_unmistakable(value)
        or strong
        or (whose and (quoted or (value[0].isalpha() and _PHRASE.search(value) is None)))
    )


def _password(match: re.Match[str]) -> Span | None:
    value, span = _trimmed(match)
    if len(value) < 6 or is_placeholder(value) or "|" in value or (not match["quote"] and CODE.search(value)):
        return None
    mixed = is_mixed(value)
    if match["assigned"] is not None:
        closed = bool(match["quote"]) and match.string[match.end("value") : match.end("value") + 1] == match["quote"]
        literal = closed and "=" in match["assigned"] and len(value) >= _STRONG_LENGTH
        good = mixed or literal or kinds(value) >= 3
    elif match["said"] is not None:
        good = mixed
    elif match["answered"] is not None:
        good = _is_strong(value)
    elif match["beside"] is not None:
        good = _is_strong(value) and (not _SIGNS.isdisjoint(value) or value.isalnum())
    else:
        good = _is_told(match, value)
    return span if good else None


def _key(match: re.Match[str]) -> Span | None:
    value, span = _trimmed(match)
    loose = match["beside"] is not None or match["apart"] is not None
    answered = match["answered"] is not None
    if len(value) < (20 if loose or answered else 16) or CODE.search(value) or _HASHES.match(value):
        return None
    if is_uuid(value):
        return span if match["assigned"] is not None and "key" in match[0].partition(value)[0].lower() else None
    if not looks_random(value) or (loose and not value.replace("_", "").isalnum()):
        return None
    return span


def _unnamed(match: re.Match[str]) -> Span | None:
    """Something that nothing but a password looks like, where access is spoken of."""
    value, text = match["value"].rstrip("!?"), match.string
    start = match.start("value")
    if not _is_unmistakable(value) or is_placeholder(value):
        return None
    before, after = text[max(0, start - _AROUND) : start], text[match.end() : match.end() + _AROUND]
    speaks = _SPEAKS_OF_ACCESS.search(before) or _SPEAKS_OF_ACCESS.search(after)
    return (start, start + len(value)) if speaks else None


def _login(match: re.Match[str]) -> Span | None:
    value, span = _trimmed(match)
    return span if _is_unmistakable(value) and not is_placeholder(value) and not CODE.search(value) else None


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
        triggers=tuple(_PASSWORD_TRIGGERS.split()),
        accept=_password,
    ),
    Detector(
        type="api_key",
        risk="secrets",
        pattern=re.compile(rf"{_KEY_NAME}{_LINK}(?P<value>[\w\-./+=~]{{16,512}})", re.IGNORECASE),
        triggers=("key", "tok", "secret", "credential", "signing", "signature", "bearer", "auth", "api"),
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
        pattern=re.compile(
            r"(?<![^\s\"'`(:>/,;])(?P<value>[A-Za-z0-9]{1,40}[!#$%&*^?~@](?:[A-Za-z0-9]{1,40}[!#$%&*^?~@]{0,3}){1,4})"
            r"(?![^\s\"'`).,;:!?<])",
            re.ASCII,
        ),
        triggers=tuple("!#$%&*^?~@"),
        digits=1,
        accept=_unnamed,
    ),
)
