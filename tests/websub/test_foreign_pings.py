"""What a ping is good for: once it is answered it is durable, and it leads to a fetch, but not to a flood."""

from __future__ import annotations

import asyncio

import pytest

from channels.receiver import Request, status
from hubbub.core.errors import Malformed, Unavailable
from websub.bench import PATH, Bench, bench
from websub.rig import page

pytestmark = pytest.mark.anyio

DAY = 86_400


async def test_a_ping_is_answered_only_once_it_is_durable(it: Bench) -> None:
    it.way.is_open.clear()
    it.shelf.is_open.clear()
    pings = [asyncio.ensure_future(it.foreign.ping([it.topic])) for _ in range(3)]
    await it.idle_but_for_requests()
    assert not any(one.done() for one in pings)
    it.shelf.is_open.set()
    await asyncio.gather(*pings)
    assert it.shelf.topics[it.topic].is_dirty


async def test_a_ping_after_one_that_was_not_durable_is(it: Bench) -> None:
    it.way.is_open.clear()
    it.shelf.is_down = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            await it.foreign.ping([it.topic])
    it.shelf.is_down = False
    await it.foreign.ping([it.topic])
    assert it.shelf.topics[it.topic].is_dirty


async def test_a_thousand_pings_are_one_write_and_one_timer(it: Bench) -> None:
    it.way.is_open.clear()
    before = it.shelf.puts, len(it.time._calls)
    for _ in range(1000):
        await it.foreign.ping([it.topic])
    assert it.shelf.puts == before[0] + 1
    assert len(it.time._calls) <= before[1] + 1


async def test_pings_right_after_a_fetch_are_one_timer(it: Bench) -> None:
    await it.foreign.ping([it.topic])
    await it.until(lambda: not it.state().is_dirty)
    before = len(it.time._calls)
    for _ in range(1000):
        await it.foreign.ping([it.topic])
    assert len(it.time._calls) <= before + 1


async def test_what_fails_is_not_fetched_more_often_for_being_pinged(it: Bench) -> None:
    it.blog.answer = lambda _: status(500)
    seen = len(it.fetches)
    for _ in range(20):
        await it.foreign.ping([it.topic])
        await it.idle()
    assert len(it.fetches) == seen + 1
    await it.time.advance(1.1)
    await it.idle()
    assert len(it.fetches) == seen + 2


async def test_a_ping_does_not_shorten_the_time_that_the_publisher_asked_for(it: Bench) -> None:
    it.blog.answer = lambda _: status(429, "Retry-After: 600")
    await it.foreign.ping([it.topic])
    await it.until(lambda: it.state().problem)
    seen = len(it.fetches)
    for _ in range(58):
        await it.foreign.ping([it.topic])
        await it.time.advance(10)
        await it.idle()
    assert len(it.fetches) == seen
    it.blog.answer = it.blog.respond
    it.blog.pages[PATH] = page(b"B")
    await it.restart()
    await it.until(lambda: not it.state().is_dirty, step=5)
    assert await it.bodies() == [b"B"]


async def test_a_publisher_may_ask_for_a_day(it: Bench) -> None:
    it.blog.answer = lambda _: status(503, f"Retry-After: {DAY}")
    await it.foreign.ping([it.topic])
    await it.until(lambda: it.state().problem)
    seen = len(it.fetches)
    await it.time.advance(DAY - 60)
    await it.idle()
    assert len(it.fetches) == seen


async def test_a_ping_outlives_every_attempt(it: Bench) -> None:
    it.blog.answer = lambda _: status(500)
    await it.foreign.ping([it.topic])
    for _ in range(6):  # the fetch, and each of the schedule
        await it.idle()
        await it.time.advance(8000)
    await it.idle()
    assert len(it.fetches) >= 7
    assert it.shelf.topics[it.topic].is_dirty
    it.blog.answer = it.blog.respond
    it.blog.pages[PATH] = page(b"B")
    await it.until(lambda: not it.state().is_dirty, step=3600)
    assert await it.bodies() == [b"B"]


