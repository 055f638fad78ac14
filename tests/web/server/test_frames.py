"""What comes in frames: compression, bounds, deadlines, and any nonsense."""

from __future__ import annotations

import asyncio
import zlib

import aiohttp
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect as ws_connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from hubbub.web.server import running
from hubbub.wire.framing import deflated_frame

from .raw import (
    DEFLATE,
    QUICK,
    App,
    StreamApp,
    client_of,
    deadlines_pass,
    deaf_client,
    frame,
    upgrade,
)

pytestmark = [pytest.mark.anyio]


def squeeze(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-12)
    return (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


# Compression.


async def test_one_compressed_frame_fits_every_client(quiet_log):
    app = StreamApp()
    async with running(app) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        plain = ClientPerMessageDeflateFactory(client_max_window_bits=True)
        async with (
            ws_connect(url, extensions=[plain]) as one,
            ws_connect(url, extensions=[ClientPerMessageDeflateFactory()]) as two,
            aiohttp.ClientSession() as session,
            session.ws_connect(url, compress=15) as three,
        ):
            await app.until(lambda: len(app.writers) == 3)
            for text in ("first " * 100, "second " * 100):
                shared = deflated_frame(text.encode())
                for writer in app.writers:
                    assert writer.framing == "ws-deflate"
                    writer.write(shared)
                assert await one.recv() == await two.recv() == text
                assert await three.receive_str() == text


async def test_no_context_is_taken_over():
    async with client_of(App()) as (_, client):
        client.send(upgrade(DEFLATE))
        _, headers = await client.head()
    assert set(headers["sec-websocket-extensions"].split("; ")) == {
        "permessage-deflate",
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits=12",
        "client_max_window_bits=12",
    }


async def test_compression_can_be_off():
    async with client_of(App(), ws_compression=False) as (_, client):
        client.send(upgrade(DEFLATE))
        assert "sec-websocket-extensions" not in (await client.head())[1]


async def test_many_compressed_messages_in_one_read_come_in_order(quiet_log):
    texts = [f"message {i} ".encode() * 50 for i in range(500)]
    async with client_of(App()) as (_, client):
        client.send(upgrade(DEFLATE))
        await client.head()
        client.send(b"".join(frame(squeeze(text), rsv1=True) for text in texts))
        for text in texts:
            first, payload = await client.frame()
            assert first == 0xC1
            assert zlib.decompressobj(-12).decompress(payload) == text


async def test_what_one_read_inflates_to_is_bounded():
    """250 KiB may hold 250 messages of 1 MiB each: they are not all inflated at once."""
    read_on = asyncio.Event()

    class Deaf(StreamApp):
        async def stream(self, scope, receive):
            self.sizes = [len((await receive())["text"])]
            await self.note(self.writers, scope["extensions"]["hubbub.wire"])
            await read_on.wait()
            self.sizes += [len((await receive())["text"]) for _ in range(199)]
            await self.note(self.ended, "")

    app = Deaf()
    message = squeeze(b"a" * 1_000_000)
    async with client_of(app) as (_, client):
        client.send(upgrade(DEFLATE))
        await client.head()
        client.send(frame(message, rsv1=True) * 200)
        protocol = (await app.writer())._connection
        assert len(protocol.queue._messages) < 10
        assert protocol.pending
        read_on.set()
        await app.until(lambda: app.ended)
    assert app.sizes == [1_000_000] * 200


# Bounds.


def fragments(count: int, payload: bytes = b"") -> bytes:
    middle = frame(payload, 0, fin=False) * (count - 2)
    return frame(payload, 1, fin=False) + middle + frame(payload, 0)


TOO_BIG = {
    "declared": (1009, (), frame(b"x" * 1001)),
    "declared but not sent": (1009, (), frame(b"x" * 100_000)[:100]),
    "in fragments": (1009, (), fragments(3, b"x" * 400)),
    "inflated": (1009, (DEFLATE,), frame(squeeze(b"x" * 1001), rsv1=True)),
    "inflated, a bomb": (1009, (DEFLATE,), frame(squeeze(b"x" * 900_000), rsv1=True)),
    "inflated, in fragments": (
        1009,
        (DEFLATE,),
        frame(squeeze(b"x" * 1001)[:3], fin=False, rsv1=True) + frame(squeeze(b"x" * 1001)[3:], 0),
    ),
    "many fragments": (1009, (), fragments(9)),
    "text not UTF-8": (1007, (), frame(b"\xff")),
    "text not UTF-8, across fragments": (1007, (), frame(b"\xc3", fin=False) + frame(b"(", 0)),
    "text that ends in half a character": (1007, (), frame(b"a", fin=False) + frame(b"\xc3", 0)),
    "a frame without mask": (1002, (), b"\x81\x01a"),
    "a reserved bit": (1002, (), frame(b"a", 0x21)),
    "an unknown opcode": (1002, (), frame(b"a", 3)),
    "a long ping": (1002, (), frame(b"a" * 126, 9)),
    "a ping in fragments": (1002, (), frame(b"a", 9, fin=False)),
    "a continuation of nothing": (1002, (), frame(b"a", 0)),
    "a message within a message": (1002, (), frame(b"a", fin=False) + frame(b"b")),
    "compressed without agreement": (1002, (), frame(b"a", rsv1=True)),
    "compressed nonsense": (1002, (DEFLATE,), frame(b"\xff\xff\xff", rsv1=True)),
    "a bad close code": (1002, (), frame(b"\x03\xed", 8)),
    "a close reason that is not UTF-8": (1007, (), frame(b"\x03\xe8\xff", 8)),
}


@pytest.mark.parametrize(("code", "fields", "data"), TOO_BIG.values(), ids=TOO_BIG)
async def test_what_breaks_the_rules_is_told_why(code, fields, data, quiet_log):
    app = App()
    async with client_of(app, ws_max_message=1000, ws_max_fragments=8) as (_, client):
        client.send(upgrade(*fields))
        assert (await client.head())[0] == 101
        client.send(data)
        assert await client.close_code() == code
        client.send(b"x" * 10_000)  # nothing that still comes matters
        assert await client.rest() in (b"", b"RESET")
        await app.until(lambda: app.disconnects)
    assert app.disconnects[0]["code"] == code


async def test_what_is_within_the_bounds_is_taken(quiet_log):
    async with client_of(App(), ws_max_message=1000, ws_max_fragments=8) as (_, client):
        client.send(upgrade(DEFLATE))
        await client.head()
        client.send(frame(squeeze(b"x" * 1000), rsv1=True))
        _, payload = await client.frame()
        assert len(zlib.decompressobj(-12).decompress(payload)) == 1000
        client.send(fragments(8, "é".encode()))
        _, payload = await client.frame()
        assert zlib.decompressobj(-12).decompress(payload) == "é".encode() * 8


async def test_fragments_that_never_end_are_cut_off(quiet_log):
    async with client_of(App(), ws_max_fragments=2000) as (_, client):
        client.send(upgrade())
        await client.head()
        client.send(frame(b"", fin=False))
        for _ in range(3):
            client.send(frame(b"", 0, fin=False) * 1000)
        assert await client.close_code() == 1009


# Deadlines.


async def test_a_slow_message_is_1008_however_it_trickles(quiet_log):
    async with client_of(App(), body_timeout=QUICK) as (_, client):
        client.send(upgrade())
        await client.head()
        reading = asyncio.create_task(client.close_code())
        client.send(frame(b"x", fin=False))
        while not reading.done():
            client.send(frame(b"x", 0, fin=False) + frame(b"", 9))
            await asyncio.sleep(QUICK / 20)
        assert await reading == 1008


async def test_a_slow_frame_is_1008(quiet_log):
    async with client_of(App(), body_timeout=QUICK) as (_, client):
        client.send(upgrade())
        await client.head()
        client.send(frame(b"hello")[:-1])
        assert await client.close_code() == 1008


async def test_each_message_has_its_own_deadline():
    message = frame(b"hello")
    async with client_of(App(), body_timeout=2 * QUICK) as (_, client):
        client.send(upgrade())
        await client.head()
        client.send(message[:3])
        for _ in range(10):
            await asyncio.sleep(QUICK / 2)
            client.send(message[3:] + message[:3])
            assert await client.frame() == (0x81, b"hello")


async def test_a_peer_that_does_not_answer_pings_is_1011(quiet_log):
    app = App()
    options = {"ws_ping_interval": QUICK, "ws_ping_timeout": QUICK}
    async with client_of(app, **options) as (_, client):
        client.send(upgrade())
        await client.head()
        assert (await client.frame())[0] == 0x89
        assert await client.close_code() == 1011
        assert await client.rest() == b""
        await app.until(lambda: app.disconnects)
    assert app.disconnects[0]["code"] == 1011


@pytest.mark.parametrize("answer", [frame(b"", 10), frame(b"data"), frame(b"", 9)])
async def test_a_peer_that_answers_or_says_anything_lives(answer, quiet_log):
    options = {"ws_ping_interval": QUICK, "ws_ping_timeout": QUICK}
    async with client_of(App(), **options) as (_, client):
        client.send(upgrade())
        await client.head()
        pings = 0
        while pings < 4:
            first, _ = await client.frame()
            assert first != 0x88
            if first == 0x89:
                pings += 1
                client.send(answer)


async def test_a_peer_that_does_not_answer_a_close_is_left(monkeypatch):
    monkeypatch.setattr("hubbub.web.server.deadlines.CLOSE_TIMEOUT", QUICK)

    class Closing(App):
        async def websocket(self, scope, receive, send):
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 4000, "reason": "enough"})
            await self.note(self.disconnects, await receive())

    app = Closing()
    async with client_of(app) as (_, client):
        client.send(upgrade())
        await client.head()
        assert await client.frame() == (0x88, b"\x0f\xa0enough")
        assert await client.rest() == b""


