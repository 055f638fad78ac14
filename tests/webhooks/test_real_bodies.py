"""Real webhooks of GitHub and Shopify, signed and posted by Node.js to a real gateway.

Received, verified, kept byte for byte, once each, in a log on disk, and delivered onward: signed as
Standard Webhooks, which the library of that name verifies. Where the bodies come from:
tests/node/webhooks.mjs.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook

from channels.receiver import receiving
from client.real import RealGateway, real_gateway, settings
from hubbub.core.event import payload
from hubbub.core.selection import EVERYTHING
from hubbub.core.start import EARLIEST
from hubbub.net import EgressOptions
from web_clients.programs import PATIENCE, node_program, program

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SECRET = "It's a Secret to Everybody"


async def made(gateway: RealGateway, provider: str) -> str:
    """Make a source; return the address to post to."""
    options = {"provider": provider, "secrets": ["an older one", SECRET]}
    document = {"name": provider, "kind": "webhook", "topic": "{provider}/{type}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}/sources", json=document | {"options": options}) as reply,
    ):
        assert reply.status == 201, await reply.text()
        return (await reply.json())["url"]


async def sent(provider: str, url: str, secret: str) -> list[dict[str, Any]]:
    """Have Node.js post every body; return what it says of each."""
    async with program(*node_program("webhooks.mjs"), provider, url, secret) as sender:
        return [json.loads(line) for line in (await sender.rest()).splitlines()]


async def records(gateway: RealGateway) -> list[Any]:
    found, _ = await gateway.hub.history.page(EVERYTHING, EARLIEST, limit=10_000)
    return found


@pytest.mark.parametrize(("provider", "count"), [("github", 329), ("shopify", 210)])
async def test_every_real_body_is_kept_byte_for_byte(
    provider: str, count: int, tmp_path: Path
) -> None:
    wanted = settings(f"sqlite://{tmp_path}/hubbub.db")
    async with real_gateway(wanted) as gateway:
        url = await made(gateway, provider)
        forged = await sent(provider, url, "not the secret")
        assert {one["status"] for one in forged} == {401}
        assert await records(gateway) == []
        posted = await sent(provider, url, SECRET)
        assert {one["status"] for one in posted} == {200}
        kept = await records(gateway)
    assert len(posted) == len(kept) == count
    for one, record in zip(posted, kept, strict=True):
        told = record.attributes()
        assert (told["id"], told["type"]) == (one["id"], one["type"])
        assert (told["source"], told["hubbubsource"]) == (f"/hooks/{provider}", provider)
        assert told["datacontenttype"] == "application/json"
        assert hashlib.sha256(record.data().content).hexdigest() == one["hash"]


async def test_sources_survive_a_restart(tmp_path: Path) -> None:
    wanted = settings(f"sqlite://{tmp_path}/hubbub.db")
    async with real_gateway(wanted) as gateway:
        await made(gateway, "github")
    assert SECRET.encode() not in b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )
    async with real_gateway(wanted) as gateway:
        posted = await sent("github", f"{gateway.url}/hooks/github", SECRET)
        assert {one["status"] for one in posted} == {200}


@pytest.mark.parametrize("provider", ["github", "shopify"])
async def test_every_real_body_is_delivered_onward_byte_for_byte(provider: str) -> None:
    wanted = settings(egress=EgressOptions(allow=("127.0.0.0/8",)))
    async with real_gateway(wanted) as gateway, receiving() as receiver:
        url = await made(gateway, provider)
        data = await subscribed(gateway, receiver.url + "/data", content="data")
        events = await subscribed(gateway, receiver.url + "/events")
        posted = {one["id"]: one for one in await sent(provider, url, SECRET)}
        async with asyncio.timeout(PATIENCE):
            while len(receiver.got) < 2 * len(posted):
                await asyncio.sleep(0.01)
    hashes: list[str] = []
    for request in receiver.got:
        if request.path == "/data":
            Webhook(data).verify(request.body, dict(request.headers))
            hashes.append(hashlib.sha256(request.body).hexdigest())
        else:
            event = Webhook(events).verify(request.body, dict(request.headers))
            one = posted.pop(event["id"])
            assert (event["type"], event["hubbubsource"]) == (one["type"], provider)
            hashes.append(one["hash"])
            inside = payload(request.body.rpartition(b',"position":')[0] + b"}", stored=False)
            assert hashlib.sha256(inside.content or b"").hexdigest() == one["hash"]
    assert posted == {}
    assert all(count % 2 == 0 for count in Counter(hashes).values())


async def subscribed(gateway: RealGateway, sink: str, **how: str) -> str:
    """Subscribe a sink to everything; return its secret."""
    document = {"protocol": "HTTP", "sink": sink, "protocolsettings": how}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}/subscriptions", json=document) as reply,
    ):
        assert reply.status == 201, await reply.text()
        return (await reply.json())["protocolsettings"]["secret"]
