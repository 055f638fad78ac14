"""WebSockets before the handshake ends: who may come in, and what the others are told."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from asgi import http_scope
from gateway import Gateway, running_gateway
from hubbub.core.grants import Grants
from hubbub.web.auth import ApiKey, AuthOptions

pytestmark = pytest.mark.anyio

TOKEN = "hk_anna"
KEY = ApiKey(
    name="anna",
    hash=hashlib.sha256(TOKEN.encode()).hexdigest(),
    grants=Grants(("orders/*",), ("orders/*",)),
)
BEARER = {"authorization": f"Bearer {TOKEN}"}
RESPONSE = {"websocket.http.response": {}}


async def knock(
    gateway: Gateway,
    path: str,
    headers: dict[str, str] | None = None,
    *,
    extensions: Any = RESPONSE,
) -> list[dict[str, Any]]:
    """Ask for a WebSocket, hang up at once if it is granted, and return what was said."""
    scope = http_scope("GET", path, headers or {})
    del scope["method"]
    scope |= {"type": "websocket", "scheme": "ws", "subprotocols": [], "extensions": extensions}
    inbox = [{"type": "websocket.connect"}]
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return inbox.pop(0) if inbox else {"type": "websocket.disconnect", "code": 1001}

    async def send(message: Any) -> None:
        said.append(message)

    await gateway.app()(scope, receive, send)
    return said


def refused(said: list[dict[str, Any]]) -> dict[str, Any]:
    start, body = said
    assert start["type"] == "websocket.http.response.start"
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    document = json.loads(body["body"])
    assert document["status"] == start["status"]
    return document


@pytest.mark.parametrize("path", ["/topics/a", "/topics/a/*", "/events", "/ws", "/events?last=5"])
async def test_everybody_may_come_in_where_there_are_no_keys(gateway: Gateway, path: str) -> None:
    said = await knock(gateway, path)
    assert said[0]["type"] == "websocket.accept"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/topics/a*", 400),
        ("/topics/a%2Fb", 400),
        ("/events?since=never", 400),
        ("/events?filter=type%20=", 400),
        ("/events?type=%FF", 400),
        ("/nothing", 404),
        ("/health/live", 404),
        ("/hub", 404),
    ],
)
async def test_refusals_are_problem_documents(gateway: Gateway, path: str, status: int) -> None:
    assert refused(await knock(gateway, path))["status"] == status


async def test_under_a_server_that_cannot_answer_they_are_codes(gateway: Gateway) -> None:
    for extensions in ({}, None):
        said = await knock(gateway, "/topics/a*", extensions=extensions)
        assert said == [{"type": "websocket.close", "code": 1007}]
        said = await knock(gateway, "/nothing", extensions=extensions)
        assert said == [{"type": "websocket.close", "code": 1008}]


async def test_a_foreign_page_may_not(gateway: Gateway) -> None:
    for path in ("/topics/a", "/ws"):
        said = await knock(gateway, path, {"origin": "https://evil.example"})
        assert refused(said)["type"].endswith("/foreign-origin")
    said = await knock(gateway, "/ws", {"origin": "http://127.0.0.1:8080"})
    assert said[0]["type"] == "websocket.accept"


async def test_rights() -> None:
    async with running_gateway(auth=AuthOptions(keys=(KEY,))) as gateway:
        assert refused(await knock(gateway, "/topics/orders/1"))["status"] == 401
        assert refused(await knock(gateway, "/topics/news", BEARER))["status"] == 403
        assert (await knock(gateway, "/topics/orders/1", BEARER))[0]["type"] == "websocket.accept"
        assert (await knock(gateway, "/events", BEARER))[0]["type"] == "websocket.accept"


async def test_nobody_may_come_in_to_say_who_they_are() -> None:
    async with running_gateway(auth=AuthOptions(keys=(KEY,))) as gateway:
        assert (await knock(gateway, "/ws"))[0]["type"] == "websocket.accept"
        said = await knock(gateway, "/ws", {"authorization": "Bearer hk_wrong"})
        assert refused(said)["status"] == 401


async def test_a_fault_of_ours(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    del gateway.authenticator
    document = refused(await knock(gateway, "/topics/a"))
    assert document["status"] == 500
    assert "authenticator" not in document["detail"]
    assert "authenticator" in caplog.text
