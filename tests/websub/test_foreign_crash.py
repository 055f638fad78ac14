"""A process that is killed between an event of a topic and what is kept of it: the last one stays the last."""

from __future__ import annotations

import asyncio

import pytest

from channels.receiver import Request, status
from hubbub.core.errors import Unavailable
from hubbub.core.event import compose
from hubbub.websub import past
from hubbub.websub.fetching import Topic, log_topic
from websub.bench import PATH, Bench
from websub.rig import page

pytestmark = pytest.mark.anyio


async def sent_and_killed(it: Bench, body: bytes, kind: str = "text/xml") -> None:
    """Publish a change, and be killed before it is kept that it was."""
    it.blog.pages[PATH] = page(body, kind)
    count, append = len(await it.records()), it.log.append

    async def last(events: object) -> object:
        done = await append(events)  # type: ignore[arg-type]
        it.shelf.is_down = True  # and nothing is ever kept by this process any more
        return done

    it.log.append = last  # type: ignore[assignment,method-assign]
    await it.foreign.ping([it.topic])
    await it.until(lambda: it.shelf.is_down)
    await it.idle()
    it.log.append = append  # type: ignore[method-assign]
    assert len(await it.records()) == count + 1


async def again(it: Bench, body: bytes, kind: str = "text/xml") -> None:
    """Begin the next process, with this content."""
    it.blog.pages[PATH] = page(body, kind)
    await it.restart()
    await it.until(lambda: not it.state().is_dirty, step=1)


async def test_a_change_that_is_taken_back_meanwhile_is_taken_back(it: Bench) -> None:
    await sent_and_killed(it, b"B")
    assert it.shelf.topics[it.topic].version == 0
    await again(it, b"A")
    assert await it.bodies() == [b"B", b"A"]
    assert (it.state().version, it.state().sent) == (2, "")


async def test_a_change_that_stays_is_sent_once(it: Bench) -> None:
    await sent_and_killed(it, b"B")
    await again(it, b"B")
    assert await it.bodies() == [b"B"]
    await again(it, b"B")
    await it.foreign.ping([it.topic])
    await it.until(lambda: not it.state().is_dirty, step=1)
    assert await it.bodies() == [b"B"]
    assert it.state().version == 1


async def test_a_further_change_is_sent(it: Bench) -> None:
    await sent_and_killed(it, b"B")
    await again(it, b"C")
    assert await it.bodies() == [b"B", b"C"]


@pytest.mark.parametrize("kind", ["no media type", "text/\x01html", "application/json"])
async def test_whatever_type_it_has(it: Bench, kind: str) -> None:
    await sent_and_killed(it, b"{B", kind)
    await again(it, b"{B", kind)
    assert await it.bodies() == [b"{B"]
    await sent_and_killed(it, b"{C", kind)
    await again(it, b"{B", kind)
    assert await it.bodies() == [b"{B", b"{C", b"{B"]


async def test_a_publisher_who_says_that_nothing_is_new_is_asked_for_all(it: Bench) -> None:
    """Its validators are those of the content before: 304 is about that."""
    bodies = {b"A": page(b"A", "text/xml", 'ETag: "A"'), b"B": page(b"B", "text/xml", 'ETag: "B"')}
    now = [b"A"]

    def answer(request: Request) -> bytes:
        if request.headers.get("if-none-match") == f'"{now[0].decode()}"':
            return status(304)
        return bodies[now[0]]

    it.blog.answer = answer
    await it.foreign.ping([it.topic])
    await it.until(lambda: not it.state().is_dirty, step=1)
    assert it.shelf.topics[it.topic].etag == '"A"'
    now[0] = b"B"
    await sent_and_killed(it, b"B")
    now[0] = b"A"
    await again(it, b"A")
    assert await it.bodies() == [b"B", b"A"]


