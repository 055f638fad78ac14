"""Two gateways on this machine: `blog` publishes and is a hub, `news` follows it over HTTP."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any
from urllib.parse import urlsplit

import pytest

from corpus import podcasts
from sources.websub.world import ATOM, atom, entry
from websub_peers.outside import Answer, Outside, Seen, files, outside
from websub_peers.rig import PATIENCE, Gateway, ask, gateway, say, until

pytestmark = pytest.mark.slow

RSS = "application/rss+xml; charset=UTF-8"
SOON = json.dumps([0.0] + 60 * [1.0])
"""Attempts at a callback that is away: it is found soon."""
NEVER = {"HUBBUB_FOLLOW__POLL_SILENT": "604800", "HUBBUB_FOLLOW__POLL": "604800"}
"""What comes, comes by push: the one poll after a start is somewhere in the week after it."""


@pytest.fixture(scope="module")
def blog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("blog")
    with gateway(folder, HUBBUB_WEBSUB__SCHEDULE=SOON, HUBBUB_WEBSUB__MIN_LEASE="1") as made:
        yield made


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("news"), **NEVER) as made:
        yield made


def titles(news: Gateway, topic: str) -> list[str]:
    return [event["data"]["title"] for event in news.events(topic)]


def pushes(status: Any, at: Gateway) -> int:
    """Count what a hub has pushed; it is counted last, after the entries are in the log."""
    return status.get("measured", {}).get(at.hub, {}).get("pushes", 0)


def settled(news: Gateway, name: str, at: Gateway) -> dict[str, Any]:
    """Wait until a hub pushes to a source, both know it, and the source has read its document."""
    shown = until(
        lambda: news.status(name),
        lambda one: one["state"] == "pushed" and one["hub"] == at.hub and "last_poll" in one,
    )
    until(lambda: at.subscriptions(shown["topic"]))
    return shown


# Real feeds, published as they are.


class Listening(threading.Thread):
    """A stream of server-sent events, read line by line."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        split = urlsplit(url)
        self._connection = HTTPConnection(split.netloc, timeout=PATIENCE)
        self._connection.request(
            "GET", f"{split.path}?{split.query}", headers={"Accept": "text/event-stream"}
        )
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        self.heard: list[dict[str, Any]] = []
        self.start()

    def run(self) -> None:
        with suppress(IncompleteRead):  # closed by ourselves
            while line := self._answer.readline():
                if line.startswith(b"data:"):
                    self.heard.append(json.loads(line[5:]))

    def close(self) -> None:
        self._socket.shutdown(SHUT_RDWR)
        self.join()
        self._answer.close()
        self._connection.close()


@contextmanager
def listening(url: str) -> Iterator[list[dict[str, Any]]]:
    """Hear what is published until the block ends."""
    made = Listening(url)
    try:
        yield made.heard
    finally:
        made.close()


ITEM = re.compile(r"<item>.*?</item>", re.DOTALL)


def titled(item: str, title: str) -> str:
    found, count = re.subn(
        r"<title>.*?</title>", f"<title>{title}</title>", item, count=1, flags=re.DOTALL
    )
    assert count == 1
    return found


def next_version(feed: str) -> str:
    """The feed with one more entry on top, and its last one edited."""
    first, *_, last = ITEM.findall(feed)
    more = re.sub(r"<guid.*?</guid>", "<guid>urn:one:more</guid>", first, flags=re.DOTALL)
    more = re.sub(r"<link>.*?</link>", "<link>https://x.example/more</link>", more, flags=re.DOTALL)
    feed = feed.replace(last, titled(last, "Edited"))
    return feed.replace(first, titled(more, "One more") + first, 1)


NAMES = [
    "bc-sample-bad",
    "bc-sample-custom-tags",
    "bc-sample-new-feed-url",
    "bc-sample-order",
    "bc-sample",
    "replyall-sample-ordering",
]


