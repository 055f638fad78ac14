"""A real gateway, and a client of ours that publishes to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from client.real import RealGateway, real_gateway
from hubbub.client import AsyncClient


@pytest.fixture
async def gateway() -> AsyncIterator[RealGateway]:
    async with real_gateway() as found:
        yield found


@pytest.fixture
async def publisher(gateway: RealGateway) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(gateway.url) as found:
        yield found
