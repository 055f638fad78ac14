"""A hub and a subscriber on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from websub.rig import Reader, World, reading, world


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    async with reading() as made:
        yield made


@pytest.fixture
async def hub() -> AsyncIterator[World]:
    async with world() as made:
        yield made
