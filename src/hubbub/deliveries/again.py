"""What people have done once more: replays, retries by hand, and test events."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hubbub.core.contracts import Ledger, Order
from hubbub.core.errors import Conflict
from hubbub.core.event import Record, record_json
from hubbub.core.reading import begin
from hubbub.core.start import Start
from hubbub.core.subscription import Attempt, Parcel
from hubbub.deliveries.attempts import attempt_record
from hubbub.deliveries.lane import Lane
from hubbub.deliveries.shared import Shared
from hubbub.wire.cloudevents import Defaults, from_attributes

TEST_TYPE = "hubbub.subscription.test"
"""Type of a test event, which is in no log."""


class Again:
    """Works on the lanes of an engine."""

    def __init__(self, shared: Shared, ledger: Ledger) -> None:
        self._shared = shared
        self._ledger = ledger

    async def replay(
        self, lane: Lane, start: Start, until: Start | None, *, only_failed: bool
    ) -> int:
        """Deliver a part of the log again, or of it only what failed; return how many offsets.

        Raises `Conflict` while another replay runs.
        """
        log, intake = self._shared.log, lane.intake
        after, _ = await begin(log, start, intake.selection)
        end = self._shared.dispatcher.offset if intake.is_live else intake.main.read
        if until is not None:
            end = min(end, (await begin(log, until, intake.selection)).after)
        if only_failed:
            waiting = [offset for offset in lane.waiting.offsets() if after < offset <= end]
            return await self.retry(lane, [*waiting, *await self._dead(lane, after, end)])
        if intake.replay is not None:
            raise Conflict("a replay is under way; wait for its end")
        if end > after:
            intake.begin_replay(after, end)
            await self._shared.recorder.flush()
        return max(0, end - after)

    async def _dead(self, lane: Lane, after: int, end: int) -> list[int]:
        await self._shared.recorder.flush()
        found: list[int] = []
        while after < end and (
            parcels := await self._ledger.parcels(lane.id, dead=True, after=after)
        ):
            found += [parcel.offset for parcel in parcels if parcel.offset <= end]
            after = parcels[-1].offset
        return found

    async def retry(self, lane: Lane, offsets: Sequence[int]) -> int:
        """Try events again now: dead letters, waiting ones, or delivered ones once more.

        Those that are on their way, or gone from the log, are left out; the others are counted.
        Raises `Conflict` unless deliveries are made.
        """
        if lane.state not in ("active", "outage"):
            raise Conflict(f"the subscription is {lane.state}: resume it first")
        await self._shared.recorder.flush()
        parcels: list[Parcel] = []
        for offset in dict.fromkeys(offsets):
            known = lane.waiting.get(offset) or await self._ledger.parcel(lane.id, offset)
            if known is not None or await self._shared.find(offset) is not None:
                new = Parcel(lane.id, offset, 0, 0, self._shared.now(), 0)
                parcels.append(known or new)
        count = self._hurry(lane, parcels)
        await self._shared.recorder.flush()
        return count

    def _hurry(self, lane: Lane, parcels: Sequence[Parcel]) -> int:
        """Try parcels again now, waiting ones and dead letters alike, with all their attempts.

        What is on its way is left out; return how many are not.
        """
        shared, now = self._shared, self._shared.now()
        flying = {item.offset for item in lane.in_flight}
        left = [parcel for parcel in parcels if parcel.offset not in flying]
        for old in left:
            parcel = Parcel(lane.id, old.offset, old.sequence, 0, now, old.failed, old.reason)
            lane.waiting.put(parcel, shared.clock.monotonic(), lane.waiting.key(old.offset))
            lane.keep(old.offset, parcel)
        lane.kick()
        return len(left)

    async def test(self, lane: Lane) -> Attempt:
        """Send a test event now, whatever the state, and return how it went."""
        shared, subscription = self._shared, lane.subscription
        now, event_id = shared.now(), f"test_{shared.new_id()}"
        event = from_attributes(
            {"id": event_id, "datacontenttype": "application/json"},
            subscription.topics[0].replace("**", "test").replace("*", "test"),
            msgspec.json.encode({"test": True, "subscription": lane.id}),
            Defaults(shared.new_id, TEST_TYPE),
        )
        json = record_json(event.json, event.recorded, shared.position(0), now)
        order = Order(event_id, [Record(0, event.topic, event.type, now, json)], [0], 1)
        exchange = await lane.target.deliver(order, lane.policy.timeout)
        new_id = shared.new_id()
        attempt = attempt_record(new_id, subscription, event_id, (), exchange, now, 0, "test")
        shared.recorder.attempt(lane, attempt)
        return attempt
