"""Names to addresses, every one of them judged: the guard against names that point inwards.

A name is refused as a whole if any of its addresses is (fail closed: which one a connection takes is
not ours to say). What was judged is what is connected to, and stays so for `dns_ttl` seconds: a name
that changes its mind between the check and the connection (rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from hubbub.core.clock import Clock
from hubbub.net.addresses import Network, refusal
from hubbub.net.errors import Cause

MAX_NAMES = 10_000
"""Names whose addresses are kept; whichever was looked up longest ago goes first. Some 300 bytes each."""
MAX_LOOKUPS = 32
"""Threads that wait for the system resolver; more names than that wait for their turn."""
MAX_ADDRESSES = 8
"""Addresses of a name that are tried; all of them are judged."""

ALLOWED = "egress.allow and egress.allow_fetch name the networks that may be"
"""What whoever runs the gateway can do about it."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Give the addresses of a name in textual form. Raises OSError if there are none."""

_log = logging.getLogger("hubbub.net")


class Denied(Exception):
    """No connection to this host, and why. Not an OSError: nothing may take it for bad luck."""

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(detail)
        self.cause: Cause = cause
        self.detail = detail


class SystemResolver:
    """`getaddrinfo` in threads of its own: a dead name server holds up nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_LOOKUPS, thread_name_prefix="hubbub-dns")

    async def __call__(self, name: str) -> Sequence[str]:
        """Give the addresses of a name, each once."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _lookup, name)
        return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))

    def close(self) -> None:
        """Let go of the threads; those that still wait end with the system's own time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _lookup(name: str) -> list[tuple[int, int, int, str, tuple[str | int | bytes, ...]]]:
    return [*socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]


class JudgedNames:
    """Addresses of names that may be connected to, looked up once however many ask."""

    def __init__(
        self,
        resolve: Resolve,
        allowed: Sequence[Network],
        clock: Clock,
        *,
        ttl: float,
        timeout: float,
    ) -> None:
        self._resolve = resolve
        self._allowed = allowed
        self._now = clock.monotonic
        self._ttl = ttl
        self._timeout = timeout
        self._known: dict[str, tuple[float, Sequence[str]]] = {}  # name: (until, addresses)
        self._pending: dict[str, asyncio.Task[Sequence[str]]] = {}

    async def addresses(self, name: str) -> Sequence[str]:
        """Give 1 to `MAX_ADDRESSES` addresses. Raises `Denied` with cause `refused` or `dns`."""
        known = self._known.get(name)
        if known is not None and self._now() < known[0]:
            return known[1]
        task = self._pending.get(name)
        if task is None:
            task = asyncio.create_task(self._look_up(name), name=f"dns {name}")
            self._pending[name] = task
            task.add_done_callback(lambda done: self._looked_up(name, done))
        return await asyncio.shield(task)  # whoever gives up must not take it from the others

    def _looked_up(self, name: str, task: asyncio.Task[Sequence[str]]) -> None:
        del self._pending[name]
        if task.cancelled() or task.exception() is not None:
            return  # those who asked have seen it; failures are not kept
        self._known.pop(name, None)
        self._known[name] = self._now() + self._ttl, task.result()
        if len(self._known) > MAX_NAMES:
            del self._known[next(iter(self._known))]

    async def _look_up(self, name: str) -> Sequence[str]:
        try:
            async with asyncio.timeout(self._timeout):
                found = await self._resolve(name)
        except TimeoutError:
            raise Denied("dns", f"no answer about {name} within {self._timeout:g} s") from None
        except (OSError, UnicodeError):
            raise Denied("dns", f"the name {name} has no address") from None
        if not found:
            raise Denied("dns", f"the name {name} has no address")
        for address in found:
            why = refusal(address, self._allowed)
            if why is not None:
                # Which one it is, is for whoever runs this, and not for whoever asked.
                _log.info("%s has the address %s, which is not called: %s", name, address, why)
                raise Denied("refused", f"{name} leads to what may not be called; {ALLOWED}")
        return found[:MAX_ADDRESSES]

    async def close(self) -> None:
        """Give up the look-ups under way."""
        tasks = list(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