@pytest.mark.parametrize(
    "answer", [status(404), page(b"x" * 5000), status(302, "Location: ftp://x/")]
)
async def test_what_could_not_be_followed_is_tried_again_once_it_is(answer: bytes) -> None:
    """A page that is missing while its publisher deploys is news a little later."""
    async with bench(max_bytes=2000) as it:
        it.blog.pages[PATH] = page(b"A")
        await it.foreign.follow(it.topic)
        await it.time.advance(10)
        it.blog.pages[PATH] = answer
        await it.foreign.ping([it.topic])
        await it.until(lambda: it.state().problem)
        it.blog.pages[PATH] = page(b"B")
        await it.until(lambda: not it.state().is_dirty and not it.state().problem, step=5)
        assert await it.bodies() == [b"B"]


async def test_a_ping_during_the_first_look_is_not_lost() -> None:
    async with bench() as it:
        it.blog.pages[PATH] = page(b"A")
        it.way.is_open.clear()
        following = asyncio.ensure_future(it.foreign.follow(it.topic))
        await it.until(lambda: it.way.active)

        def answer(_: Request) -> bytes:
            """Answer what was there when the request came; the publisher has pinged since."""
            it.blog.answer = it.blog.respond
            it.blog.pages[PATH] = page(b"B")
            return page(b"A")

        it.blog.answer = answer
        await it.foreign.ping([it.topic])
        it.way.is_open.set()
        await following
        await it.until(lambda: len(it.fetches) == 2, step=0.5)
        await it.until(lambda: not it.state().is_dirty)
        assert await it.bodies() == [b"B"]


async def test_a_ping_before_the_first_look_has_succeeded_survives_a_crash() -> None:
    async with bench() as it:
        it.blog.answer = lambda _: status(503)
        await it.foreign.follow(it.topic)
        await it.foreign.ping([it.topic])
        await it.restart()
        it.blog.answer = lambda _: page(b"A")
        await it.until(lambda: not it.state().is_dirty, step=5)
        assert await it.bodies() == [b"A"]  # there is nothing that it could be equal to


async def test_what_goes_wrong_on_our_side_is_tried_again(it: Bench) -> None:
    it.blog.pages[PATH] = page(b"B")
    wrong, publish = [ValueError("a mistake")], it.publish

    async def once(event: object) -> object:
        if wrong:
            raise wrong.pop()
        return await publish(event)  # pyright: ignore[reportArgumentType]

    it.publish = once  # pyright: ignore[reportAttributeAccessIssue]
    await it.restart()
    await it.foreign.ping([it.topic])
    await it.until(lambda: not wrong)
    await it.until(lambda: not it.state().is_dirty, step=5)
    assert await it.bodies() == [b"B"]


async def test_a_stopped_one_fetches_nothing(it: Bench) -> None:
    it.blog.answer = lambda _: status(500)
    await it.foreign.ping([it.topic])
    await it.until(lambda: it.state().problem)
    await it.foreign.stop()
    seen = len(it.fetches)
    await it.time.advance(DAY)
    await it.idle()
    assert len(it.fetches) == seen


async def test_stopping_during_a_fetch_loses_nothing(it: Bench) -> None:
    it.blog.pages[PATH] = page(b"B")
    it.way.is_open.clear()
    await it.foreign.ping([it.topic])
    await it.until(lambda: it.way.active)
    await it.restart()
    await it.until(lambda: not it.state().is_dirty, step=1)
    assert await it.bodies() == [b"B"]


async def test_unknown_topics_are_counted(it: Bench) -> None:
    it.subscribers = 0
    await it.foreign.ping(["http://a.example/", it.topic, "http://b.example/"])
    assert it.foreign.ignored == 2


async def test_a_topic_that_could_not_be_begun_with_is_begun_with_at_a_ping(it: Bench) -> None:
    it.blog.pages["/other"] = page(b"A")
    await it.foreign.ping([it.blog.url + "/other"])
    await it.until(lambda: not it.state(it.blog.url + "/other").is_dirty, step=1)
    assert await it.bodies() == [b"A"]


async def test_what_nobody_needs_is_let_go_of(it: Bench) -> None:
    it.subscribers = 0
    await it.foreign.keep({"http://a.example/"})
    assert it.foreign.status(it.topic) is None
    assert not it.shelf.topics


