"""Named documents in the log's file: `hubbub.core.contracts.Registry`.

A change that can wait goes along with the next appends, in their commit: a sync of its own is one
that an append may have to wait for. One that cannot wait is written at once, with all that waits; what
comes meanwhile goes together into the next transaction, as appends do. In a transaction they are
three statements and not two for each, for every step of SQLite gives the interpreter away (see
reader.py): while the event loop is busy that would be the time of an append.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from hubbub.core.contracts import Document
from hubbub.core.errors import Conflict
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.jobs import Job, answer
from hubbub.log.sqlite.sql import LEDGER
from hubbub.log.sqlite.storage import Storage

_STALE: Final = -1

MOST: Final = 100
"""Changes in one transaction: the log's appends wait for it, a millisecond or two at the most."""

ALONG: Final = 20
"""Changes that go along with an append: a fraction of a millisecond. Appends that are committed together
take no more than `MOST` along."""

_encode: Final = msgspec.json.Encoder().encode
_versions: Final = msgspec.json.Decoder(list[tuple[str, str, int]])


class _Change:
    """A document to be written or, without a body, deleted."""

    __slots__ = ("body", "done", "expected", "key")

    def __init__(
        self,
        key: tuple[str, str],
        body: bytes | None,
        expected: int | None,
        done: asyncio.Future[int],
    ) -> None:
        self.key = key
        """Kind and name."""
        self.body = body
        self.expected = expected
        """The version that it replaces; None: whatever is there."""
        self.done = done


class SqliteRegistry:
    """A `Registry` that writes with the appends of a log, and between them."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Change] = []
        self._writing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        """Of when the changes that can wait are written by themselves."""
        self._along = 0
        """Changes that are on their way along with appends."""
        self._due = 0.0
        """When that is."""

    async def all(self, kind: str) -> list[Document]:
        """Return every document of a kind, by name."""
        rows = await self._storage.look(
            lambda reader: reader.database.rows(LEDGER["documents"], (kind,))
        )
        return [Document(name, version, body) for name, version, body in rows]

    async def put(
        self, kind: str, name: str, body: bytes, expected: int | None = None, *, within: float = 0
    ) -> int:
        """Write a document and return its new version. Raises `Conflict` or `Unavailable`."""
        version = await self._change((kind, name), body, expected, within)
        if version == _STALE:
            raise Conflict("it was changed meanwhile: read it again")
        return version

    async def delete(self, kind: str, name: str, *, within: float = 0) -> bool:
        """Delete a document; tell whether it was there."""
        return bool(await self._change((kind, name), None, None, within))

    async def _change(
        self, key: tuple[str, str], body: bytes | None, expected: int | None, within: float
    ) -> int:
        """Return the new version, or for one that is deleted its last; 0 if it was not there."""
        done: asyncio.Future[int] = self._loop.create_future()
        self._waiting.append(_Change(key, body, expected, done))
        if within <= 0:
            self._write_now()
        else:
            self._write_within(within)
        return await done

    def go_along(self) -> Job[Database] | None:
        """Return some of the changes that wait, for the commit of an append that begins now."""
        if not self._waiting:
            return None
        room = min(ALONG, MOST - self._along)  # appends at once are one commit
        if room <= 0:
            return None
        changes = self._take(room)
        self._along += len(changes)
        written: asyncio.Future[list[int]] = self._loop.create_future()
        written.add_done_callback(lambda _: self._landed(changes, written))
        return Job(lambda database: _apply(database, changes), written)

    def _landed(self, changes: Sequence[_Change], written: asyncio.Future[list[int]]) -> None:
        self._along -= len(changes)
        if (error := written.exception()) is None:
            _answer(changes, written.result())
        else:
            _refuse(changes, error)

    async def flush(self) -> None:
        """Write what can wait, too."""
        self._write_now()
        if self._writing is not None:
            await asyncio.shield(self._writing)

    def _write_now(self) -> None:
        self._stop_timer()
        if self._waiting and self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="log: documents")

    def _write_within(self, seconds: float) -> None:
        now = self._loop.time()
        if self._timer is not None:
            if self._due <= now + seconds:
                return
            self._timer.cancel()
        self._due = now + seconds
        self._timer = self._loop.call_at(self._due, self._write_now)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _write(self) -> None:
        """Write what waits, in the order of its coming, until nothing does."""
        try:
            while self._waiting:
                changes = self._take(MOST)
                try:
                    answers = await self._storage.change(lambda db, some=changes: _apply(db, some))
                except BaseException as error:
                    _refuse(changes, error)
                    if not isinstance(error, Exception):
                        raise
                else:
                    _answer(changes, answers)
        finally:
            self._writing = None

    def _take(self, most: int) -> list[_Change]:
        changes, self._waiting = self._waiting[:most], self._waiting[most:]
        if not self._waiting:
            self._stop_timer()
        return changes


def _answer(changes: Sequence[_Change], answers: Sequence[int]) -> None:
    for change, version in zip(changes, answers, strict=True):
        answer(change.done, version)


def _refuse(changes: Sequence[_Change], error: BaseException) -> None:
    for change in changes:
        if not change.done.done():  # else whoever asked is gone
            change.done.set_exception(error)


# On the writer's thread, in a transaction.


def _apply(database: Database, changes: Sequence[_Change]) -> list[int]:
    """Make changes one after the other, as far as it can be told; write what is left of them."""
    keys = list({change.key for change in changes})
    (found,) = database.row(LEDGER["document_versions"], (_text(keys),))
    versions = {(kind, name): version for kind, name, version in _versions.decode(found)}
    bodies: dict[tuple[str, str], bytes | None] = {}
    answers: list[int] = []
    for change in changes:
        version = versions.get(change.key, 0)
        if change.body is None:
            answers.append(version)
            versions[change.key], bodies[change.key] = 0, None
        elif change.expected in (None, version):
            answers.append(version + 1)
            versions[change.key], bodies[change.key] = version + 1, change.body
        else:
            answers.append(_STALE)  # and not an error, which would take the log down
    _store(database, bodies, versions)
    return answers


def _store(
    database: Database,
    bodies: dict[tuple[str, str], bytes | None],
    versions: dict[tuple[str, str], int],
) -> None:
    rows: list[tuple[str, str, int, str]] = []
    for key, body in bodies.items():
        if body is None:
            continue
        if (text := _plain(body)) is not None:
            rows.append((*key, versions[key], text))
        else:  # all of ours are JSON; whatever else there is goes by itself
            database.run(LEDGER["put_document"], (*key, versions[key], body))
    if rows:
        database.run(LEDGER["put_documents"], (_text(rows),))
    if gone := [key for key, body in bodies.items() if body is None]:
        database.run(LEDGER["delete_documents"], (_text(gone),))


def _plain(body: bytes) -> str | None:
    """Return a body as text, if that can be part of a statement's JSON."""
    try:
        return None if b"\0" in body else body.decode()
    except UnicodeDecodeError:
        return None


def _text(value: object) -> str:
    return _encode(value).decode()
