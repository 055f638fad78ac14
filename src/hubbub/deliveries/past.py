"""What became of a subscription's events: attempts and dead letters, and how to try them again.

What was sent is kept nowhere: a delivery would cost its body once more. Where somebody asks for one
attempt, its channel writes the body again, of the events in the log; where that cannot be done, or not
with certainty, the answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from hubbub.core.contracts import Ledger, Log, Rewritten, Target
from hubbub.core.errors import Conflict, Malformed, NotFound
from hubbub.core.event import Record
from hubbub.core.position import Position
from hubbub.core.selection import EVERYTHING
from hubbub.core.start import SinceTime, parse_since
from hubbub.core.subscription import Attempt
from hubbub.deliveries.shown import AttemptShown, DeadShown, show_attempt, show_dead

TEST: Final = Rewritten(None, "a test event is in no log")
FORGOTTEN: Final = Rewritten(None, "the log no longer keeps all of its events")
LOST: Final = Rewritten(None, "its events were in a log that is no more")
IDLE: Final = Rewritten(None, "the subscription cannot run, so nothing can be written for it")
HUGE: Final = Rewritten(None, "its events are too large together to be written once more")
"""Why a body is not written once more."""

MOST: Final = 2 * 1024 * 1024
"""Bytes of events that are read for one body, of which the beginning is shown; a single one is always."""

STEP: Final = 1000
"""Dead letters that are made due at a time."""


class Ready(Protocol):
    """A subscription that runs."""

    @property
    def target(self) -> Target:
        """Its channel's end."""
        ...


class Retrying(Protocol):
    """What this needs of the engine."""

    @property
    def lanes(self) -> Mapping[str, Ready]:
        """All that run, by id."""
        ...

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
        """Return attempts, newest first: with ids below `before`, from `begun` (milliseconds) on.

        They are told without the bodies of their requests.
        """
        await self._engine.flush()
        found = await self._ledger.attempts(
            subscription, before=before, since=begun, outcomes=outcomes, limit=limit
        )
        return [show_attempt(one, self._log.epoch) for one in found]

    async def attempt(self, subscription: str, attempt: str) -> AttemptShown:
        """Return an attempt with the body of its request. Raises `NotFound` or `Unavailable`."""
        found = await self._find(subscription, attempt)
        return show_attempt(found, self._log.epoch, await self._rewritten(found))

    async def _find(self, subscription: str, attempt: str) -> Attempt:
        await self._engine.flush()
        found = await self._ledger.attempt(attempt)
        if found is None or found.subscription != subscription:
            raise NotFound("this subscription has no such attempt")
        return found

    async def retry_attempt(self, subscription: str, attempt: str) -> int:
        """Send the events of an attempt again, now; return how many. Raises `Conflict`, `NotFound`."""
        found = await self._find(subscription, attempt)
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

    async def _rewritten(self, attempt: Attempt) -> Rewritten:
        """Have the body of a request written once more, or tell why it cannot be."""
        if not attempt.offsets:
            return TEST
        if not attempt.message.startswith(f"{self._log.epoch}-"):
            return LOST
        records: list[Record] = []
        size = 0
        for offset in attempt.offsets:
            if (record := await self._record(offset)) is None:
                return FORGOTTEN
            size += len(record.json)
            if records and size > MOST:
                return HUGE
            records.append(record)
        ready = self._engine.lanes.get(attempt.subscription)
        return IDLE if ready is None else await ready.target.rewrite(attempt, records)

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