async def test_what_somebody_has_subscribed_to_meanwhile_stays(it: Bench) -> None:
    await it.foreign.forget(it.topic)
    assert it.state()


async def test_a_thousand_topics_of_one_host_take_their_turns() -> None:
    async with bench(per_host=2, concurrency=3) as it:
        urls = [f"{it.blog.url}/{number}" for number in range(40)]
        it.blog.answer = lambda _: page(b"A")
        await asyncio.gather(*map(it.foreign.follow, urls))
        assert it.way.peak == 2  # the first looks take their turns as well
        await it.time.advance(10)
        it.way.peak, it.blog.answer = 0, lambda _: page(b"B")
        await it.foreign.ping(urls)
        await it.until(lambda: not any(it.state(url).is_dirty for url in urls))
        assert it.way.peak == 2
        assert await it.bodies() == [b"B"] * 40


async def test_a_slow_host_does_not_hold_up_another() -> None:
    async with bench(per_host=1, concurrency=2) as slow, bench() as other:
        port = other.blog.url.rpartition(":")[2]
        fast = f"http://127.0.0.1:{port}/f"
        urls = [f"{slow.blog.url}/{number}" for number in range(5)]
        slow.blog.answer = other.blog.answer = lambda _: page(b"A")
        for url in (*urls, fast):
            await slow.foreign.follow(url)
        await slow.time.advance(10)
        other.blog.answer = lambda _: page(b"B")
        slow.way.hold = slow.blog.url
        slow.way.is_open.clear()
        await slow.foreign.ping([*urls, fast])
        await slow.until(lambda: slow.state(fast).version == 1)
        slow.way.is_open.set()


async def test_there_are_no_more_topics_than_allowed() -> None:
    async with bench(max_topics=3) as it:
        it.blog.answer = lambda _: page(b"A")
        urls = [f"{it.blog.url}/{number}" for number in range(6)]
        ends = await asyncio.gather(*map(it.foreign.follow, urls), return_exceptions=True)
        assert sum(isinstance(end, Malformed) for end in ends) == 3
        assert len(it.shelf.topics) == 3


async def test_to_follow_at_the_same_time_is_one_fetch() -> None:
    async with bench() as it:
        it.blog.answer = lambda _: page(b"A")
        await asyncio.gather(*(it.foreign.follow(it.topic) for _ in range(10)))
        assert len(it.fetches) == 1


async def test_what_was_not_kept_is_not_followed() -> None:
    async with bench() as it:
        it.blog.answer = lambda _: page(b"A")
        it.shelf.is_down = True
        with pytest.raises(Unavailable):
            await it.foreign.follow(it.topic)
        it.shelf.is_down = False
        await it.foreign.follow(it.topic)
        assert it.topic in it.shelf.topics


async def test_what_comes_back_after_it_was_let_go_of_is_news(it: Bench) -> None:
    """The same content, as the same version, of another following: the log must not know it."""
    for body in (b"B", b"B"):
        it.blog.pages[PATH] = page(body)
        await it.foreign.ping([it.topic])
        await it.until(lambda: not it.state().is_dirty, step=1)
        it.subscribers = 0
        await it.foreign.forget(it.topic)
        it.subscribers = 3
        assert it.foreign.status(it.topic) is None
        assert not it.shelf.topics
        it.blog.pages[PATH] = page(b"A")
        await it.time.advance(10)
        await it.foreign.follow(it.topic)
        await it.time.advance(10)
    assert await it.bodies() == [b"B", b"B"]


async def test_to_forget_during_a_fetch_takes_no_time(it: Bench) -> None:
    it.blog.pages[PATH] = page(b"B")
    it.way.is_open.clear()
    await it.foreign.ping([it.topic])
    await it.until(lambda: it.way.active)
    it.subscribers = 0
    await asyncio.wait_for(it.foreign.forget(it.topic), 5)
    it.way.is_open.set()
    await it.idle()
    assert not it.shelf.topics
    assert await it.bodies() == []


