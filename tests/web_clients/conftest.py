"""A real gateway, and a client that publishes to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from hubbub.client import AsyncClient
from hubbub.hub import Hub
from hubbub.settings import Settings
from hubbub.streams import StreamOptions
from hubbub.web.server import ServerOptions, running

SETTINGS = Settings(
    log=msgspec.structs.replace(Settings().log, store="memory:"),
    streams=StreamOptions(retry=0.1),  # clients come back sooner than in life
)


class Served:
    """A gateway whose server can go away and come back at the same port; the log stays."""

    def __init__(self, hub: Hub, port: int) -> None:
        self.hub = hub
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._gone = asyncio.Event()
        self._back = asyncio.Event()

    async def restart(self, meanwhile: Callable[[], object]) -> None:
        """Stop the server in order, do something without it, and start it again."""
        self._gone.clear()
        self._back.clear()
        raise NotImplementedError
