"""The writers for sockets of other servers behave like the server's own."""

from __future__ import annotations

import asyncio

import pytest

from hubbub.streams.writers import HIGH_WATER, LocalWriter, SendWriter

pytestmark = pytest.mark.anyio


class Peer:
    """Takes messages when it is let."""

    def __init__(self) -> None:
        self.got: list[dict] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.gone = False

    async def send(self, message: dict) -> None:
        await self.takes.wait()
        if self.gone:
            raise OSError
        self.got.append(message)


async def test_bytes_go_out_in_order_and_the_end_follows() -> None:
    peer = Peer()
    writer = SendWriter("plain", peer.send)
    writer.write(b"a")
    writer.write(b"b")
    writer.finish(b"c")
    assert not writer.is_open
    await writer.run()
    assert [m["body"] for m in peer.got] == [b"a", b"b", b"c", b""]
    assert peer.got[-1]["more_body"] is False


async def test_messages_are_sent_line_by_line_and_closed_with_a_code() -> None:
    peer = Peer()
    writer = SendWriter("messages", peer.send)
    writer.write('{"a":"ä"}\n{"b":"\x85"}\n'.encode())
    writer.finish(code=1012, reason="later")
    await writer.run()
    assert [m.get("text") for m in peer.got] == ['{"a":"ä"}', '{"b":"\x85"}', None]
    assert peer.got[-1] == {"type": "websocket.close", "code": 1012, "reason": "later"}


async def test_a_peer_that_takes_nothing_pauses_and_resumes_its_reader() -> None:
    peer = Peer()
    peer.takes.clear()
    writer = SendWriter("plain", peer.send)
    said: list[str] = []
    writer.on_pause = lambda: said.append("pause")
    writer.on_resume = lambda: said.append("resume")
    running = asyncio.create_task(writer.run())
    for _ in range(3):
        writer.write(b"x" * (HIGH_WATER // 2))
    assert said == ["pause"]
    assert writer.buffered() > HIGH_WATER
    peer.takes.set()
    writer.finish()
    await running
    assert said == ["pause", "resume"]
    assert writer.buffered() == 0


async def test_a_peer_that_is_gone_ends_the_writer() -> None:
    peer = Peer()
    peer.gone = True
    writer = SendWriter("plain", peer.send)
    writer.write(b"x")
    await writer.run()
    assert not writer.is_open


async def test_a_local_listener_that_lags_stalls_and_resumes() -> None:
    writer = LocalWriter(limit=4)
    said: list[str] = []
    writer.on_pause = lambda: said.append("pause")
    writer.on_resume = lambda: said.append("resume")
    writer.write(range(6))
    assert said == ["pause"]
    assert [await writer.next() for _ in range(6)] == list(range(6))
    assert said == ["pause", "resume"]
    writer.finish()
    assert await writer.next() is None
