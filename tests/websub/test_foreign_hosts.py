"""Topics of others are fetched from the hosts that the hub is for, and from nowhere else on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from channels.receiver import status
from hubbub.core.errors import Malformed
from hubbub.websub.fetching import Topic
from websub.bench import PATH, Bench, bench
from websub.rig import Reader, World, page, query, reading, world

pytestmark = pytest.mark.anyio

LISTED = "127.0.0.1"
OTHER = "localhost"
"""The same machine, by a name that is not in the list."""


@pytest.fixture
async def blog() -> AsyncIterator[Reader]:
    async with reading() as made:
        made.pages[PATH] = page(b"A")
        yield made


def elsewhere(blog: Reader, path: str) -> str:
    return blog.url.replace(LISTED, OTHER) + path


def lead(blog: Reader, path: str, to: str, code: int = 302) -> str:
    """Have a path lead elsewhere; return its URL."""
    blog.pages[path] = status(code, f"Location: {to}")
    return blog.url + path


def paths(blog: Reader) -> list[str]:
    return [one.path for one in blog.got]


async def subscribed(hub: World, reader: Reader, topic: str) -> bool:
    await hub.subscribe(reader, topic)
    await hub.until(lambda: not hub.hub.verifier.pending)
    return hub.subscription(reader, topic) is not None


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_topic_that_leads_to_another_host_is_not_fetched_there(
    reader: Reader, blog: Reader, code: int
) -> None:
    moved = lead(blog, "/moved", elsewhere(blog, PATH), code)
    async with world(topic_hosts=(LISTED,)) as hub:
        assert not await subscribed(hub, reader, moved)
        assert paths(blog) == ["/moved"]
        told = query(reader.asked[-1])
        assert told["hub.mode"] == "denied"
        assert "websub.topic_hosts" in told["hub.reason"]


async def test_every_hop_is_on_the_list(reader: Reader, blog: Reader) -> None:
    lead(blog, "/second", elsewhere(blog, PATH))
    first = lead(blog, "/first", "/second")
    async with world(topic_hosts=(LISTED,)) as hub:
        assert not await subscribed(hub, reader, first)
    assert paths(blog) == ["/first", "/second"]
    lead(blog, "/back", blog.url + PATH)
    there = lead(blog, "/there", elsewhere(blog, "/back"))
    async with world(topic_hosts=(LISTED,)) as hub:  # it would come back to where it may be
        assert not await subscribed(hub, reader, there)
    assert "/back" not in paths(blog)


@pytest.mark.parametrize("hosts", [(LISTED, OTHER), ("*",)])
async def test_a_redirect_to_a_host_on_the_list_is_followed(
    reader: Reader, blog: Reader, hosts: tuple[str, ...]
) -> None:
    moved = lead(blog, "/moved", elsewhere(blog, PATH))
    async with world(topic_hosts=hosts) as hub:
        assert await subscribed(hub, reader, moved)
    assert paths(blog) == ["/moved", PATH]


async def test_a_redirect_within_a_host_is_followed_however_it_is_written(
    reader: Reader, blog: Reader
) -> None:
    moved = lead(blog, "/moved", elsewhere(blog, PATH).replace(OTHER, "LocalHost"))
    async with world(topic_hosts=(LISTED, OTHER)) as hub:
        assert await subscribed(hub, reader, moved)


async def test_a_topic_that_begins_to_lead_elsewhere_delivers_nothing_from_there(
    reader: Reader, blog: Reader
) -> None:
    topic = blog.url + PATH
    async with world(topic_hosts=(LISTED,)) as hub:
        assert await subscribed(hub, reader, topic)
        blog.pages["/inside"] = page(b"what others may not have")
        lead(blog, PATH, elsewhere(blog, "/inside"))
        await hub.ask([("hub.mode", "publish"), ("hub.url", topic)])
        await hub.until(lambda: paths(blog).count(PATH) == 2)
        await hub.quiet()
        assert "/inside" not in paths(blog)
        assert not reader.pushed
        known = hub.websub.foreign.status(topic)
        assert known
        assert "redirects to a host" in known.problem
        blog.pages[PATH] = page(b"B")  # it is asked again, and good when it is good
        await hub.until(lambda: reader.pushed, step=5)
        assert reader.pushed[0].body == b"B"


@pytest.fixture
async def it() -> AsyncIterator[Bench]:
    async with bench() as made:
        made.blog.pages[PATH] = page(b"A")
        yield made


async def test_a_topic_whose_host_was_taken_off_the_list_is_not_fetched_any_more(
    it: Bench,
) -> None:
    await it.foreign.follow(it.topic)
    assert len(it.fetches) == 1
    it.more = {"hosts": ("blog.example",)}
    await it.restart()
    await it.foreign.ping([it.topic])
    await it.until(lambda: it.state().problem)
    assert "its host is not one" in it.state().problem
    assert len(it.fetches) == 1
    with pytest.raises(Malformed, match="topic_hosts"):
        await it.foreign.follow(it.topic + "?other")
    assert isinstance(it.shelf.topics[it.topic], Topic)


async def test_what_is_no_url_is_on_no_list(it: Bench) -> None:
    it.more = {"hosts": (LISTED,)}
    await it.restart()
    for number, location in enumerate(("http://[", "ftp:", f"http://{LISTED}@{OTHER}/")):
        it.blog.pages[f"/{number}"] = status(302, f"Location: {location}")
        with pytest.raises(Malformed):
            await it.foreign.follow(f"{it.blog.url}/{number}")
    assert [one.path for one in it.fetches] == [f"/{number}" for number in range(3)]
