"""Formats of JSON Schema that are checked, whatever is installed beside ``jsonschema``. An unknown one holds always."""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable
from datetime import date, time

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"(\d{2}:\d{2}:)(\d{2})(?:\.\d{1,12})?(?:Z|[+-](\d{2}):(\d{2}))", re.ASCII | re.IGNORECASE)
_DURATION = re.compile(
    r"P(?!$)(?:\d{1,9}W|(?:\d{1,9}Y)?(?:\d{1,9}M)?(?:\d{1,9}D)?(?:T(?!$)(?:\d{1,9}H)?(?:\d{1,9}M)?(?:\d{1,9}S)?)?)",
    re.ASCII,
)
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII | re.IGNORECASE)
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}){0,32}", re.I | re.A)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,60}:", re.ASCII | re.IGNORECASE)
_NOT_IN_URI = re.compile(r"[^!#-;=?-\[\]_a-z~%]|%(?![0-9a-f]{2})", re.IGNORECASE)
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01]){0,10000}){0,1000}")


def _parses(value: str, read: Callable[[str], object]) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


def is_date(value: str) -> bool:
    """A full date of RFC 3339."""
    return _DATE.fullmatch(value) is not None and _parses(value, date.fromisoformat)


def is_time(value: str) -> bool:
    """A full time of RFC 3339, with its offset; a leap second is one."""
    found = _TIME.fullmatch(value)
    if found is None or int(found[3] or 0) > 23 or int(found[4] or 0) > 59:
        return False
    return _parses(found[1] + ("59" if found[2] == "60" else found[2]), time.fromisoformat)


def is_date_time(value: str) -> bool:
    """A date and a time of RFC 3339."""
    return value[10:11] in ("T", "t", " ") and is_date(value[:10]) and is_time(value[11:])


def is_duration(value: str) -> bool:
    """A duration of ISO 8601."""
    return _DURATION.fullmatch(value) is not None


def is_hostname(value: str) -> bool:
    """A host name of RFC 1123."""
    return len(value) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in value.split("."))


def is_email(value: str) -> bool:
    """A mail address in the form that people use; no quoted local part, no comments."""
    local, at, host = value.rpartition("@")
    return bool(at) and _LOCAL.fullmatch(local) is not None and is_hostname(host)


def is_uri_reference(value: str) -> bool:
    """A URI or a relative reference of RFC 3986, by its characters."""
    return _NOT_IN_URI.search(value) is None


def is_uri(value: str) -> bool:
    """A URI with a scheme."""
    return _SCHEME.match(value) is not None and is_uri_reference(value)


def is_uuid(value: str) -> bool:
    """A UUID with its hyphens."""
    return len(value) == 36 and value[8:24:5] == "----" and _parses(value, uuid.UUID)


def is_pointer(value: str) -> bool:
    """A JSON Pointer of RFC 6901."""
    return _POINTER.fullmatch(value) is not None


FORMATS: dict[str, Callable[[str], bool]] = {
    "date": is_date,
    "time": is_time,
    "date-time": is_date_time,
    "duration": is_duration,
    "hostname": is_hostname,
    "email": is_email,
    "ipv4": lambda value: _parses(value, ipaddress.IPv4Address),
    "ipv6": lambda value: _parses(value, ipaddress.IPv6Address) and "%" not in value,
    "uri": is_uri,
    "uri-reference": is_uri_reference,
    "uuid": is_uuid,
    "json-pointer": is_pointer,
}
