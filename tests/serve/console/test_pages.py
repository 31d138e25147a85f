"""Pages: nothing that somebody typed becomes markup, nothing runs inline, and who may not see a page does not."""

from __future__ import annotations

import re
from collections.abc import Callable

from router_ml.serve.access.caller import Caller
from router_ml.serve.console.pages import BY_NAME, NAVIGATION, files, static
from tests.serve.console.conftest import Visitor

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7001 * 7013 }}{% raw %}'
INLINE = re.compile(
    r"<[^>]+\s(?:style|on\w+)\s*=|<style|<script(?![^>]*\ssrc=\"/console/static/)|javascript:", re.IGNORECASE
)
ELSEWHERE = re.compile(r'(?:src|href|action)="(?!/console|#|\?)')


def test_what_is_typed_is_shown_and_never_markup(visitor: Visitor) -> None:
    shown = visitor.post("/console/try", {"text": HOSTILE, "org": HOSTILE, "region": HOSTILE, "seed": "1"})
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown
    assert str(7001 * 7013) not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_an_organisation_in_the_address_is_never_markup(visitor: Visitor) -> None:
    shown = visitor.get("/console/live", org=HOSTILE)
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown


def test_a_page_has_nothing_inline_and_nothing_from_elsewhere(visitor: Visitor) -> None:
    """What a strict content security policy refuses would not work, and what comes from elsewhere not offline."""
    for path in ("/console/try", "/console/live", "/console/login"):
        shown = visitor.get(path)
        if path == "/console/try":
            shown += visitor.post(path, {"text": "Refund order 8812 to card 4111 1111 1111 1111, please"})
        assert not INLINE.findall(shown), path
        assert not ELSEWHERE.findall(shown), path
        assert "default-src 'self'" in visitor.client.get(path).headers["content-security-policy"]


def test_a_file_is_kept_for_good_under_its_own_hash_alone(visitor: Visitor) -> None:
    for name in files():
        answer = visitor.client.get(static(name))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    other = visitor.client.get("/console/static/0000000000000000/console.css")
    assert other.headers["cache-control"] == "no-store"


def test_no_other_file_is_served(visitor: Visitor) -> None:
    for name in ("nothing.css", "..%2fpages.py", "%2e%2e%2fpages.py", "..", "console.css%00", "/etc/passwd"):
        assert visitor.client.get(f"/console/static/x/{name}").status_code == 404, name


def test_a_key_finds_the_pages_that_it_may_open(as_key: Callable[[str], Visitor]) -> None:
    pages = {name: as_key(name).get("/console/live") for name in ("operator", "acme")}
    found = {name: set(re.findall(r'data-go="(\w)"', shown)) for name, shown in pages.items()}
    assert found["operator"] == {page.letter for page in NAVIGATION}
    assert found["acme"] == {"t", "l"}
    reporter = as_key("reporter")
    assert {reporter.status(page.path) for page in NAVIGATION} == {403}
    assert as_key("acme").status("/console/try") == 200


def test_a_page_of_all_organisations_is_not_for_a_key_of_one() -> None:
    boss = Caller("k1", "acme's boss", frozenset({"admin"}), org="acme")
    assert not BY_NAME["audit"].open_to(boss)
    assert BY_NAME["decisions"].open_to(boss)


def test_letters_of_pages_are_their_own() -> None:
    letters = [page.letter for page in NAVIGATION]
    assert len(set(letters)) == len(letters)
    assert all(len(letter) == 1 and letter.islower() for letter in letters)


def test_whoever_has_not_logged_in_is_sent_to_do_so(as_key: Callable[[str], Visitor]) -> None:
    stranger = as_key("operator")
    stranger.client.cookies.clear()
    answer = stranger.client.get("/console/live", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/login?next=/console/live"
    part = stranger.client.get("/console/live/fragment", headers={"x-fragment": "1"}, follow_redirects=False)
    assert part.status_code == 401


def test_logging_in_keeps_the_search(as_key: Callable[[str], Visitor]) -> None:
    stranger = as_key("operator")
    stranger.client.cookies.clear()
    answer = stranger.client.get("/console/decisions?q=class%3Asupport+lane%3Afast", follow_redirects=False)
    where = answer.headers["location"]
    assert where == "/console/login?next=/console/decisions%3Fq%3Dclass%253Asupport%2Blane%253Afast"
    assert 'name="next" value="/console/decisions?q=class%3Asupport+lane%3Afast"' in stranger.client.get(where).text


def test_what_is_not_there_is_a_page_too(visitor: Visitor) -> None:
    missing = [("GET", "/console/nope"), ("GET", "/console/nope/a/b")]
    refused = [("PUT", "/console/decisions"), ("DELETE", "/console/nope")]
    for status, asked in ((404, missing), (405, refused)):
        for method, path in asked:
            answer = visitor.client.request(method, path)
            assert answer.status_code == status, path
            assert answer.headers["content-type"].startswith("text/html")
            assert 'href="/console' in answer.text.partition("<main")[2]


def test_a_slash_at_the_end_leads_to_the_page(visitor: Visitor) -> None:
    for path, where in (("/console/", "/console"), ("/console/live/", "/console/live")):
        assert (
            visitor.client.get(path, follow_redirects=False).headers["location"].removeprefix("http://127.0.0.1:8080")
            == where
        )


def test_a_form_from_elsewhere_is_refused(visitor: Visitor) -> None:
    visitor.get("/console/try")
    assert visitor.client.post("/console/try", data={"text": "hello", "csrf": "0" * 64}).status_code == 403
    answer = visitor.client.post("/console/try", data={"text": "hello"})
    assert answer.status_code == 403
    assert "This form is not from here" in answer.text
    assert "Not with this key" not in answer.text
    assert '<a href="/console/try">Back to Try</a>' in answer.text


def test_an_error_is_a_page_that_says_what_to_do(visitor: Visitor) -> None:
    answer = visitor.client.get("/console/live", params={"window": "3y"})
    assert answer.status_code == 400
    assert "15m, 1h, 24h, 7d" in answer.text
    assert "<nav" in answer.text