async def test_a_peer_that_reads_slowly_is_not_taken_for_dead():
    """Its pong, and our ping, would wait behind everything else."""
    app = StreamApp()
    options = {"ws_ping_interval": QUICK / 4, "ws_ping_timeout": QUICK / 4, "head_timeout": QUICK}
    async with client_of(app, **options) as (server, _):
        sock = await deaf_client(server)
        await asyncio.get_running_loop().sock_sendall(sock, upgrade())
        writer = await app.writer()
        paused = asyncio.Event()
        writer.on_pause = paused.set
        while not paused.is_set():
            writer.write(b"\x82\x7e\xff\xff" + bytes(65535))
        await deadlines_pass(server)
        assert writer.is_open
        sock.close()


async def test_a_message_that_we_do_not_read_is_excused():
    read_on = asyncio.Event()

    class Slow(App):
        async def websocket(self, scope, receive, send):
            await send({"type": "websocket.accept"})
            await receive()
            await read_on.wait()
            while (message := await receive())["type"] == "websocket.receive":
                await send({**message, "type": "websocket.send"})

    async with client_of(Slow(), body_timeout=QUICK, head_timeout=QUICK) as (server, client):
        client.send(upgrade())
        await client.head()
        client.send(frame(b"one") + frame(b"two")[:-1])
        await deadlines_pass(server)
        client.send(frame(b"two")[-1:])
        read_on.set()
        assert await client.frame() == (0x81, b"one")
        assert await client.frame() == (0x81, b"two")


FRAMES = st.builds(
    frame,
    st.binary(max_size=20),
    st.sampled_from([0, 1, 1, 2, 2, 3, 8, 9, 10, 11]),
    fin=st.booleans(),
    rsv1=st.booleans(),
)


@given(st.lists(st.one_of(FRAMES, FRAMES, st.binary(max_size=5)), max_size=10), st.booleans())
def test_whatever_comes_is_taken_or_told_why_and_never_an_accident(pieces, compressed):
    async def talk():
        async with client_of(App(), body_timeout=0.02) as (_, client):
            client.send(upgrade(*[DEFLATE] * compressed))
            await client.head()
            for piece in pieces:
                client.send(piece)
                await asyncio.sleep(0)
            client.send(frame(b"\x03\xe8", 8))
            return await client.close_code()

    with asyncio.Runner(loop_factory=uvloop.Loop) as runner:
        assert runner.run(talk()) not in (1006, 1011)
