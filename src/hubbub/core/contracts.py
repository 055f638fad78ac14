"""What the rooms of the house promise each other. READ SECOND, after hub.py; the docstrings are law.

The executable form is `hubbub.testing`: one conformance suite that every engine passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from hubbub.core.event import Event, Record
from hubbub.core.outcome import Exchange
from hubbub.core.selection import Selection
from hubbub.core.subscription import Attempt, Cursor, Parcel, Subscription


class Appended(NamedTuple):
    """Where an event is in the log."""

    offset: int
    duplicate: bool
    """The same `source` and `id` was there already, at `offset`; nothing was written."""


class Page(NamedTuple):
    """What one read gave."""

    records: list[Record]
    """Selected records in the order asked for."""
    next: int
    """Where the next read goes on: everything up to there was looked at, selected or not."""


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of the past is kept; whichever bound is hit first rules. 0 means no bound."""

    max_age: float = 7 * 86_400.0
    """Seconds since an event was recorded, by the server's clock."""
    max_bytes: int = 0
    """Bytes of events kept."""
    max_count: int = 0
    """Events kept."""


class Health(NamedTuple):
    """Whether appending works, and if not, why and what to do."""

    ok: bool
    reason: str = ""


Listener = Callable[[Sequence[Record]], None]


class Log(Protocol):
    """The one durable log: an append-only sequence of records with offsets 1, 2, 3 ...

    Visibility is in commit order: whoever sees offset n can read everything below n that is kept.
    All methods are called on the event loop that opened the log. Everything may raise
    `Unavailable`; a read never waits for an append.
    """

    @property
    def epoch(self) -> str:
        """Name of this unbroken past; it changes when, and only when, records were lost."""
        ...

    @property
    def head(self) -> int:
        """Offset of the newest visible record; 0 in an empty new log. Never goes back."""
        ...

    @property
    def tail(self) -> int:
        """Offset of the oldest kept record; `head + 1` if none is kept."""
        ...

    async def append(self, events: Sequence[Event]) -> list[Appended]:
        """Append all events or none; return where each is, in order.

        Durable when it returns. An event with `named` whose `source` and `id` are in the log's
        dedupe window, or earlier in `events`, is not written again. Raises `Unavailable` if it
        cannot be made durable: then nothing of it was and ever will be visible. Cancelling the
        caller does not undo an append.
        """
        ...

    async def read(self, after: int, limit: int, selection: Selection) -> Page:
        """Read up to `limit` selected records with offsets above `after`, oldest first.

        `next` is the last offset looked at, at least `after`; it moves even where nothing was
        selected, and `next == head` says that the reader has caught up. One call looks at a
        bounded number of records. Raises `Gap` if records right after `after` are no longer kept.
        """
        ...

    async def read_back(self, before: int, limit: int, selection: Selection) -> Page:
        """Read up to `limit` selected records with offsets below `before`, newest first.

        `next` is the smallest offset looked at; `next <= tail` says that there is no more.
        """
        ...

    async def find(self, milliseconds: int) -> int:
        """Return the largest offset after which every record was recorded at or after a time."""
        ...

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have new records handed over, in commit order, on the event loop; returns the way out.

        A listener is called after the commit and before `append` returns. It must not block or
        raise.
        """
        ...

    async def trim(self, policy: Retention) -> int:
        """Forget what the policy does not keep, in bounded steps; return how many records went."""
        ...

    def health(self) -> Health:
        """Tell whether appends are taken now."""
        ...

    async def close(self) -> None:
        """Finish the appends that were taken, then let go of the storage. Safe to call twice."""
        ...


Framing = Literal["chunked", "plain", "ws", "ws-deflate", "messages"]


class Writer(Protocol):
    """Synchronous writer to one live connection: what fan-out writes to.

    web/server hands one to the application in `scope["extensions"]["hubbub.wire"]`; under another
    server the same interface stands on `await send()`. `framing` names the form of what is written:

    - `chunked`: Server-Sent Events inside HTTP/1.1 chunks; `plain`: without the chunks;
    - `ws`: WebSocket frames; `ws-deflate`: the same, compressed without context takeover, so that
      one frame fits every connection; `messages`: WebSocket messages, framed by somebody else.
    """

    framing: Framing
    write: Callable[[Any], None]
    """Hand over ready-made bytes; never blocks, legal only while `is_open`."""
    on_pause: Callable[[], None] | None
    """Called when more is buffered than the high-water mark; the last write was taken whole. Also when
    nothing more will be taken, `is_open` being False by then; perhaps from inside `write`."""
    on_resume: Callable[[], None] | None
    """Called when the buffer has drained below the low-water mark."""
    on_shutdown: Callable[[], None] | None
    """Called when the server stops gracefully: say goodbye with `finish`."""

    @property
    def is_open(self) -> bool:
        """Whether bytes can still be written."""
        ...

    def buffered(self) -> int:
        """Return the bytes that wait in user space."""
        ...

    def finish(self, last: Any = b"", *, code: int = 1000, reason: str = "") -> None:
        """Write `last`, then end the response, or the WebSocket with a close code and reason."""
        ...


class Document(NamedTuple):
    """A named JSON document of a registry."""

    name: str
    version: int
    """From 1; one more with every change."""
    body: bytes


class Registry(Protocol):
    """Named JSON documents by kind: what people and other servers have asked for.

    `subscription`, `source`; of WebSub `websub-intent`, `websub-topic` (hub), `follow`, `follow-seen`
    (subscriber). All of a kind are in memory. Every change is durable when the call returns, and those
    that are made at once are written together. One that can wait for `within` seconds costs the log's
    appends least: it goes along with them. Raises `Unavailable` where it cannot be made durable.
    """

    async def all(self, kind: str) -> list[Document]:
        """Return every document of a kind, by name."""
        ...

    async def put(
        self, kind: str, name: str, body: bytes, expected: int | None = None, *, within: float = 0
    ) -> int:
        """Write a document and return its new version.

        `expected` is the version that it must have now, 0 for none at all; `Conflict` otherwise.
        """
        ...

    async def delete(self, kind: str, name: str, *, within: float = 0) -> bool:
        """Delete a document; tell whether it was there."""
        ...


class Flush(msgspec.Struct):
    """What the ledger is told at a time."""

    cursors: dict[str, Cursor] = msgspec.field(default_factory=dict[str, Cursor])
    """By subscription; replaces what was known."""
    parcels: dict[tuple[str, int], Parcel | None] = msgspec.field(
        default_factory=dict[tuple[str, int], Parcel | None]
    )
    """By subscription and offset; None: settled, forget it."""
    attempts: list[Attempt] = msgspec.field(default_factory=list[Attempt])
    """In the order of their ids."""


class Ledger(Protocol):
    """Who got what: cursors, parcels (what failed) and attempts. Written in batches only.

    `write` is atomic and outlives a crash once it has returned.
    """

    @property
    def ledger_writes(self) -> int:
        """Rows written since the start: cursors, parcels and segments of attempts."""
        ...

    async def cursors(self) -> dict[str, Cursor]:
        """Return the cursor of every subscription."""
        ...

    async def parcels(
        self, subscription: str, *, dead: bool, after: int = 0, limit: int = 1000
    ) -> list[Parcel]:
        """Return parcels with offsets above `after`, lowest first."""
        ...

    async def parcel(self, subscription: str, offset: int) -> Parcel | None:
        """Return one parcel."""
        ...

    async def waiting(self) -> set[str]:
        """Return the subscriptions that have parcels which wait for another attempt."""
        ...

    async def dead_letters(self) -> dict[str, int]:
        """Return how many dead letters every subscription has."""
        ...

    async def write(self, flush: Flush) -> None:
        """Write all of it or nothing. Raises `Unavailable`; the caller keeps it and tries again."""
        ...

    async def attempts(
        self,
        subscription: str,
        *,
        before: str = "",
        since: int = 0,
        outcomes: Sequence[str] = (),
        limit: int = 100,
    ) -> list[Attempt]:
        """Return attempts, newest first: with ids below `before`, begun at or after `since`."""
        ...

    async def attempt(self, id: str) -> Attempt | None:  # noqa: A002
        """Return one attempt."""
        ...

    async def forget(self, subscription: str) -> None:
        """Forget the cursor and the parcels of a subscription; its attempts go with their age."""
        ...

    async def trim_attempts(self, before: int, max_count: int) -> int:
        """Forget attempts from before a time, and the oldest beyond a count; return how many went."""
        ...


class Engine(Log, Protocol):
    """What a store gives: the log, and beside it the registry and the ledger."""

    @property
    def registry(self) -> Registry:
        """Its documents."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Its deliveries."""
        ...


