"""A gateway in this process and a client of its HTTP face."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from asgi import Client
from gateway import Gateway, running_gateway


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with running_gateway() as gateway:
        yield gateway


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return Client(gateway.app())
