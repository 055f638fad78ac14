"""The API's document: valid, complete, and true."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from asgi import Client
from gateway import Gateway

pytestmark = pytest.mark.anyio

EXAMPLES = {"{topic}": "a", "{file}": "app.js"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    import asyncio

    reply = asyncio.run(Client(Gateway().app()).get("/openapi.json"))
    assert reply["content-type"] == "application/json"
    return reply.json()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method.upper(), operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def example(path: str) -> str:
    for name, value in EXAMPLES.items():
        path = path.replace(name, value)
    return path


def test_it_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")


def test_operations_have_names_and_words(document: dict[str, Any]) -> None:
    found = operations(document)
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names)
    for _, _, operation in found:
        assert operation["summary"]
        assert operation["tags"]
        assert all(parameter["description"] for parameter in operation["parameters"])
        assert all(response["description"] for response in operation["responses"].values())


def test_every_address_of_the_contract_is_there(document: dict[str, Any]) -> None:
    assert {(path, method) for path, method, _ in operations(document)} >= {
        ("/topics/{topic}", "GET"),
        ("/topics/{topic}", "POST"),
        ("/events", "GET"),
        ("/events", "POST"),
        ("/ws", "GET"),
        ("/health/live", "GET"),
        ("/health/ready", "GET"),
        ("/metrics", "GET"),
        ("/openapi.json", "GET"),
        ("/", "GET"),
    }


async def test_the_methods_are_those_that_are_taken(
    document: dict[str, Any], client: Client
) -> None:
    for path, item in document["paths"].items():
        allow = (await client("OPTIONS", example(path)))["allow"].split(", ")
        assert {*allow} - {"HEAD", "OPTIONS"} == {method.upper() for method in item}


async def test_what_may_be_posted_is_what_is_taken(
    document: dict[str, Any], client: Client
) -> None:
    for path in ("/topics/{topic}", "/events"):
        content = document["paths"][path]["post"]["requestBody"]["content"]
        accept = (await client("OPTIONS", example(path)))["accept-post"]
        assert accept.split(", ") == list(content)


async def test_every_get_answers_as_described(document: dict[str, Any], client: Client) -> None:
    await client.post("/topics/a", {"n": 1})
    for path, method, operation in operations(document):
        if method != "GET":
            continue
        reply = await client.get(example(path))
        content = operation["responses"][str(reply.status)].get("content", {})
        kind = reply["content-type"].partition(";")[0]
        assert kind in content or "*/*" in content, (path, reply)
        if kind.endswith("json") and kind in content:
            check(document, content[kind]["schema"], reply.json())


async def test_answers_to_publishing_are_as_described(
    document: dict[str, Any], client: Client
) -> None:
    responses = document["paths"]["/topics/{topic}"]["post"]["responses"]
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
    replies = [
        await client.post("/topics/a", 1),
        await client.post("/topics/a", event, "application/cloudevents+json"),
        await client.post("/topics/a", event, "application/cloudevents+json"),
        await client.post("/topics/a", [event], "application/cloudevents-batch+json"),
        await client.post("/topics/a?ephemeral=true", 1),
        await client.post("/topics/a", b"{"),
        await client.post("/topics/a", [{}, 1], "application/cloudevents-batch+json"),
        await client.post("/topics/a", 1, content_encoding="gzip"),
    ]
    assert {reply.status for reply in replies} == {200, 201, 202, 400, 415}
    for reply in replies:
        content = responses[str(reply.status)]["content"]
        check(document, content[reply["content-type"]]["schema"], reply.json())


@pytest.mark.parametrize("data", [None, 1, "text", {}, [1]])
@pytest.mark.parametrize(
    "kind", ["application/json", "application/feed+json", "application/cloudevents-batch+json"]
)
async def test_the_newest_event_may_be_any_json(
    document: dict[str, Any], client: Client, kind: str, data: Any
) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": data}
    event["datacontenttype"] = kind
    if data is None:  # in an event that is no data at all
        event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
        event |= {"datacontenttype": kind, "data_base64": "bnVsbA=="}
    await client.post("/topics/a", event, "application/cloudevents+json")
    reply = await client.get("/topics/a?format=latest")
    assert (reply["content-type"], reply.json()) == (kind, data)
    for path in ("/topics/{topic}", "/events"):
        content = document["paths"][path]["get"]["responses"]["200"]["content"]
        check(document, content[kind]["schema"], reply.json())


def test_refusals_are_told(document: dict[str, Any]) -> None:
    post = document["paths"]["/topics/{topic}"]["post"]["responses"]
    get = document["paths"]["/topics/{topic}"]["get"]["responses"]
    assert {"400", "401", "403", "409", "413", "415", "422", "429", "503"} <= post.keys()
    assert {"400", "401", "403", "406", "410", "503", "505"} <= get.keys()


def check(document: dict[str, Any], schema: Any, value: Any) -> None:
    whole = {**schema, "components": document["components"]}
    jsonschema_rs.Draft202012Validator(json.loads(json.dumps(whole))).validate(value)
