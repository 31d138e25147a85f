"""Personal data with a structure of its own and no check digit: e-mail addresses and US social security numbers."""

from __future__ import annotations

import re

from router_ml.guardrails.detectors.detector import Detector, Span, labelled_otherwise, near, words
from router_ml.guardrails.detectors.placeholders import is_reserved_domain

_EMAIL = re.compile(  # lengths of RFC 5321; Unicode letters are allowed on both sides
    r"(?<![\w.+%-])(?P<local>[\w.+%'!#$&*/=?^`{|}~-]{1,64})@(?P<domain>(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24})"
    r"(?![^\W_])"
)
_FILE_ENDINGS = re.compile(r"png|jpe?g|gif|svg|webp|ico|css|[jt]s|py|md|json|ya?ml|txt|html?")
_STAND_INS = re.compile(
    r"you|your[._-]?(?:name|email|mail)|user(?:name)?|name|e?mail|example|sample|test|someone|somebody|git|hg|svn"
)
_ROLES = re.compile(  # a desk, not a person
    r"(?:do[._-]?not|no)[._-]?reply|mailer-daemon|postmaster|webmaster|hostmaster|abuse|admin|info|contact|hello|help"
    r"|help[._-]?desk|support|service|customer[._-]?(?:service|care|support)|sales|billing|invoices?|orders?|shop|office"
    r"|press|media|news(?:desk|letter)?|marketing|pr|team|jobs|careers|hr|recruiting|legal|privacy|security|feedback"
    r"|payroll|works[._-]?council|vertrieb|einkauf|buchhaltung|redaktion|kontakt|rechnung(?:en)?|bestellung(?:en)?"
    r"|(?:front|service)?[._-]?desk|deals|offers|events?|editor|contacto|ventas|returns|dispatch|accounting|subscriptions?"
    r"|enquiries|inquiries|reception|bookings?|reservations?|ops|noc|studio"
)
_MAILBOXES = re.compile(r"gmail|googlemail|outlook|hotmail|yahoo|icloud|proton|pm\.me|gmx|web\.de|live|aol|mail\.")
_REMOTE_LOGIN = re.compile(r"(?<!\w)(?:ssh|scp|sftp|rsync)(?: -\S{1,32}(?: \d{1,5})?){0,3} {1,4}$")
_LEFT_OF_HOST = 80


def _email(match: re.Match[str]) -> Span | None:
    text, domain = match.string, match["domain"].lower()
    local = match["local"].lstrip("'`{|/=*!?&#.")
    start = match.end("local") - len(local)
    local = local.lower()  # after its length is known: a capital I with a dot grows
    if not local or _STAND_INS.fullmatch(local) or (_ROLES.fullmatch(local) and not _MAILBOXES.match(domain)):
        return None
    if _FILE_ENDINGS.fullmatch(domain.rpartition(".")[2]) or is_reserved_domain(domain):
        return None
    before = text[max(0, start - _LEFT_OF_HOST) : start]
    url = before.rpartition("://")
    if url[1] and re.search(r"[\s/?#=&]", url[2]) is None:
        return None  # user:password@host of a URL is a login, not an address
    if text[match.end() : match.end() + 2] in (":/", ":~") or _REMOTE_LOGIN.search(before):
        return None
    return start, match.end()


_SSN_WORDS = words("ssn", "ss#", "soc(?:ial)? sec(?:urity)?", "social (?:is|no|number|num)", "seguro social")


def _ssn(match: re.Match[str]) -> Span | None:
    """Structure by the Social Security Administration; nine digits alone need a word that says what they are."""
    area, group, serial = match["area"], match["group"], match["serial"]
    if area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000":
        return None
    if near(_SSN_WORDS, match.string, match.span()):
        return match.span()
    dashed = match[0][3] == "-" and match[0][6] == "-"
    return match.span() if dashed and not labelled_otherwise(match.string, match.start()) else None


PERSONAL = (
    Detector(type="email", risk="pii", pattern=_EMAIL, triggers=("@",), accept=_email),
    Detector(
        type="us_ssn",
        risk="pii",
        pattern=re.compile(
            r"(?<![^\W_])(?<!\d[-./])(?P<area>\d{3})[-. ]?(?P<group>\d\d)[-. ]?(?P<serial>\d{4})(?![^\W_]|[-./]\d)",
            re.ASCII,
        ),
        digits=9,
        accept=_ssn,
    ),
)
