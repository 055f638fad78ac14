"""Following topics for as long as it takes: reconnect, resume by position, nothing lost or twice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from hubbub.client.caller import Caller
from hubbub.client.connection import Connect, Connection
from hubbub.client.errors import ClientError
from hubbub.client.items import Items, OnGap, Wanted
from hubbub.core.errors import InvalidPosition, TooLarge
from hubbub.core.position import Position

_log = logging.getLogger("hubbub.client")


class Listener(Items):
    """Iterates over events as they come, and does not end by itself.

    A lost connection is opened again, after the time that the server named or else with growing
    waits, and resumes after the newest position that was received. `async with` waits until the
    server streams: what is published after that is not missed.

    Raises `Refused` when the server says no, `Unreachable` if it could not be reached at all at
    first (once it was, coming back is tried for ever and logged), `Gap` where events were lost
    unless `on_gap` takes it, `TooLarge` for an event over the bound. After any of these the
    iterator can be asked again and goes on.
    """

    def __init__(
        self,
        caller: Caller,
        connect: Connect,
        wanted: Wanted,
        on_gap: OnGap | None,
        abandon: Callable[[Connection], None],
    ) -> None:
        self._connection: Connection | None = None
        self._abandon = abandon
        super().__init__(on_gap)
        self._caller = caller
        self._connect = connect
        self._wanted = wanted
        self._closed = False
        self._was_connected = False
        self._reached = _position(wanted.since) if wanted.last is None else None
        self._retry: float | None = None
        self._failures = 0
        self._opened = 0.0
        self._not_before = 0.0  # of the monotonic clock
        self.position = self._reached

    async def more(self) -> bool:
        """Wait for something to happen on the connection, opening it first if need be."""
        if self._closed:
            return False
        try:
            connection = self._connection or await self._open()
            items = await connection.receive()
        except ClientError as error:
            await self._lost(error)
            return not self._closed
        except TooLarge:
            await self._drop()
            raise
        self._reached = connection.position
        self._retry = connection.retry if connection.retry is not None else self._retry
        if items:
            self._failures = 0
            self._put(items)
        elif not self._ready:
            self.position = self._reached
        return True

    async def aclose(self) -> None:
        """End the connection and the iteration."""
        self._closed = True
        await self._drop()

    def __del__(self) -> None:
        if self._connection is not None:  # left in the middle of an `async for`
            self._abandon(self._connection)

    async def __aenter__(self) -> Self:
        while not (self._closed or (self._connection is not None and self._connection.begun)):
            await self.more()
        return self

    async def _open(self) -> Connection:
        around = self._caller.around
        wait = self._not_before - around.clock.monotonic()
        if wait > 0:  # also if an earlier wait was cancelled
            await around.sleep(wait)
        connection = await self._connect(self._caller, self._wanted, self._reached)
        if self._closed:
            await connection.close()
            raise ClientError("this listener is closed")
        self._connection = connection
        self._was_connected = True
        self._opened = around.clock.monotonic()
        return connection

    async def _lost(self, error: ClientError) -> None:
        """Decide whether and when to come back; raise what will not change."""
        around = self._caller.around
        if self._connection is not None:
            if around.clock.monotonic() - self._opened > around.backoff.longest:
                self._failures = 0
            await self._drop()
        if self._closed:
            return
        self._failures += 1
        tried_enough = not self._was_connected and self._failures >= around.backoff.attempts
        if tried_enough or not error.temporary:
            self._failures = 0
            raise error
        asked = self._retry if error.retry_after is None else error.retry_after
        wait = around.backoff.delay(self._failures, asked, around.rng)
        self._not_before = around.clock.monotonic() + wait
        _log.warning("%s: %s; again in %.1f s", self._caller.address, error, wait)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _position(since: str | None) -> str | None:
    """Return `since` if it is a position: then that is where to come back to."""
    with suppress(InvalidPosition):
        if since is not None:
            return str(Position.parse(since))
    return None