class Order(NamedTuple):
    """What a channel is to deliver in one request."""

    id: str
    """The same for every attempt at the same event: the `webhook-id`."""
    records: Sequence[Record]
    """One, or several as a batch."""
    sequences: Sequence[int]
    """The number of each record in the subscription; 0: none (a test)."""
    attempt: int
    """From 1."""


class Rewritten(NamedTuple):
    """The body of an earlier request, written once more: nobody keeps it."""

    body: bytes | None
    """None: it cannot be written any more."""
    note: str = ""
    """Why there is none, or in what it may differ from what was sent; empty: it is the same."""


class Target(Protocol):
    """A subscription made ready for delivery by its channel: settings read, keys prepared."""

    @property
    def rate(self) -> float:
        """Requests a second that the receiver allowed in `prepare`; 0: no bound."""
        ...

    async def deliver(self, order: Order, timeout: float) -> Exchange:  # noqa: ASYNC109
        """Try once. Never raises but when cancelled: whatever goes wrong is an outcome."""
        ...

    async def rewrite(self, attempt: Attempt, records: Sequence[Record]) -> Rewritten:
        """Write the body of an attempt once more, of its events, in the way that `deliver` does.

        `records` are all of them. The subscription may have changed since; what was sent then is told
        by the headers of the attempt, and what does not fit them is not shown. Raises `Unavailable`.
        """
        ...

    async def prepare(self) -> Exchange | None:
        """Do what must come before the first delivery, such as asking for consent; None: done."""
        ...


class Channel(Protocol):
    """A door out: one file in channels/, named by a subscription's `protocol`."""

    def check(self, subscription: Subscription) -> None:
        """Check `sink` and `protocolsettings`. Raises `Malformed` with a pointer."""
        ...

    def target(self, subscription: Subscription, secrets: Sequence[str], credential: str) -> Target:
        """Make a subscription ready. `secrets`: the active one first, then those in their grace."""
        ...
