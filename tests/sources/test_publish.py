"""The one way in: rights and bounds first, all or nothing, durable when it returns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway import FakeClock
from hubbub.core.contracts import Appended
from hubbub.core.errors import Forbidden, HubbubError, TooLarge, TooMany, Unavailable
from hubbub.core.event import Event
from hubbub.core.grants import EVERYONE, Grants, Principal
from hubbub.core.selection import EVERYTHING
from hubbub.log.memory import MemoryLog
from hubbub.log.options import LogOptions
from hubbub.sources import Publisher, PublishOptions
from hubbub.sources.publish import ROOM
from hubbub.wire.cloudevents import MAX_BATCH, Address, Defaults, from_http

ANNA = Principal("anna", Grants(publish=("orders/*",)))
pytestmark = pytest.mark.anyio


def event(topic: str = "orders/1", body: bytes = b"1", **attributes: str) -> Event:
    headers = [(b"content-type", b"application/octet-stream")]
    headers += [(f"ce-{name}".encode(), value.encode()) for name, value in attributes.items()]
    return from_http(headers, body, Address(to=topic), Defaults(lambda: "made"))


class Room:
    """A publisher with a log in memory and somebody who listens to what is ephemeral."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock()
        self.log = MemoryLog(LogOptions(), clock=self.clock, entropy=bytes)
        self.heard: list[Event] = []
        self.publisher = Publisher(
            self.log, self.heard.append, PublishOptions(**options), self.clock, lambda: "id"
        )

    async def refused(
        self, error: type[HubbubError], events: Sequence[Event], principal: Principal = EVERYONE
    ) -> HubbubError:
        before = self.log.head
        with pytest.raises(error) as raised:
            await self.publisher.publish(events, principal)
        assert self.log.head == before
        assert self.heard == []
        return raised.value


async def test_every_event_is_told_where_it_is() -> None:
    room = Room()
    told = await room.publisher.publish([event(id="1"), event("a", id="2")], EVERYONE)
    assert [(p.id, p.topic, p.duplicate) for p in told] == [
        ("1", "orders/1", False),
        ("2", "a", False),
    ]
    assert [p.position for p in told] == [f"{room.log.epoch}-1", f"{room.log.epoch}-2"]


async def test_a_repeat_is_told_the_first_position() -> None:
    room = Room()
    [first] = await room.publisher.publish([event(id="1", source="/s")], EVERYONE)
    again = await room.publisher.publish(
        [event(id="1", source="/s"), event(id="1", source="/t")], EVERYONE
    )
    assert [(p.position, p.duplicate) for p in again] == [
        (first.position, True),
        (f"{room.log.epoch}-2", False),
    ]


async def test_an_id_that_was_made_here_is_no_repeat() -> None:
    room = Room()
    told = await room.publisher.publish([event(), event()], EVERYONE)
    assert not any(published.duplicate for published in told)


async def test_one_topic_without_the_right_refuses_all() -> None:
    room = Room()
    error = await room.refused(Forbidden, [event(), event("news")], ANNA)
    assert "news" in error.detail
    await room.publisher.publish([event(), event("orders/2")], ANNA)


async def test_an_event_may_have_the_bound_in_bytes_whatever_it_holds() -> None:
    bound = 64 * 1024
    room = Room(max_bytes=bound)
    for body in (b"\xff" * bound, b'"' * bound, b"\x00" * bound, b"x" * bound):
        await room.publisher.publish([event(body=body, subject="é" * 2000)], EVERYONE)
    await room.refused(TooLarge, [event(body=b"x" * (2 * bound + ROOM))])


async def test_too_fast() -> None:
    room = Room(rate=1.0, burst=2)
    await room.publisher.publish([event(), event()], EVERYONE)
    error = await room.refused(TooMany, [event()])
    assert error.retry_after == pytest.approx(1)
    await room.publisher.publish([event()], ANNA)


async def test_ephemeral_events_skip_the_log() -> None:
    room = Room()
    found = event(id="7")
    told = await room.publisher.publish([found], EVERYONE, ephemeral=True)
    assert [(p.id, p.position, p.topic) for p in told] == [("7", None, "orders/1")]
    assert room.heard == [found]
    assert room.log.head == 0


async def test_ephemeral_events_need_the_same_rights() -> None:
    room = Room()
    with pytest.raises(Forbidden):
        await room.publisher.publish([event(), event("a")], ANNA, ephemeral=True)
    assert room.heard == []


async def test_nothing_is_told_of_what_is_not_durable() -> None:
    class Broken(MemoryLog):
        async def append(self, events: Sequence[Event]) -> list[Appended]:
            raise Unavailable("the disk is full", retry_after=5)

    clock = FakeClock()
    log = Broken(LogOptions(), clock=clock, entropy=bytes)
    publisher = Publisher(log, print, PublishOptions(), clock, lambda: "id")
    with pytest.raises(Unavailable):
        await publisher.publish([event()], EVERYONE)


async def test_what_is_published_is_read_unchanged() -> None:
    room = Room()
    sent = event(
        body=b"\x00\xff", id="1", subject="%E2%82%AC", time="2018-04-05t17:31:00.123456789z"
    )
    await room.publisher.publish([sent], EVERYONE)
    page = await room.log.read(0, 10, EVERYTHING)
    [record] = page.records
    assert record.json.startswith(sent.json[:-1])
    assert record.data().content == b"\x00\xff"
    assert json.loads(record.json)["time"] == "2018-04-05t17:31:00.123456789z"


async def test_what_happened_is_counted() -> None:
    seconds: list[float] = []
    room = Room()
    publisher = Publisher(
        room.log,
        room.heard.append,
        PublishOptions(),
        room.clock,
        lambda: "id",
        observe=seconds.append,
    )
    first = event(id="1", source="/s")
    await publisher.publish([first, event()], EVERYONE)
    await publisher.publish([first], EVERYONE)
    await publisher.publish([first], EVERYONE, ephemeral=True)
    with pytest.raises(Forbidden):
        await publisher.publish([event("news")], ANNA)
    await room.log.close()
    with pytest.raises(Unavailable):
        await publisher.publish([event()], EVERYONE)
    assert publisher.outcomes == {
        "created": 1,
        "duplicate": 1,
        "ephemeral": 1,
        "refused": 1,
        "unavailable": 1,
    }
    assert publisher.appended == 2
    assert publisher.appended_bytes == len(first.json) + len(event().json)
    assert seconds == [0, 0, 0]


async def test_one_call_is_bounded_in_number() -> None:
    await Room().refused(TooLarge, [event()] * (MAX_BATCH + 1))


async def test_nothing_is_nothing() -> None:
    assert await Room().publisher.publish([], EVERYONE) == []
