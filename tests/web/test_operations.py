"""A resource answers for its methods, and says which they are."""

from __future__ import annotations

import pytest

from asgi import Client
from hubbub.web.answers import Answer
from hubbub.web.face import Receive, Scope, Send
from hubbub.web.operations import Operation, Resource, Response

pytestmark = pytest.mark.anyio


async def handler(scope: Scope, _receive: Receive, _send: Send) -> Answer:
    return Answer(200, b"text/plain", scope["method"].encode())


def operation(method: str, **body: object) -> Operation:
    return Operation(
        method=method,  # type: ignore[arg-type]
        name=method.lower(),
        summary="",
        tag="",
        handler=handler,
        answers={200: Response("")},
        body=body,
    )


async def test_without_get_there_is_no_head() -> None:
    client = Client(Resource("/", operation("POST"), operation("DELETE")))
    assert (await client("OPTIONS", "/"))["allow"] == "POST, DELETE, OPTIONS"
    assert (await client("HEAD", "/")).status == 405
    assert (await client("DELETE", "/")).body == b"DELETE"


async def test_what_may_be_sent_is_told() -> None:
    resource = Resource("/", operation("GET"), operation("PATCH", a=1), operation("POST", b=1, c=1))
    reply = await Client(resource)("OPTIONS", "/")
    assert reply["allow"] == "GET, HEAD, PATCH, POST, OPTIONS"
    assert (reply["accept-patch"], reply["accept-post"]) == ("a", "b, c")


async def test_methods_are_case_sensitive() -> None:
    assert (await Client(Resource("/", operation("GET")))("get", "/")).status == 405
