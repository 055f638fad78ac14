"""A registry and a ledger in dicts: what outlives a process in these tests."""

from __future__ import annotations

from collections.abc import Sequence

from hubbub.core.contracts import Document, Flush
from hubbub.core.errors import Unavailable
from hubbub.core.subscription import Attempt, Cursor, Parcel


class Registry:
    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], Document] = {}

    async def all(self, kind: str) -> list[Document]:
        return [one for (k, _), one in sorted(self.documents.items()) if k == kind]

    async def put(self, kind: str, name: str, body: bytes, expected: int | None = None) -> int:
        before = self.documents.get((kind, name))
        version = 1 if before is None else before.version + 1
        self.documents[kind, name] = Document(name, version, body)
        return version

    async def delete(self, kind: str, name: str) -> bool:
        return self.documents.pop((kind, name), None) is not None


class Ledger:
    def __init__(self) -> None:
        self.all_cursors: dict[str, Cursor] = {}
        self.all_parcels: dict[tuple[str, int], Parcel] = {}
        self.all_attempts: list[Attempt] = []
        self.flushes = 0
        self.is_down = False
        self.ledger_writes = 0

    async def cursors(self) -> dict[str, Cursor]:
        return dict(self.all_cursors)

    async def parcels(
        self, subscription: str, *, dead: bool, after: int = 0, limit: int = 1000
    ) -> list[Parcel]:
        found = [
            p for (s, o), p in sorted(self.all_parcels.items()) if s == subscription and o > after
        ]
        return [p for p in found if p.is_dead == dead][:limit]

    async def parcel(self, subscription: str, offset: int) -> Parcel | None:
        return self.all_parcels.get((subscription, offset))

    async def dead_letters(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for parcel in self.all_parcels.values():
            if parcel.is_dead:
                counts[parcel.subscription] = counts.get(parcel.subscription, 0) + 1
        return counts

    async def write(self, flush: Flush) -> None:
        if self.is_down:
            raise Unavailable("the disk is full")
        self.flushes += 1
        self.all_cursors |= flush.cursors
        for key, parcel in flush.parcels.items():
            if parcel is None:
                self.all_parcels.pop(key, None)
            else:
                self.all_parcels[key] = parcel
        self.all_attempts += flush.attempts

    async def attempts(
        self,
        subscription: str,
        *,
        before: str = "",
        since: int = 0,
        outcomes: Sequence[str] = (),
        limit: int = 100,
    ) -> list[Attempt]:
        found = [a for a in self.all_attempts if a.subscription == subscription and a.at >= since]
        return found[::-1][:limit]

    async def attempt(self, id: str) -> Attempt | None:
        return next((a for a in self.all_attempts if a.id == id), None)

    async def forget(self, subscription: str) -> None:
        self.all_cursors.pop(subscription, None)
        for key in [key for key in self.all_parcels if key[0] == subscription]:
            del self.all_parcels[key]

    async def trim_attempts(self, before: int, max_count: int) -> int:
        return 0
