"""What a `Listener` needs of one connection, whatever the protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from hubbub.client.caller import Caller
from hubbub.client.errors import Gap
from hubbub.client.event import Event
from hubbub.client.items import Wanted

SILENCE = 45.0
"""Seconds without a byte after which a connection counts as dead: three keep-alives missed."""


class Connection(Protocol):
    """An open stream of events. Everything raises `ClientError`, or `TooLarge` for one event."""

    position: str | None
    """Resume after this: everything up to it was received. None if the server has not said."""
    retry: float | None
    """Seconds that the server wants between connections, if it said so."""
    begun: bool
    """Whether the server has begun to stream: from here on nothing is missed."""

    async def receive(self) -> Sequence[Event | Gap]:
        """Wait for what comes next, perhaps nothing but a sign of life. May be cancelled."""
        ...

    async def close(self) -> None:
        """Let go. Raises nothing."""
        ...


Connect = Callable[[Caller, Wanted, str | None], Awaitable[Connection]]
"""Open a connection; the last argument is the position to resume after, if there is one."""
