"""Real webhooks of GitHub and Shopify, signed and posted by Node.js to a real gateway.

Received, verified, kept byte for byte, once each, in a log on disk. Where the bodies come from:
tests/node/webhooks.mjs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from client.real import RealGateway, settings
from hubbub.core.selection import EVERYTHING
from hubbub.core.start import EARLIEST
from web_clients.programs import node_program, program

from .serving import serving_sources

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
    found: list[Any] = []
    start: Any = EARLIEST
    page, _ = await gateway.hub.history.page(EVERYTHING, start, limit=10_000)
    found += page
    return found


@pytest.mark.parametrize(("provider", "count"), [("github", 329), ("shopify", 210)])
async def test_every_real_body_is_kept_byte_for_byte(
    provider: str, count: int, tmp_path: Path
) -> None:
    wanted = settings(f"sqlite://{tmp_path}/hubbub.db")
    async with serving_sources(wanted) as gateway:
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
    async with serving_sources(wanted) as gateway:
        await made(gateway, "github")
    assert SECRET.encode() not in b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )
    async with serving_sources(wanted) as gateway:
        posted = await sent("github", f"{gateway.url}/hooks/github", SECRET)
        assert {one["status"] for one in posted} == {200}
