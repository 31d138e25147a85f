"""An HTTP tool reaches its one server, sends each argument where the contract says, and says what it does not know."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from router_ml.config.tool_files import HttpCall
from router_ml.errors import InvalidRequestError
from router_ml.execution.tools.failures import ToolFailure
from router_ml.execution.tools.http import HttpTool
from tests.execution.tool_servers import Service, serving

pytest.importorskip("httpx")


@pytest.fixture
def service() -> Iterator[Service]:
    with serving(Service()) as started:
        yield started


def call(
    service: Service, http: dict[str, Any], arguments: dict[str, Any], *, key: str | None = None, **more: Any
) -> Any:
    """One call of one tool."""
    function = HttpTool(HttpCall.model_validate(http), base_url=more.pop("base_url", service.url), **more)
    return asyncio.run(function(key, **arguments))


def test_arguments_go_where_the_contract_says(service: Service) -> None:
    http = {
        "method": "POST",
        "path": "/orders/{order}/refunds",
        "query": {"dry": "dry_run", "tag": "tag"},
        "headers": {"reason": "X-Reason"},
    }
    arguments = {"order": "8812", "dry": True, "tag": ["a", "b"], "reason": "late", "cents": 500, "note": {"to": "ü"}}
    call(service, http, arguments, key="dec-1:refund:ab")
    seen = service.seen[0]
    assert (seen.method, seen.path) == ("POST", "/orders/8812/refunds")
    assert seen.query == [("dry_run", "true"), ("tag", "a"), ("tag", "b")]
    assert (seen.headers["X-Reason"], seen.headers["Idempotency-Key"]) == ("late", "dec-1:refund:ab")
    assert seen.body.replace(" ", "") == '{"cents":500,"note":{"to":"ü"}}'


def test_what_is_configured_replaces_an_argument_of_the_same_header(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "ours")
    http = {"method": "POST", "path": "/pay", "headers": {"auth": "authorization", "key": "idempotency-key"}}
    call(service, http, {"auth": "Bearer theirs", "key": "theirs"}, key="dec-1:pay:ab", key_env="SHOP_KEY")
    headers: Any = service.seen[0].headers
    assert headers.get_all("Authorization") == ["Bearer ours"]
    assert headers.get_all("Idempotency-Key") == ["dec-1:pay:ab"]


def test_a_form_holds_what_is_nested_in_brackets(service: Service) -> None:
    http = {"method": "POST", "path": "/v1/refunds", "body": "form"}
    call(service, http, {"amount": 5, "metadata": {"order": "8812"}, "list": ["a", "b"]})
    assert service.seen[0].form == {"amount": "5", "metadata[order]": "8812", "list[0]": "a", "list[1]": "b"}


def test_an_argument_can_be_the_whole_body(service: Service) -> None:
    call(service, {"method": "PUT", "path": "/tags", "whole_body": "tags"}, {"tags": {"a": 1}})
    assert service.seen[0].body.replace(" ", "") == '{"a":1}'


ITEMS = {"method": "GET", "path": "/orders/{order}/items"}


@pytest.mark.parametrize("order", ["..", ".", ""])
def test_an_argument_cannot_climb_in_the_path(service: Service, order: str) -> None:
    with pytest.raises(ToolFailure, match="order cannot be a part of a path") as failed:
        call(service, ITEMS, {"order": order})
    assert failed.value.nothing_done
    assert service.seen == []


@pytest.mark.parametrize("order", ["../../admin", "8812/../../admin", "8812?x=1", "8812#x", "@evil.example", "%2e%2e"])
def test_an_argument_cannot_leave_its_place_in_the_path(service: Service, order: str) -> None:
    call(service, ITEMS, {"order": order})
    (seen,) = service.seen
    assert (seen.path, seen.query) == (f"/orders/{quote(order, safe='')}/items", [])


@pytest.mark.parametrize("value", ["a\r\nX-Admin: 1", "ü"])
def test_an_argument_cannot_add_a_header(service: Service, value: str) -> None:
    with pytest.raises(ToolFailure, match="cannot be sent in a header"):
        call(service, {"method": "GET", "path": "/", "headers": {"reason": "X-Reason"}}, {"reason": value})
    assert service.seen == []


def test_a_redirect_is_not_followed(service: Service) -> None:
    """It is how a server is made to fetch what only this machine can reach."""
    service.faults.append("redirect")
    with pytest.raises(ToolFailure, match="HTTP 302: the server sends elsewhere"):
        call(service, {"method": "GET", "path": "/"}, {})
    assert len(service.seen) == 1


def test_proxies_and_passwords_of_the_environment_are_not_used(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert call(service, {"method": "GET", "path": "/ok"}, {}) == {"path": "/ok"}


@pytest.mark.parametrize(
    ("auth", "header", "value"), [("bearer", "Authorization", "Bearer secret"), ("X-Api-Key", "X-Api-Key", "secret")]
)
def test_the_key_is_read_from_the_environment_at_the_call(
    service: Service, monkeypatch: pytest.MonkeyPatch, auth: str, header: str, value: str
) -> None:
    http = {"method": "GET", "path": "/"}
    with pytest.raises(ToolFailure, match="the environment variable SHOP_KEY is not set"):
        call(service, http, {}, key_env="SHOP_KEY", auth=auth)
    monkeypatch.setenv("SHOP_KEY", "secret")
    call(service, http, {}, key_env="SHOP_KEY", auth=auth, headers={"Shop-Version": "3"})
    assert service.seen[0].headers[header] == value
    assert service.seen[0].headers["Shop-Version"] == "3"


@pytest.mark.parametrize("url", ["ftp://host", "/v1", "http://user:pw@host", "http://host?key=1", "file:///etc/passwd"])
def test_an_address_that_is_none_is_an_error_at_once(url: str) -> None:
    with pytest.raises(InvalidRequestError, match="base_url"):
        HttpTool(HttpCall(method="GET", path="/"), base_url=url)


@pytest.mark.parametrize(
    ("fault", "nothing_done", "transient"),
    [
        (400, True, False),
        (404, True, False),
        (409, False, False),
        (422, True, False),
        (429, True, True),
        (500, False, True),
        (503, False, True),
        ("drop", False, True),
        ("html", False, False),
    ],
)
def test_a_failure_says_whether_something_may_have_been_done(
    service: Service, fault: int | str, nothing_done: bool, transient: bool
) -> None:
    service.faults.append(fault)
    with pytest.raises(ToolFailure) as failed:
        call(service, {"method": "POST", "path": "/refunds"}, {"cents": 500})
    assert (failed.value.nothing_done, failed.value.transient) == (nothing_done, transient)


def test_a_server_that_is_not_there_did_nothing(service: Service) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(ToolFailure) as failed:
        call(service, {"method": "POST", "path": "/"}, {}, base_url=f"http://127.0.0.1:{port}")
    assert (failed.value.nothing_done, failed.value.transient) == (True, True)


def test_an_answer_without_end_is_cut(service: Service) -> None:
    service.faults.append("huge")
    found = call(service, {"method": "GET", "path": "/"}, {})
    assert found["note"].startswith("cut: ")
    assert len(found["text"]) == 20_000


def test_a_call_can_be_made_from_any_loop(service: Service) -> None:
    function = HttpTool(HttpCall(method="GET", path="/ok"), base_url=service.url)
    for _ in range(2):
        assert asyncio.run(function()) == {"path": "/ok"}
