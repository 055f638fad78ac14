"""`Client`: the blocking twin of `AsyncClient`, which it runs on an event loop in a thread.

There is no second implementation: every method is the asynchronous one, called from outside.
"""

# The makers of twins stand outside the class that they serve.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack, suppress
from functools import partial, wraps
from itertools import islice
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from hubbub.client.aio import BATCH, AsyncClient, Transport
from hubbub.client.backoff import Backoff
from hubbub.client.event import Event
from hubbub.client.items import Items
from hubbub.client.outgoing import CloudEvent
from hubbub.client.resources import AsyncSources, AsyncSubscriptions, AsyncWebSub
from hubbub.core.clock import Clock
from hubbub.core.errors import Misconfigured
from hubbub.core.event import Published

P = ParamSpec("P")
R = TypeVar("R")


class Loop:
    """An event loop in a thread, and calls into it from threads of this process."""

    def __init__(self, portal: BlockingPortal) -> None:
        self._portal = portal
        self._process = os.getpid()

    def run(self, function: Callable[[], Awaitable[R]]) -> R:
        """Run a coroutine function there and wait; an interruption here cancels it there."""
        if os.getpid() != self._process:
            raise Misconfigured("this client was opened in the parent process: open one here")
        try:
            future = self._portal.start_task_soon(function)
        except RuntimeError:
            raise Misconfigured("this client is closed: use it inside its with block") from None
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise


