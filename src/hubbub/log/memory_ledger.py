"""The executable specification of registry and ledger: both in dicts.

Everything that `hubbub.core.contracts` promises of them is here in its shortest form; the public
suite `hubbub.testing.ledger` holds every engine to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hubbub.core.contracts import Document, Flush
from hubbub.core.errors import Conflict
from hubbub.core.subscription import Attempt, Cursor, Parcel


class MemoryRegistry:
    """A `Registry` of one process."""

    def __init__(self) -> None:
        self._documents: dict[tuple[str, str], Document] = {}

    async def all(self, kind: str) -> list[Document]:
        """Return every document of a kind, by name."""
        return [one for (of, _), one in sorted(self._documents.items()) if of == kind]

    async def put(
        self,
        kind: str,
        name: str,
        body: bytes,
        expected: int | None = None,
        *,
        within: float = 0,  # noqa: ARG002
    ) -> int:
        """Write a document and return its new version. Raises `Conflict`."""
        known = self._documents.get((kind, name))
        version = 0 if known is None else known.version
        if expected not in (None, version):
            raise Conflict("it was changed meanwhile: read it again")
        self._documents[kind, name] = Document(name, version + 1, body)
        return version + 1

    async def delete(self, kind: str, name: str, *, within: float = 0) -> bool:  # noqa: ARG002
        """Delete a document; tell whether it was there."""
        return self._documents.pop((kind, name), None) is not None


class MemoryLedger:
    """A `Ledger` of one process."""

    def __init__(self) -> None:
        self.ledger_writes = 0
        """Rows written since the start."""
        self._cursors: dict[str, Cursor] = {}
        self._parcels: dict[str, dict[int, Parcel]] = {}
        self._attempts: dict[str, Attempt] = {}
        """By id, oldest first."""

    async def cursors(self) -> dict[str, Cursor]:
        """Return the cursor of every subscription."""
        return dict(self._cursors)

    async def parcels(
        self, subscription: str, *, dead: bool, after: int = 0, limit: int = 1000
    ) -> list[Parcel]:
        """Return parcels with offsets above `after`, lowest first."""
        of = sorted(self._parcels.get(subscription, {}).items())
        return [one for offset, one in of if offset > after and one.is_dead == dead][:limit]

    async def parcel(self, subscription: str, offset: int) -> Parcel | None:
        """Return one parcel."""
        return self._parcels.get(subscription, {}).get(offset)

    async def waiting(self) -> set[str]:
        """Return the subscriptions that have parcels which wait for another attempt."""
        every = (one for parcels in self._parcels.values() for one in parcels.values())
        return {one.subscription for one in every if not one.is_dead}

    async def dead_letters(self) -> dict[str, int]:
        """Return how many dead letters every subscription has."""
        every = (one for parcels in self._parcels.values() for one in parcels.values())
        return dict(Counter(one.subscription for one in every if one.is_dead))

    async def write(self, flush: Flush) -> None:
        """Write all of it."""
        self._cursors |= flush.cursors
        for (subscription, offset), parcel in flush.parcels.items():
            parcels = self._parcels.setdefault(subscription, {})
            parcels.pop(offset, None)
            if parcel is not None:
                parcels[offset] = parcel
        self._attempts |= {attempt.id: attempt for attempt in flush.attempts}
        self.ledger_writes += len(flush.cursors) + len(flush.parcels) + bool(flush.attempts)

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
        found = [
            attempt
            for attempt in self._attempts.values()
            if attempt.subscription == subscription
            and (not before or attempt.id < before)
            and attempt.at >= since
            and (not outcomes or attempt.outcome in outcomes)
        ]
        return sorted(found, key=lambda attempt: attempt.id, reverse=True)[:limit]

    async def attempt(self, id: str) -> Attempt | None:  # noqa: A002
        """Return one attempt."""
        return self._attempts.get(id)

    async def forget(self, subscription: str) -> None:
        """Forget the cursor and the parcels of a subscription."""
        self._cursors.pop(subscription, None)
        self._parcels.pop(subscription, None)

    async def trim_attempts(self, before: int, max_count: int) -> int:
        """Forget attempts from before a time, and the oldest beyond a count."""
        old = [one.id for one in self._attempts.values() if one.at < before]
        for id_ in old:
            del self._attempts[id_]
        beyond = list(self._attempts)[: max(0, len(self._attempts) - max_count)]
        for id_ in beyond:
            del self._attempts[id_]
        return len(old) + len(beyond)
