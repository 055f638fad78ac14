"""A real gateway with its sources."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

from client.real import RealGateway, real_gateway
from hubbub.hub import Hub
from hubbub.settings import Settings
from hubbub.sources.book import Sources
from hubbub.sources.webhook.receiver import Receiver
from hubbub.web import app, routes
from hubbub.web.routes_sources import source_resources
from hubbub.wire.sealed import seal, unseal

from .rig import KEY, no_network


def resources(hub: Any) -> Any:
    table = routes.resources(hub)
    return table + [one for one in source_resources(hub) if one.path not in {r.path for r in table}]


class Wired(Hub):
    """A hub with sources, as long as the hub itself has none."""

    async def start(self) -> None:
        await super().start()
        if not hasattr(self, "receiver"):
            self.sources: Any = Sources(
                self.log.registry,
                lambda text, context: seal(KEY, text, context, os.urandom(12)),
                lambda text, context: unseal([KEY], text, context),
            )
            await self.sources.load()
            self.receiver: Any = Receiver(self.publisher, no_network, self.clock)


@asynccontextmanager
async def serving_sources(wanted: Settings) -> AsyncIterator[RealGateway]:
    """Serve a gateway until the block ends."""
    with (
        mock.patch.object(app, "resources", resources),
        mock.patch("client.real.Hub", Wired),
    ):
        async with real_gateway(wanted) as gateway:
            yield gateway
