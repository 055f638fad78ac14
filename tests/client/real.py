"""The gateway itself on a real socket, which tests stop and start again at the same port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec

from hubbub.hub import Hub
from hubbub.settings import Settings
from hubbub.streams import StreamOptions
from hubbub.web.server import ServerOptions, running

QUICK = StreamOptions(retry=0.05)
"""Clients come back sooner than in life."""


def settings(store: str = "memory:", **sections: Any) -> Settings:
    """Return settings with a store and other sections."""
    log = msgspec.structs.replace(Settings().log, store=store)
    return Settings(**({"log": log, "streams": QUICK} | sections))


class RealGateway:
    """A hub and its server."""

    def __init__(self, wanted: Settings) -> None:
        self.settings = wanted
        self.port = 0
        self.hub = Hub(wanted)
        self._server = AsyncExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Open the log and serve."""
        self.hub = Hub(self.settings)
        await self.hub.start()
        await self.serve()

    async def close(self) -> None:
        """Stop in order."""
        await self.leave()
        await self.hub.stop()

    async def serve(self) -> None:
        """Begin to listen; the log is open already."""
        options = ServerOptions(port=self.port, drain_timeout=0.3)  # a test may not be listening
        server = await self._server.enter_async_context(running(self.hub.asgi, options))
        self.port = server.port

    async def leave(self) -> None:
        """Stop listening; the log stays open."""
        await self._server.aclose()


@asynccontextmanager
async def real_gateway(wanted: Settings | None = None) -> AsyncIterator[RealGateway]:
    """Run a gateway until the block ends."""
    gateway = RealGateway(wanted or settings())
    await gateway.open()
    try:
        yield gateway
    finally:
        await gateway.close()
