"""Named documents in the log's file: `hubbub.core.contracts.Registry`."""

from __future__ import annotations

from typing import Final

from hubbub.core.contracts import Document
from hubbub.core.errors import Conflict
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.pool import Readers
from hubbub.log.sqlite.sql import LEDGER, SQL
from hubbub.log.sqlite.store import Store
from hubbub.log.sqlite.writer import Writer

_STALE: Final = -1


class SqliteRegistry:
    """A `Registry` that writes between the appends of a log."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def all(self, kind: str) -> list[Document]:
        """Return every document of a kind, by name."""
        rows = await self._readers.run(
            lambda reader: reader.database.rows(LEDGER["documents"], (kind,))
        )
        return [Document(name, version, body) for name, version, body in rows]

    async def put(self, kind: str, name: str, body: bytes, expected: int | None = None) -> int:
        """Write a document and return its new version. Raises `Conflict` or `Unavailable`."""
        version = await self._writer.run(lambda store: _put(store, kind, name, body, expected))
        if version == _STALE:
            raise Conflict("it was changed meanwhile: read it again")
        return version

    async def delete(self, kind: str, name: str) -> bool:
        """Delete a document; tell whether it was there."""
        return await self._writer.run(lambda store: _delete(store, kind, name))


def _version(database: Database, kind: str, name: str) -> int:
    rows = database.rows(LEDGER["document_version"], (kind, name))
    return rows[0][0] if rows else 0


def _put(store: Store, kind: str, name: str, body: bytes, expected: int | None) -> int:
    database = store.database
    database.run(SQL["begin"])
    version = _version(database, kind, name)
    is_wanted = expected is None or expected == version
    if is_wanted:
        database.run(LEDGER["put_document"], (kind, name, version + 1, body))
    database.run(SQL["commit"])
    return version + 1 if is_wanted else _STALE


def _delete(store: Store, kind: str, name: str) -> bool:
    database = store.database
    database.run(SQL["begin"])
    found = bool(_version(database, kind, name))
    database.run(LEDGER["delete_document"], (kind, name))
    database.run(SQL["commit"])
    return found
