"""Named documents in the log's file: `hubbub.core.contracts.Registry`."""

from __future__ import annotations

from typing import Final

from hubbub.core.contracts import Document
from hubbub.core.errors import Conflict
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.sql import LEDGER
from hubbub.log.sqlite.storage import Storage

_STALE: Final = -1


class SqliteRegistry:
    """A `Registry` that writes between the appends of a log."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def all(self, kind: str) -> list[Document]:
        """Return every document of a kind, by name."""
        rows = await self._storage.look(
            lambda reader: reader.database.rows(LEDGER["documents"], (kind,))
        )
        return [Document(name, version, body) for name, version, body in rows]

    async def put(self, kind: str, name: str, body: bytes, expected: int | None = None) -> int:
        """Write a document and return its new version. Raises `Conflict` or `Unavailable`."""
        version = await self._storage.change(
            lambda database: _put(database, kind, name, body, expected)
        )
        if version == _STALE:
            raise Conflict("it was changed meanwhile: read it again")
        return version

    async def delete(self, kind: str, name: str) -> bool:
        """Delete a document; tell whether it was there."""
        return await self._storage.change(lambda database: _delete(database, kind, name))


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
