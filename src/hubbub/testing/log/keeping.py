"""What a log promises as time passes: retention, clocks, listeners, closing and opening."""

# ruff: noqa: D401, PLR2004  a promise is a statement; the numbers of a scenario are its own

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hubbub.core.contracts import Appended, Retention
from hubbub.core.errors import Unavailable
from hubbub.core.event import Record
from hubbub.core.selection import EVERYTHING
from hubbub.log.options import LogOptions
from hubbub.testing.log.subject import (
    DAY,
    Subject,
    event,
    events,
    offsets,
    opened,
    read_all,
    read_all_back,
)


async def trimming_forgets_the_oldest(subject: Subject) -> None:
    """Each bound takes the oldest records, and never an offset."""
    async with opened(subject) as log:
        await log.append(events(20))
        assert await log.trim(Retention(max_age=0)) == 0, "no bound, nothing to forget"
        assert await log.trim(Retention(max_age=0, max_count=12)) == 8
        assert (log.tail, log.head) == (9, 20)
        assert offsets(await read_all(log)) == list(range(9, 21))
        assert offsets(await read_all_back(log)) == list(range(20, 8, -1))
        assert await log.trim(Retention(max_age=0, max_count=12)) == 0
        big = [event(data=b'"%b"' % (b"x" * 997)) for _ in range(10)]
        await log.append(big)
        room = len(big[0].json) * 4
        await log.trim(Retention(max_age=0, max_bytes=room + 10))
        assert (log.tail, log.head) == (27, 30), "the newest four fit"
        await log.trim(Retention(max_age=0, max_bytes=1))
        assert (log.tail, log.head) == (31, 30), "nothing fits"
        assert await log.read(30, 10, EVERYTHING) == ([], 30)
        assert await read_all_back(log) == []
        assert await log.append(events(1)) == [Appended(31, False)], "offsets go on"
        assert (log.tail, log.head) == (31, 31)


async def a_trimmed_event_is_not_a_duplicate(subject: Subject) -> None:
    """The window of duplicates ends where the log does."""
    async with opened(subject) as log:
        await log.append([event("a"), event("b")])
        await log.trim(Retention(max_age=0, max_count=1))
        answers = await log.append([event("a"), event("b")])
        assert answers == [Appended(3, False), Appended(2, True)]


async def age_is_kept_by_the_clock(subject: Subject) -> None:
    """Records go when they are older than the policy says."""
    async with opened(subject) as log:
        for _ in range(5):
            await log.append(events(2))
            subject.clock.advance(DAY)
        assert await log.trim(Retention(max_age=3.5 * DAY)) == 4
        assert (log.tail, log.head) == (5, 10)
        subject.clock.advance(30 * DAY)
        assert await log.trim(Retention(max_age=3.5 * DAY)) == 6
        assert (log.tail, log.head) == (11, 10)


async def a_clock_set_back_does_not_disturb_the_order(subject: Subject) -> None:
    """Stamps never go back, and age goes on."""
    async with opened(subject) as log:
        await log.append(events(2))
        subject.clock.set_by(-3600)
        await log.append(events(2))
        subject.clock.advance(60)
        await log.append(events(2))
        stamps = [record.recorded for record in await read_all(log)]
        assert stamps == sorted(stamps), "stamps never go back"
        assert await log.find(stamps[0]) == 0
        assert await log.find(stamps[-1] + 1) == 6
        subject.clock.advance(8 * DAY)
        assert await log.trim(Retention(max_age=7 * DAY)) == 6, "age is counted all the same"


async def a_clock_set_ahead_does_not_expire_everything(subject: Subject) -> None:
    """Only time that passed makes records old."""
    async with opened(subject) as log:
        await log.append(events(3))
        subject.clock.set_by(3650 * DAY)
        assert await log.trim(Retention()) == 0, "no time has passed"
        await log.append(events(3))
        subject.clock.set_by(-3650 * DAY)
        subject.clock.advance(60)
        assert await log.trim(Retention()) == 0
        await log.append(events(3))
        assert offsets(await read_all(log)) == list(range(1, 10))


async def listeners_hear_of_every_record_in_order(subject: Subject) -> None:
    """After the commit, before the answer, and not any more after the way out."""
    async with opened(subject) as log:
        heard: list[Record] = []

        def listen(records: Sequence[Record]) -> None:
            assert records, "nothing is not told"
            assert records[-1].offset <= log.head, "after the commit"
            heard.extend(records)

        async def publish(n: int) -> None:
            answers = await log.append([*events(n % 3 + 1), event("twice")])
            assert {answer.offset for answer in answers} <= set(offsets(heard)), "before the answer"

        stop = log.listen(listen)
        await asyncio.gather(*map(publish, range(30)))
        assert heard == await read_all(log), "the same records that are read"
        stop()
        stop()
        await log.append(events(1))
        assert heard[-1].offset == log.head - 1, "not any more"


async def a_cancelled_append_is_not_undone(subject: Subject) -> None:
    """Whoever waits for an append may go away."""
    async with opened(subject) as log:
        task = asyncio.ensure_future(log.append([event("a")]))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        again = await log.append([event("a"), event("b")])
        assert again[1].offset == log.head
        assert [r.attributes()["id"] for r in await read_all(log)] == ["a", "b"]


async def closing_finishes_what_was_taken(subject: Subject) -> None:
    """Close answers every append that was taken, and may be called twice."""
    log = await subject.open(LogOptions())
    tasks = [asyncio.ensure_future(log.append(events(2))) for _ in range(20)]
    await asyncio.sleep(0)
    await log.close()
    answers = await asyncio.gather(*tasks)
    assert sorted(a.offset for some in answers for a in some) == list(range(1, 41))
    await log.close()
    assert not log.health().ok
    try:
        await log.append(events(1))
    except Unavailable:
        pass
    else:
        raise AssertionError("a closed log takes no appends")


async def a_log_is_what_it_was_or_says_so(subject: Subject) -> None:
    """Opened again it is the same log, or another epoch."""
    async with opened(subject) as log:
        await log.append([event("a"), *events(30), event("b", "a/b")])
        await log.trim(Retention(max_age=0, max_count=20))
        epoch, head, tail, records = log.epoch, log.head, log.tail, await read_all(log)
    async with opened(subject) as log:
        if not subject.keeps:
            assert (log.head, log.tail) == (0, 1)
            assert log.epoch != epoch, "the past is gone, so the epoch is another"
            return
        assert (log.epoch, log.head, log.tail) == (epoch, head, tail)
        assert await read_all(log) == records
        answers = await log.append([event("b"), event("c")])
        assert answers == [Appended(head, True), Appended(head + 1, False)]
        await log.trim(Retention(max_age=0, max_bytes=1))
    async with opened(subject) as log:
        assert (log.epoch, log.head, log.tail) == (epoch, head + 1, head + 2)
        assert await log.append(events(1)) == [Appended(head + 2, False)]


CHECKS = (
    trimming_forgets_the_oldest,
    a_trimmed_event_is_not_a_duplicate,
    age_is_kept_by_the_clock,
    a_clock_set_back_does_not_disturb_the_order,
    a_clock_set_ahead_does_not_expire_everything,
    listeners_hear_of_every_record_in_order,
    a_cancelled_append_is_not_undone,
    closing_finishes_what_was_taken,
    a_log_is_what_it_was_or_says_so,
)
