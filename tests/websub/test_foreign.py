"""Topics of others: pinged, fetched, and delivered if they have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from channels.receiver import Request, status
from hubbub.core.errors import Unavailable
from websub.rig import BASE, DATED, YESTERDAY, Reader, World, page, query, reading, world

pytestmark = pytest.mark.anyio

PATH = "/feed.xml"
DAY = 86_400


@pytest.fixture
async def blog() -> AsyncIterator[Reader]:
    async with reading() as made:
        made.pages[PATH] = page(b"<feed>1</feed>")
        yield made


def fetches(blog: Reader) -> list[Request]:
    return [one for one in blog.got if one.method == "GET"]


async def ping(hub: World, *urls: str) -> None:
    await hub.ask([("hub.mode", "publish"), *(("hub.url", url) for url in urls)])


async def follow(hub: World, reader: Reader, blog: Reader, path: str = "/cb") -> str:
    topic = blog.url + PATH
    await hub.subscribe(reader, topic, path)
    assert hub.subscription(reader, topic, path)
    return topic


async def test_what_changed_is_fetched_and_delivered(
    hub: World, reader: Reader, blog: Reader
) -> None:
    topic = await follow(hub, reader, blog)
    assert len(fetches(blog)) == 1
    assert "subscribers" in fetches(blog)[0].headers["user-agent"]
    blog.pages[PATH] = page(b"<feed>2</feed>", "text/xml;charset=utf-8")
    await ping(hub, topic)
    await hub.until(lambda: reader.pushed)
    (push,) = reader.pushed
    assert push.body == b"<feed>2</feed>"
    assert push.headers["content-type"] == "text/xml;charset=utf-8"
    assert push.headers["link"] == f'<{BASE}/hub>; rel="hub", <{topic}>; rel="self"'
    assert "1 subscribers" in fetches(blog)[1].headers["user-agent"]


async def test_what_has_not_changed_is_not_sent_again(
    hub: World, reader: Reader, blog: Reader
) -> None:
    topic = await follow(hub, reader, blog)
    for _ in range(3):
        await ping(hub, topic)
        await hub.time.advance(2)
    await hub.quiet()
    assert len(fetches(blog)) == 4
    assert not reader.pushed


async def test_fetches_are_conditional(hub: World, reader: Reader, blog: Reader) -> None:
    def answer(one: Request) -> bytes:
        if one.headers.get("if-none-match") == '"v1"':
            return status(304)
        return page(b"<feed>1</feed>", "text/xml", 'ETag: "v1"', *DATED)

    blog.answer = answer
    topic = await follow(hub, reader, blog)
    await ping(hub, topic)
    await hub.until(lambda: len(fetches(blog)) == 2)
    assert fetches(blog)[1].headers["if-modified-since"] == YESTERDAY
    await hub.quiet()
    assert not reader.pushed


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/rss+xml; charset=ISO-8859-1", "<rss>ë</rss>".encode("latin-1")),
        ("application/json", b'{"a": 1, "b": [ ]}\n'),
        ("application/json", b"{this is none"),
        ("text/html; charset=utf-8", "<p>ü</p>".encode()),
        ("image/png", bytes(range(256)) * 4),
        ("no media type", b"x"),
        ("text/plain", b""),
        ("text/plain", b"\x00\x01" * 50),
    ],
)
async def test_27_content_and_its_type_are_verbatim(
    hub: World, reader: Reader, blog: Reader, kind: str, body: bytes
) -> None:
    topic = await follow(hub, reader, blog)
    blog.pages[PATH] = page(body, kind)
    await ping(hub, topic)
    await hub.until(lambda: reader.pushed)
    assert (reader.pushed[0].headers["content-type"], reader.pushed[0].body) == (kind, body)


async def test_an_old_content_that_returns_is_news(
    hub: World, reader: Reader, blog: Reader
) -> None:
    topic = await follow(hub, reader, blog)
    for count, body in enumerate((b"B", b"A", b"B", b"A"), 1):
        blog.pages[PATH] = page(body)
        await ping(hub, topic)
        await hub.until(lambda count=count: len(reader.pushed) == count)
    assert [push.body for push in reader.pushed] == [b"B", b"A", b"B", b"A"]


async def test_pings_that_come_together_are_one_fetch(
    hub: World, reader: Reader, blog: Reader
) -> None:
    topic = await follow(hub, reader, blog)
    await hub.time.advance(10)
    for _ in range(50):
        await ping(hub, topic, topic, f"{topic}?other")
    await hub.quiet()
    assert len(fetches(blog)) <= 4


async def test_the_last_ping_is_never_lost(hub: World, reader: Reader, blog: Reader) -> None:
    topic = await follow(hub, reader, blog)
    await hub.time.advance(10)
    states, done = iter([b"old", b"new"]), list[object]()

    def answer(_: Request) -> bytes:
        """Answer what was there when the request came, and change right after."""
        body = next(states)
        if body == b"old":
            asyncio.ensure_future(hub.websub.foreign.ping([topic])).add_done_callback(done.append)
        return page(body)

    blog.answer = answer
    await ping(hub, topic)
    await hub.until(lambda: len(reader.pushed) == 2)
    assert [push.body for push in reader.pushed] == [b"old", b"new"]


async def test_a_ping_survives_a_crash(hub: World, reader: Reader, blog: Reader) -> None:
    topic = await follow(hub, reader, blog)
    blog.answer = lambda _: status(503)
    await ping(hub, topic)
    blog.answer = blog.respond
    blog.pages[PATH] = page(b"after the crash")
    await hub.restart(kill=True)
    await hub.until(lambda: reader.pushed, step=1)
    assert reader.pushed[0].body == b"after the crash"


async def test_an_event_whose_state_was_not_saved_is_not_sent_twice(
    hub: World, reader: Reader, blog: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await follow(hub, reader, blog)
    put = hub.store.registry.put

    async def down(kind: str, *rest: object, **more: object) -> int:
        if kind == "websub-topic":
            raise Unavailable("the disk is full")
        return await put(kind, *rest, **more)

    blog.pages[PATH] = page(b"once")
    await ping(hub, topic)
    monkeypatch.setattr(hub.store.registry, "put", down)
    await hub.until(lambda: reader.pushed)
    monkeypatch.undo()
    await hub.restart(kill=False)
    await hub.time.advance(DAY)
    await hub.quiet()
    assert [push.body for push in reader.pushed] == [b"once"]


async def test_a_fetch_that_fails_is_tried_again(hub: World, reader: Reader, blog: Reader) -> None:
    topic = await follow(hub, reader, blog)
    blog.answer = lambda _: status(500)
    await ping(hub, topic)
    await hub.time.advance(20)
    await hub.until(lambda: len(fetches(blog)) == 3, step=5)
    blog.answer = blog.respond
    blog.pages[PATH] = page(b"at last")
    await hub.until(lambda: reader.pushed, step=30)


async def test_a_publisher_may_ask_for_time(hub: World, reader: Reader, blog: Reader) -> None:
    topic = await follow(hub, reader, blog)
    blog.answer = lambda _: status(503, "Retry-After: 600")
    await ping(hub, topic)
    await hub.until(lambda: len(fetches(blog)) == 2)
    await hub.time.advance(590)
    assert len(fetches(blog)) == 2
    await hub.until(lambda: len(fetches(blog)) == 3, step=5)


async def test_a_topic_that_is_gone_is_left_alone(hub: World, reader: Reader, blog: Reader) -> None:
    topic = await follow(hub, reader, blog)
    blog.answer = lambda _: status(410)
    await ping(hub, topic)
    await hub.until(lambda: len(fetches(blog)) == 2)
    await hub.time.advance(DAY)
    assert len(fetches(blog)) == 2
    found = hub.websub.foreign.status(topic)
    assert found
    assert found.is_gone
    assert "410" in found.problem


async def test_redirects_are_followed_and_counted(hub: World, reader: Reader, blog: Reader) -> None:
    blog.pages["/moved"] = status(301, f"Location: {PATH}")
    await hub.subscribe(reader, f"{blog.url}/moved")
    assert [one.path for one in fetches(blog)] == ["/moved", PATH]
    blog.pages["/loop"] = status(302, "Location: /loop")
    await hub.subscribe(reader, f"{blog.url}/loop")
    await hub.until(lambda: not hub.hub.verifier.pending)
    assert hub.subscription(reader, f"{blog.url}/loop") is None
    assert "redirects" in query(reader.asked[-1])["hub.reason"]


@pytest.mark.parametrize("code", [401, 404, 410])
async def test_18_19_a_topic_that_is_not_there_is_denied(
    hub: World, reader: Reader, blog: Reader, code: int
) -> None:
    blog.answer = lambda _: status(code)
    await hub.subscribe(reader, blog.url + PATH)
    await hub.until(lambda: not hub.hub.verifier.pending)
    (asked,) = reader.asked
    assert query(asked)["hub.mode"] == "denied"
    assert str(code) in query(asked)["hub.reason"]
    assert hub.websub.foreign.status(blog.url + PATH) is None


async def test_19_what_the_guard_refuses_is_denied(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, "http://10.0.0.1/feed")
    assert query(reader.asked[-1])["hub.mode"] == "denied"


async def test_a_topic_that_is_away_is_taken_all_the_same(
    hub: World, reader: Reader, blog: Reader
) -> None:
    blog.answer = lambda _: status(503)
    topic = await follow(hub, reader, blog)
    blog.answer = blog.respond
    await hub.time.advance(DAY)
    await hub.quiet()
    assert not reader.pushed  # the first look is no news
    blog.pages[PATH] = page(b"2")
    await ping(hub, topic)
    await hub.until(lambda: reader.pushed)


async def test_a_topic_is_capped(reader: Reader, blog: Reader) -> None:
    async with world(foreign={"max_bytes": 2000}) as hub:
        topic = await follow(hub, reader, blog)
        blog.pages[PATH] = page(b"x" * 2001)
        await ping(hub, topic)
        await hub.until(lambda: len(fetches(blog)) == 2)
        await hub.quiet()
        found = hub.websub.foreign.status(topic)
        assert found
        assert "2000 bytes" in found.problem
        assert not reader.pushed


async def test_a_topic_without_subscribers_is_not_fetched(
    hub: World, reader: Reader, blog: Reader
) -> None:
    topic = blog.url + PATH
    await ping(hub, topic)
    await hub.quiet()
    assert not blog.got
    await follow(hub, reader, blog)
    await hub.subscribe(reader, topic, mode="unsubscribe")
    await hub.until(lambda: hub.websub.foreign.status(topic) is None)
    seen = len(blog.got)
    await ping(hub, topic)
    await hub.quiet()
    assert len(blog.got) == seen


async def test_a_second_subscriber_costs_no_fetch(hub: World, reader: Reader, blog: Reader) -> None:
    topic = await follow(hub, reader, blog)
    await follow(hub, reader, blog, "/other")
    assert len(fetches(blog)) == 1
    blog.pages[PATH] = page(b"2")
    await ping(hub, topic)
    await hub.until(lambda: len(reader.pushed) == 2)
    assert len(fetches(blog)) == 2
    assert {push.path for push in reader.pushed} == {"/cb", "/other"}


async def test_one_host_is_not_flooded(reader: Reader, blog: Reader) -> None:
    async with world(foreign={"per_host": 1, "concurrency": 4}) as hub:
        topics = [f"{blog.url}/{number}" for number in range(5)]
        for topic in topics:
            blog.pages[topic.removeprefix(blog.url)] = page(b"1")
            await hub.subscribe(reader, topic)
        for topic in topics:
            blog.pages[topic.removeprefix(blog.url)] = page(b"2")
        await ping(hub, *topics)
        await hub.until(lambda: len(reader.pushed) == 5)
