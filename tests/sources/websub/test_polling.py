"""Polling where nobody pushes, and the measuring of hubs that should."""

from __future__ import annotations

import pytest

from hubbub.core.errors import Unavailable
from sources.websub.world import DAY, HubScript, Page, Rig, World, atom, entry, rig

pytestmark = pytest.mark.anyio

HOUR = 3600.0


def hubless(world: World, *numbers: int, **more: str) -> Page:
    page = world.pages["/feed"] = Page(atom(*map(entry, numbers)), **more)
    return page


async def settled(us: Rig) -> None:
    """Subscribe, and pass the first poll, which comes soon: from now on they are seldom."""
    await us.subscribed()
    await us.pass_(1000)
    us.world.fetched.clear()


async def followed(us: Rig, **options: object) -> None:
    us.follow(**options)  # type: ignore[arg-type]
    await us.until(lambda: us.world.fetched)
    await us.quiet()


async def test_without_a_hub_it_is_polled_often_and_conditionally(us: Rig, world: World) -> None:
    hubless(world, 1)
    await followed(us)
    assert us.status()["state"] == "polled"
    hubless(world, 2, 1)
    await us.pass_(1000)
    assert await us.ids() == ["urn:e:2"]
    await us.pass_(1000)
    first, second, third = (headers for _, headers in world.fetched)
    assert "If-None-Match" not in first
    assert second["If-None-Match"] != third["If-None-Match"]
    assert await us.ids() == ["urn:e:2"]
    assert "application/cloudevents-batch+json" in first["Accept"]
    assert first["User-Agent"] == f"hubbub (+{world.url})"


async def test_last_modified_is_used_as_well(us: Rig, world: World) -> None:
    hubless(world, 1, Last_Modified="Sat, 21 Nov 2026 10:00:00 GMT")
    await followed(us)
    await us.pass_(1000)
    assert world.fetched[1][1]["If-Modified-Since"] == "Sat, 21 Nov 2026 10:00:00 GMT"


async def test_a_hub_that_pushes_is_checked_seldom(us: Rig, world: World, hub: HubScript) -> None:
    await us.subscribed()
    await us.pass_(1000)
    assert len(world.fetched) == 2  # what came before the hub knew us
    await us.pass_(5 * HOUR)
    assert len(world.fetched) == 2
    await us.pass_(2 * HOUR)
    assert len(world.fetched) == 3
    assert us.status()["measured"][world.url + "/hub"]["missed"] == 0


async def test_a_hub_that_goes_silent_is_noticed_and_made_up_for(us: Rig, world: World) -> None:
    """Pushes seen are weighed against changes found; two misses in a row make a hub silent."""
    await settled(us)
    at = world.url + "/hub"
    for number in (3, 4):
        world.page(atom(*map(entry, range(number, 0, -1))))
        world.fetched.clear()
        while not world.fetched:
            await us.pass_(120)
        assert us.status()["measured"][at]["silent"] is False
        await us.pass_(301)
    await us.until(lambda: len(world.hub().asked) == 3)
    await us.quiet()
    assert us.status()["state"] == "silent"
    assert world.hub().asked == ["subscribe", "subscribe", "unsubscribe"]  # perhaps it forgot us
    assert us.status()["measured"][at] == {"pushes": 0, "missed": 2, "silent": True}
    assert await us.ids() == ["urn:e:3", "urn:e:4"]
    world.fetched.clear()
    await us.pass_(HOUR)
    assert len(world.fetched) >= 2  # a quarter of an hour each, as far as one loop sees it
    assert await world.push(atom(entry(5))) == [200]
    assert us.status()["state"] == "pushed"
    world.fetched.clear()
    await us.pass_(5 * HOUR)
    assert world.fetched == []
    assert us.stored()["tallies"][at]["missed"] == 2


async def test_where_there_is_another_hub_it_takes_the_place_of_a_silent_one(
    us: Rig, world: World
) -> None:
    """websub 39."""
    links = f"<{world.url}/hub>; rel=hub, <{world.url}/two>; rel=hub"
    two = world.hub("/two")
    world.page(atom(entry(1)), Link=links)
    await settled(us)
    for number in (2, 3):
        world.page(atom(entry(number), entry(1)), Link=links)
        world.fetched.clear()
        while not world.fetched:
            await us.pass_(120)
        await us.pass_(301)
    await us.until(lambda: us.active.hub == world.url + "/two")
    await us.until(lambda: world.hub().asked == ["subscribe", "unsubscribe"])
    assert two.asked == ["subscribe"]
    assert us.status()["state"] == "pushed"
    assert await world.push(atom(entry(4)), hub="/two") == [200]


