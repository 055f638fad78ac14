"""Flask-WebSub's hub pushes to our subscriber, and is told of our topics: both over real processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sources.websub.world import ATOM, atom, entry
from websub_peers.rig import Gateway, Peer, ask, call, gateway, peer, until

pytestmark = pytest.mark.slow


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Peer]:
    with peer("flask_hub", tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def publisher() -> Iterator[Peer]:
    with peer("flask_publisher") as made:
        yield made


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("news")) as made:
        yield made


def put(publisher: Peer, hub: str, body: bytes, kind: str = ATOM, name: str = "feed") -> str:
    url = f"{publisher.url}/pages/{name}"
    assert ask("PUT", f"{url}?hub={hub}", body, {"Content-Type": kind}).status == 200
    return url


def callbacks(hub: Peer, topic: str) -> list[dict[str, Any]]:
    return hub.told(f"/callbacks?topic={topic}")


def titles(news: Gateway, topic: str) -> list[str]:
    return [event["data"]["title"] for event in news.events(topic)]


def test_36_to_49_their_hub_pushes_what_we_follow(
    news: Gateway, hub: Peer, publisher: Peer
) -> None:
    url = put(publisher, hub.hub, atom(entry(1)))
    call("POST", hub.url + "/hold?yes=1")
    news.follow("blog", url)
    shown = until(lambda: news.status("blog"), lambda one: one.get("hub"))
    assert (shown["state"], shown["hub"], shown["topic"]) == ("pending", hub.hub, url)
    assert callbacks(hub, url) == []
    call("POST", hub.url + "/hold?yes=0")
    shown = news.pushed("blog")
    assert shown["signed"] is True
    assert {"since", "lease_end", "renews"} <= shown.keys()
    (ours,) = until(lambda: callbacks(hub, url))
    assert ours["callback"].startswith(f"{news.url}/websub/")
    assert ours["signed"]

    put(publisher, hub.hub, atom(entry(2), entry(1, "edited")))
    assert publisher.call("/pages/feed/ping") == {"status": 202}
    assert until(lambda: titles(news, "news/blog")) == ["edited", "Number 2"]
    assert publisher.call("/pages/feed/ping") == {"status": 202}  # the same once more
    pushes = until(lambda: news.status("blog")["measured"][hub.hub]["pushes"], lambda one: one == 2)
    put(publisher, hub.hub, atom(entry(3), entry(2), entry(1, "edited")))
    publisher.call("/pages/feed/ping")
    until(lambda: len(titles(news, "news/blog")), lambda one: one >= 3)
    assert titles(news, "news/blog") == ["edited", "Number 2", "Number 3"]
    assert [one["subject"] for one in news.events("news/blog")] == ["urn:e:1", "urn:e:2", "urn:e:3"]
    assert pushes == 2

    forged = atom(entry(4, "forged"))
    for signature in ({}, {"X-Hub-Signature": "sha512=" + 128 * "0"}):
        reply = ask("POST", ours["callback"], forged, {"Content-Type": ATOM, **signature})
        assert reply.status == 403
    asked = f"?hub.mode=unsubscribe&hub.topic={url}&hub.challenge=1"
    assert ask("GET", ours["callback"] + asked).status == 404
    shown = news.status("blog")
    assert shown["unsigned"] == 2
    assert shown["measured"][hub.hub] == {"pushes": 3, "missed": 0, "silent": False}

    assert ask("DELETE", f"{news.url}/sources/blog").status == 204
    until(lambda: callbacks(hub, url), lambda one: not one)
    assert titles(news, "news/blog") == ["edited", "Number 2", "Number 3"]


def test_46_what_is_no_feed_is_pushed_as_it_is(news: Gateway, hub: Peer, publisher: Peer) -> None:
    """What was given is not lost, whatever it is."""
    kind = "text/plain; charset=ISO-8859-1"
    url = put(publisher, hub.hub, b"caf\xe9 1", kind, "text")
    news.follow("text", url)
    news.pushed("text")
    until(lambda: callbacks(hub, url))
    put(publisher, hub.hub, b"caf\xe9 2", kind, "text")
    publisher.call("/pages/text/ping")
    (event,) = until(lambda: news.events("news/text"))
    assert (event["type"], event["datacontenttype"]) == ("hubbub.websub.content", kind)
    reply = ask("GET", f"{news.url}/topics/news/text?format=latest")
    assert (reply.headers["Content-Type"], reply.body) == (kind, b"caf\xe9 2")


def test_45_a_renewal_leaves_one_subscription(news: Gateway, hub: Peer, publisher: Peer) -> None:
    """Another callback takes the place of the first, which is ended at the hub."""
    url = put(publisher, hub.hub, atom(entry(1)), name="renewed")
    news.follow("renewed", url)
    news.pushed("renewed")
    (before,) = until(lambda: callbacks(hub, url))
    news.follow("renewed", url)
    until(lambda: callbacks(hub, url), lambda one: len(one) == 1 and before not in one)
    put(publisher, hub.hub, atom(entry(2), entry(1)), name="renewed")
    publisher.call("/pages/renewed/ping")
    until(lambda: titles(news, "news/renewed"))
    assert titles(news, "news/renewed") == ["Number 2"]


def test_39_a_source_is_followed_through_the_hub_that_its_owner_names(
    news: Gateway, hub: Peer, publisher: Peer
) -> None:
    """As for feeds that do not name one: here it names one that is not there."""
    url = put(publisher, "http://127.0.0.1:9/hub", atom(entry(1)), name="named")
    news.follow("named", url, hub=hub.hub)
    assert news.pushed("named")["hub"] == hub.hub
    assert len(until(lambda: callbacks(hub, url))) == 1


@pytest.fixture
def blog(tmp_path: Path, hub: Peer) -> Iterator[Gateway]:
    """A publisher whose topics a hub of Flask-WebSub is told of."""
    folder = tmp_path / "blog"
    with gateway(folder, HUBBUB_WEBSUB__HUBS=json.dumps([hub.hub])) as made:
        yield made


def followed(reader: Peer, url: str, hub: str) -> str:
    found = reader.call("/discover", url=url)
    assert found == {"topic_url": url, "hub_url": hub}  # the last one that is advertised
    id_ = reader.call("/subscribe", **found)["id"]
    until(lambda: [one for one in reader.told("/got")["succeeded"] if one["id"] == id_])
    return id_


def bodies(reader: Peer) -> list[list[Any]]:
    got = reader.told("/got")["verified"]
    return [[event["data"]["n"] for event in json.loads(one["body"])] for one in got]


def test_55_their_hub_is_told_and_tells_its_subscribers(
    blog: Gateway, hub: Peer, tmp_path: Path
) -> None:
    blog.publish("posts", {"n": 0})
    url = f"{blog.url}/topics/posts"
    until(lambda: hub.told("/pinged"), lambda one: url in one)
    with peer("flask_subscriber", tmp_path) as reader:
        followed(reader, url, hub.hub)
        blog.publish("posts", {"n": 1})
        until(lambda: bodies(reader), lambda one: one and one[-1] == [0, 1])
        (first, *_) = reader.told("/got")["verified"]
        assert first["type"] == "application/json"
        assert f'<{url}>; rel="self"' in first["link"]
        assert f'<{hub.hub}>; rel="hub"' in first["link"]


def test_55_a_hub_that_was_down_is_told_once_it_is_there(tmp_path: Path) -> None:
    with (
        peer("flask_hub", tmp_path) as hub,
        gateway(tmp_path / "blog", HUBBUB_WEBSUB__HUBS=json.dumps([hub.hub])) as blog,
        peer("flask_subscriber", tmp_path) as reader,
    ):
        blog.publish("posts", {"n": 0})
        url = f"{blog.url}/topics/posts"
        until(lambda: hub.told("/pinged"), lambda one: url in one)
        followed(reader, url, hub.hub)
        before = len(bodies(reader))
        hub.end()
        blog.publish("posts", {"n": 1})
        (told,) = [
            one for one in call("GET", blog.url + "/subscriptions") if one["sink"] == hub.hub
        ]
        attempts = f"{blog.url}/subscriptions/{told['id']}/attempts"
        until(lambda: [one for one in call("GET", attempts) if one["outcome"] != "delivered"])
        assert len(bodies(reader)) == before
        with peer("flask_hub", tmp_path, port=hub.port) as again:
            until(lambda: (again.told("/pinged"), call("GET", attempts)), lambda one: url in one[0])
            until(lambda: bodies(reader), lambda one: one and one[-1] == [0, 1])
