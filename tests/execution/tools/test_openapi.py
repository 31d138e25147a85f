"""An OpenAPI document becomes tools whose arguments are checked before, and sent as, the document says."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
import yaml

from router_ml.errors import InvalidRequestError
from router_ml.execution.tools.http import http_tools
from router_ml.execution.tools.openapi import contracts_from_openapi, left_out, servers_of, tools_from_openapi
from tests.execution.tool_servers import Service, serving

jsonschema = pytest.importorskip("jsonschema")

DOCUMENT = yaml.safe_load("""
openapi: 3.0.3
info: {title: Shop, version: 2.3.0}
servers: [{url: "https://shop.example/api"}]
paths:
  /orders/{order}:
    parameters:
      - {name: order, in: path, required: true, schema: {type: string}, description: Number}
      - {name: X-Tenant, in: header, required: false, schema: {type: string}}
    get:
      operationId: order.read
      summary: Read an order
      parameters: [{name: fields, in: query, schema: {type: array, items: {type: string}}},
                   {name: session, in: cookie, schema: {type: string}}]
      responses:
        "200":
          description: ok
          content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}
    put:
      operationId: order_write
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}
      responses: {"204": {description: done}}
    delete: {responses: {"204": {description: gone}}}
  /refunds:
    post:
      operationId: refund
      requestBody: {$ref: "#/components/requestBodies/Refund"}
      responses:
        default: {description: no}
        "201": {$ref: "#/components/responses/Refunded"}
  /tags:
    post:
      operationId: tags
      requestBody:
        required: true
        content: {application/json: {schema: {type: array, items: {type: string}}}}
      responses: {}
  /form:
    post:
      operationId: form
      requestBody:
        required: true
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, properties: {amount: {type: integer}}, required: [amount]}
      responses: {}
components:
  schemas:
    Order:
      type: object
      required: [order]
      properties:
        order: {type: string, nullable: true, example: "8812"}
        cents: {type: integer, minimum: 0, exclusiveMinimum: true, x-unit: cent}
        parent: {$ref: "#/components/schemas/Order"}
    Reason: {type: string, enum: [late, broken], nullable: true}
  requestBodies:
    Refund:
      required: true
      content:
        application/json:
          schema:
            type: object
            required: [cents]
            properties: {cents: {type: integer}, reason: {$ref: "#/components/schemas/Reason"}}
  responses:
    Refunded:
      description: paid
      content: {application/json: {schema: {type: object, properties: {id: {type: string}}}}}
""")


def valid(schema: Any, value: Any) -> bool:
    jsonschema.Draft202012Validator.check_schema(schema)
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


def test_methods_say_whether_a_tool_writes_and_may_be_tried_again() -> None:
    tools = tools_from_openapi(DOCUMENT)
    said = {name: (tool.effect, tool.approval, tool.idempotent) for name, tool in tools.items()}
    assert said == {
        "order_read": ("read", False, True),
        "order_write": ("write", True, True),
        "delete_orders_order": ("write", True, True),
        "refund": ("write", True, False),
        "tags": ("write", True, False),
        "form": ("write", True, False),
    }
    assert tools["order_read"].description == "Read an order"
    assert {tool.version for tool in tools.values()} == {"2.3.0"}


def test_parameters_and_body_are_one_schema() -> None:
    tools = tools_from_openapi(DOCUMENT)
    refund = tools["refund"].parameters
    assert valid(refund, {"cents": 500, "reason": "late"})
    assert valid(refund, {"cents": 500, "reason": None})  # nullable, in the words of JSON Schema
    assert not valid(refund, {"reason": "late"})
    assert not valid(refund, {"cents": 500, "reason": "ugly"})
    assert not valid(refund, {"cents": 500, "to": "me"})
    read = tools["order_read"].parameters
    assert valid(read, {"order": "8812", "fields": ["cents"], "X-Tenant": "acme"})
    assert not valid(read, {"fields": []})
    assert not valid(read, {"order": "8812", "session": "s"})  # cookies are not for lanes


def test_a_body_whose_names_are_taken_is_one_argument_and_schemas_may_hold_themselves() -> None:
    write = tools_from_openapi(DOCUMENT)["order_write"].parameters
    assert valid(write, {"order": "8812", "body": {"order": "1", "cents": 1, "parent": {"order": None}}})
    assert not valid(write, {"order": "8812", "body": {"order": "1", "cents": 0}})  # exclusive, as 3.0 says it
    assert not valid(write, {"order": "8812", "body": {"order": "1", "parent": {}}})
    assert not valid(write, {"order": "8812"})


def test_results_have_a_schema_where_the_document_gives_one() -> None:
    tools = tools_from_openapi(DOCUMENT)
    assert valid(tools["order_read"].result, {"order": "8812"})
    assert not valid(tools["order_read"].result, {})
    assert tools["refund"].result == {"type": "object", "properties": {"id": {"type": "string"}}}
    assert tools["tags"].result == {}


def test_imported_operations_are_called_as_the_document_says() -> None:
    with serving(Service()) as service:
        tools = http_tools(contracts_from_openapi(DOCUMENT), base_url=f"{service.url}/api")
        calls: dict[str, dict[str, Any]] = {
            "order_read": {"order": "88/12", "fields": ["a", "b"], "X-Tenant": "acme"},
            "refund": {"cents": 500},
            "order_write": {"order": "8812", "body": {"order": "1"}},
            "form": {"amount": 3},
        }
        for name, arguments in calls.items():
            asyncio.run(tools[name](**arguments))
    read, refund, write, form = service.seen
    assert (write.method, write.path, write.body.replace(" ", "")) == ("PUT", "/api/orders/8812", '{"order":"1"}')
    assert (read.method, read.path, read.query) == ("GET", "/api/orders/88%2F12", [("fields", "a"), ("fields", "b")])
    assert read.headers["X-Tenant"] == "acme"
    assert (refund.method, refund.path, refund.body.replace(" ", "")) == ("POST", "/api/refunds", '{"cents":500}')
    assert form.form == {"amount": "3"}


PAY = yaml.safe_load("""
openapi: 3.1.0
info: {title: Pay, version: "1"}
paths:
  /pay:
    post:
      operationId: pay
      parameters:
        - {name: authorization, in: header, schema: {type: string}}
        - {name: Content-Type, in: header, schema: {type: string}}
        - {name: Idempotency-Key, in: header, required: true, schema: {type: string}}
        - {name: X-Tenant, in: header, schema: {type: string}}
      requestBody:
        required: true
        content: {application/json: {schema: {properties: {idempotency_key: {type: string}, cents: {type: integer}}}}}
  /files:
    post: {operationId: upload, requestBody: {content: {multipart/form-data: {schema: {type: object}}}}}
    get: {operationId: list, requestBody: {content: {application/json: {schema: {type: object}}}}}
  /open:
    post:
      operationId: open_form
      requestBody:
        required: true
        content:
          application/x-www-form-urlencoded:
            schema: {properties: {amount: {type: integer}}, additionalProperties: {type: string}}
