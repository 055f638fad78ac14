"""Everything at once: connections cut anywhere, the server restarting, the log reopened from disk.

Several publishers and listeners of both transports talk through a proxy that cuts each connection
after a random number of bytes in either direction. In the end everybody has the same events, in the
same order, each once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from hubbub.client import AsyncClient, Backoff, Listener

from .real import RealGateway, real_gateway, settings

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

EACH = 150
"""Events of each of the three publishers."""
ALL = 3 * EACH
UNCUT = 10**9


class Cutter:
    """A TCP proxy with a limit on what each connection may carry each way."""

    def __init__(self, gateway: RealGateway, rng: random.Random) -> None:
        self.cuts = 0
        self._gateway = gateway
        self._rng = rng

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._gateway.port)
        except OSError:  # the server is restarting
            writer.transport.abort()
            return
        up = self._rng.choice([self._rng.randint(1, 3000), UNCUT])
        down = self._rng.choice([self._rng.randint(1, 2000), self._rng.randint(1, 20_000), UNCUT])
        writers = writer, there[1]
        await asyncio.gather(
            self._carry(reader, there[1], up, writers), self._carry(there[0], writer, down, writers)
        )

    async def _carry(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        left: int,
        writers: tuple[asyncio.StreamWriter, ...],
    ) -> None:
        with suppress(OSError):
            while left > 0 and (data := await source.read(min(left, 65_536))):
                left -= len(data)
                sink.write(data)
                await sink.drain()
        self.cuts += left <= 0
        for writer in writers:
            writer.transport.abort()


@asynccontextmanager
async def cutting(gateway: RealGateway, rng: random.Random) -> AsyncIterator[tuple[str, Cutter]]:
    cutter = Cutter(gateway, rng)
    server = await asyncio.start_server(cutter.connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", cutter
    finally:
        server.close()


async def restart_again_and_again(
    gateway: RealGateway, enough: asyncio.Event, rng: random.Random, *, reopen: bool
) -> None:
    while not enough.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(rng.uniform(0.1, 0.3)):
                await enough.wait()
        if reopen and rng.random() < 0.5:
            await gateway.close()
            await gateway.open()
        else:
            await gateway.leave()
            await gateway.serve()


async def publish_one_by_one(client: AsyncClient, who: int) -> None:
    for n in range(EACH):
        await client.publish(f"t/{who}", [who, n])


async def publish_in_batches(client: AsyncClient, who: int) -> None:
    for start in range(0, EACH, 10):
        await client.publish_many("t/many", [[who, n] for n in range(start, start + 10)])


async def read(listener: Listener) -> list[list[int]]:
    return [(await anext(listener)).data for _ in range(ALL)]


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_lost_and_nothing_comes_twice(tmp_path, store, seed):
    rng = random.Random(seed)
    wanted = settings("memory:" if store == "memory" else f"sqlite://{tmp_path}/hubbub.db")
    patient = {"backoff": Backoff(first=0.01, longest=0.1, attempts=1000), "timeout": 5}
    async with (
        real_gateway(wanted) as gateway,
        cutting(gateway, rng) as (url, cutter),
        AsyncClient(url, **patient) as by_stream,
        AsyncClient(url, transport="websocket", **patient) as by_socket,
    ):
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                restart_again_and_again(gateway, enough, rng, reopen=store == "sqlite")
            )
            tasks.create_task(publish_one_by_one(by_stream, 0))
            tasks.create_task(publish_one_by_one(by_socket, 1))
            tasks.create_task(publish_in_batches(by_stream, 2))
            reading = [
                tasks.create_task(read(client.listen("t/*", since="earliest")))
                for client in (by_stream, by_stream, by_socket, by_socket)
            ]
            await asyncio.wait(reading)
            enough.set()
        heard = [task.result() for task in reading]
        for who in range(3):
            assert [n for w, n in heard[0] if w == who] == list(range(EACH))
        assert heard == [heard[0]] * 4
        assert [event.data async for event in by_stream.history("t/*")] == heard[0]
        assert cutter.cuts > 0
