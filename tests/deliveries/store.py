"""The registry and ledger of the memory engine, which a test can look into and take away."""

from __future__ import annotations

from hubbub.core.contracts import Document, Flush
from hubbub.core.errors import Unavailable
from hubbub.core.subscription import Attempt, Cursor, Parcel
from hubbub.log.memory_ledger import MemoryLedger, MemoryRegistry


class Registry(MemoryRegistry):
    @property
    def documents(self) -> dict[tuple[str, str], Document]:
        return self._documents


class Ledger(MemoryLedger):
    def __init__(self) -> None:
        super().__init__()
        self.flushes = 0
        self.is_down = False

    @property
    def all_cursors(self) -> dict[str, Cursor]:
        return self._cursors

    @property
    def all_parcels(self) -> dict[tuple[str, int], Parcel]:
        every = (one for parcels in self._parcels.values() for one in parcels.values())
        return {(one.subscription, one.offset): one for one in every}

    @property
    def all_attempts(self) -> list[Attempt]:
        return list(self._attempts.values())

    async def write(self, flush: Flush) -> None:
        if self.is_down:
            raise Unavailable("the disk is full")
        self.flushes += 1
        await super().write(flush)
