"""What became of a subscription's events: attempts and dead letters, and how to try them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from hubbub.core.contracts import Ledger, Log
from hubbub.core.errors import Conflict, Malformed, NotFound
from hubbub.core.event import Record
from hubbub.core.outcome import MAX_BODY
from hubbub.core.position import Position
from hubbub.core.selection import EVERYTHING
from hubbub.core.start import SinceTime, parse_since
from hubbub.core.subscription import Attempt
from hubbub.deliveries.shown import AttemptShown, DeadShown, show_attempt, show_dead
from hubbub.wire.cloudevents import batch

MAX_EVENTS: Final = 10
"""Events of a batch that are read for the record of an attempt: its body is cut at 16 KiB anyway."""

STEP: Final = 1000
"""Dead letters that are made due at a time."""


class Retrying(Protocol):
    """What this needs of the engine."""

    async def retry(self, id: str, offsets: Sequence[int]) -> int:  # noqa: A002
        """Try events again now; return how many. Raises `Conflict` unless it is running."""
        ...

    async def flush(self) -> None:
        """Write what is known now, so that the ledger can be read."""
        ...


class Past:
    """Reads the ledger, and of the log what the ledger does not repeat."""

    def __init__(self, engine: Retrying, ledger: Ledger, log: Log) -> None:
        self._engine = engine
        self._ledger = ledger
        self._log = log

    async def attempts(
        self, subscription: str, *, before: str, begun: int, outcomes: Sequence[str], limit: int
    ) -> list[AttemptShown]:
        """Return attempts, newest first: with ids below `before`, from `begun` (milliseconds) on."""
        await self._engine.flush()
        found = await self._ledger.attempts(
            subscription, before=before, since=begun, outcomes=outcomes, limit=limit
        )
        return [await self._shown(one) for one in found]

    async def retry_attempt(self, subscription: str, attempt: str) -> int:
        """Send the events of an attempt again, now; return how many. Raises `Conflict`, `NotFound`."""
        await self._engine.flush()
        found = await self._ledger.attempt(attempt)
        if found is None or found.subscription != subscription:
            raise NotFound("this subscription has no such attempt")
        if not found.offsets:
            raise Conflict("a test is not in the log: POST to /test for another one")
        return await self._engine.retry(subscription, found.offsets)

    async def dead(self, subscription: str, *, after: str | None, limit: int) -> list[DeadShown]:
        """Return dead letters, oldest first, from those behind the position `after`."""
        offset = 0 if after is None else self._offset(after)
        await self._engine.flush()
        found = await self._ledger.parcels(subscription, dead=True, after=offset, limit=limit)
        epoch = self._log.epoch
        return [show_dead(one, epoch, await self._record(one.offset)) for one in found]

    async def retry_dead(self, subscription: str) -> int:
        """Try every dead letter again, now; return how many. Raises `Conflict` unless it is running."""
        await self._engine.flush()
        count = offset = 0
        while parcels := await self._ledger.parcels(
            subscription, dead=True, after=offset, limit=STEP
        ):
            count += await self._engine.retry(subscription, [one.offset for one in parcels])
            offset = parcels[-1].offset
        return count

    async def _shown(self, attempt: Attempt) -> AttemptShown:
        records: list[Record] = []
        size = 0
        for offset in attempt.offsets[:MAX_EVENTS]:
            if size < MAX_BODY and (record := await self._record(offset)) is not None:
                records.append(record)
                size += len(record.json)
        sent = batch(records) if len(attempt.offsets) > 1 else b"".join(r.json for r in records)
        return show_attempt(attempt, self._log.epoch, sent if records else b"")

    async def _record(self, offset: int) -> Record | None:
        """Return an event, if the log has it still."""
        if not self._log.tail <= offset <= self._log.head:
            return None
        page = await self._log.read(offset - 1, 1, EVERYTHING)
        return page.records[0] if page.records and page.records[0].offset == offset else None

    def _offset(self, text: str) -> int:
        position = Position.parse(text)
        if position.epoch != self._log.epoch:
            raise Malformed("after is a position of another log; begin without it")
        return position.offset


def moment(text: str, now: float) -> int:
    """Read a time or an age as milliseconds since the Unix epoch. Raises `Malformed`."""
    start = parse_since(text, now)
    if not isinstance(start, SinceTime):
        raise Malformed("since is an RFC 3339 time or an age such as 90s, 2h, 7d here")
    return max(0, start.milliseconds)
