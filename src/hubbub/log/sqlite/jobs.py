"""Handing work to a thread and its outcome back to the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

R = TypeVar("R")
"""What the thread has that the work needs: the store, or a reader."""


class Job(Generic[R]):
    """A call that a thread makes, and who waits for it."""

    __slots__ = ("call", "future")

    def __init__(self, call: Callable[[R], Any], future: asyncio.Future[Any]) -> None:
        self.call = call
        self.future = future


class Stop:
    """The last thing that a thread is told."""

    __slots__ = ("future",)

    def __init__(self, future: asyncio.Future[None]) -> None:
        self.future = future


def answer(future: asyncio.Future[Any], value: object = None) -> None:
    """Settle a future on its loop, unless whoever waited has gone."""
    if not future.done():
        future.set_result(value)


def refuse(future: asyncio.Future[Any], error: Exception) -> None:
    """Fail a future on its loop, unless whoever waited has gone."""
    if not future.done():
        future.set_exception(error)


def post(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: object) -> None:
    """Call on the loop, from a thread. A loop closed before its log has nobody left to tell."""
    try:
        loop.call_soon_threadsafe(call, *args)
    except RuntimeError:
        if not loop.is_closed():
            raise
