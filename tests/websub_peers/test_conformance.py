"""The hub as a strict client of others sees it, over HTTP: requests and verification. Numbers are those of docs/websub.md."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest

from websub_peers.outside import Answer, Seen, outside
from websub_peers.rig import FORM, PATIENCE, Gateway, ask, gateway, say, until
from websub_peers.strict import Subscriber, numbers, publish, signed

pytestmark = pytest.mark.slow


# Requests (5.1).


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=UTF-8", f"{FORM};charset=utf-8"])
def test_01_forms_are_taken_with_or_without_a_charset(
    hub: Gateway, reader: Subscriber, topic: str, kind: str
) -> None:
    form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": f"{reader.server.url}/cb"}
    reply = ask("POST", hub.hub, urlencode(form), {"Content-Type": kind})
    assert (reply.status, reply.body) == (202, b"")
    until(reader.asked)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", ""])
def test_01_07_other_bodies_are_refused_in_plain_text(hub: Gateway, kind: str) -> None:
    reply = ask("POST", hub.hub, b"hub.mode=subscribe", {"Content-Type": kind} if kind else {})
    assert reply.status == 415
    assert reply.headers["Content-Type"].startswith("text/plain")


def test_02_03_30_a_secret_of_199_bytes_is_used_and_one_of_200_is_not(
    hub: Gateway, reader: Subscriber, topic: str
) -> None:
    assert reader.ask(hub, topic, secret=100 * "é").status == 400
    assert reader.ask(hub, topic, secret=200 * "x").status == 400
    secret = 99 * "é" + "x"
    reader.subscribe(hub, topic, secret=secret)
    publish(hub, topic, 1)
    (push,) = until(reader.pushed)
    assert signed(push, secret)
    assert len(reader.asked()) == 1


def test_04_what_it_does_not_know_it_ignores(hub: Gateway, reader: Subscriber, topic: str) -> None:
    form = [
        ("foo", "bar"),
        ("hub.foo", "1"),
        ("hub.mode", "subscribe"),
        ("hub.topic", topic),
        ("hub.callback", f"{reader.server.url}/cb"),
        ("", ""),
    ]
    reply = ask("POST", hub.hub, urlencode(form), {"Content-Type": FORM})
    assert reply.status == 202
    (asked,) = until(reader.asked)
    assert set(asked) == {"hub.mode", "hub.topic", "hub.challenge", "hub.lease_seconds"}


def test_05_21_a_lease_is_granted_and_told(hub: Gateway, reader: Subscriber, topic: str) -> None:
    reader.subscribe(hub, topic, lease_seconds="4321")
    reader.subscribe(hub, topic, lease_seconds="999999999999")
    reader.subscribe(hub, topic)
    leases = [one["hub.lease_seconds"] for one in reader.asked()]
    assert leases == ["4321", str(30 * 86_400), str(10 * 86_400)]


def test_05_when_unsubscribing_the_lease_means_nothing(
    hub: Gateway, reader: Subscriber, topic: str
) -> None:
    reader.subscribe(hub, topic)
    reply = reader.ask(hub, topic, mode="unsubscribe", lease_seconds="never")
    assert reply.status == 202
    until(lambda: reader.asked(mode="unsubscribe"))


def test_06_202_does_not_wait_for_the_verification(
    hub: Gateway, reader: Subscriber, topic: str
) -> None:
    asked, go_on = threading.Event(), threading.Event()
    answer = reader.answer

    def slow(seen: Seen) -> Answer:
        asked.set()
        go_on.wait(PATIENCE)
        return answer(seen)

    reader.server.answer = slow
    assert reader.ask(hub, topic).status == 202
    assert asked.wait(PATIENCE)
    assert reader.ask(hub, topic, "/other").status == 202
    go_on.set()


def test_06_202_whatever_comes_of_it(hub: Gateway, reader: Subscriber, topic: str) -> None:
    with outside() as gone:
        pass
    assert say(hub.hub, mode="subscribe", topic=topic, callback=gone.url).status == 202
    reader.wants = False
    assert reader.ask(hub, topic).status == 202
    until(reader.asked)


CB = "http://127.0.0.1:9/cb"
GOOD = "http://127.0.0.1:9/topic"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"mode": "subscribe"},
        {"mode": "subscribe", "topic": GOOD},
        {"mode": "subscribe", "callback": CB},
        {"mode": "SUBSCRIBE", "topic": GOOD, "callback": CB},
        {"mode": "denied", "topic": GOOD, "callback": CB},
        {"mode": "subscribe", "topic": "topic", "callback": CB},
        {"mode": "subscribe", "topic": GOOD, "callback": "/cb"},
        {"mode": "subscribe", "topic": GOOD, "callback": "ftp://127.0.0.1/cb"},
        {"mode": "subscribe", "topic": "file:///etc/passwd", "callback": CB},
        {"mode": "subscribe", "topic": GOOD, "callback": f"{CB}#x"},
        {"mode": "subscribe", "topic": f"{GOOD}#x", "callback": CB},
        {"mode": "subscribe", "topic": GOOD, "callback": CB, "lease_seconds": "-1"},
        {"mode": "subscribe", "topic": GOOD, "callback": CB, "lease_seconds": "1.5"},
        {"mode": "publish"},
    ],
    ids=lambda form: urlencode(form)[:60] or "nothing",
)
def test_07_17_mistakes_are_told_in_plain_text(hub: Gateway, form: dict[str, str]) -> None:
    reply = say(hub.hub, **form)
    assert reply.status == 400
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert b"hub." in reply.body


def test_11_a_pair_of_exact_urls_is_one_subscription(
    hub: Gateway, reader: Subscriber, topic: str
) -> None:
    for path in ("/cb?a", "/cb?b", "/cb?a"):
        reader.subscribe(hub, topic, path)
    publish(hub, topic, 1)
    until(lambda: len(reader.pushed()), lambda one: one >= 2)
    publish(hub, topic, 2)
    until(lambda: len(reader.pushed()), lambda one: one >= 4)
    assert sorted(one.path for one in reader.pushed()) == ["/cb?a"] * 2 + ["/cb?b"] * 2


def test_12_what_is_not_verified_changes_nothing(
    hub: Gateway, reader: Subscriber, topic: str
) -> None:
    callback = f"{reader.server.url}/cb"
    reader.subscribe(hub, topic, secret="old", lease_seconds="5000")
    before = hub.why(topic, callback)["expires"]
    reader.wants = False
    for mode in ("subscribe", "unsubscribe"):
        count = len(reader.asked())
        reader.ask(hub, topic, mode=mode, secret="new", lease_seconds="9000")
        until(lambda count=count: len(reader.asked()) > count)
    publish(hub, topic, 1)
    (push,) = until(reader.pushed)
    assert signed(push, "old")
    assert hub.why(topic, callback)["expires"] == before


def test_13_30_a_renewal_changes_the_secret_or_drops_it(
    hub: Gateway, reader: Subscriber, topic: str
) -> None:
    for number, more in enumerate([{"secret": "one"}, {"secret": "two"}, {}]):
        reader.subscribe(hub, topic, **more)
        publish(hub, topic, number)
        until(reader.pushed, lambda one, n=number: len(one) > n)
    first, second, third = reader.pushed()
    assert signed(first, "one")
    assert signed(second, "two")
    assert "x-hub-signature" not in third.headers


PATH = "/a%2Fb//c/%C3%A9;p=1/?q=%20+x&hub.mode=mine&hub.topic&q=&=%26"


def test_14_20_26_the_callback_is_kept_byte_for_byte(
    hub: Gateway, reader: Subscriber, topic: str
) -> None:
    """Parameters are appended, and those of the same name stay beside."""
    assert reader.ask(hub, topic, PATH).status == 202
    (asked,) = until(lambda: reader.server.gets("/a"))
    assert asked.path.startswith(f"{PATH}&hub.mode=subscribe&hub.topic={quote(topic, safe='')}")
    until(lambda: hub.subscriptions(topic))
    publish(hub, topic, 1)
    (push,) = until(lambda: reader.server.posts("/a"))
    assert push.path == PATH
    assert b"hub." not in push.body


def test_14_21_29_the_topic_is_kept_byte_for_byte(hub: Gateway, reader: Subscriber) -> None:
    """Also one of somebody else, which is fetched as it was written."""
    path = "/t%2Fx//%C3%A9/?a=%20+&b"
    topic = reader.server.url + path
    answer = reader.answer
    page = [Answer(200, b"1", {"Content-Type": "text/plain"})]
    reader.server.answer = lambda seen: page[0] if seen.path == path else answer(seen)
    reader.subscribe(hub, topic)
    assert reader.asked()[0]["hub.topic"] == topic
    page[0] = Answer(200, b"2", {"Content-Type": "text/plain"})
    assert say(hub.hub, mode="publish", topic=topic).status == 204
    (push,) = until(reader.pushed)
    assert push.body == b"2"
    assert push.headers["link"] == f'<{hub.hub}>; rel="hub", <{topic}>; rel="self"'


def test_15_unsubscribing_is_verified_and_ends_it(
    hub: Gateway, reader: Subscriber, topic: str
) -> None:
    for path in ("/leaves", "/stays"):
        reader.subscribe(hub, topic, path)
    assert reader.ask(hub, topic, "/leaves", mode="unsubscribe").status == 202
    (asked,) = until(lambda: reader.asked("/leaves", "unsubscribe"))
    assert (asked["hub.topic"], len(asked["hub.challenge"]) > 20) == (topic, True)
    until(lambda: hub.subscriptions(topic), lambda one: len(one) == 1)
    publish(hub, topic, 1)
    until(lambda: reader.pushed("/stays"))
    publish(hub, topic, 2)
    until(lambda: reader.pushed("/stays"), lambda one: len(one) == 2)
    assert reader.pushed("/leaves") == []


# Verification (5.2, 5.3).


def test_18_19_a_topic_that_is_not_there_is_denied(hub: Gateway, reader: Subscriber) -> None:
    topic = f"{reader.server.url}/nothing"
    answer = reader.answer
    reader.server.answer = lambda s: Answer(404) if s.path == "/nothing" else answer(s)
    assert reader.ask(hub, topic).status == 202
    (asked,) = until(reader.asked)
    assert (asked["hub.mode"], asked["hub.topic"]) == ("denied", topic)
    assert "404" in asked["hub.reason"]
    assert "hub.challenge" not in asked


@pytest.mark.parametrize("status", [200, 201, 202, 206])
def test_21_22_any_2xx_with_the_challenge_verifies(
    hub: Gateway, reader: Subscriber, topic: str, status: int
) -> None:
    reader.echo = Answer(status)
    reader.subscribe(hub, topic)
    publish(hub, topic, 1)
    until(reader.pushed)


@pytest.mark.parametrize(
    "echo",
    [
        Answer(200, b"\n"),
        Answer(200, b" and more"),
        Answer(404),
        Answer(410),
        Answer(301),
        Answer(307),
    ],
    ids=lambda echo: f"{echo.status} {echo.body.decode().strip()}",
)
def test_22_23_all_else_does_not(
    hub: Gateway, reader: Subscriber, topic: str, echo: Answer
) -> None:
    """Redirects are not followed, even to where the challenge would come back."""
    elsewhere = {"Location": f"{reader.server.url}/elsewhere?hub.challenge=1"}
    reader.echo = echo._replace(headers=elsewhere if 300 <= echo.status < 400 else {})
    assert reader.ask(hub, topic).status == 202
    callback = f"{reader.server.url}/cb"
    why = until(lambda: hub.why(topic, callback), lambda one: "came to nothing" in one["why"])
    assert why["state"] == "none"
    reader.echo = Answer(200)
    reader.subscribe(hub, topic, "/good")
    publish(hub, topic, 1)
    until(lambda: reader.pushed("/good"))
    assert reader.pushed("/cb") == []
    assert reader.server.gets("/elsewhere") == []
    challenges = [one["hub.challenge"] for one in (*reader.asked(), *reader.asked("/good"))]
    assert len(challenges) == len(set(challenges)) == 2  # each is used once


def test_24_a_lease_ends(hub: Gateway, reader: Subscriber, topic: str) -> None:
    reader.subscribe(hub, topic, "/short", lease_seconds="1")
    reader.subscribe(hub, topic, "/long")
    assert reader.asked("/short")[0]["hub.lease_seconds"] == "1"
    callback = f"{reader.server.url}/short"
    end = datetime.fromisoformat(hub.why(topic, callback)["expires"])
    until(lambda: datetime.now(UTC), lambda now: now > end)
    publish(hub, topic, 1)
    until(lambda: reader.pushed("/long"))
    until(lambda: hub.why(topic, callback), lambda one: one["state"] == "expired")
    publish(hub, topic, 2)
    until(lambda: reader.pushed("/long"), lambda one: len(one) == 2)
    assert reader.pushed("/short") == []
    reader.subscribe(hub, topic, "/short")  # and may begin again, with what comes then
    publish(hub, topic, 3)
    until(lambda: reader.pushed("/short"))
    assert numbers(reader.pushed("/short")) == [3]


def test_25_old_clients_are_asked_again(
    reader: Subscriber, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """PubSubHubbub 0.3: `hub.verify`, no lease, a token that is to come back."""
    env = {"HUBBUB_WEBSUB__MIN_LEASE": "1", "HUBBUB_WEBSUB__LEASE": "2"}
    with gateway(tmp_path_factory.mktemp("old"), **env) as hub:
        hub.publish("old", {"n": 0})
        topic = f"{hub.url}/topics/old"
        reply = reader.ask(hub, topic, verify="sync", verify_token="a&b")
        assert reply.status == 202
        until(lambda: len(reader.asked()), lambda one: one >= 3)
        assert {one["hub.verify_token"] for one in reader.asked()} == {"a&b"}
        assert {one["hub.mode"] for one in reader.asked()} == {"subscribe"}
        hub.publish("old", {"n": 1})
        until(reader.pushed)
