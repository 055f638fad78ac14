"""Following a topic of another gateway: its events as they are, none missed and none twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hubbub.core.event import compose
from hubbub.wire.cloudevents import CE_BATCH_JSON
from sources.websub.world import ATOM, Page, Rig, World, atom, entry, rig

pytestmark = pytest.mark.anyio


@pytest.fixture
async def us() -> AsyncIterator[Rig]:
    async with rig() as made:
        made.world.page(events(1, 2), kind=CE_BATCH_JSON, Hubbub_Position="p-9")
        yield made


@pytest.fixture
def world(us: Rig) -> World:
    return us.world


def event(number: int) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": "/theirs",
        "type": "t",
        "topic": "theirs",
        "position": f"p-{number}",
    }


def events(*numbers: int) -> bytes:
    return json.dumps([event(number) for number in numbers]).encode()


def after(world: World, position: str, *numbers: int, **more: Any) -> None:
    world.pages[f"/feed?since={position}"] = Page(events(*numbers), CE_BATCH_JSON, **more)


async def ids(us: Rig) -> list[str]:
    return [str(record.attributes()["id"]) for record in await us.records()]


async def test_polls_ask_for_what_came_after_our_position(us: Rig, world: World) -> None:
    """Page after page, until there is no more; what the plain address shows first is long past."""
    after(world, "p-9", 10, 11)
    after(world, "p-11", 12)
    after(world, "p-12")
    await us.subscribed()
    assert world.asked_since == ["p-9", "p-11", "p-12"]
    assert await ids(us) == ["10", "11", "12"]
    assert us.stored()["position"] == "p-12"
    await us.restart()
    world.asked_since.clear()
    await us.pass_(1000)
    assert world.asked_since == ["p-12"]


async def test_some_of_what_was_there_may_be_wanted(us: Rig, world: World) -> None:
    """They are asked for newest first, and come in their order; what is in both comes once."""
    world.pages["/feed?order=desc&limit=3"] = Page(events(10, 9, 8), CE_BATCH_JSON)
    after(world, "p-9", 10, 11)
    after(world, "p-11")
    await us.subscribed(backfill=3)
    await us.pass_(1000)
    assert await ids(us) == ["8", "9", "10", "11"]
    assert us.stored()["position"] == "p-11"
    world.asked_since.clear()
    us.follow(backfill=3)
    await us.pass_(8 * 3600)
    assert (await ids(us))[4:] == [], "only at the beginning"


async def test_what_is_wanted_of_before_may_not_be_had(us: Rig, world: World) -> None:
    world.pages["/feed?order=desc&limit=3"] = Page(b"<html>", CE_BATCH_JSON)
    after(world, "p-9", 10)
    after(world, "p-10")
    await us.subscribed(backfill=3)
    await us.pass_(1000)
    assert await ids(us) == ["10"]


async def test_what_is_pushed_moves_the_position(us: Rig, world: World) -> None:
    after(world, "p-9")
    after(world, "p-11")
    await us.subscribed()
    assert await world.push(events(10, 11), CE_BATCH_JSON) == [200]
    await us.pass_(8 * 3600)
    assert world.asked_since == ["p-9", "p-11"]
    assert await ids(us) == ["10", "11"]
    assert us.stored("follow-seen") is None  # they are in our topic, which says so


async def test_a_renewal_does_not_take_the_past_for_news(us: Rig, world: World) -> None:
    after(world, "p-9")
    await us.subscribed()
    world.page(events(1, 2, 3), kind=CE_BATCH_JSON, Hubbub_Position="p-9")
    us.follow()
    await us.quiet()
    assert await ids(us) == []


async def test_a_position_that_is_kept_no_more(us: Rig, world: World) -> None:
    """410 says that of the position, and not of the topic."""
    after(world, "p-9", status=410)
    after(world, "earliest", 5, 6)
    after(world, "p-6")
    us.follow()
    await us.until(lambda: world.asked_since)
    await us.pass_(8 * 3600)
    assert world.asked_since[:3] == ["p-9", "earliest", "p-6"]
    assert await ids(us) == ["5", "6"]
    assert us.status()["state"] == "pushed"


async def test_an_address_that_becomes_something_else(us: Rig, world: World) -> None:
    after(world, "p-9")
    await us.subscribed()
    world.pages["/feed?since=p-9"] = Page(atom(entry(1)), ATOM)
    await us.pass_(7 * 3600)
    assert "position" not in us.stored()
    assert [record.type for record in await us.records()] == ["hubbub.feed.entry"]


async def test_our_own_events_do_not_come_back(us: Rig, world: World) -> None:
    """Even those that we gave their ids, which the log does not look for, after a restart too."""
    after(world, "p-9")
    await us.subscribed()

    async def ours(*numbers: int) -> None:
        values = [{n: v for n, v in event(k).items() if n != "position"} for k in numbers]
        made = [compose(one, "news/blog", None, named=False) for one in values]
        await us.log.append(made)

    await ours(20, 21)
    assert await world.push(events(20, 10, 21), CE_BATCH_JSON) == [200]
    assert await ids(us) == ["20", "21", "10"]
    await ours(22)
    await us.restart()
    await us.quiet()
    assert await world.push(events(21, 22, 10, 23), CE_BATCH_JSON) == [200]
    assert await ids(us) == ["20", "21", "10", "22", "23"]
