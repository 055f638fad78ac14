"""A gateway that can misbehave, time that the test moves, and clients of both."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from hubbub.client import AsyncClient, Listener

from .gateway import Gateway, running


class FakeTime:
    """A clock that only sleeping moves, and that remembers how long each sleep was."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.at = 1_700_000_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with running(Gateway()) as found:
        yield found


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port where nobody listens: taken, but not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def make(gateway: Gateway, time: FakeTime) -> Callable[..., AsyncClient]:
    """Make clients of the gateway that wait in the test's time."""

    def made(**options: Any) -> AsyncClient:
        given = {"url": gateway.url, "clock": time, "rng": random.Random(1), "sleep": time.sleep}
        return AsyncClient(**(given | options))

    return made


@pytest.fixture
async def client(make: Callable[..., AsyncClient]) -> AsyncIterator[AsyncClient]:
    async with make() as opened:
        yield opened


async def take(listener: Listener, count: int) -> list[Any]:
    """Return the data of the next events."""
    return [(await anext(listener)).data for _ in range(count)]
