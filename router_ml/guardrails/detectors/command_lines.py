"""Passwords in command lines and configuration files: flags, netrc, .pgpass, XML."""

from __future__ import annotations

import re

from router_ml.guardrails.detectors.assignments import CODE, is_mixed
from router_ml.guardrails.detectors.detector import Detector, Span
from router_ml.guardrails.detectors.placeholders import is_placeholder, kinds


def _basic(match: re.Match[str]) -> Span | None:
    value = match["value"]
    good = (is_mixed(value) or kinds(value) >= 3) and not is_placeholder(value) and not CODE.search(value)
    return match.span("value") if good else None


def _element(match: re.Match[str]) -> Span | None:
    group = "value" if match["value"] is not None else "quoted"
    value = match[group]
    good = (is_mixed(value) or kinds(value) >= 3) and not is_placeholder(value) and not CODE.search(value)
    return match.span(group) if good else None


COMMAND_LINES = (
    Detector(
        type="password",
        risk="secrets",
        pattern=re.compile(r"(?<!\w)(?:-u|--user)[ =][\"']?[\w.@+-]{1,64}:(?P<value>[^\s\"'@:]{4,128})", re.ASCII),
        triggers=("-u", "--user"),
        accept=_basic,
    ),
    Detector(
        type="password",
        risk="secrets",
        pattern=re.compile(
            r"(?<!\w)--?(?:password|passwd|passphrase|pass|pwd|pw|secret|token|auth|api-?key|requirepass|masterauth)"
            r"[ =]{1,2}[\"']?(?P<value>[^\s\"'<>|]{4,256})",
            re.ASCII | re.IGNORECASE,
        ),
        triggers=("-p", "-s", "-t", "-a", "-r", "-m"),
        accept=_basic,
    ),
    Detector(  # clients of databases, and sshpass, take the password right behind the flag
        type="password",
        risk="secrets",
        pattern=re.compile(
            r"(?<!\w)(?:mysql|mysqldump|mysqladmin|mariadb|sshpass|ldapsearch|smbclient|sqlcmd)\b[^\n|;]{0,120}? "
            r"-[pPwa] ?[\"']?(?P<value>[^\s\"'<>|-][^\s\"'<>|]{4,127})",
            re.ASCII,
        ),
        triggers=("mysql", "mariadb", "sshpass", "ldapsearch", "smbclient", "sqlcmd"),
        accept=_basic,
    ),
    Detector(  # netrc
        type="password",
        risk="secrets",
        pattern=re.compile(
            r"(?<!\w)login\s{1,4}\S{1,64}\s{1,4}password\s{1,4}(?P<value>[^\s\"'<>]{4,128})", re.IGNORECASE
        ),
        triggers=("login",),
        accept=_basic,
    ),
    Detector(  # .pgpass
        type="password",
        risk="secrets",
        pattern=re.compile(
            r"(?<![\w.*:-])[\w.*-]{1,255}:(?:54\d\d|6432|\*):"
            r"[\w.*-]{1,63}:[\w.@*-]{1,63}:(?P<value>[^\s:\"'<>]{4,128})(?!\S)",
            re.ASCII,
        ),
        triggers=(":54", ":6432:", ":*:"),
        accept=_basic,
    ),
    Detector(  # <password>x</password>, <add key="DbPassword" value="x"/>
        type="password",
        risk="secrets",
        pattern=re.compile(
            r"(?:password|passwd|passphrase|pwd|secret|token|api_?key|access_?key)"
            r"(?:[\"']?\s{1,3}value\s{0,2}=\s{0,2}[\"'](?P<quoted>[^\s\"'<>]{4,256})[\"']"
            r"|[^<>\n]{0,48}>\s{0,8}(?P<value>[^\s<>]{4,256})\s{0,8}</)",
            re.IGNORECASE,
        ),
        triggers=("</", "value"),
        accept=_element,
    ),
)
