"""What the rooms of the house promise each other. READ SECOND, after hub.py; the docstrings are law.

The executable form is `hubbub.testing`: one conformance suite that every engine passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from hubbub.core.event import Event, Record
from hubbub.core.selection import Selection


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
