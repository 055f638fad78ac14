"""Named documents in the log's file: `hubbub.core.contracts.Registry`.

Changes that come while one is being written go together into the next transaction, as the log's
appends do: a thousand at once cost a handful of syncs, and one alone does not wait for others. In a
transaction they are three statements and not two for each, for every step of SQLite gives the
interpreter away (see reader.py): while the event loop is busy that would be the time of an append.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from hubbub.core.contracts import Document
from hubbub.core.errors import Conflict
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.sql import LEDGER
from hubbub.log.sqlite.storage import Storage

_STALE: Final = -1

MOST: Final = 100
"""Changes in one transaction: the log's appends wait for it, a millisecond or two at the most."""

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
    """A `Registry` that writes between the appends of a log."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._waiting: list[_Change] = []
        self._writing: asyncio.Task[None] | None = None

    async def all(self, kind: str) -> list[Document]:
        """Return every document of a kind, by name."""
        rows = await self._storage.look(
            lambda reader: reader.database.rows(LEDGER["documents"], (kind,))
        )
        return [Document(name, version, body) for name, version, body in rows]

    async def put(self, kind: str, name: str, body: bytes, expected: int | None = None) -> int:
        """Write a document and return its new version. Raises `Conflict` or `Unavailable`."""
        version = await self._change(kind, name, body, expected)
        if version == _STALE:
            raise Conflict("it was changed meanwhile: read it again")
        return version

    async def delete(self, kind: str, name: str) -> bool:
        """Delete a document; tell whether it was there."""
        return bool(await self._change(kind, name, None, None))

    async def _change(self, kind: str, name: str, body: bytes | None, expected: int | None) -> int:
        """Return the new version, or for one that is deleted its last; 0 if it was not there."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Change((kind, name), body, expected, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="log: documents")
        return await done

    async def _write(self) -> None:
        """Write what waits, in the order of its coming, until nothing does."""
        try:
            while self._waiting:
                changes, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._write_together(changes)
        finally:
            self._writing = None

    async def _write_together(self, changes: list[_Change]) -> None:
        try:
            answers = await self._storage.change(lambda database: _apply(database, changes))
        except BaseException as error:
            for change in changes:
                with suppress(asyncio.InvalidStateError):  # whoever asked is gone
                    change.done.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for change, answer in zip(changes, answers, strict=True):
            with suppress(asyncio.InvalidStateError):
                change.done.set_result(answer)


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