def _run(
    method: Callable[Concatenate[AsyncClient, P], Awaitable[R]],
) -> Callable[Concatenate[Client, P], R]:
    """Make the blocking twin of a coroutine method."""

    @wraps(method)
    def twin(self: Client, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._run(partial(method, self._client, *args, **kwargs))

    return twin


def _iterate(
    method: Callable[Concatenate[AsyncClient, P], Items],
) -> Callable[Concatenate[Client, P], Events]:
    """Make the blocking twin of a method that returns an asynchronous iterator."""

    @wraps(method)
    def twin(self: Client, *args: P.args, **kwargs: P.kwargs) -> Events:
        return self._iterate(method(self._client, *args, **kwargs))

    return twin


A = TypeVar("A")


class _Twin(Generic[A]):
    """The blocking twin of a part of the API."""

    def __init__(self, client: Client, resource: A) -> None:
        self._client = client
        self._resource = resource


def _part(
    method: Callable[Concatenate[A, P], Awaitable[R]],
) -> Callable[Concatenate[_Twin[A], P], R]:
    """Make the blocking twin of a coroutine method of a part."""

    @wraps(method)
    def twin(self: _Twin[A], *args: P.args, **kwargs: P.kwargs) -> R:
        return self._client._run(partial(method, self._resource, *args, **kwargs))  # noqa: SLF001

    return twin


class Subscriptions(_Twin[AsyncSubscriptions]):
    """Durable deliveries: `client.subscriptions`; see `AsyncSubscriptions`."""

    create = _part(AsyncSubscriptions.create)
    list = _part(AsyncSubscriptions.list)
    get = _part(AsyncSubscriptions.get)
    replace = _part(AsyncSubscriptions.replace)
    update = _part(AsyncSubscriptions.update)
    delete = _part(AsyncSubscriptions.delete)
    pause = _part(AsyncSubscriptions.pause)
    resume = _part(AsyncSubscriptions.resume)
    test = _part(AsyncSubscriptions.test)
    replay = _part(AsyncSubscriptions.replay)
    attempts = _part(AsyncSubscriptions.attempts)
    attempt = _part(AsyncSubscriptions.attempt)
    retry = _part(AsyncSubscriptions.retry)
    dead_letters = _part(AsyncSubscriptions.dead_letters)
    retry_dead_letters = _part(AsyncSubscriptions.retry_dead_letters)
    secret = _part(AsyncSubscriptions.secret)
    rotate_secret = _part(AsyncSubscriptions.rotate_secret)


class Sources(_Twin[AsyncSources]):
    """Where events come from: `client.sources`; see `AsyncSources`."""

    create = _part(AsyncSources.create)
    replace = _part(AsyncSources.replace)
    list = _part(AsyncSources.list)
    get = _part(AsyncSources.get)
    delete = _part(AsyncSources.delete)


class WebSub(_Twin[AsyncWebSub]):
    """What the server follows, and what its hub says: `client.websub`; see `AsyncWebSub`."""

    follow = _part(AsyncWebSub.follow)
    unfollow = _part(AsyncWebSub.unfollow)
    followed = _part(AsyncWebSub.followed)
    explain = _part(AsyncWebSub.explain)


class Events:
    """A blocking iterator over events: of history or live, see `History` and `Listener`.

    One thread iterates at a time; `close`, from any thread, ends the iteration. As a context
    manager it first waits until a live stream has begun.
    """

    def __init__(self, loop: Loop, items: Items) -> None:
        self._loop = loop
        self._items = items

    @property
    def position(self) -> str | None:
        """Start after this to go on where this iterator is; None before anything is known."""
        return self._items.position

    def close(self) -> None:
        """Let go of the connection. Safe to call twice, and after the client was closed."""
        with suppress(Misconfigured):
            self._loop.run(self._items.aclose)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        while (event := self._items.take()) is None:
            if not self._loop.run(self._items.more):
                raise StopIteration
        return event

    def __enter__(self) -> Self:
        self._loop.run(self._items.__aenter__)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client:
    """A client of one hubbub for code that blocks: use it as `with Client() as client:`.

    The arguments are those of `AsyncClient`, which it runs on an event loop in a thread of its
    own. Any number of threads may share it; each iterator belongs to one. It does not survive a
    fork: whatever is forked later opens its own.
    """

    def __init__(  # noqa: PLR0913
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        timeout: float = 30.0,
        transport: Transport = "sse",
        backoff: Backoff | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = AsyncClient(
            url,
            token=token,
            timeout=timeout,
            transport=transport,
            backoff=backoff,
            clock=clock,
            rng=rng,
            sleep=sleep,
        )
        self._stack = ExitStack()
        self._loop: Loop | None = None
        self.subscriptions = Subscriptions(self, self._client.subscriptions)
        """Durable deliveries."""
        self.sources = Sources(self, self._client.sources)
        """Where events come from."""
        self.websub = WebSub(self, self._client.websub)
        """What is followed, and what the hub says."""

    def __repr__(self) -> str:
        return repr(self._client).removeprefix("Async")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal("asyncio"))
            stack.enter_context(portal.wrap_async_context_manager(self._client))
            self._loop = Loop(portal)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop = None
        self._stack.close()

    publish = _run(AsyncClient.publish)
    publish_event = _run(AsyncClient.publish_event)
    history = _iterate(AsyncClient.history)
    listen = _iterate(AsyncClient.listen)

    def publish_many(  # noqa: PLR0913
        self,
        topic: str,
        items: Iterable[Any],
        *,
        type: str | None = None,  # noqa: A002
        source: str | None = None,
        content_type: str | None = None,
        batch: int = BATCH,
    ) -> list[Published]:
        """Publish an event for each item; see `AsyncClient.publish_many`.

        Items are taken in the calling thread, as they are needed.
        """
        send = partial(
            self._client.publish_many, topic, type=type, source=source, content_type=content_type
        )
        return self._in_parts(send, items, batch)

    def publish_events(
        self, events: Iterable[CloudEvent], *, topic: str | None = None, batch: int = BATCH
    ) -> list[Published]:
        """Publish CloudEvents made elsewhere; see `AsyncClient.publish_events`."""
        return self._in_parts(partial(self._client.publish_events, topic=topic), events, batch)

    def _in_parts(
        self,
        send: Callable[[list[Any]], Awaitable[list[Published]]],
        items: Iterable[Any],
        batch: int,
    ) -> list[Published]:
        left = iter(items)
        published: list[Published] = []
        while part := list(islice(left, batch)):
            published += self._run(partial(send, part))
        return published

    def _run(self, function: Callable[[], Awaitable[R]]) -> R:
        return self._opened.run(function)

    def _iterate(self, items: Items) -> Events:
        return Events(self._opened, items)

    @property
    def _opened(self) -> Loop:
        if self._loop is None:
            raise Misconfigured("this client is not open: use it in a with block")
        return self._loop
