"""The hub as a strict client of others sees it, over HTTP: distribution, publishing. Numbers are those of docs/websub.md."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading

import pytest

from websub_peers.outside import Answer, Seen
from websub_peers.rig import PATIENCE, Gateway, ask, say, until
from websub_peers.strict import Subscriber, numbers, publish

pytestmark = pytest.mark.slow


# Distribution (7).


@pytest.mark.parametrize(
    "query", ["", "?format=batch", "?format=atom", "?format=json-feed", "?format=latest"]
)
def test_27_28_29_56_58_a_notification_is_what_a_get_of_the_topic_is(
    hub: Gateway, reader: Subscriber, topic: str, query: str
) -> None:
    """The same Content-Type; the same links; the same content, or what of it is new."""
    url = topic + query
    reader.subscribe(hub, url)
    publish(hub, url, 1, "application/vnd.x+json; v=1")
    (push,) = until(reader.pushed)
    there = ask("GET", url)
    assert push.headers["content-type"] == there.headers["Content-Type"]
    links = f'<{hub.hub}>; rel="hub", <{url}>; rel="self"'
    assert (push.headers["link"], there.headers.get_all("Link")) == (links, [links])
    whole = query in ("?format=json-feed", "?format=latest")
    if whole:
        assert push.body == there.body
    elif query == "?format=atom":
        new = re.findall(rb"<entry>.*?</entry>", push.body, re.DOTALL)
        assert len(new) == 1
        assert new[0] in there.body
    else:
        assert json.loads(push.body) == json.loads(there.body)[-1:]


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_30_signatures_are_of_the_raw_body(
    hub: Gateway, reader: Subscriber, topic: str, method: str
) -> None:
    reader.subscribe(hub, topic, secret="s3cret", signature_methods=method)
    publish(hub, topic, 1)
    (push,) = until(reader.pushed)
    digest = hmac.new(b"s3cret", push.body, getattr(hashlib, method)).hexdigest()
    assert push.headers["x-hub-signature"] == f"{method}={digest}"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_31_any_2xx_is_success(hub: Gateway, reader: Subscriber, topic: str, status: int) -> None:
    reader.status = status
    reader.subscribe(hub, topic)
    for number in (1, 2):
        publish(hub, topic, number)
        until(reader.pushed, lambda one, n=number: len(one) == n)
    assert numbers(reader.pushed()) == [1, 2]


@pytest.mark.parametrize("status", [301, 307, 400, 404, 500, 503])
def test_31_33_34_all_else_is_failure_tried_again_and_ends_nothing(
    hub: Gateway, reader: Subscriber, topic: str, status: int
) -> None:
    answer = reader.answer
    elsewhere = {"Location": f"{reader.server.url}/elsewhere"}
    is_bad = [True]

    def bad(seen: Seen) -> Answer:
        if seen.method == "POST" and is_bad[0]:
            return Answer(status, headers=elsewhere)
        return answer(seen)

    reader.server.answer = bad
    reader.subscribe(hub, topic)
    publish(hub, topic, 1)
    until(reader.pushed, lambda one: len(one) >= 2)
    is_bad[0] = False
    failures = len(reader.pushed())
    publish(hub, topic, 2)
    until(lambda: set(numbers(reader.pushed()[failures:])), lambda one: one >= {1, 2})
    assert reader.server.posts("/elsewhere") == []
    assert hub.why(topic, f"{reader.server.url}/cb")["state"] == "active"


def test_32_410_ends_it(hub: Gateway, reader: Subscriber, topic: str) -> None:
    reader.subscribe(hub, topic)
    reader.status = 410
    publish(hub, topic, 1)
    until(reader.pushed)
    until(lambda: hub.subscriptions(topic), lambda one: not one)
    reader.status = 204
    publish(hub, topic, 2)
    reader.subscribe(hub, topic, "/other")
    publish(hub, topic, 3)
    until(lambda: reader.pushed("/other"))
    assert len(reader.pushed("/cb")) == 1


def test_35_a_callback_that_hangs_delays_nobody(
    hub: Gateway, reader: Subscriber, topic: str
) -> None:
    go_on = threading.Event()
    answer = reader.answer

    def slow(seen: Seen) -> Answer:
        if seen.method == "POST" and seen.path == "/hangs":
            go_on.wait(PATIENCE)
        return answer(seen)

    reader.server.answer = slow
    for path in ("/hangs", "/quick"):
        reader.subscribe(hub, topic, path)
    try:
        for number in (1, 2, 3):
            publish(hub, topic, number)
            until(lambda: reader.pushed("/quick"), lambda one, n=number: len(one) == n)
        assert len(reader.pushed("/hangs")) == 1
    finally:
        go_on.set()
    until(lambda: numbers(reader.pushed("/hangs")), lambda one: one[-1] == 3)
    assert numbers(reader.pushed("/hangs")) == [1, 2, 3]


# Publishing (4, 6), and PubSubHubbub.


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("query", ["", "?format=atom", "?format=json-feed", "?format=latest"])
def test_53_54_56_58_topics_name_their_hub_and_themselves(
    hub: Gateway, topic: str, query: str, method: str
) -> None:
    reply = ask(method, topic + query)
    (links,) = reply.headers.get_all("Link")
    found = re.findall(r'<([^>]*)>; rel="([^"]*)"', links)
    assert found == [(hub.hub, "hub"), (topic + query, "self")]
    if query == "?format=atom" and method == "GET":
        inside = dict(re.findall(rb'<link rel="(hub|self)" href="([^"]*)"', reply.body))
        assert inside == {b"hub": hub.hub.encode(), b"self": (topic + query).encode()}
    if query == "?format=json-feed" and method == "GET":
        told = reply.json()
        assert told["hubs"] == [{"type": "WebSub", "url": hub.hub}]
        assert told["feed_url"] == topic + query


@pytest.mark.parametrize(
    "names",
    [
        [("hub.url", "{0}")],
        [("hub.topic", "{0}")],
        [("hub.topic", "{0}"), ("hub.url", "{0}")],
        [("hub.url", "{1}"), ("hub.url", "{0}")],
        [("hub.url[]", "{1}"), ("hub.url[]", "{0}")],
        [("hub.url", "{1},{0}")],
    ],
    ids=lambda names: " ".join(f"{name}={value}" for name, value in names),
)
def test_55_pings_in_all_the_ways_there_are(
    hub: Gateway, reader: Subscriber, names: list[tuple[str, str]]
) -> None:
    page = [b"1"]
    answer = reader.answer

    def published(seen: Seen) -> Answer:
        return Answer(200, page[0]) if seen.path == "/page" else answer(seen)

    reader.server.answer = published
    topic = f"{reader.server.url}/page"
    reader.subscribe(hub, topic)
    page[0] = b"2"
    fields = [(name, value.format(topic, f"{topic}/other")) for name, value in names]
    assert say(hub.hub, *fields, mode="publish").status == 204
    (push,) = until(reader.pushed)
    assert push.body == b"2"
    assert len(reader.server.gets("/page")) == 2


def test_55_a_ping_for_a_topic_that_nobody_wants_is_no_mistake(
    hub: Gateway, reader: Subscriber
) -> None:
    assert say(hub.hub, mode="publish", url=f"{reader.server.url}/page").status == 204
    assert reader.server.got == []
