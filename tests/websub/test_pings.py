"""Hubs of others are told of our topics: durably, each topic once, and nothing that is our own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import pytest

from channels.receiver import status
from hubbub.websub.options import WebSubOptions
from websub.rig import Reader, World, reading, world

pytestmark = pytest.mark.anyio

BASE = "https://events.example"
PLAIN = f"{BASE}/topics/blog"


@pytest.fixture
async def other() -> AsyncIterator[Reader]:
    async with reading() as made:
        yield made


def told(hub: Reader) -> list[str]:
    """Return the topics that were named, in their order; both names must agree."""
    forms = [parse_qs(push.body.decode()) for push in hub.pushed]
    assert all(form["hub.mode"] == ["publish"] for form in forms)
    assert all(form["hub.topic"] == form["hub.url"] for form in forms)
    return [form["hub.topic"][0] for form in forms]


async def telling(made: World) -> None:
    await made.websub.reached_at(BASE)


async def test_55_every_representation_is_named_by_itself(other: Reader) -> None:
    async with world(hubs=(f"{other.url}/hub",)) as made:
        await telling(made)
        await made.publish("blog")
        await made.until(lambda: len(other.pushed) == 3, step=0.5)
        assert sorted(told(other)) == [PLAIN, f"{PLAIN}?format=atom", f"{PLAIN}?format=json-feed"]
        (push, *_) = other.pushed
        assert push.path == "/hub"
        assert push.headers["content-type"] == "application/x-www-form-urlencoded"


async def test_55_a_topic_is_named_once_for_many_events(other: Reader) -> None:
    async with world(hubs=(other.url,), representations=("latest",)) as made:
        await telling(made)
        for topic in ("blog", "shop/a b", "blog", "blog"):
            await made.publish(topic)
        await made.until(lambda: len(other.pushed) == 2, step=0.5)
        await made.quiet()
        assert sorted(told(other)) == [
            f"{PLAIN}?format=latest",
            f"{BASE}/topics/shop/a%20b?format=latest",
        ]


async def test_a_hub_that_was_away_is_told_later_even_after_a_restart(other: Reader) -> None:
    other.status = 503
    async with world(hubs=(other.url,), representations=("json",)) as made:
        await telling(made)
        await made.publish("blog")
        await made.until(lambda: other.pushed, step=0.5)
        await made.restart(kill=True)
        await telling(made)
        other.status, seen = 204, len(other.pushed)
        await made.until(lambda: len(other.pushed) > seen, step=5)
        assert set(told(other)) == {PLAIN}


async def test_only_some_topics_and_nothing_of_our_own(other: Reader) -> None:
    options = {"hubs": (other.url,), "hub_topics": ("public/*", "hubbub/**")}
    async with world(**options, representations=("json",)) as made:
        await telling(made)
        for topic in ("private/a", "hubbub/subscriptions/x", "public/a"):
            await made.publish(topic)
        await made.until(lambda: other.pushed, step=0.5)
        await made.quiet()
        assert told(other) == [f"{BASE}/topics/public/a"]


async def test_a_failure_is_an_attempt_like_any_other(other: Reader) -> None:
    other.answer = lambda _: status(500)
    async with world(hubs=(other.url,), representations=("json",)) as made:
        await telling(made)
        await made.publish("blog")
        await made.until(lambda: other.pushed, step=0.5)
        await made.quiet()
        await made.engine.flush()
        ((id_, found),) = made.engine.subscriptions.items()
        assert (found.protocol, found.sink) == ("WEBSUB-PING", other.url)
        (attempt, *_) = await made.store.ledger.attempts(id_)
        assert (attempt.outcome, attempt.status) == ("failed", 500)


async def test_a_hub_that_is_not_in_the_settings_any_more_is_not_told(other: Reader) -> None:
    async with world(hubs=(other.url,)) as made:
        await telling(made)
        assert len(made.engine.subscriptions) == 1
        made.options = type(made.options)()
        await made.restart()
        await telling(made)
        assert not made.engine.subscriptions


async def test_54_the_hubs_of_others_are_advertised_beside_ours(other: Reader) -> None:
    async with world(hubs=("https://hub.example/",)) as made:
        assert made.websub.urls(BASE, PLAIN) == [f"{BASE}/hub", "https://hub.example/"]
    async with world(hubs=("https://hub.example/",), enabled=False) as made:
        assert made.websub.urls(BASE, PLAIN) == ["https://hub.example/"]


@pytest.mark.parametrize(
    ("path", "hubs"),
    [
        ("blog?format=atom", ["ours", "theirs"]),
        ("blog", ["ours"]),  # a representation that they are not told of
        ("blog?format=json-feed", ["ours"]),
        ("blog?format=atom&type=a", ["ours"]),  # no ping says what a topic is narrowed to
        ("blog?format=atom&filter=type%3D'a'", ["ours"]),
        ("private/a?format=atom", ["ours"]),  # not in hub_topics
        ("hubbub/websub/a?format=atom", ["ours"]),
        ("*?format=atom", ["ours"]),
        ("**?format=atom", ["ours"]),
        ("a**?format=atom", []),  # what our hub does not take either
        ("blog?format=atom&since=earliest", []),
        ("blog?format=atom&type=" + "a" * 2048, []),
    ],
)
async def test_53_hubs_of_others_are_advertised_on_what_they_are_told_of(
    path: str, hubs: list[str]
) -> None:
    urls = {"ours": f"{BASE}/hub", "theirs": "https://hub.example/"}
    options = {"hub_topics": ("*", "hubbub/**"), "representations": ("atom",)}
    async with world(hubs=(urls["theirs"],), **options) as made:
        assert made.websub.urls(BASE, f"{BASE}/topics/{path}") == [urls[one] for one in hubs]
        assert made.websub.urls(BASE, f"{BASE}/events?format=atom") == []


@pytest.mark.parametrize(
    "hub",
    [
        "x",
        "",
        "ftp://hub.example/",
        "https://",
        "https:///hub",
        "https://hub.example/ b",
        "https://hub.example /",
        "https://hub.example/#a",
        'https://hub.example/">',
        "https://h\u00fcb.example/",
        "https://me:secret@hub.example/",
    ],
)
def test_a_hub_that_is_no_url_is_refused_at_the_start(hub: str) -> None:
    with pytest.raises(ValueError, match=r"such as https://hub\.example/") as refused:
        WebSubOptions(hubs=("https://good.example:8443/hub?a=b", "HTTP://[::1]", hub))
    assert "secret" not in str(refused.value)


def test_patterns_that_are_none_are_a_mistake_of_the_settings() -> None:
    with pytest.raises(ValueError, match="hub_topics: a topic has no empty segments"):
        WebSubOptions(hub_topics=("a//b",))


@pytest.mark.parametrize("code", [400, 404, 410, 422])
async def test_a_hub_that_does_not_want_a_topic_has_been_told(other: Reader, code: int) -> None:
    other.answer = lambda one: status(code if b"bad" in one.body else 204)
    async with world(hubs=(other.url,), representations=("json",)) as made:
        await telling(made)
        for topic in ("bad", "good"):
            await made.publish(topic)
        await made.until(lambda: len(other.pushed) == 2, step=0.5)
        await made.time.advance(4000)
        await made.publish("good")
        await made.until(lambda: len(other.pushed) == 3, step=0.5)
        assert [url.rpartition("/")[2] for url in told(other)] == ["bad", "good", "good"]
