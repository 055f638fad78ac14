"""What `append` promises."""

# ruff: noqa: D401, PLR2004  a promise is a statement; the numbers of a scenario are its own

from __future__ import annotations

import asyncio
from itertools import chain

from hubbub.core.contracts import Appended
from hubbub.core.event import Record, record_json
from hubbub.log.options import LogOptions
from hubbub.testing.log.subject import (
    START,
    Subject,
    event,
    events,
    opened,
    read_all,
    read_all_back,
)


async def appended_events_can_be_read(subject: Subject) -> None:
    """What is read is what was appended, byte for byte, with its position."""
    given = [
        event("1", "orders/1"),
        event("2", "Łódź/übergröße/☃", type='quo"ted\\type', data=' {"ü": "\\u2028"} '.encode()),
        event("3", data=None),
        event("4", data=b"[1,\n 2]", traceparent="00-ab-cd-01"),
    ]
    async with opened(subject) as log:
        answers = await log.append(given)
        assert answers == [Appended(n, duplicate=False) for n in (1, 2, 3, 4)]
        assert (log.head, log.tail) == (4, 1)
        now = int(START * 1000)
        expected = [
            Record(n, e.topic, e.type, now, record_json(e.json, False, f"{log.epoch}-{n}", now))
            for n, e in enumerate(given, 1)
        ]
        assert await read_all(log) == expected, "what is read is what was appended"
        assert await read_all_back(log) == expected[::-1]
        assert [r.data().content for r in expected][1] == ' {"ü": "\\u2028"} '.encode()


async def recordedtime_of_the_producer_is_kept(subject: Subject) -> None:
    """An event that brings a `recordedtime` keeps it."""
    async with opened(subject) as log:
        await log.append([event("1", recordedtime="2001-02-03T04:05:06.789012345Z"), event("2")])
        first, second = await read_all(log)
        assert first.attributes()["recordedtime"] == "2001-02-03T04:05:06.789012345Z"
        assert first.recorded == int(START * 1000), "retention goes by the server's clock"
        assert second.attributes()["recordedtime"] == "2023-11-14T22:13:20.000Z"


async def concurrent_appends_are_atomic_and_leave_no_hole(subject: Subject) -> None:
    """Offsets grow by one, and what was appended together stands together."""
    async with opened(subject) as log:
        batches = [events(n % 7 + 1, f"orders/{n}") for n in range(60)]
        answers = await asyncio.gather(*map(log.append, batches))
        places = [[answer.offset for answer in some] for some in answers]
        assert sorted(chain.from_iterable(places)) == list(range(1, log.head + 1)), (
            "offsets leave no hole"
        )
        for place in places:
            assert place == list(range(place[0], place[0] + len(place))), "a batch stays together"
        topics = {r.offset: r.topic for r in await read_all(log)}
        for n, place in enumerate(places):
            assert {topics[offset] for offset in place} == {f"orders/{n}"}


async def the_same_source_and_id_is_written_once(subject: Subject) -> None:
    """A duplicate is answered with the place of the first one."""
    async with opened(subject) as log:
        first = await log.append([event("a"), event("b"), event("a")])
        assert first == [Appended(1, False), Appended(2, False), Appended(1, True)]
        again = await log.append([event("c"), event("b", data=b"0"), event("a", "else/where")])
        assert again == [Appended(3, False), Appended(2, True), Appended(1, True)]
        assert await log.append([event("a")]) == [Appended(1, True)]
        other = await log.append([event("a", source="/other"), event(), event()])
        assert [a.duplicate for a in other] == [False] * 3, "another source, or a made-up id"
        assert log.head == 6
        assert [r.attributes()["id"] for r in await read_all(log)][:3] == ["a", "b", "c"]


async def concurrent_duplicates_are_written_once(subject: Subject) -> None:
    """A duplicate of what is not durable yet waits for it."""
    async with opened(subject) as log:
        seen: list[int] = []

        async def publish(*ids: str) -> list[Appended]:
            answers = await log.append([event(id_) for id_ in ids])
            seen.extend(answer.offset for answer in answers if answer.offset > log.head)
            return answers

        answers = await asyncio.gather(
            *(publish("x") for _ in range(20)), publish("y", "x"), publish("x", "z", "y")
        )
        assert not seen, "nobody is answered before it is durable"
        flat = list(chain.from_iterable(answers))
        assert sum(not answer.duplicate for answer in flat) == log.head == 3
        ids = {r.offset: r.attributes()["id"] for r in await read_all(log)}
        assert all(ids[some[0].offset] == "x" for some in answers[:20])


async def duplicates_are_known_within_the_window(subject: Subject) -> None:
    """The window ends by age and by number, whichever comes first."""
    async with opened(subject, LogOptions(dedupe_window=60, dedupe_max=10)) as log:
        await log.append([event("old")])
        subject.clock.advance(59)
        assert (await log.append([event("old")]))[0].duplicate
        subject.clock.advance(2)
        assert await log.append([event("old")]) == [Appended(2, False)], "older than the window"
        await log.append(events(9))
        assert (await log.append([event("old")]))[0].duplicate, "among the newest `dedupe_max`"
        await log.append(events(1))
        assert not (await log.append([event("old")]))[0].duplicate, "not among them any more"


CHECKS = (
    appended_events_can_be_read,
    recordedtime_of_the_producer_is_kept,
    concurrent_appends_are_atomic_and_leave_no_hole,
    the_same_source_and_id_is_written_once,
    concurrent_duplicates_are_written_once,
    duplicates_are_known_within_the_window,
)
