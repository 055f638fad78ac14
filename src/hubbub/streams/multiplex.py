"""WebSocket with many subscriptions: subprotocol `hubbub.v1` at `/ws` (api.md, Read).

Every message is a JSON object with `op`; an answer repeats the request's `ref`. A connection gets
each event once however many of its subscriptions want it, all from one pass over the log: a new
subscription that starts in the past takes the reader back there, and what was sent is skipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec

from hubbub.core.errors import Closing, Forbidden, HubbubError, Malformed, TooMany
from hubbub.core.event import Record
from hubbub.core.reading import begin, position
from hubbub.core.selection import Selection
from hubbub.streams.desk import Desk
from hubbub.streams.reader import Reader
from hubbub.streams.session import Session
from hubbub.streams.websocket import accept, expire, finish, messages, text_of
from hubbub.wire import json

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HUBBUB_V1 = "hubbub.v1"

MAX_PUBLISHING = 256
"""Publishes of one connection that wait for the log; past that the socket is not read."""

Ref = int | str | None
NOTHING: Final = Selection(())


class Op(msgspec.Struct, kw_only=True):
    """Anything a client may say; which members count depends on `op`."""

    op: str
    ref: Ref = None
    topics: list[str] = []
    types: list[str] = []
    since: str | None = None
    last: int | None = None
    filter: str | list[Any] | None = None
    topic: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()
    type: str | None = None
    id: str | None = None
    ephemeral: bool = False
    token: str = ""


_decode: Final = msgspec.json.Decoder(Op).decode


class Subscription:
    """Topics that were asked for together."""

    __slots__ = ("after", "done", "selection")

    def __init__(self, selection: Selection, after: int) -> None:
        self.selection = selection
        self.after = after
        """Where it began."""
        self.done = after
        """Up to where its records had been written when another one took the reader back."""

    def wants(self, record: Record) -> bool:
        """Tell whether the record belongs to it."""
        return record.offset > self.after and self.selection.matches(record)


async def serve_multiplexed(
    desk: Desk,
    scope: MutableMapping[str, Any],
    receive: Receive,
    send: Send,
    *,
    session: Session,
) -> None:
    """Speak `hubbub.v1` until either side ends it."""
    writer = await accept(desk, scope, receive, send, (HUBBUB_V1,))
    form = desk.encoding("ops", writer.framing)
    reader = desk.reader("multiplexed", writer, form, NOTHING, desk.log.head)
    connection = _Connection(desk, session, reader)
    writer.on_shutdown = lambda: finish(writer, Closing("this server is stopping; reconnect"))
    connection.watch_expiry()
    try:
        reader.start()
        async for message in messages(receive):
            await connection.take(text_of(message))
    except HubbubError as error:
        finish(writer, error)
    finally:
        connection.close()
        desk.leave("multiplexed", reader)


class _Connection:
    def __init__(self, desk: Desk, session: Session, reader: Reader) -> None:
        self._desk = desk
        self._session = session
        self._reader = reader
        self._subscriptions: dict[str, Subscription] = {}  # by pattern
        self._waiting_live: list[Ref] = []
        self._publishing: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(MAX_PUBLISHING)
        self._cancel_expiry: Callable[[], None] = lambda: None
        self._ops: dict[str, Callable[[Op], Awaitable[None]]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "publish": self._publish_soon,
            "auth": self._authenticate,
            "ping": self._ping,
        }
        reader.wants = self._wants

    def watch_expiry(self) -> None:
        """End the connection when its token does."""
        self._cancel_expiry()
        expires = self._session.principal.expires
        self._cancel_expiry = self._desk.end_at(expires, lambda: expire(self._reader.writer))

    def close(self) -> None:
        """Let go of what is under way; what was taken is appended all the same."""
        self._cancel_expiry()
        for task in self._publishing:
            task.cancel()

    async def take(self, text: bytes) -> None:
        """Do what one message asks for; a mistake is answered and the connection lives on."""
        ref: Ref = None
        try:
            json.check(text)
            op = _read(text)
            ref = op.ref
            known = self._ops.get(op.op)
            if known is None:
                raise Malformed(f"op is one of {', '.join(self._ops)}", pointer="/op")
            await known(op)
        except HubbubError as error:
            self._refuse(ref, error)

    async def _subscribe(self, op: Op) -> None:
        if not op.topics:
            raise Malformed("subscribe names at least one pattern in topics", pointer="/topics")
        new = set(op.topics) - self._subscriptions.keys()
        if len(self._subscriptions) + len(new) > self._desk.options.max_subscriptions:
            raise TooMany("too many subscriptions on one connection; use wildcards or another one")
        selection = self._session.select(op.topics, op.types, op.filter)
        start = self._session.start(op.since, op.last)
        after, gap = await begin(self._desk.log, start, selection)
        reached = self._reader.position.offset
        for known in self._subscriptions.values():
            known.done = max(known.done, reached)
        subscription = Subscription(selection, after)
        for pattern in op.topics:
            self._subscriptions[pattern] = subscription
        if gap is not None:  # before a position that is past it
            self._answer("gap", op.ref, requested=gap.requested, resumes_at=gap.resumes_at)
        self._answer("subscribed", op.ref, position=str(position(self._desk.log, after)))
        self._waiting_live.append(op.ref)
        self._reader.reselect(self._selection(), after=after, on_live=self._say_live)

    async def _unsubscribe(self, op: Op) -> None:
        for pattern in op.topics:
            self._subscriptions.pop(pattern, None)
        reached = self._reader.position.offset
        self._reader.reselect(self._selection(), after=reached, on_live=self._say_live)
        self._answer("unsubscribed", op.ref)

    async def _publish_soon(self, op: Op) -> None:
        """Publish without waiting, in order: appends are taken in the order of the messages."""
        await self._slots.acquire()
        task = self._desk.spawn(self._publish(op), "publish")
        self._publishing.add(task)
        task.add_done_callback(self._published)

    def _published(self, task: asyncio.Task[None]) -> None:
        self._publishing.discard(task)
        self._slots.release()

    async def _publish(self, op: Op) -> None:
        try:
            if bytes(op.event):
                published = await self._session.publish_event(bytes(op.event), op.topic)
            elif op.topic is None:
                raise Malformed("publish names a topic", pointer="/topic")
            else:
                published = await self._session.publish_data(
                    op.topic, bytes(op.data) or None, type=op.type, id=op.id, ephemeral=op.ephemeral
                )
        except HubbubError as error:
            self._refuse(op.ref, error)
        else:
            answer: dict[str, object] = {"id": published.id}
            if published.position is not None:
                answer["position"] = str(published.position)
            if published.duplicate:
                answer["duplicate"] = True
            self._answer("published", op.ref, **answer)

    async def _authenticate(self, op: Op) -> None:
        self._session.authenticate(op.token)
        self.watch_expiry()
        self._answer("authenticated", op.ref)
        for pattern in list(self._subscriptions):
            try:
                self._session.principal.require_subscribe((pattern,))
            except Forbidden as error:  # the new token may do less than the one before
                self._refuse(op.ref, error)
                await self._unsubscribe(Op(op="unsubscribe", ref=op.ref, topics=[pattern]))

    async def _ping(self, op: Op) -> None:
        self._answer("pong", op.ref)

    def _selection(self) -> Selection:
        selection = NOTHING
        for subscription in dict.fromkeys(self._subscriptions.values()):
            mine = [p for p, s in self._subscriptions.items() if s is subscription]
            selection = selection.union(subscription.selection.narrowed(mine))
        return selection

    def _wants(self, record: Record) -> bool:
        """Tell whether any subscription still has to be given a record while catching up."""
        wanted = [s for s in dict.fromkeys(self._subscriptions.values()) if s.wants(record)]
        return bool(wanted) and all(record.offset > s.done for s in wanted)

    def _say_live(self) -> None:
        refs, self._waiting_live = self._waiting_live, []
        for ref in refs:
            self._answer("live", ref)

    def _answer(self, op: str, ref: Ref, **members: object) -> None:
        said = members if ref is None else {"ref": ref, **members}
        self._reader.write(self._reader.encoding.control(op, said))

    def _refuse(self, ref: Ref, error: HubbubError) -> None:
        self._answer("error", ref, status=error.status, title=error.title, detail=error.detail)


def _read(text: bytes) -> Op:
    try:
        return _decode(text)
    except msgspec.ValidationError as error:
        raise Malformed(f"not an operation of hubbub.v1: {error}") from None
