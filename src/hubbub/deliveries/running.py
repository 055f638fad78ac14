"""The running subscriptions as the API needs them: `deliveries.engine.Engine`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from hubbub.core.start import Start
from hubbub.core.subscription import Attempt, State, Subscription
from hubbub.deliveries.past import Retrying
from hubbub.deliveries.shown import Standing


class Engine(Retrying, Protocol):
    """The running subscriptions: `deliveries.engine.Engine`."""

    @property
    def subscriptions(self) -> Mapping[str, Subscription]:
        """As they are now, by id."""
        ...

    async def put(self, subscription: Subscription, start: Start | None) -> None:
        """Add or update one; `start` places its cursor, None keeps it. Raises `Malformed`."""
        ...

    async def remove(self, id: str) -> None:  # noqa: A002
        """Delete one and what is known of its deliveries."""
        ...

    async def change(self, id: str, state: State, reason: str) -> Subscription:  # noqa: A002
        """Pause, resume, disable; durable and announced."""
        ...

    async def replay(
        self,
        id: str,  # noqa: A002
        start: Start,
        until: Start | None,
        only_failed: bool,
    ) -> int:
        """Deliver a part of the log again; return how many events that is. Raises `Conflict`."""
        ...

    async def test(self, id: str) -> Attempt:  # noqa: A002
        """Send a test event now and return how it went."""
        ...

    def status(self, id: str) -> Standing:  # noqa: A002
        """Tell how far one is. Raises `NotFound` for one that cannot run."""
        ...

    def check(self, subscription: Subscription) -> None:
        """Raise `Malformed` with a pointer for what its channel cannot do."""
        ...
