"""A hub and a subscriber on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from websub.bench import PATH, Bench, bench
from websub.rig import Reader, World, page, reading, world


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    async with reading() as made:
        yield made


@pytest.fixture
async def hub() -> AsyncIterator[World]:
    async with world() as made:
        yield made


@pytest.fixture
async def it() -> AsyncIterator[Bench]:
    """Topics of others, one of which is followed."""
    async with bench() as made:
        made.blog.pages[PATH] = page(b"A")
        await made.foreign.follow(made.topic)
        await made.time.advance(10)
        yield made
