"""Addresses of mail as machines miss them: ``jane (at) acme [dot] com``, ``jane dot doe at acme dot com``."""

from __future__ import annotations

import re

_BRACKETED = re.compile(
    r"\s{0,3}[(\[{<]\s{0,3}(at|dot|punkt|punto|point|arroba|arobase|@|\.|:)\s{0,3}[)\]}>]\s{0,3}", re.IGNORECASE
)
_SIGNS = {
    ".": "dot|punkt|punto|ponto|point|kropka|nokta",
    "_": "underscore|unterstrich|guion bajo|tiret bas",
    "-": "dash|hyphen|minus|bindestrich|tiret|guion",
    "+": "plus",
}
_DOT = rf"(?:\.| (?:{_SIGNS['.']}) )"
_JOINT = rf"(?:{_DOT}| (?:{'|'.join(names for sign, names in _SIGNS.items() if sign != '.')}) )"
_AT_WORDS = (" at ", " arroba ", " arobase ", " chiocciola ", " klammeraffe ", " apenstaartje ", " małpa ")
_AT = rf" (?:{'|'.join(map(str.strip, _AT_WORDS))}) "
_SPOKEN = re.compile(
    rf"(?<![\w.])(?P<local>[\w+-]{{1,64}}(?:{_JOINT}[\w+-]{{1,64}}){{0,4}}){_AT}"
    rf"(?P<domain>[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,4}}{_DOT}[^\W\d_]{{2,24}})(?!\w)",
    re.IGNORECASE,
)
_MAIL_HOSTS = re.compile(r"gmail|googlemail|outlook|hotmail|yahoo|icloud|proton|gmx|web|live|aol|mail", re.IGNORECASE)
_MAIL_WORDS, _MAIL_BEFORE = re.compile(r"mail|correo|courriel|posta|reach|write to|contact", re.IGNORECASE), 48
_SIGN_WORDS = tuple((re.compile(rf" (?:{names}) ", re.IGNORECASE), sign) for sign, names in _SIGNS.items())


def unmasked_address(text: str) -> str:
    """``jane (at) acme [dot] com`` and ``jane dot doe at acme dot com`` as addresses."""
    lowered = text.lower()
    if any(bracket in lowered for bracket in "([{<"):
        text = _BRACKETED.sub(lambda match: "@" if match[1][0] in "aA@" else ":" if match[1] == ":" else ".", text)
    return _SPOKEN.sub(_unspeak, text) if any(word in lowered for word in _AT_WORDS) else text


def _unspeak(match: re.Match[str]) -> str:
    """A plain word before "at" is prose unless a mail host follows or a word for mail comes before."""
    local, domain = match["local"], match["domain"]
    spoken = re.search(r"[\d._+-]", local) or any(word.search(local) for word, _ in _SIGN_WORDS)
    before = match.string[max(0, match.start() - _MAIL_BEFORE) : match.start()]
    if not spoken and _MAIL_HOSTS.match(domain) is None and _MAIL_WORDS.search(before) is None:
        return match[0]
    address = f"{local}@{domain}"
    for word, sign in _SIGN_WORDS:
        address = word.sub(sign, address)
    return address
