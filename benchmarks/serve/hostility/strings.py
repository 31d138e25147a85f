"""Strings that break what trusts them."""

from __future__ import annotations

SQL = (
    "' OR '1'='1",
    "'; DROP TABLE decisions; --",
    '" OR ""="',
    "1) UNION SELECT record, 1 FROM decisions--",
    "%' AND org LIKE '%",
    "\\'; SELECT pg_sleep(5); --",
    "_",
    "%",
)
TEMPLATES = (
    "{{7*7}}",
    "{{config.__class__.__init__.__globals__}}",
    "${7*7}",
    "<%= 7*7 %>",
    "#{7*7}",
    "{0.__class__.__mro__}",
    "%(secret)s",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
)
PAGES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "</style><svg/onload=alert(1)>",
)
PATHS = (
    "../../../../etc/passwd",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "..%252f..%252f..%252fetc%252fpasswd",
    "....//....//....//etc/passwd",
    "..%5c..%5c..%5cetc%5cpasswd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%c0%af..%c0%afetc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "file:///etc/passwd",
    "console.css%00.html",
    "..;/..;/etc/passwd",
    "~root/.ssh/id_rsa",
    "log.sqlite",
    "../log.sqlite",
    "../router.yaml",
)
ODD = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\r\nx-injected: 1",
    "\u202e\u2066",
    "\ufeff",
    "\ud800",
    "\U0001f600" * 50,
    "\u0130\u0131\u017f\u212a",
    "NaN",
    "null",
    "__proto__",
    "constructor",
    "__class__",
    "self",
    "-1",
    "1e999",
    "0x7fffffffffffffff",
    "9" * 400,
    "../" * 200,
    "A" * 10_000,
    "\u0430\u0441m\u0435",
    "ａｃｍｅ",
    "ACME",
    "acme\u200b",
    "acme\x00",
    " acme ",
)
TIMES = (
    "9999-12-31T23:59:59-23:00",
    "0001-01-01T00:00:00+23:00",
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00",
    "1e18",
)
"""At the end of what dates can hold, and beyond it in UTC."""
NUMBERS = (b"1e999", b"-1e999", b"9" * 400)
"""Numbers of JSON that become none."""
STRINGS = (*SQL, *TEMPLATES, *PAGES, *PATHS, *ODD)
"""All of them."""

ORGS = ("acme", "ACME", " acme ", "\u0430cme", "ａｃｍｅ", "acme\u200b", "acme\x00", "a\u0441me", "%", "*", "")
"""Another organisation's name, and what looks like it."""
