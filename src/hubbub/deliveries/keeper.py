"""Subscriptions made durable, and their news: every change of state is an event as well."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from hubbub.core.contracts import Registry
from hubbub.core.errors import HubbubError, Unavailable
from hubbub.core.subscription import Subscription

KIND = "subscription"
"""Of the registry's documents."""

RETRY_SAVE = 1.0
"""Seconds until a state that could not be saved is saved again."""

Publish = Callable[[str, str, object], Coroutine[Any, Any, object]]
"""Publishes (topic, type, data)."""

Spawn = Callable[[Coroutine[Any, Any, None], str], object]
"""Runs work in the background, under a name."""

_log = logging.getLogger("hubbub.deliveries")


class Keeper:
    """Writes subscriptions into the registry and their news into the log."""

    def __init__(self, registry: Registry, publish: Publish, spawn: Spawn) -> None:
        self._registry = registry
        self._publish = publish
        self._spawn = spawn
        self._saving: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Held while a subscription is written; there may be 100,000 that are not."""

    async def all(self) -> list[Subscription]:
        """Read all subscriptions. Raises `Unavailable`."""
        documents = await self._registry.all(KIND)
        return [msgspec.json.decode(one.body, type=Subscription) for one in documents]

    async def save(self, subscription: Subscription, *, within: float = 0) -> None:
        """Write a subscription; one write of it at a time. Raises `Unavailable`."""
        body = msgspec.json.encode(subscription)
        async with self._lock(subscription.id):
            await self._registry.put(KIND, subscription.id, body, within=within)

    def _lock(self, id: str) -> asyncio.Lock:  # noqa: A002
        return self._saving.setdefault(id, asyncio.Lock())

    def save_soon(self, id: str, current: Callable[[], Subscription | None]) -> None:  # noqa: A002
        """Write what a subscription is by then, until that works or it is gone."""
        self._spawn(self._keep_saving(id, current), "saving")

    async def _keep_saving(self, id: str, current: Callable[[], Subscription | None]) -> None:  # noqa: A002
        while True:
            try:
                async with self._lock(id):
                    if (subscription := current()) is not None:
                        await self._registry.put(KIND, id, msgspec.json.encode(subscription))
                    return
            except Unavailable:
                await asyncio.sleep(RETRY_SAVE)

    async def delete(self, id: str) -> None:  # noqa: A002
        """Delete a subscription. Raises `Unavailable`."""
        async with self._lock(id):
            await self._registry.delete(KIND, id)

    def announce(
        self, subscription: Subscription, what: str, reason: str, position: str = ""
    ) -> None:
        """Publish news of a subscription on `hubbub/subscriptions/{id}`."""
        data = {"subscription": subscription.id, "state": subscription.state, "reason": reason}
        if position:
            data["position"] = position
        self._spawn(self._tell(subscription.id, what, data), "news")

    async def _tell(self, id: str, what: str, data: Mapping[str, str]) -> None:  # noqa: A002
        try:
            await self._publish(f"hubbub/subscriptions/{id}", f"hubbub.subscription.{what}", data)
        except HubbubError as error:
            _log.warning("news of subscription %s could not be published: %s", id, error.detail)