""")


def test_no_argument_stands_in_for_the_key_of_the_server_or_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = contracts_from_openapi(PAY)["pay"]
    assert list(contract.parameters["properties"]) == ["X-Tenant", "idempotency_key", "cents"]  # type: ignore[arg-type]
    monkeypatch.setenv("PAY_KEY", "ours")
    with serving(Service()) as service:
        pay = http_tools({"pay": contract}, base_url=service.url, key_env="PAY_KEY")["pay"]
        asyncio.run(pay("dec-1:pay:ab", cents=5, idempotency_key="theirs"))
    seen = service.seen[0]
    assert seen.headers["Idempotency-Key"] == "dec-1:pay:ab"
    assert seen.headers["Authorization"] == "Bearer ours"
    assert seen.body.replace(" ", "") == '{"cents":5,"idempotency_key":"theirs"}'


def test_an_operation_whose_body_cannot_be_sent_is_left_out_and_told() -> None:
    assert left_out(PAY) == {"upload": "multipart/form-data"}
    tools = tools_from_openapi(PAY)
    assert list(tools) == ["pay", "list", "open_form"]
    assert tools["list"].parameters["properties"] == {}  # what reads has no body


def test_a_form_that_is_one_argument_is_sent_as_a_form() -> None:
    with serving(Service()) as service:
        tools = http_tools(contracts_from_openapi(PAY), base_url=service.url)
        asyncio.run(tools["open_form"](body={"amount": 3, "note": "a"}))
    assert service.seen[0].form == {"amount": "3", "note": "a"}


def test_the_addresses_of_a_document_are_told_and_never_used() -> None:
    assert servers_of(DOCUMENT) == ("https://shop.example/api",)


def test_names_of_operations_are_names_of_functions() -> None:
    document: Any = copy.deepcopy(DOCUMENT)
    document["paths"]["/refunds"]["post"]["operationId"] = "order read"
    document["paths"]["/tags"]["post"]["operationId"] = "ü" + "x" * 100
    names = list(tools_from_openapi(document))
    assert {"order_read", "order_read_2"} <= set(names)
    assert all(len(name) <= 64 and name.isascii() for name in names)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"swagger": "2.0"}, "swagger '2.0', expected an OpenAPI document of version 3"),
        ({}, "expected an OpenAPI document"),
        (
            {"openapi": "3.1.0", "paths": {"/": {"get": {"parameters": [
                {"name": "a", "in": "query", "schema": {"$ref": "other.yaml#/A"}}]}}}},
            "expected a place in the document",
        ),
    ],
)  # fmt: skip
def test_what_is_no_document_of_its_own_is_an_error(document: Any, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        tools_from_openapi(document)
