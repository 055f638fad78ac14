"""The application as a whole: what every address does alike, wherever it is mounted."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from asgi import Client
from gateway import Gateway

pytestmark = pytest.mark.anyio

GETS = (
    "/topics/a",
    "/events",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/openapi.json",
    "/",
    "/console/app.js",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW")


@pytest.mark.parametrize("path", GETS)
async def test_every_address_answers_head_and_options(client: Client, path: str) -> None:
    head, get = await client("HEAD", path), await client.get(path)
    assert (head.status, get.status) == (200, 200)
    assert head.body == b""
    assert head["content-length"] == get["content-length"]
    options = await client("OPTIONS", path)
    assert options.status == 204
    assert {"GET", "HEAD", "OPTIONS"} <= {*options["allow"].split(", ")}


@pytest.mark.parametrize("path", [*GETS, "/ws"])
async def test_other_methods_are_refused_with_those_there_are(client: Client, path: str) -> None:
    allow = (await client("OPTIONS", path))["allow"]
    for method in METHODS:
        if method in allow.split(", "):
            continue
        reply = await client(method, path)
        assert reply.status == 405, (method, reply)
        assert reply["allow"] == allow
        assert reply["content-type"] == "application/problem+json"
        assert allow in reply.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/topics",
        "/events/",
        "/health",
        "/health/live/",
        "//",
        "/Topics/a",
        "/console/",
        "/console/nothing.js",
        "/console/../app.py",
        "/console/%2e%2e/static.py",
        "/console/..%2Fstatic.py",
        "/%00",
        "/\u2603",
    ],
)
async def test_nothing_here(client: Client, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        reply = await client(method, path)
        assert reply.status in (404, 405), (method, reply)
        assert reply["content-type"] == "application/problem+json"
        assert reply.json()["type"].startswith("https://hubbub.dev/problems/")


@pytest.mark.parametrize("path", [*GETS, "/nothing", "/topics/a%00", "/events?since=x"])
async def test_every_answer_is_safe_to_show(client: Client, path: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "PUT"):
        reply = await client(method, path)
        assert reply["x-content-type-options"] == "nosniff"
        assert reply["referrer-policy"] == "no-referrer"
        assert len({name for name, _ in reply.lines}) == len(reply.lines)


async def test_a_websocket_over_plain_http_says_so(client: Client) -> None:
    reply = await client.get("/ws")
    assert reply.status == 426
    assert reply["upgrade"] == "websocket"


async def test_mounted_under_a_path(gateway: Gateway) -> None:
    client = Client(Starlette(routes=[Mount("/in/hubbub", gateway.app())]))
    reply = await client.post("/in/hubbub/topics/a/b%20c", 1)
    assert (reply.status, reply.json()["topic"]) == (201, "a/b c")
    assert (await client.post("/in/hubbub/events?topic=d", 1)).status == 201
    reply = await client.get("/in/hubbub/topics/a/b%20c?limit=1")
    assert reply.json()[0]["topic"] == "a/b c"
    assert '<http://127.0.0.1:8080/in/hubbub/topics/a/b%20c>; rel="self"' in reply["link"]
    for path in ("/", "/health/live", "/openapi.json", "/console/app.js"):
        assert (await client.get("/in/hubbub" + path)).status == 200
    assert (await client.get("/in/hubbub/nothing")).status == 404


async def test_under_a_server_that_tells_less(client: Client) -> None:
    """`raw_path`, `extensions`, `root_path` and `server` are optional in ASGI."""

    def without(path: str) -> dict[str, Any]:
        return {"raw_path": None, "path": path, "headers": [], "server": None, "extensions": None}

    reply = await client("POST", "/", b"1", scope=without("/topics/50% ü"))
    assert (reply.status, reply.json()["topic"]) == (201, "50% ü")
    reply = await client("GET", "/", scope=without("/topics/50% ü"))
    assert len(reply.json()) == 1
    assert "<http://localhost/topics/50%25%20%C3%BC>" in reply["link"]


async def test_it_answers_before_the_gateway_is_opened_only_with_a_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = Gateway()
    app = gateway.app()
    del gateway.publisher
    reply = await Client(app).post("/topics/a", 1)
    assert reply.status == 500
    assert "publisher" not in reply.body.decode()
    assert "publisher" in caplog.text
