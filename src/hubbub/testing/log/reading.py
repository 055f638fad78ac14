"""What `read`, `read_back` and `find` promise."""

# ruff: noqa: D401, PLR2004  a promise is a statement; the numbers of a scenario are its own

from __future__ import annotations

from hubbub.core.contracts import Retention
from hubbub.core.errors import Gap
from hubbub.core.event import Record, record_json
from hubbub.core.position import Position
from hubbub.core.selection import EVERYTHING, Filter, Selection
from hubbub.testing.log.subject import (
    START,
    Subject,
    event,
    events,
    offsets,
    opened,
    read_all,
    read_all_back,
)


async def a_new_log_is_empty(subject: Subject) -> None:
    """There is nothing before the first append, and everything can be asked all the same."""
    async with opened(subject) as log:
        assert (log.head, log.tail) == (0, 1)
        assert Position.parse(f"{log.epoch}-0") == Position(log.epoch, 0), "an epoch can be printed"
        assert await log.read(0, 10, EVERYTHING) == ([], 0)
        assert (await log.read_back(1, 10, EVERYTHING)).records == []
        assert await log.find(0) == 0
        assert await log.trim(Retention(max_count=1)) == 0
        assert await log.append([]) == []
        assert log.health().ok


async def pages_are_bounded_and_tell_where_to_go_on(subject: Subject) -> None:
    """A page holds at most `limit` records, and `next` is where the next one begins."""
    async with opened(subject) as log:
        await log.append(events(25))
        assert await log.read(25, 10, EVERYTHING) == ([], 25), "at the head there is no more"
        assert (await log.read(26, 10, EVERYTHING)).records == [], "nor beyond it"
        assert (await log.read_back(1, 10, EVERYTHING)).records == []
        assert offsets((await log.read_back(99, 1, EVERYTHING)).records) == [25]
        for limit in (1, 7, 1000):
            assert offsets(await read_all(log, limit=limit)) == list(range(1, 26))
            assert offsets(await read_all_back(log, limit=limit)) == list(range(25, 0, -1))


async def selections_are_honoured(subject: Subject) -> None:
    """Topics, patterns, types and filters, forward and backward, page by page."""
    topics = ["orders/1", "orders/2", "orders/1/items", "users/1", "orders", "Orders/1", "a/b/c"]
    kinds = ["made", "paid", "sent"]
    given = [
        event(topic=topics[n % 7], type=kinds[n % 3], data=b"%d" % n, size="s" * (n % 4 + 1))
        for n in range(300)
    ]
    long = Filter("long", lambda attributes: len(str(attributes.get("size"))) > 3)
    one, two = Selection.of(["orders/1"], ["paid"]), Selection.of(["users/*"], [], long)
    selections = [
        EVERYTHING,
        *(Selection.of([topic]) for topic in [*topics, "nobody", "orders/1/items/2"]),
        *(Selection.of([p]) for p in ("orders/*", "orders/**", "*/1", "*/*/*", "none/**")),
        Selection.of(["orders/1", "users/*", "a/**"]),
        Selection.of(["**"], ["paid"]),
        Selection.of(["orders/**"], ["paid", "sent"]),
        Selection.of(["**"], [], long),
        Selection.of(["orders/*", "users/1"], ["made"], long),
        one.union(two),
        Selection(()),
    ]
    async with opened(subject) as log:
        for start in range(0, 300, 100):
            await log.append(given[start : start + 100])
        records = await read_all(log)
        for selection in selections:
            wanted = [record for record in records if selection.matches(record)]
            for limit in (3, 100):
                assert await read_all(log, selection, limit=limit) == wanted
                assert await read_all_back(log, selection, limit=limit) == wanted[::-1]


async def a_position_before_the_tail_is_a_gap(subject: Subject) -> None:
    """Who asks for what is gone is told so, and where to go on."""
    async with opened(subject) as log:
        await log.append(events(10))
        await log.trim(Retention(max_age=0, max_count=4))
        for after in (0, 5):
            found = None
            try:
                await log.read(after, 10, EVERYTHING)
            except Gap as gap:
                found = gap
            assert found is not None, "reading before the tail raises Gap"
            assert found.requested == str(Position(log.epoch, after))
            assert found.resumes_at == str(Position(log.epoch, 6))
        assert offsets((await log.read(6, 10, EVERYTHING)).records) == [7, 8, 9, 10]


async def time_finds_a_place(subject: Subject) -> None:
    """A time is turned into the offset before what was recorded from then on."""
    async with opened(subject) as log:
        for _ in range(5):
            await log.append(events(3))
            subject.clock.advance(60)
        start = int(START * 1000)
        for minute in range(5):
            at = start + minute * 60_000
            assert await log.find(at) == minute * 3, "what was recorded at that time comes after"
            assert await log.find(at + 1) == minute * 3 + 3
        assert await log.find(0) == 0
        assert await log.find(start * 2) == log.head
        await log.trim(Retention(max_age=0, max_count=5))
        assert await log.find(0) == log.tail - 1


async def large_events_come_through(subject: Subject) -> None:
    """Pages are bounded in bytes, not the events in them."""
    async with opened(subject) as log:
        big = [event(data=b'"%b"' % (b"%d" % (n % 10) * 1_000_000)) for n in range(12)]
        for start in range(0, 12, 4):
            await log.append(big[start : start + 4])
        records = await read_all(log)
        assert [record.data() for record in records] == [
            Record(n, "", "", 0, record_json(e.json, False, f"x-{n}", 0)).data()
            for n, e in enumerate(big, 1)
        ]
        assert await read_all_back(log) == records[::-1]


CHECKS = (
    a_new_log_is_empty,
    pages_are_bounded_and_tell_where_to_go_on,
    selections_are_honoured,
    a_position_before_the_tail_is_a_gap,
    time_finds_a_place,
    large_events_come_through,
)
