"""Named documents in the log's file: `hubbub.core.contracts.Registry`.

Changes that come while one is being written go together into the next transaction, as the log's
appends do: a thousand at once cost a handful of syncs, and one alone does not wait for others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from hubbub.core.contracts import Document
from hubbub.core.errors import Conflict
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.sql import LEDGER
from hubbub.log.sqlite.storage import Storage

_STALE: Final = -1

MOST: Final = 1000
"""Changes in one transaction: the log's appends wait for it, some 10 ms at the most."""


class _Change(NamedTuple):
    call: Callable[[Database], Any]
    done: asyncio.Future[Any]


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
        version = await self._change(lambda database: _put(database, kind, name, body, expected))
        if version == _STALE:
            raise Conflict("it was changed meanwhile: read it again")
        return version

    async def delete(self, kind: str, name: str) -> bool:
        """Delete a document; tell whether it was there."""
        return await self._change(lambda database: _delete(database, kind, name))

    async def _change(self, call: Callable[[Database], Any]) -> Any:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Change(call, done))
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
            answers = await self._storage.change(
                lambda database: [change.call(database) for change in changes]
            )
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


def _version(database: Database, kind: str, name: str) -> int:
    rows = database.rows(LEDGER["document_version"], (kind, name))
    return rows[0][0] if rows else 0


def _put(database: Database, kind: str, name: str, body: bytes, expected: int | None) -> int:
    version = _version(database, kind, name)
    if expected not in (None, version):
        return _STALE  # and not an error, which would take the log down
    database.run(LEDGER["put_document"], (kind, name, version + 1, body))
    return version + 1


def _delete(database: Database, kind: str, name: str) -> bool:
    found = bool(_version(database, kind, name))
    database.run(LEDGER["delete_document"], (kind, name))
    return found