async def test_a_push_soon_after_the_poll_was_no_miss(us: Rig, world: World) -> None:
    await settled(us)
    world.page(atom(entry(3), entry(2), entry(1)))
    while not world.fetched:
        await us.pass_(120)
    assert await us.ids() == ["urn:e:3"]
    await world.push(world.pages["/feed"].body)
    await us.pass_(400)
    assert us.status()["measured"][world.url + "/hub"] == {
        "pushes": 1,
        "missed": 0,
        "silent": False,
    }
    assert await us.ids() == ["urn:e:3"]


async def test_what_came_before_the_subscription_is_nobodys_miss(
    us: Rig, world: World, hub: HubScript
) -> None:
    hub.verifies = False
    us.follow()
    await us.until(lambda: hub.forms)
    await us.quiet()
    world.page(atom(entry(3), entry(2), entry(1)))
    await us.pass_(300)
    assert await world.verify(hub, hub.forms[0])
    await us.pass_(1000)
    assert await us.ids() == ["urn:e:3"]
    await us.pass_(400)
    assert us.status()["measured"][world.url + "/hub"]["missed"] == 0


async def test_a_failing_publisher_is_asked_ever_less(us: Rig, world: World) -> None:
    hubless(world, 1)
    await followed(us)
    world.pages["/feed"].status = 500
    world.fetched.clear()
    for _ in range(24 * 6):
        await us.pass_(600)
    assert 5 <= len(world.fetched) <= 12
    assert "answered 500" in us.status()["error"]
    hubless(world, 2, 1)
    await us.pass_(7 * HOUR)
    assert await us.ids() == ["urn:e:2"]


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_obeyed(us: Rig, world: World, status: int) -> None:
    hubless(world, 1)
    await followed(us)
    page = world.pages["/feed"]
    page.status, page.headers = status, {"Retry-After": "20000"}
    await us.pass_(1000)
    assert len(world.fetched) == 2
    await us.pass_(19_000)
    assert len(world.fetched) == 2
    await us.pass_(3500)
    assert len(world.fetched) == 3


async def test_gone_is_the_end_until_somebody_says_otherwise(
    us: Rig, world: World, hub: HubScript
) -> None:
    await us.subscribed()
    world.pages["/feed"].status = 410
    await us.pass_(7 * HOUR)
    await us.until(lambda: us.status()["state"] == "gone")
    await us.until(lambda: "unsubscribe" in hub.asked)
    world.fetched.clear()
    await us.pass_(30 * DAY)
    assert world.fetched == []
    world.page(atom(entry(3), entry(2), entry(1)))
    us.follow()
    await us.until(lambda: us.state.active)
    assert await us.ids() == ["urn:e:3"]


async def test_a_hub_that_appears_is_used(us: Rig, world: World) -> None:
    hubless(world, 1)
    await followed(us)
    world.page(atom(entry(2), entry(1)))
    await us.pass_(1000)
    await us.until(lambda: us.state.active)


async def test_a_document_that_is_too_large_is_left(us: Rig, world: World) -> None:
    async with rig(max_bytes=65_536) as small:
        small.world.pages["/feed"] = Page(atom(links="<!-- " + "x" * 70_000 + " -->"))
        small.follow()
        await small.until(lambda: small.status().get("error"))
        assert "more than 65536 bytes (follow.max_bytes)" in small.status()["error"]


async def test_an_empty_delivery_makes_us_look(us: Rig, world: World) -> None:
    """Thin pings of old hubs say that there is something, and not what."""
    await us.subscribed()
    world.page(atom(entry(3), entry(2), entry(1)))
    assert await world.push(b"") == [200]
    assert await world.push(b"") == [200]
    await us.pass_(11)
    assert len(world.fetched) == 2
    assert await us.ids() == ["urn:e:3"]
    assert us.status()["measured"][world.url + "/hub"]["pushes"] == 2
    await us.pass_(400)
    assert us.status()["measured"][world.url + "/hub"]["missed"] == 0


async def test_a_full_disk_is_waited_for(us: Rig, world: World) -> None:
    hubless(world, 1)
    await followed(us)
    hubless(world, 2, 1)
    us.publisher.error = Unavailable("the disk is full")
    await us.pass_(1000)
    assert us.status()["error"] == "the disk is full"
    us.publisher.error = None
    await us.pass_(61)
    assert await us.ids() == ["urn:e:2"]


async def test_compressed_though_nobody_asked(us: Rig, world: World) -> None:
    import gzip

    body = gzip.compress(atom(entry(1)))
    world.pages["/feed"] = Page(body, Content_Encoding="gzip")
    await followed(us, backfill=5)
    assert await us.ids() == ["urn:e:1"]
