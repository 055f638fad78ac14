"""Flask-WebSub subscribes at our hub: somebody else's client, in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import feedparser
import pytest

from websub_peers.rig import Gateway, Peer, ask, call, gateway, peer, say, until

pytestmark = pytest.mark.slow

SECRET = "a secret of ours"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("hub")) as made:
        yield made


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with peer("flask_subscriber", tmp_path_factory.mktemp("reader")) as made:
        yield made


@pytest.fixture(scope="module")
def publisher() -> Iterator[Peer]:
    with peer("flask_publisher") as made:
        yield made


def subscribed(hub: Gateway, reader: Peer, url: str, **more: Any) -> str:
    """Discover and subscribe; return its id of the subscription once both know that it holds."""
    found = reader.call("/discover", url=url)
    id_ = reader.call("/subscribe", **found, **more)["id"]
    until(lambda: modes(reader, id_), lambda one: one == ["subscribe"])
    until(lambda: hub.why(url, callback(reader, id_)), lambda one: one["state"] == "active")
    return id_


def modes(reader: Peer, id: str) -> list[str]:
    """What the hub has verified of a subscription."""
    return [one["mode"] for one in reader.told("/got")["succeeded"] if one["id"] == id]


def verified(reader: Peer, id: str) -> list[dict[str, Any]]:
    """The deliveries that it found to be signed as they should be."""
    return [one for one in reader.told("/got")["verified"] if one["id"] == id]


def refused(reader: Peer, id: str) -> int:
    """Deliveries that came and were not good."""
    return reader.told("/got")["posts"].count(id) - len(verified(reader, id))


def callback(reader: Peer, id: str) -> str:
    return f"{reader.url}/callbacks/{id}"


@pytest.mark.parametrize("query", ["", "?format=atom", "?format=json-feed", "?format=latest"])
def test_36_54_58_it_discovers_us_by_link_headers(hub: Gateway, reader: Peer, query: str) -> None:
    hub.publish("found", {"n": 1})
    url = f"{hub.url}/topics/found{query}"
    assert reader.call("/discover", url=url) == {"hub_url": hub.hub, "topic_url": url}


def test_36_54_58_it_discovers_us_inside_a_feed(hub: Gateway, reader: Peer) -> None:
    hub.publish("found", {"n": 1})
    url = f"{hub.url}/topics/found?format=atom"
    assert reader.call("/discover-inside", url=url) == {"hub_url": hub.hub, "topic_url": url}


def as_json(body: str) -> list[Any]:
    return [event["data"]["n"] for event in json.loads(body)]


def as_atom(body: str) -> list[Any]:
    entries = feedparser.parse(body)["entries"]
    return [json.loads(entry["content"][0]["value"])["n"] for entry in entries]


def as_json_feed(body: str) -> list[Any]:
    return [json.loads(item["content_text"])["n"] for item in json.loads(body)["items"]]


def as_it_was(body: str) -> list[Any]:
    return [json.loads(body)["n"]]


FORMS = [
    ("", "application/json", as_json, [[1], [2]]),
    ("?format=atom", "application/atom+xml", as_atom, [[1], [2]]),
    ("?format=json-feed", "application/feed+json", as_json_feed, [[1, 0], [2, 1, 0]]),
    ("?format=latest", "application/vnd.ours+json; v=1", as_it_was, [[1], [2]]),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[0] or "json")
def test_26_27_29_30_events_come_signed_in_the_form_of_the_topic(
    hub: Gateway, reader: Peer, form: tuple[str, str, Any, list[list[int]]]
) -> None:
    query, kind, read, numbers = form
    name = f"forms/{query.rpartition('=')[2] or 'json'}"
    sent = "application/vnd.ours+json; v=1"
    hub.publish(name, {"n": 0}, sent)
    url = f"{hub.url}/topics/{name}{query}"
    id_ = subscribed(hub, reader, url, secret=SECRET)
    for number in (1, 2):
        hub.publish(name, {"n": number}, sent)
        until(lambda: verified(reader, id_), lambda one, n=number: len(one) == n)
    got = verified(reader, id_)
    assert [read(one["body"]) for one in got] == numbers
    assert {one["topic"] for one in got} == {url}
    assert {one["type"] for one in got} == {ask("GET", url).headers["Content-Type"]}
    assert got[0]["type"].startswith(kind)
    assert {one["link"] for one in got} == {f'<{hub.hub}>; rel="hub", <{url}>; rel="self"'}
    assert all(one["signature"].startswith("sha256=") for one in got)
    assert refused(reader, id_) == 0


def test_30_without_a_secret_nothing_is_signed(hub: Gateway, reader: Peer) -> None:
    hub.publish("open", {"n": 0})
    id_ = subscribed(hub, reader, f"{hub.url}/topics/open")
    hub.publish("open", {"n": 1})
    (got,) = until(lambda: verified(reader, id_))
    assert got["signature"] == ""


def test_a_client_that_tries_https_first_is_sent_away_in_a_way_it_understands(
    hub: Gateway, tmp_path: Path
) -> None:
    """A TLS handshake at our port: as the library does it, out of the box."""
    hub.publish("strict", {"n": 0})
    with peer("flask_subscriber", tmp_path, "strict") as strict:
        id_ = subscribed(hub, strict, f"{hub.url}/topics/strict")
        hub.publish("strict", {"n": 1})
        until(lambda: verified(strict, id_))


def test_11_13_renewal_keeps_the_place_and_changes_the_lease(hub: Gateway, reader: Peer) -> None:
    hub.publish("renewed", {"n": 0})
    url = f"{hub.url}/topics/renewed"
    id_ = subscribed(hub, reader, url, secret=SECRET, lease_seconds=4000)
    before = hub.why(url, callback(reader, id_))
    hub.publish("renewed", {"n": 1})
    until(lambda: verified(reader, id_))
    reader.call("/renew", id=id_)
    until(lambda: modes(reader, id_), lambda one: one == ["subscribe", "subscribe"])
    after = until(
        lambda: hub.why(url, callback(reader, id_)),
        lambda one: one["expires"] > before["expires"],
    )
    assert after["state"] == "active"
    assert len(hub.subscriptions(url)) == 1
    hub.publish("renewed", {"n": 2})
    until(lambda: verified(reader, id_), lambda one: len(one) == 2)
    assert [as_json(one["body"]) for one in verified(reader, id_)] == [[1], [2]]
    assert refused(reader, id_) == 0


def test_15_unsubscribing_ends_it(hub: Gateway, reader: Peer) -> None:
    hub.publish("left", {"n": 0})
    url = f"{hub.url}/topics/left"
    leaver, stayer = subscribed(hub, reader, url), subscribed(hub, reader, url)
    reader.call("/unsubscribe", id=leaver)
    until(lambda: modes(reader, leaver), lambda one: one == ["subscribe", "unsubscribe"])
    until(lambda: hub.subscriptions(url), lambda one: len(one) == 1)
    for number in (1, 2):
        hub.publish("left", {"n": number})
        until(lambda: verified(reader, stayer), lambda one, n=number: len(one) == n)
    assert leaver not in reader.told("/got")["posts"]
    assert hub.why(url, callback(reader, leaver))["state"] == "none"


def test_19_who_ends_it_at_the_hub_denies_it_to_the_client(hub: Gateway, reader: Peer) -> None:
    hub.publish("ended", {"n": 0})
    url = f"{hub.url}/topics/ended"
    id_ = subscribed(hub, reader, url)
    (there,) = [
        one
        for one in call("GET", f"{hub.url}/subscriptions?limit=1000")
        if one["sink"] == callback(reader, id_)
    ]
    assert ask("DELETE", f"{hub.url}/subscriptions/{there['id']}").status == 204
    (denial,) = until(
        lambda: [one for one in reader.told("/got")["failed"] if one["id"] == id_],
    )
    assert denial["topic"] == url
    assert "deleted" in denial["reason"]
    assert hub.subscriptions(url) == []


PAGE = b"<p>caf\xe9 %d</p>"
LATIN = "text/html; charset=ISO-8859-1"


def put(publisher: Peer, name: str, hub: str, body: bytes, kind: str = LATIN) -> str:
    url = f"{publisher.url}/pages/{name}"
    assert ask("PUT", f"{url}?hub={hub}", body, {"Content-Type": kind}).status == 200
    return url


def fetched(publisher: Peer, name: str) -> list[dict[str, Any]]:
    """What the hub has fetched of a page."""
    told = publisher.told("/fetched")
    return [one for one in told if one["name"] == name and "hubbub" in one["agent"]]


def test_27_28_55_a_topic_of_others_is_pinged_fetched_and_delivered(
    hub: Gateway, reader: Peer, publisher: Peer
) -> None:
    url = put(publisher, "page", hub.hub, PAGE % 0)
    id_ = subscribed(hub, reader, url, secret=SECRET)
    until(lambda: hub.subscriptions(url))
    assert len(fetched(publisher, "page")) == 1  # the first look
    for number in (1, 2):
        put(publisher, "page", hub.hub, PAGE % number)
        assert publisher.call("/pages/page/ping") == {"status": 204}
        until(lambda: verified(reader, id_), lambda one, n=number: len(one) == n)
        looks = len(fetched(publisher, "page"))
        assert publisher.call("/pages/page/ping") == {"status": 204}  # and nothing has changed
        last = until(lambda: fetched(publisher, "page"), lambda one, looks=looks: len(one) > looks)[
            -1
        ]
        assert (last["conditional"], last["status"]) == (True, 304)
        assert "1 subscribers" in last["agent"]
    got = verified(reader, id_)
    assert [one["body"].encode("latin-1") for one in got] == [PAGE % 1, PAGE % 2]
    assert {one["type"] for one in got} == {LATIN}
    assert {one["link"] for one in got} == {f'<{hub.hub}>; rel="hub", <{url}>; rel="self"'}
    assert refused(reader, id_) == 0
    reader.call("/unsubscribe", id=id_)
    until(lambda: hub.subscriptions(url), lambda one: not one)
    looks = len(fetched(publisher, "page"))
    put(publisher, "page", hub.hub, PAGE % 3)
    assert say(hub.hub, mode="publish", url=url).status == 204
    put(publisher, "other", hub.hub, PAGE % 0)
    other = subscribed(hub, reader, f"{publisher.url}/pages/other")
    put(publisher, "other", hub.hub, PAGE % 1)
    publisher.call("/pages/other/ping")
    until(lambda: verified(reader, other))
    assert len(fetched(publisher, "page")) == looks  # nobody is there for it any more


@pytest.mark.parametrize(
    "kind",
    ["text/xml", 'application/rss+xml; charset="UTF-8"', "Application/JSON;q=1", "x"],
)
def test_27_the_type_of_a_topic_of_others_is_verbatim(
    hub: Gateway, reader: Peer, publisher: Peer, kind: str
) -> None:
    name = "type" + str(sum(kind.encode()))
    url = put(publisher, name, hub.hub, b"{not json", kind)
    id_ = subscribed(hub, reader, url)
    put(publisher, name, hub.hub, b"<not xml", kind)
    publisher.call(f"/pages/{name}/ping")
    (got,) = until(lambda: verified(reader, id_))
    assert (got["type"], got["body"]) == (kind, "<not xml")
