"""`/websub/{token}`: verifications and deliveries of hubs, over the HTTP face."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.routing import Route, Router

from asgi import Client
from hubbub.core.errors import Unavailable
from hubbub.web.routes_callbacks import callback_resources
from sources.websub.world import ATOM, Rig, atom, entry, rig

pytestmark = pytest.mark.anyio


@pytest.fixture
async def us() -> AsyncIterator[Rig]:
    async with rig(max_bytes=65_536) as made:
        made.world.page(atom(entry(1)))
        made.world.hub().verifies = False
        made.follow()
        await made.until(lambda: made.world.hub().forms)
        await made.quiet()
        yield made


@pytest.fixture
def client(us: Rig) -> Client:
    hub: Any = SimpleNamespace(followers=us.followers)
    routes = [Route(one.path, one) for one in callback_resources(hub)]
    return Client(Router(routes, redirect_slashes=False))


def path(us: Rig) -> str:
    return "/websub/" + us.state.callbacks[-1].token


def question(us: Rig, **more: str) -> str:
    said = {
        "hub.mode": "subscribe",
        "hub.topic": us.world.url + "/feed",
        "hub.challenge": "<b>ö & +</b>",
        "hub.lease_seconds": "1000",
        **more,
    }
    return f"{path(us)}?{urlencode(said)}"


def signed(us: Rig, body: bytes) -> dict[str, str]:
    secret = us.world.hub().forms[0]["hub.secret"]
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"content-type": ATOM, "x-hub-signature": f"sha256={digest}"}


async def test_the_challenge_and_nothing_else_comes_back(us: Rig, client: Client) -> None:
    """websub 42, 50."""
    reply = await client.get(question(us))
    assert (reply.status, reply.body) == (200, "<b>ö & +</b>".encode())
    assert reply["content-type"] == "text/plain; charset=utf-8"
    assert reply["x-content-type-options"] == "nosniff"
    assert reply["cache-control"] == "no-store"
    assert us.active.token in path(us)


async def test_a_head_changes_nothing(us: Rig, client: Client) -> None:
    reply = await client("HEAD", question(us))
    assert (reply.status, reply.body) == (200, b"")
    assert us.state.active is None
    assert (await client("HEAD", question(us, **{"hub.mode": "unsubscribe"}))).status == 404


@pytest.mark.parametrize(
    "query",
    [
        "",
        "hub.mode=subscribe",
        "hub.mode=unsubscribe&hub.challenge=x",
        "hub.mode=subscribe&hub.mode=unsubscribe",
    ],
)
async def test_what_was_not_asked_for_is_404(us: Rig, client: Client, query: str) -> None:
    """websub 42."""
    reply = await client.get(f"{path(us)}?{query}")
    assert reply.status == 404
    assert reply["content-type"] == "application/problem+json"
    assert (await client.get(question(us) + "&hub.topic=another")).status == 404
    assert us.state.active is None


async def test_a_query_that_cannot_be_read_is_refused(us: Rig, client: Client) -> None:
    assert (await client.get(f"{path(us)}?hub.challenge=%ff")).status == 400


async def test_a_delivery_is_answered_once_it_is_durable(us: Rig, client: Client) -> None:
    """websub 46."""
    body = atom(entry(2))
    assert (
        await client("POST", path(us), body, signed(us, body))
    ).status == 404  # not verified yet
    await client.get(question(us))
    us.publisher.error = Unavailable("the disk is full", retry_after=7)
    reply = await client("POST", path(us), body, signed(us, body))
    assert (reply.status, reply["retry-after"]) == (503, "7")
    us.publisher.error = None
    reply = await client("POST", path(us), [body[:9], body[9:]], signed(us, body))
    assert (reply.status, reply.body) == (200, b"")
    assert "location" not in reply
    assert await us.ids() == ["urn:e:2"]


async def test_without_the_right_signature_nothing_is_taken(us: Rig, client: Client) -> None:
    """websub 48, 49: 403, because any 2xx would count as a success."""
    await client.get(question(us))
    body = atom(entry(2))
    for headers in (
        {"content-type": ATOM},
        signed(us, body + b" "),
        [*signed(us, body).items(), ("x-hub-signature", "sha256=0")],
    ):
        assert (await client("POST", path(us), body, headers)).status == 403
    assert await us.records() == []


async def test_bounds_and_encodings(us: Rig, client: Client) -> None:
    await client.get(question(us))
    body = b"x" * 65_537
    assert (await client("POST", path(us), body, signed(us, body))).status == 413
    headers = signed(us, b"x") | {"content-encoding": "gzip"}
    assert (await client("POST", path(us), b"x", headers)).status == 415
    assert client.taken == 0
    assert (await client("POST", path(us), [b"x"], signed(us, b"x"), cut=True)).status == 0
    assert await us.records() == []


async def test_unknown_and_ended_callbacks_are_answered_unread(us: Rig, client: Client) -> None:
    """websub 32, 46."""
    await client.get(question(us))
    assert (await client("POST", "/websub/nobody", b"x")).status == 404
    assert client.taken == 0
    gone = path(us)
    us.unfollow()
    assert (await client("POST", gone, b"x")).status == 410
    assert client.taken == 0


async def test_other_methods(us: Rig, client: Client) -> None:
    reply = await client("PUT", path(us))
    assert (reply.status, reply["allow"]) == (405, "GET, HEAD, POST, OPTIONS")


async def test_headers_of_a_delivery_are_not_believed(us: Rig, client: Client) -> None:
    """websub 47, 52: only the body is signed; the callback says which subscription it is."""
    await client.get(question(us))
    body = atom(entry(2))
    topic = us.state.topic
    links = '<https://evil.example/hub>; rel="hub", <https://evil.example/feed>; rel="self"'
    headers = [*signed(us, body).items(), ("link", links), ("location", "https://evil.example/")]
    assert (await client("POST", path(us), body, headers)).status == 200
    assert await us.ids() == ["urn:e:2"]
    (record,) = await us.records()
    assert record.attributes()["source"] == topic
    assert us.state.topic == topic
    assert "evil" not in str(us.state)
