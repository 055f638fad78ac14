"""The echo server that the Autobahn TestSuite is run against; scripts/autobahn runs all of it."""

from __future__ import annotations

import pytest
from websockets.asyncio.client import connect as ws_connect

from hubbub.testing.echo import echo
from hubbub.web.server import running

from .raw import GET, client_of, connect

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet_log")]


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_messages_come_back_as_they_are(compression):
    async with running(echo) as server:
        url = f"ws://127.0.0.1:{server.port}"
        async with ws_connect(url, compression=compression) as peer:
            assert bool(peer.protocol.extensions) is (compression == "deflate")
            for message in ("text", "", b"\0\xff", b"", "é" * 1000):
                await peer.send(message)
                assert await peer.recv() == message
            await peer.send([b"in ", b"pieces"])
            assert await peer.recv() == b"in pieces"


async def test_bodies_come_back_as_they_are():
    async with client_of(echo) as (_, client):
        client.send(GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\nhello"))
        assert (await client.response()).body == b"hello"


async def test_a_peer_that_leaves_in_the_middle_is_nothing_special():
    async with client_of(echo) as (server, client):
        client.send(GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\nhel"))
        await client.aclose()
        other = await connect(server)
        other.send(GET)
        assert (await other.response()).status == 200
        await other.aclose()
