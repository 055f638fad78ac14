"""A gateway in this process with sources, and requests signed as providers sign them."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.routing import Route, Router

from asgi import Client
from gateway import Gateway, running_gateway
from hubbub.core.contracts import Registry
from hubbub.core.errors import Unavailable
from hubbub.core.event import Record
from hubbub.core.selection import EVERYTHING
from hubbub.core.start import EARLIEST
from hubbub.log.memory_ledger import MemoryRegistry
from hubbub.sources.book import Sources
from hubbub.sources.webhook.receiver import Receiver
from hubbub.web.routes_sources import source_resources
from hubbub.wire.sealed import seal, unseal

SECRET = "It's a Secret to Everybody"
KEY = bytes(range(32))


def sources_of(registry: Registry, key: bytes = KEY) -> Sources:
    """Return the sources of a registry, sealed with a key."""
    nonces = itertools.count(1)
    return Sources(
        registry,
        lambda text, context: seal(key, text, context, next(nonces).to_bytes(12, "big")),
        lambda text, context: unseal([key], text, context),
    )


async def no_network(url: str) -> bytes:
    raise Unavailable(f"nothing is fetched in this test: {url}")


class Fetched:
    """What URLs hold, and which were fetched."""

    def __init__(self, pages: dict[str, bytes] | None = None) -> None:
        self.pages = pages or {}
        self.urls: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.urls.append(url)
        if url not in self.pages:
            raise Unavailable("not there")
        return self.pages[url]


class Hooked:
    """A gateway with sources, and a client of their addresses."""

    def __init__(self, gateway: Gateway, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self.gateway: Any = gateway
        self.registry = MemoryRegistry()
        self.gateway.sources = sources_of(self.registry)
        self.gateway.receiver = Receiver(gateway.publisher, fetch, gateway.clock)
        routes = [Route(one.path, one) for one in source_resources(self.gateway)]
        self.client = Client(Router(routes, redirect_slashes=False))

    async def add(self, name: str = "in", provider: str = "github", **more: Any) -> None:
        """Make a source."""
        options = {"provider": provider, "secrets": [SECRET], **more.pop("options", {})}
        document = {"name": name, "kind": "webhook", "options": options, **more}
        reply = await self.client.post("/sources", document)
        assert reply.status == 201, reply

    async def records(self) -> list[Record]:
        """Return everything in the log."""
        found, _ = await self.gateway.history.page(EVERYTHING, EARLIEST, limit=10_000)
        return found


@asynccontextmanager
async def hooked(
    fetch: Callable[[str], Awaitable[bytes]] = no_network, **options: Any
) -> AsyncIterator[Hooked]:
    """Run a gateway with sources."""
    async with running_gateway(**options) as gateway:
        yield Hooked(gateway, fetch)


def github(body: bytes, *, id: str = "72d3162e", event: str = "push", secret: str = SECRET) -> Any:
    """Return the headers that GitHub sends along with a body."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": id,
        "X-Hub-Signature-256": f"sha256={signature}",
    }


def written(value: object) -> bytes:
    return json.dumps(value).encode()
