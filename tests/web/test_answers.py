"""Whatever a handler does, the client gets one answer, and the log what went wrong."""

from __future__ import annotations

from typing import Any

import pytest

from asgi import Client
from hubbub.core.errors import (
    Forbidden,
    HubbubError,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    UpgradeRequired,
)
from hubbub.web.answers import Answer, ClientGone, answering
from hubbub.web.face import Receive, Scope, Send

pytestmark = pytest.mark.anyio


def failing(error: Exception) -> Client:
    async def handler(_scope: Scope, _receive: Receive, _send: Send) -> Answer:
        raise error

    return Client(answering(handler))


async def test_a_whole_answer() -> None:
    async def handler(_scope: Scope, _receive: Receive, _send: Send) -> Answer:
        return Answer(200, b"text/plain", b"hello", [(b"x-own", b"1")])

    client = Client(answering(handler))
    get, head = await client.get("/"), await client("HEAD", "/")
    assert (get.body, head.body) == (b"hello", b"")
    for reply in (get, head):
        assert (reply["content-length"], reply["content-type"]) == ("5", "text/plain")
        assert (reply["x-own"], reply["x-content-type-options"]) == ("1", "nosniff")


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_speaks_of_none(status: int) -> None:
    async def handler(_scope: Scope, _receive: Receive, _send: Send) -> Answer:
        return Answer(status)

    reply = await Client(answering(handler)).get("/")
    assert reply.status == status
    assert "content-length" not in reply
    assert "content-type" not in reply


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (TooMany("slower", retry_after=1.5), "retry-after", "2"),
        (Unauthenticated("who?"), "www-authenticate", 'Bearer realm="hubbub"'),
        (Forbidden("no"), "www-authenticate", 'Bearer realm="hubbub", error="insufficient_scope"'),
        (TooLarge("big"), "connection", "close"),
        (UpgradeRequired("ws"), "upgrade", "websocket"),
        (NotFound("no"), "cache-control", "no-store"),
    ],
)
async def test_refusals_with_what_belongs_to_them(
    error: HubbubError, name: str, value: str
) -> None:
    reply = await failing(error).get("/")
    assert reply.status == error.status
    assert reply["content-type"] == "application/problem+json"
    assert reply[name] == value


async def test_connections_are_not_closed_by_a_header_over_http_2() -> None:
    reply = await failing(TooLarge("big")).get("/", scope={"http_version": "2"})
    assert "connection" not in reply


async def test_nobody_is_answered_who_is_gone() -> None:
    assert (await failing(ClientGone()).get("/")).status == 0


@pytest.mark.parametrize("error", [NotFound("late"), RuntimeError("late")])
async def test_an_answer_that_has_begun_is_not_begun_again(error: Exception) -> None:
    async def handler(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    with pytest.raises(type(error)):  # the server ends the connection, so the client sees a break
        await Client(answering(handler)).get("/")


async def test_a_fault_is_told_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    reply = await failing(ZeroDivisionError("secret")).get("/a%0Ab")
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert "GET '/a\\nb' failed" in caplog.text
    assert "secret" in caplog.text


async def test_a_handler_may_answer_itself() -> None:
    async def handler(_scope: Scope, _receive: Receive, send: Send) -> Any:
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"own"})

    reply = await Client(answering(handler)).get("/")
    assert (reply.status, reply.body) == (299, b"own")
