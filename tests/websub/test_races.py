"""What comes together, what is interrupted, and what may not be lost then. Numbers are those of docs/websub.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from channels.receiver import Request, status
from hubbub.core.grants import Grants, Principal
from websub.rig import BASE, Reader, World, page, reading, world

pytestmark = pytest.mark.anyio

TOPIC = f"{BASE}/topics/blog"
PATH = "/feed.xml"
DAY = 86_400


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    async with reading() as made:
        yield made


@pytest.fixture
async def blog() -> AsyncIterator[Reader]:
    async with reading() as made:
        made.pages[PATH] = page(b"<feed>1</feed>")
        yield made


@pytest.fixture
async def hub() -> AsyncIterator[World]:
    async with world() as made:
        yield made


def form(reader: Reader, topic: str = TOPIC, path: str = "/cb", **more: str) -> dict[str, str]:
    extra = {f"hub.{name}": value for name, value in more.items()}
    return {
        "hub.mode": "subscribe",
        "hub.topic": topic,
        "hub.callback": reader.url + path,
        **extra,
    }


async def at_once(hub: World, reader: Reader, *forms: dict[str, str]) -> None:
    """Ask for several things, each as soon as the one before was asked about: one batch has them all."""
    for number, one in enumerate(forms, 1):
        await hub.ask(one)
        while len(reader.asked) < number:
            await hub.time.advance(0.001)
    await hub.until(lambda: not hub.hub.verifier.pending)


async def test_11_two_requests_for_one_pair_are_one_subscription(
    hub: World, reader: Reader
) -> None:
    await at_once(hub, reader, form(reader, secret="one"), form(reader, secret="two"))
    await hub.publish("blog")
    await hub.quiet()
    assert len(reader.pushed) == 1
    await hub.subscribe(reader, TOPIC, mode="unsubscribe")
    await hub.publish("blog")
    await hub.quiet()
    assert len(reader.pushed) == 1


async def test_12_the_last_of_two_requests_decides(hub: World, reader: Reader) -> None:
    await at_once(hub, reader, form(reader), form(reader, mode="unsubscribe"))
    assert hub.subscription(reader, TOPIC) is None


async def ping(hub: World, *urls: str) -> None:
    await hub.ask([("hub.mode", "publish"), *(("hub.url", url) for url in urls)])


async def test_a_topic_stays_when_its_last_subscriber_leaves_as_another_comes(
    hub: World, reader: Reader, blog: Reader
) -> None:
    topic = blog.url + PATH
    await hub.subscribe(reader, topic, "/first")
    leaves = form(reader, topic, "/first", mode="unsubscribe")
    await at_once(hub, reader, form(reader, topic, "/first"), form(reader, topic, "/2"), leaves)
    await hub.quiet()
    assert [one.sink for one in hub.hub.of(topic)] == [reader.url + "/2"]
    blog.pages[PATH] = page(b"<feed>2</feed>")
    await ping(hub, topic)
    await hub.until(lambda: reader.pushed)


async def test_a_ping_counts_for_a_topic_that_could_not_be_begun_with(
    hub: World, reader: Reader, blog: Reader
) -> None:
    topic = blog.url + PATH
    await hub.subscribe(reader, topic)
    hub.websub.foreign._topics.clear()  # whatever it was that got in between
    blog.pages[PATH] = page(b"<feed>2</feed>")
    await ping(hub, topic)
    await hub.until(lambda: reader.pushed)
    await hub.restart()
    assert hub.websub.foreign.status(topic)


async def test_topics_that_nobody_is_subscribed_to_end_with_the_next_start(
    hub: World, reader: Reader, blog: Reader
) -> None:
    topic = blog.url + PATH
    await hub.websub.foreign.follow(topic)
    assert hub.websub.foreign.status(topic)
    await hub.restart()
    await hub.quiet()
    assert hub.websub.foreign.status(topic) is None
    await hub.restart()
    assert hub.websub.foreign.status(topic) is None


async def test_a_paused_subscription_stays_so_through_a_renewal(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    found = hub.subscription(reader, TOPIC)
    assert found
    await hub.engine.change(found.id, "paused", "by ada")
    await hub.subscribe(reader, TOPIC, secret="new")
    await hub.restart()
    after = hub.subscription(reader, TOPIC)
    assert after
    assert (after.state, after.reason) == ("paused", "by ada")


@pytest.mark.parametrize("code", [200, 404])
async def test_19_why_somebody_was_denied_is_remembered(
    hub: World, reader: Reader, blog: Reader, code: int
) -> None:
    reader.answer = lambda _: status(code)
    topic = f"{blog.url}/none"
    blog.answer = lambda _: status(404)
    await hub.subscribe(reader, topic)
    await hub.quiet()
    told = await hub.websub.informant.subscription(topic, reader.url + "/cb")
    assert "denied" in told.why
    assert "status 404" in told.why
    assert "callback answered" not in told.why


async def test_24_the_end_of_a_token_is_not_put_off_by_renewals(hub: World, reader: Reader) -> None:
    holder = Principal("ada", Grants(subscribe=("blog",)), expires=hub.time.now() + 3600)
    await hub.ask(form(reader, verify="async"), principal=holder)
    await hub.until(lambda: hub.subscription(reader, TOPIC))
    await hub.time.advance(3700)
    await hub.publish("blog")
    await hub.quiet()
    assert len(reader.asked) == 1
    assert not reader.pushed


async def test_24_renewals_leave_nothing_behind(hub: World, reader: Reader) -> None:
    for _ in range(20):
        await hub.subscribe(reader, TOPIC)
    assert len(hub.hub._leases._dates) <= 2


async def test_25_an_old_client_that_was_away_is_asked_once_more(
    hub: World, reader: Reader
) -> None:
    await hub.ask(form(reader, verify="async"))
    await hub.until(lambda: hub.subscription(reader, TOPIC))
    reader.answer = lambda _: status(503)
    await hub.until(lambda: len(reader.asked) == 5, step=600)
    reader.answer = reader.respond
    await hub.time.advance(DAY)
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)


@pytest.mark.parametrize("answer", [status(503), status(404)])
async def test_pings_of_a_topic_that_fails_are_bounded_as_well(
    hub: World, reader: Reader, blog: Reader, answer: bytes
) -> None:
    topic = blog.url + PATH
    await hub.subscribe(reader, topic)
    await hub.time.advance(10)
    blog.answer = lambda _: answer
    before, begun = len(blog.got), hub.time.monotonic()
    for _ in range(50):
        await ping(hub, topic)
    await hub.quiet()
    assert len(blog.got) - before <= 1 + (hub.time.monotonic() - begun)


async def test_validators_are_those_of_the_address_that_gave_them(
    hub: World, reader: Reader, blog: Reader
) -> None:
    """A redirect that leads elsewhere is news, though the new address has an older date."""
    to = "/one"

    def answer(one: Request) -> bytes:
        if one.path == PATH:
            return status(302, f"Location: {to}")
        if "if-modified-since" in one.headers:
            return status(304)
        return page(one.path.encode(), "text/plain", "Last-Modified: yesterday")

    blog.answer = answer
    topic = blog.url + PATH
    await hub.subscribe(reader, topic)
    to = "/two"
    await ping(hub, topic)
    await hub.until(lambda: reader.pushed)
    assert reader.pushed[0].body == b"/two"
    await hub.time.advance(10)
    await ping(hub, topic)
    await hub.until(lambda: blog.got[-1].headers.get("if-modified-since") == "yesterday")


async def test_a_topic_that_hangs_does_so_once(reader: Reader) -> None:
    """However many redirects it takes, a fetch has `timeout` seconds."""
    began: list[float] = []

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.3)
        writer.write(status(302, "Location: /on"))
        writer.close()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with world(foreign={"timeout": 0.5}) as hub:
        await hub.ask(form(reader, url))
        await hub.until(lambda: reader.asked)
        assert len(began) == 2
    server.close()


async def test_a_hub_that_has_stopped_asks_nobody(hub: World, reader: Reader, blog: Reader) -> None:
    topic = blog.url + PATH
    await hub.subscribe(reader, topic)
    blog.answer = lambda _: status(503)
    await ping(hub, topic)
    await hub.until(lambda: len(blog.got) == 2)
    foreign, before = hub.websub.foreign, len(blog.got)
    await foreign.stop()
    await hub.time.advance(DAY)
    assert not list(foreign._tasks)
    assert len(blog.got) == before
