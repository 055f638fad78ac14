"""Whether the gateway lives and works, and its numbers."""

from __future__ import annotations

import hashlib

import pytest

from asgi import Client
from gateway import Gateway, running_gateway
from hubbub.core.contracts import Health
from hubbub.core.grants import Grants
from hubbub.web.auth import ApiKey, AuthOptions

pytestmark = pytest.mark.anyio


async def test_alive(client: Client) -> None:
    reply = await client.get("/health/live")
    assert (reply.status, reply.json()) == (200, {"status": "alive"})
    assert reply["cache-control"] == "no-store"


async def test_ready(gateway: Gateway, client: Client) -> None:
    reply = await client.get("/health/ready")
    assert (reply.status, reply.json()) == (
        200,
        {"status": "ready", "position": f"{gateway.log.epoch}-0"},
    )


@pytest.mark.parametrize("reason", ["the disk is full; free some space", ""])
async def test_not_ready_and_why(gateway: Gateway, client: Client, reason: str) -> None:
    gateway.log.health = lambda: Health(ok=False, reason=reason)
    reply = await client.get("/health/ready")
    assert reply.status == 503
    assert reply.json()["status"] == "unavailable"
    assert reply.json()["reasons"] == [reason or "the log takes no events now"]
    assert int(reply["retry-after"]) > 0
    assert (await client.get("/health/live")).status == 200


async def test_metrics_in_the_form_that_is_asked_for(gateway: Gateway, client: Client) -> None:
    gateway.metrics = lambda accept: (f"text/x; of={accept}", b"1")
    reply = await client.get("/metrics", {"accept": "openmetrics"})
    assert (reply.status, reply.body) == (200, b"1")
    assert reply["content-type"] == "text/x; of=openmetrics"


async def test_metrics_are_for_those_with_a_token_where_there_are_tokens() -> None:
    token = "hk_anna"
    digest = hashlib.sha256(token.encode()).hexdigest()
    keys = (ApiKey(name="anna", hash=digest, grants=Grants()),)
    async with running_gateway(auth=AuthOptions(keys=keys)) as gateway:
        client = Client(gateway.app())
        assert (await client.get("/metrics")).status == 401
        reply = await client.get("/metrics", {"authorization": f"Bearer {token}"})
        assert reply.status == 200
        for path in ("/health/live", "/health/ready", "/openapi.json", "/"):
            assert (await client.get(path)).status == 200