async def test_a_fetch_has_one_deadline_whatever_it_is_led_through() -> None:
    async with bench(timeout=20.0) as it:
        it.blog.pages["/a"] = status(302, "Location: /b")
        it.blog.pages["/b"] = status(302, f"Location: {PATH}#part")
        it.blog.pages[PATH] = page(b"A")

        def seven_seconds() -> None:
            it.time._move(it.time.passed + 7)

        it.way.before = seven_seconds
        await it.foreign.follow(it.blog.url + "/a")
        assert it.way.timeouts == [20.0, 13.0, 6.0]


async def test_a_validator_is_for_the_page_that_gave_it() -> None:
    """Another page may well have the same, and does not stand for the first one."""

    def answer(request: Request) -> bytes:
        if request.headers.get("if-none-match") == '"1"':
            return status(304)
        if request.path == PATH:
            return status(302, f"Location: /{kind}")
        return page(kind.encode(), "text/plain", 'ETag: "1"')

    async with bench() as it:
        kind = "old"
        it.blog.answer = answer
        await it.foreign.follow(it.topic)
        await it.time.advance(10)
        await it.foreign.ping([it.topic])
        await it.until(lambda: not it.state().is_dirty)
        assert [one.headers.get("if-none-match") for one in it.fetches[-2:]] == [None, '"1"']
        kind = "new"
        await it.time.advance(10)
        await it.foreign.ping([it.topic])
        await it.until(lambda: not it.state().is_dirty)
        assert await it.bodies() == [b"new"]


async def test_not_modified_says_nothing_to_whoever_did_not_ask(it: Bench) -> None:
    it.blog.answer = lambda _: status(304)
    await it.foreign.ping([it.topic])
    await it.until(lambda: it.state().problem)
    assert "304" in it.state().problem
    it.blog.answer = lambda _: page(b"B")
    await it.until(lambda: not it.state().is_dirty, step=5)
    assert await it.bodies() == [b"B"]


async def test_the_log_may_be_full_for_a_while(it: Bench) -> None:
    it.blog.pages[PATH] = page(b"B")
    it.is_full = True
    await it.foreign.ping([it.topic])
    await it.until(lambda: it.state().problem)
    assert it.shelf.topics[it.topic].is_dirty
    it.is_full = False
    await it.until(lambda: not it.state().is_dirty, step=5)
    assert await it.bodies() == [b"B"]


async def test_publishers_are_told_whose_hub_asks() -> None:
    async with bench() as it:
        it.blog.pages[PATH] = page(b"A")
        it.more = {"hub_url": lambda _: "https://hub.example/hub"}
        await it.restart()
        await it.foreign.follow(it.topic)
        told = it.fetches[-1].headers["user-agent"]
        assert told == "hubbub (+https://hub.example/hub; 3 subscribers)"


async def test_what_was_appended_before_a_crash_is_not_sent_again(it: Bench) -> None:
    it.blog.pages[PATH] = page(b"B")
    it.way.is_open.clear()
    await it.foreign.ping([it.topic])
    it.shelf.is_down = True
    it.way.is_open.set()
    await it.until(lambda: it.state().problem)
    assert await it.bodies() == [b"B"]
    assert it.shelf.topics[it.topic].version == 0
    await it.restart()
    await it.until(lambda: not it.state().is_dirty, step=1)
    assert it.shelf.topics[it.topic].version == 1
    assert await it.bodies() == [b"B"]


async def test_a_redirect_does_not_lead_past_the_guard() -> None:
    async with bench() as it:
        for location in (
            "http://10.0.0.1/",
            "file:///etc/passwd",
            "http://[",
            "http://u:p@a.example/",
        ):
            it.blog.pages[PATH] = status(302, f"Location: {location}")
            with pytest.raises(Malformed):
                await it.foreign.follow(it.topic)
            assert it.foreign.status(it.topic) is None
        with pytest.raises(Malformed):
            await it.foreign.follow("http://[")
        assert not it.shelf.documents


async def test_five_redirects_are_followed_and_no_more() -> None:
    async with bench() as it:
        for number in range(6):
            it.blog.pages[f"/{number}"] = status(307, f"Location: /{number + 1}")
        it.blog.pages["/6"] = page(b"A")
        await it.foreign.follow(f"{it.blog.url}/1")
        with pytest.raises(Malformed, match="redirects"):
            await it.foreign.follow(f"{it.blog.url}/0")
