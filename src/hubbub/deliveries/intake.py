"""What a subscription gets to send: its way through the log, and the queue that this fills.

While it keeps up the dispatcher hands records over (`push`). When its queue is full it falls back to
reading the log at its own pace, and joins again once it has caught up: a slow endpoint costs a
queue of fixed length and a cursor. A replay is read before anything else, on a track of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from hubbub.core.errors import Corrupt, Gap, Unavailable
from hubbub.core.event import Record
from hubbub.core.position import Position
from hubbub.core.selection import Selection
from hubbub.core.subscription import Cursor, Policy, Subscription, Trigger
from hubbub.deliveries.items import Item, Queue
from hubbub.deliveries.shared import Shared
from hubbub.deliveries.track import Track

QUEUE = 128
"""Records that a lane holds beyond those in flight; what comes then it reads from the log later."""

RETRY_READ = 1.0
"""Seconds until a log that could not be read is read again."""

LOOK = 64
"""Records looked at together for the one that is next."""

_log = logging.getLogger("hubbub.deliveries")


class Intake:
    """The way of one subscription through the log."""

    def __init__(
        self, shared: Shared, subscription: Subscription, cursor: Cursor, more: Callable[[], None]
    ) -> None:
        """`more` is called when there may be something to send."""
        self.id = subscription.id
        self.is_live = False
        """Whether the dispatcher hands records over; else this reads the log."""
        self.is_open = False
        """Whether anything is to be read now."""
        self.subscription = subscription
        self.main = Track(cursor.offset, cursor.sequence, cursor.acked)
        self.replay = cursor.replay and Track(cursor.replay[0], end=cursor.replay[1])
        self._shared = shared
        self._more = more
        self._own_topic = f"hubbub/subscriptions/{self.id}"
        self._aloft: set[tuple[Track, int]] = set()
        """What was in flight when it went back to its cursor."""
        self._generation = 0
        self._is_reading = False

    selection: Selection
    policy: Policy
    queue: Queue

    def equip(self, selection: Selection, policy: Policy) -> None:
        """Say what is wanted; `rewind` must follow."""
        self.selection, self.policy = selection, policy
        self.queue = Queue(policy)

    @property
    def has_room(self) -> bool:
        """Whether it is time to read on."""
        return self.queue.ready < QUEUE // 2 and not self._is_full

    @property
    def _is_full(self) -> bool:
        """Whether no more is held: of what may go, or of what waits for another of its key."""
        queue = self.queue
        return queue.ready >= QUEUE or len(queue) >= QUEUE + self.policy.max_waiting

    def cursor(self) -> Cursor:
        """Return the cursor of this moment."""
        main, replay = self.main, self.replay
        if self.is_live:
            main.looked(self._shared.dispatcher.offset)
        return Cursor(
            self._shared.log.epoch,
            main.low,
            main.low_sequence,
            tuple(sorted(main.done)),
            None if replay is None or replay.end is None else (replay.low, replay.end),
        )

    def push(self, record: Record) -> None:
        """Take a selected record from the dispatcher, while live."""
        if record.offset > self.main.read:
            self._hand_out(self.main, record)
            self._more()

    def _hand_out(self, track: Track, record: Record) -> None:
        if record.topic == self._own_topic:
            return  # news of itself would never find an end
        sequence = track.hand_out(record)
        if not sequence or (self._aloft and (track, record.offset) in self._aloft):
            return
        trigger: Trigger = "new" if track is self.main else "replay"
        self.queue.put(
            Item(
                record.offset,
                record,
                sequence if track is self.main else 0,
                track,
                trigger,
                key=self.queue.key_of(record),
                since=self._shared.clock.monotonic() if self.policy.batch_size > 1 else 0.0,
            )
        )
        if self.is_live and self._is_full:
            self.is_live = False

    def read_on(self) -> None:
        """See to it that there is something to send, or that new records are handed over."""
        if not self.is_open or self.is_live or self._is_reading or not self.has_room:
            return
        if self.replay is None and self.main.read >= self._shared.dispatcher.offset:
            self.is_live = True  # a new one: there is nothing to read
            return
        self._is_reading = True
        self._shared.spawn(self._read(), "reading")

    async def _read(self) -> None:
        try:
            async with self._shared.reads:
                while self.is_open and not self.is_live and not self._is_full:
                    replay = self.replay
                    is_replaying = replay is not None and replay.read < (replay.end or 0)
                    await self._page(replay if replay and is_replaying else self.main)
                    self._more()
        except (Unavailable, Corrupt) as error:
            _log.warning("subscription %s cannot read the log: %s", self.id, error.detail)
            self._shared.timers.call_later(RETRY_READ, self.read_on)
        finally:
            self._is_reading = False

    async def _page(self, track: Track) -> None:
        generation = self._generation
        try:
            records, upto = await self._shared.log.read(track.read, QUEUE, self.selection)
        except Gap as gap:
            if generation == self._generation:
                self._skip(track, Position.parse(gap.resumes_at).offset, gap.requested)
            return
        if generation != self._generation or self.is_live:
            return
        end = track.end
        for record in records:
            if end is None or record.offset <= end:
                self._hand_out(track, record)
        track.looked(upto if end is None else min(upto, end))
        if end is not None:
            self._end_replay()
        elif track.read >= self._shared.dispatcher.offset:
            self.is_live = not self._is_full

    def _skip(self, track: Track, resumes_at: int, requested: str) -> None:
        """Go on where the log still has something; the number that is left out shows it."""
        if track.end is not None:
            track.looked(min(resumes_at, track.end))
            self._end_replay()
        elif track is self.main:
            track.skip(resumes_at)
            self._shared.announce(
                self.subscription,
                "gap",
                f"events after {requested} were gone before they were delivered;"
                f" deliveries go on after {self._shared.position(resumes_at)}",
            )
        self._shared.recorder.moved(self)

    def move(self, after: int) -> None:
        """Go on elsewhere, with the numbers that follow; `rewind` came before."""
        self.main = Track(after, self.main.sequence)
        self.replay = None

    def begin_replay(self, after: int, end: int) -> None:
        """Read a part of the log again, before anything else."""
        if self.is_live:
            self.main.looked(self._shared.dispatcher.offset)
            self.is_live = False
        self.replay = Track(after, end=end)
        self._shared.recorder.moved(self)
        self.read_on()

    def _end_replay(self) -> None:
        replay = self.replay
        if replay is not None and replay.low >= (replay.end or 0):
            self.replay = None
            self._shared.recorder.moved(self)
            self.read_on()

    def settle(self, item: Item) -> None:
        """Note that an event needs nothing more of its track."""
        track = item.track
        assert track is not None, "a parcel is not on a track"
        self._aloft.discard((track, item.offset))
        track.settle(item.offset)
        if track is self.replay:
            self._end_replay()
        self._shared.recorder.moved(self)

    def rewind(self, flying: Iterable[Item], keys: Iterable[str]) -> None:
        """Drop what is queued and go back to the cursor.

        What is `flying` ends by itself; `keys` are those that must be waited for.
        """
        self._generation += 1
        if self.is_live:
            self.main.looked(self._shared.dispatcher.offset)
            self.is_live = False
        self._aloft = {(item.track, item.offset) for item in flying if item.track is not None}
        self.queue.clear(keys)
        self.main.rewind()
        if self.replay is not None:
            self.replay.rewind()

    def landed(self, item: Item) -> None:
        """Note that an event that was in flight is not settled: it is to be handed out again."""
        if item.track is not None:
            self._aloft.discard((item.track, item.offset))

    async def next(self, flying: Iterable[Item]) -> Item | None:
        """Read the first event that is outstanding and not in flight, without taking it."""
        log, track = self._shared.log, self.replay or self.main
        after, sequence = track.low, track.low_sequence
        offsets = {item.offset for item in flying}
        while after < log.head:
            try:
                records, after = await log.read(after, LOOK, self.selection)
            except Gap:
                return None  # told when it reads on
            for record in records:
                if record.topic == self._own_topic:
                    continue
                sequence += 1
                if record.offset not in track.done and record.offset not in offsets:
                    number = sequence if track is self.main else 0
                    key = self.queue.key_of(record)
                    return Item(record.offset, record, number, track, "probe", key=key)
        return None