def test_all_the_feeds_there_are_have_a_test() -> None:
    assert [one.stem for one in podcasts()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_new_version_of_a_real_feed_is_pushed_as_the_entries_that_are_new(
    blog: Gateway, news: Gateway, name: str
) -> None:
    """Whatever hub and self the feed itself names: our headers come first (websub 36)."""
    (path,) = [one for one in podcasts() if one.stem == name]
    before = path.read_bytes()
    after = next_version(before.decode()).encode()
    assert before.decode().count("<item>") + 1 == after.decode().count("<item>")
    blog.publish(f"feeds/{name}", before, RSS)
    url = f"{blog.url}/topics/feeds/{name}?format=latest"
    there = ask("GET", url)
    assert (there.headers["Content-Type"], there.body) == (RSS, before)
    news.follow(name, url)
    shown = settled(news, name, blog)
    assert (shown["topic"], shown["hub"]) == (url, blog.hub)
    assert "measured" not in shown or shown["measured"][blog.hub]["pushes"] == 0
    assert news.events(f"news/{name}") == []
    with listening(f"{news.url}/topics/news/{name}?format=sse") as heard:
        blog.publish(f"feeds/{name}", after, RSS)
        until(lambda: len(heard), lambda one: one >= 2)
        now = until(lambda: news.status(name), lambda one: pushes(one, blog) == 1)
        assert now["entries"] == 2
        assert now["measured"] == {blog.hub: {"pushes": 1, "missed": 0, "silent": False}}
        assert now["last_poll"] == shown["last_poll"]
        blog.publish(f"feeds/{name}", after, RSS)  # the same again is a push, and no news
        until(lambda: news.status(name)["measured"][blog.hub]["pushes"], lambda one: one == 2)
        assert sorted(one["data"]["title"] for one in heard) == ["Edited", "One more"]
    events = news.events(f"news/{name}")
    assert sorted(event["data"]["title"] for event in events) == ["Edited", "One more"]
    assert {event["type"] for event in events} == {"hubbub.feed.entry"}
    assert {event["source"] for event in events} == {url}
    assert len({event["subject"] for event in events}) == 2


# A third party with a static file server.


def linked(feed: bytes, hub: str, url: str) -> bytes:
    """The feed as its owner would put it up: it names its hub and itself."""
    links = f'<atom:link rel="hub" href="{hub}"/><atom:link rel="self" href="{url}"/>'
    bare = re.sub(r'<atom:link [^>]*rel="self"[^>]*/>', "", feed.decode())
    return bare.replace("<channel>", f"<channel>{links}", 1).encode()


class Site:
    """A folder of feeds, and when its files were changed."""

    def __init__(self, folder: Path, server: Outside) -> None:
        self._folder = folder
        self._time = 1_700_000_000
        self.server = server

    def put(self, name: str, body: bytes) -> None:
        """Put a file there, some seconds after the last one."""
        self._time += 10
        path = self._folder / name
        beside = path.with_suffix(".new")
        beside.write_bytes(body)
        os.utime(beside, (self._time, self._time))
        beside.rename(path)

    @property
    def statuses(self) -> list[int]:
        return self.server.statuses  # type: ignore[attr-defined]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with files(tmp_path) as server:
        yield Site(tmp_path, server)


def test_55_a_third_party_pings_our_hub(blog: Gateway, news: Gateway, site: Site) -> None:
    before = next(one for one in podcasts() if one.stem == "bc-sample").read_bytes()
    url = f"{site.server.url}/feed.xml"
    site.put("feed.xml", linked(before, blog.hub, url))
    news.follow("third", url)
    shown = settled(news, "third", blog)
    assert (shown["topic"], shown["hub"]) == (url, blog.hub)
    looks = len(site.statuses)

    assert say(blog.hub, mode="publish", url=url).status == 204  # nothing has changed
    until(lambda: len(site.statuses), lambda one: one == looks + 1)
    assert site.statuses[-1] == 304
    assert "if-modified-since" in site.server.got[-1].headers

    site.put("feed.xml", linked(next_version(before.decode()).encode(), blog.hub, url))
    assert say(blog.hub, mode="publish", topic=url).status == 204
    now = until(lambda: news.status("third"), lambda one: pushes(one, blog) == 1)
    assert now["entries"] == 2
    assert sorted(titles(news, "news/third")) == ["Edited", "One more"]
    assert site.statuses[looks + 1 :] == [200]  # once, by the hub
    assert f"(+{blog.hub}; 1 subscribers)" in site.server.got[-1].headers["user-agent"]
    assert now["measured"] == {blog.hub: {"pushes": 1, "missed": 0, "silent": False}}
    assert now["last_poll"] == shown["last_poll"]


def test_the_last_ping_counts_even_if_it_comes_during_a_fetch(
    blog: Gateway, news: Gateway, tmp_path: Path
) -> None:
    """The page is read, then changes and is pinged, and only then the old one is sent."""
    with outside() as server:
        url = server.url + "/feed"
        links = f'<{blog.hub}>; rel="hub", <{url}>; rel="self"'
        page = [atom(entry(1))]
        held, go_on = threading.Event(), threading.Event()
        go_on.set()

        def answer(_: Seen) -> Answer:
            body = page[0]
            held.set()
            go_on.wait(PATIENCE)
            return Answer(200, body, {"Content-Type": ATOM, "Link": links})

        server.answer = answer
        news.follow("held", url)
        settled(news, "held", blog)
        go_on.clear()
        held.clear()
        page[0] = atom(entry(2), entry(1))
        say(blog.hub, mode="publish", topic=url)
        assert held.wait(PATIENCE)
        page[0] = atom(entry(3), entry(2), entry(1))
        assert say(blog.hub, mode="publish", topic=url).status == 204
        go_on.set()
        until(lambda: titles(news, "news/held"), lambda one: len(one) == 2)
        assert titles(news, "news/held") == ["Number 2", "Number 3"]


# Failures.


@pytest.mark.parametrize("query", ["format=latest", "format=atom"])
def test_a_reader_that_was_killed_gets_all_it_missed_in_order_once(
    blog: Gateway, tmp_path: Path, query: str
) -> None:
    """Each version has one entry: who misses a version misses an entry."""
    name = f"gap/{query.removeprefix('format=')}"

    def publish(number: int) -> None:
        if query == "format=latest":
            blog.publish(name, atom(entry(number)), ATOM)
        else:
            blog.publish(name, {"n": number})

    def numbers() -> list[int]:
        found = [str(event["data"]) for event in news.events("news/gap")]
        return [int(number[-1]) for one in found if (number := re.findall(READ[query], one))]

    publish(0)
    with gateway(tmp_path / "news", **NEVER) as news:
        url = f"{blog.url}/topics/{name}?{query}"
        news.follow("gap", url)
        shown = settled(news, "gap", blog)
        publish(1)
        until(numbers)
        publish(2)
        news.kill()  # perhaps while it takes the second
        for number in range(3, 21):
            publish(number)
        (callback,) = [one["callback"] for one in blog.why(url)["callbacks"]]
        until(lambda: blog.why(url, callback), lambda one: one.get("waiting", 0) > 0)
        news.start()
        until(numbers, lambda one: len(one) >= 20)
        assert numbers() == list(range(1, 21))
        now = news.status("gap")
        assert now["topic"] == shown["topic"]
        assert now["measured"][blog.hub]["missed"] == 0
        until(
            lambda: blog.why(url, callback),
            lambda one: one["state"] == "active" and not one.get("waiting"),
        )
        publish(21)
        until(numbers, lambda one: len(one) >= 21)
        assert numbers() == list(range(1, 22))


READ = {"format=latest": r"'Number (\d+)'", "format=atom": r'"n": ?(\d+)'}
"""How to find the number of an entry."""


def test_a_hub_that_is_killed_between_202_and_verification_verifies_later(tmp_path: Path) -> None:
    """The way to `news` is closed at first, and opened once the hub is back."""
    with outside() as way:
        is_open = threading.Event()

        def forward(seen: Seen) -> Answer:
            if not is_open.is_set():
                return Answer(503)
            kept = {
                name: value
                for name, value in seen.headers.items()
                if name not in ("host", "connection", "content-length")
            }
            reply = ask(seen.method, news.url + seen.path, seen.body, kept)
            kind = {"Content-Type": reply.headers.get("Content-Type", "text/plain")}
            return Answer(reply.status, reply.body, kind)

        way.answer = forward
        with (
            gateway(tmp_path / "blog") as blog,
            gateway(tmp_path / "news", HUBBUB_WEB__PUBLIC_URL=way.url, **NEVER) as news,
        ):
            blog.publish("late", atom(entry(1)), ATOM)
            url = f"{blog.url}/topics/late?format=latest"
            news.follow("late", url)
            until(lambda: way.gets("/websub/"))
            assert news.status("late")["state"] == "pending"
            callback = way.url + way.gets("/websub/")[0].path.partition("?")[0]
            assert blog.why(url, callback)["state"] == "pending"
            blog.kill()
            is_open.set()
            blog.start()
            settled(news, "late", blog)
            assert blog.why(url, callback)["state"] == "active"
            blog.publish("late", atom(entry(2), entry(1)), ATOM)
            until(lambda: titles(news, "news/late"))
            assert titles(news, "news/late") == ["Number 2"]


# Another hub.


@pytest.mark.parametrize("how", ["by hand", "by renewal"])
def test_45_a_topic_that_changes_its_hub_is_followed_there(
    blog: Gateway, tmp_path: Path, site: Site, how: str
) -> None:
    """The new hub first, then an end at the old one."""
    env = {**NEVER, **({"HUBBUB_FOLLOW__LEASE": "60"} if how == "by renewal" else {})}
    with gateway(tmp_path / "other") as other, gateway(tmp_path / "news", **env) as news:
        feed = next(one for one in podcasts() if one.stem == "bc-sample").read_bytes()
        url = f"{site.server.url}/feed.xml"
        site.put("feed.xml", linked(feed, blog.hub, url))
        news.follow("moves", url)
        settled(news, "moves", blog)
        site.put("feed.xml", linked(feed, other.hub, url))
        if how == "by hand":
            news.follow("moves", url)
        shown = until(
            lambda: news.status("moves"),
            lambda one: one["state"] == "pushed" and one["hub"] == other.hub,
            PATIENCE + 0.6 * 60,  # a renewal comes at 0.6 of the lease at the latest
        )
        assert shown["hubs"] == [other.hub]
        until(lambda: other.subscriptions(url), lambda one: len(one) == 1)
        until(lambda: blog.subscriptions(url), lambda one: not one)
        site.put("feed.xml", linked(next_version(feed.decode()).encode(), other.hub, url))
        say(other.hub, mode="publish", topic=url)
        until(lambda: news.status("moves"), lambda one: pushes(one, other) == 1)
        assert news.status("moves")["entries"] == 2
        assert sorted(titles(news, "news/moves")) == ["Edited", "One more"]
        assert news.status("moves")["measured"][other.hub]["pushes"] == 1
        assert blog.why(url)["why"].startswith("Nobody")
