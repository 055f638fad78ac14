"""What comes together, what is interrupted, and what may not be lost then. Numbers are those of docs/websub.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from channels.receiver import Request, status
from hubbub.core.errors import Malformed
from hubbub.core.grants import EVERYONE, Grants, Principal
from hubbub.websub.intent import Intent
from hubbub.wire.websub import Subscribing, parse, sign
from websub.rig import BASE, DATED, YESTERDAY, Reader, World, page, reading

pytestmark = pytest.mark.anyio

TOPIC = f"{BASE}/topics/blog"
PATH = "/feed.xml"
DAY = 86_400
PAIR = (
    ("hub.mode", "subscribe"),
    ("hub.topic", TOPIC),
    ("hub.callback", "https://reader.example/"),
)


@pytest.fixture
async def blog() -> AsyncIterator[Reader]:
    async with reading() as made:
        made.pages[PATH] = page(b"<feed>1</feed>")
        yield made


def form(reader: Reader, topic: str = TOPIC, path: str = "/cb", **more: str) -> dict[str, str]:
    extra = {f"hub.{name}": value for name, value in more.items()}
    return {
        "hub.mode": "subscribe",
        "hub.topic": topic,
        "hub.callback": reader.url + path,
        **extra,
    }


async def verified(hub: World, *forms: dict[str, str]) -> None:
    """Have several requests verified at once, while each write of a document takes its time."""
    put, intents = hub.store.registry.put, list[Intent]()

    async def slow(*given: Any, **more: Any) -> int:
        await asyncio.sleep(0.001)
        return await put(*given, **more)

    hub.store.registry.put = slow
    for one in forms:
        asked = parse(one.items())
        assert isinstance(asked, Subscribing)
        made = hub.hub._admission.intent(asked, base=BASE, address="", principal=EVERYONE)
        end = int(hub.time.now() * 1000) + made.lease * 1000
        subscription = msgspec.structs.replace(made.subscription, expires=end)
        intents.append(msgspec.structs.replace(made, subscription=subscription))
    done = asyncio.gather(*map(hub.hub._verified, intents))
    await hub.until(done.done)
    hub.store.registry.put = put
    await done


async def test_11_two_requests_for_one_pair_are_one_subscription(
    hub: World, reader: Reader
) -> None:
    await verified(hub, form(reader, secret="one"), form(reader, secret="two"))
    await hub.publish("blog")
    await hub.quiet()
    (push,) = reader.pushed
    assert push.headers["x-hub-signature"] == sign("sha256", "two", push.body)
    await hub.subscribe(reader, TOPIC, mode="unsubscribe")
    await hub.publish("blog")
    await hub.quiet()
    assert len(reader.pushed) == 1


async def test_12_the_last_of_two_requests_decides(hub: World, reader: Reader) -> None:
    await verified(hub, form(reader), form(reader, mode="unsubscribe"))
    assert hub.subscription(reader, TOPIC) is None


async def ping(hub: World, *urls: str) -> None:
    await hub.ask([("hub.mode", "publish"), *(("hub.url", url) for url in urls)])


async def test_a_topic_stays_when_its_last_subscriber_leaves_as_another_comes(
    hub: World, reader: Reader, blog: Reader
) -> None:
    topic = blog.url + PATH
    await hub.subscribe(reader, topic, "/first")
    leaves = form(reader, topic, "/first", mode="unsubscribe")
    await verified(hub, form(reader, topic, "/2"), leaves)
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
        return page(one.path.encode(), "text/plain", *DATED)

    blog.answer = answer
    topic = blog.url + PATH
    await hub.subscribe(reader, topic)
    to = "/two"
    await ping(hub, topic)
    await hub.until(lambda: reader.pushed)
    assert reader.pushed[0].body == b"/two"
    await hub.time.advance(10)
    await ping(hub, topic)
    await hub.until(lambda: blog.got[-1].headers.get("if-modified-since") == YESTERDAY)


class Winding:
    """A publisher that redirects, slowly."""

    status, body, truncated = 302, b"", False
    headers = (("location", "/on"),)

    def __init__(self, hub: World) -> None:
        self._time = hub.time
        self.timeouts: list[float] = []

    async def request(self, *_: object, timeout: float, **__: object) -> Winding:
        self.timeouts.append(timeout)
        await self._time.advance(min(timeout, 8.0))
        return self


async def test_redirects_do_not_make_a_fetch_any_longer(hub: World) -> None:
    foreign, winding = hub.websub.foreign, Winding(hub)
    foreign._fetcher._caller = winding
    with pytest.raises(Malformed, match="redirects"):
        await foreign.follow("https://blog.example/")
    assert winding.timeouts[:3] == pytest.approx([20, 12, 4])
    assert sum(winding.timeouts[3:]) < 0.1


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


@pytest.mark.parametrize(
    "query", ["type=x>;rel=hub,<http://evil/>", "filter=id<>'x'", "type=\u00e9"]
)
async def test_29_a_topic_fits_into_a_link(hub: World, reader: Reader, query: str) -> None:
    with pytest.raises(Malformed, match="percent-encode"):
        await hub.ask(form(reader, f"{TOPIC}?{query}"))


async def test_05_zeros_in_front_of_a_lease_mean_nothing() -> None:
    asked = parse([*PAIR, ("hub.lease_seconds", "0" * 30 + "400")])
    assert isinstance(asked, Subscribing)
    assert asked.lease == 400