async def test_killed_again_and_again(it: Bench) -> None:
    for body in (b"B", b"C", b"D"):
        await sent_and_killed(it, body)
        it.blog.answer = lambda _: status(503)
        await it.restart()
        await it.until(lambda: it.state().problem, step=1)
        it.blog.answer = it.blog.respond
    assert await it.bodies() == [b"B", b"C", b"D"]
    await again(it, b"D")
    assert await it.bodies() == [b"B", b"C", b"D"]
    await again(it, b"A")
    await it.foreign.ping([it.topic])
    await it.until(lambda: not it.state().is_dirty, step=1)
    assert await it.bodies() == [b"B", b"C", b"D", b"A"]
    assert it.state().version == 4


async def test_what_came_out_of_it_outlives_a_fetch_that_fails(it: Bench) -> None:
    await sent_and_killed(it, b"B")
    it.blog.answer = lambda _: status(503)
    await it.restart()
    await it.until(lambda: it.state().problem, step=1)
    assert it.shelf.topics[it.topic].sent
    it.blog.answer = it.blog.respond
    await again(it, b"A")
    assert await it.bodies() == [b"B", b"A"]


async def test_nothing_is_published_before_it_is_durable_that_it_may_be(it: Bench) -> None:
    """Only topics that are to be fetched are looked up after a crash."""
    it.blog.pages[PATH] = page(b"B")
    it.shelf.is_open.clear()
    pinging = asyncio.ensure_future(it.foreign.ping([it.topic]))
    await it.until(lambda: len(it.fetches) == 2)
    await it.idle()
    assert not await it.bodies()
    it.shelf.is_open.set()
    await pinging
    await it.until(lambda: not it.state().is_dirty)
    assert await it.bodies() == [b"B"]


async def test_of_a_topic_that_was_begun_with_anew_the_past_does_not_count(it: Bench) -> None:
    await sent_and_killed(it, b"B")
    await again(it, b"B")
    it.subscribers = 0
    await it.foreign.forget(it.topic)
    it.subscribers = 1
    await it.time.advance(10)
    await it.foreign.follow(it.topic)
    it.blog.answer = lambda _: status(503)
    await it.foreign.ping([it.topic])
    await it.until(lambda: it.state().problem, step=1)
    it.blog.answer = it.blog.respond
    await again(it, b"B")
    assert await it.bodies() == [b"B"]


async def test_only_what_is_its_own_counts(it: Bench) -> None:
    await sent_and_killed(it, b"B")
    values = {"specversion": "1.0", "id": "x", "source": "/stranger", "type": "t"}
    await it.log.append([compose(values, log_topic(it.topic), b"?", named=False)])
    await again(it, b"B")
    assert await it.bodies() == [b"B", b"?"]


async def test_what_an_older_release_has_kept_is_looked_up_in_all_of_the_log(it: Bench) -> None:
    await it.foreign.ping([it.topic])
    await it.until(lambda: not it.state().is_dirty, step=1)
    for body in (b"B", b"C"):
        it.blog.pages[PATH] = page(body)
        await it.foreign.ping([it.topic])
        await it.until(lambda: not it.state().is_dirty, step=1)
    for head in ("", "otherone-1", "nonsense", f"{it.log.epoch}-999999"):
        topic = Topic(**{name: getattr(it.state(), name) for name in ("url", "begun", "hash")})
        topic.version, topic.head = 2, head
        await past.recall(it.log, topic)
        assert (topic.version, topic.sent) == (2, ""), head
    topic = Topic(url=it.topic, begun=it.state().begun, hash="that of A")
    await past.recall(it.log, topic)
    assert topic.version == 2
    assert topic.sent == (await it.records())[-1].attributes()["id"]
    assert topic.head == past.head(it.log)


async def test_a_log_that_cannot_be_read_is_asked_again(
    it: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent_and_killed(it, b"B")

    async def down(*_: object) -> None:
        raise Unavailable("the disk is away")

    with monkeypatch.context() as patch:
        patch.setattr(it.log, "read", down)
        it.blog.pages[PATH] = page(b"A")
        await it.restart()
        await it.until(lambda: it.state().problem, step=1)
    await it.until(lambda: not it.state().is_dirty, step=1)
    assert await it.bodies() == [b"B", b"A"]
