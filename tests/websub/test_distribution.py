"""What subscribers get, and when: representations, signatures, retries, gap-fill."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from channels.receiver import status
from hubbub.core.event import compose
from hubbub.wire.websub import sign
from websub.rig import BASE, Reader, World, query, reading

pytestmark = pytest.mark.anyio

ATOM = "{http://www.w3.org/2005/Atom}"
TOPIC = f"{BASE}/topics/blog"
DAY = 86_400


def numbers(reader: Reader) -> list[int]:
    """Return the data of events, in the order in which they came as JSON."""
    return [event["data"] for push in reader.pushed for event in json.loads(push.body)]


async def test_27_28_29_events_as_json(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC, "/cb?x=%2F")
    await hub.publish("blog", b"1")
    await hub.until(lambda: reader.pushed)
    (push,) = reader.pushed
    assert push.path == "/cb?x=%2F"
    assert push.headers["content-type"] == "application/json"
    assert push.headers["link"] == f'<{BASE}/hub>; rel="hub", <{TOPIC}>; rel="self"'
    (event,) = json.loads(push.body)
    assert (event["data"], event["topic"], event["position"]) == (1, "blog", event["position"])
    assert b"hub." not in push.body
    assert "x-hub-signature" not in push.headers


async def test_27_a_batch_says_what_it_is(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, f"{TOPIC}?format=batch")
    await hub.publish("blog", b"1")
    await hub.until(lambda: reader.pushed)
    assert reader.pushed[0].headers["content-type"] == "application/cloudevents-batch+json"


async def test_28_a_feed_has_what_was_not_confirmed_yet(hub: World, reader: Reader) -> None:
    topic = f"{TOPIC}?format=atom"
    await hub.subscribe(reader, topic)
    for number in range(3):
        await hub.publish("blog", b"%d" % number)
        await hub.until(lambda number=number: len(reader.pushed) == number + 1)
    for number, push in enumerate(reader.pushed):
        assert push.headers["content-type"] == "application/atom+xml"
        root = ET.fromstring(push.body)
        links = {one.get("rel"): one.get("href") for one in root.findall(f"{ATOM}link")}
        assert links == {"hub": f"{BASE}/hub", "self": topic, "alternate": TOPIC}
        contents = [one.findtext(f"{ATOM}content") for one in root.findall(f"{ATOM}entry")]
        assert contents == [str(number)]


async def test_28_a_json_feed_is_whole(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, f"{TOPIC}?format=json-feed")
    for number in range(60):
        await hub.publish("blog", b"%d" % number)
    await hub.until(lambda: reader.pushed and hub_is_idle(hub))
    feed = json.loads(reader.pushed[-1].body)
    assert [item["content_text"] for item in feed["items"]] == [str(n) for n in range(59, 9, -1)]
    assert feed["hubs"] == [{"type": "WebSub", "url": f"{BASE}/hub"}]
    assert reader.pushed[-1].headers["content-type"] == "application/feed+json"


def hub_is_idle(hub: World) -> bool:
    return all(lane.intake.main.low == hub.log.head for lane in hub.engine.lanes.values())


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html; charset=ISO-8859-1", "<p>Zoë</p>".encode("latin-1")),
        ("application/json", b' {"a": 1}\n'),
        ("image/png", bytes(range(256))),
        ("text/xml;charset=utf-8", "<a>ü</a>".encode()),
    ],
)
async def test_27_28_the_last_event_as_it_was_sent(
    hub: World, reader: Reader, kind: str, body: bytes
) -> None:
    await hub.subscribe(reader, f"{TOPIC}?format=latest", secret="s")
    await hub.publish("blog", body, kind)
    await hub.until(lambda: reader.pushed)
    (push,) = reader.pushed
    assert (push.headers["content-type"], push.body) == (kind, body)
    assert push.headers["x-hub-signature"] == sign("sha256", "s", body)


async def test_a_topic_may_be_a_pattern_of_types_and_a_filter(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, f"{BASE}/topics/blog/*?type=t&filter=NOT%20EXISTS%20subject")
    await hub.subscribe(reader, f"{BASE}/topics/blog/*?type=other", "/other")
    await hub.publish("blog/a", b"1")
    await hub.publish("elsewhere", b"2")
    await hub.publish("blog/b", b"3")
    await hub.until(lambda: len(numbers(reader)) == 2)
    assert numbers(reader) == [1, 3]
    assert {push.path for push in reader.pushed} == {"/cb"}


@pytest.mark.parametrize("code", [200, 204, 299])
async def test_31_any_2xx_is_success_whatever_the_body(
    hub: World, reader: Reader, code: int
) -> None:
    await hub.subscribe(reader, TOPIC)
    reader.answer = lambda _: status(code, body=b"" if code == 204 else b"hub.mode=unsubscribe")
    await hub.publish("blog", b"1")
    await hub.publish("blog", b"2")
    await hub.until(lambda: hub_is_idle(hub) and numbers(reader)[-1:] == [2])
    assert numbers(reader) == [1, 2]


@pytest.mark.parametrize("code", [301, 307, 400, 403, 404, 500])
async def test_31_33_all_else_is_failure_and_tried_again(
    hub: World, reader: Reader, code: int
) -> None:
    await hub.subscribe(reader, TOPIC)
    reader.answer = lambda _: status(code, "Location: http://127.0.0.1:1/")
    await hub.publish("blog", b"1")
    await hub.until(lambda: reader.pushed)
    reader.answer = reader.respond
    await hub.until(lambda: hub_is_idle(hub) and len(reader.pushed) >= 2, step=1)
    assert set(numbers(reader)) == {1}
    outcomes = [one.outcome for one in await hub.attempts(reader, TOPIC)]
    assert outcomes == ["delivered", "failed"]


async def test_32_410_ends_the_subscription(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    reader.status = 410
    await hub.publish("blog", b"1")
    await hub.until(lambda: reader.pushed)
    await hub.publish("blog", b"2")
    await hub.time.advance(3 * DAY)
    assert len(reader.pushed) == 1
    found = hub.subscription(reader, TOPIC)
    assert found
    assert found.state == "disabled"
    reader.status = 204
    await hub.subscribe(reader, TOPIC)
    await hub.publish("blog", b"3")
    await hub.until(lambda: len(reader.pushed) == 2)
    assert numbers(reader) == [1, 3]


async def test_34_a_subscription_stays_until_its_lease_ends(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    reader.status = 500
    await hub.publish("blog", b"0")
    await hub.time.advance(9 * DAY)
    reader.status = 204
    await hub.publish("blog", b"1")
    await hub.until(lambda: numbers(reader)[-1] == 1, step=60)
    assert len(reader.pushed) > 20


async def test_gap_fill_what_was_missed_comes_in_order_once(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    reader.status = 503
    for number in range(250):
        await hub.publish("blog", b"%d" % number)
        if number % 50 == 0:
            await hub.time.advance(600)
    seen = len(reader.pushed)
    reader.status = 204
    await hub.until(lambda: hub_is_idle(hub), step=60)
    came = [n for push in reader.pushed[seen:] for n in (e["data"] for e in json.loads(push.body))]
    assert came == list(range(250))


async def test_gap_fill_begins_when_the_subscriber_renews(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    reader.status = 503
    for number in range(3):
        await hub.publish("blog", b"%d" % number)
    await hub.time.advance(DAY / 2)
    found = hub.subscription(reader, TOPIC)
    assert found
    assert found.state == "outage"
    reader.status, seen = 204, len(reader.pushed)
    await hub.subscribe(reader, TOPIC)
    await hub.until(lambda: hub_is_idle(hub), step=0.05)
    came = [n for push in reader.pushed[seen:] for n in (e["data"] for e in json.loads(push.body))]
    assert came == [0, 1, 2]


async def test_a_renewal_does_not_wait_for_the_next_attempt(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    reader.status = 503
    await hub.publish("blog", b"1")
    await hub.until(lambda: len(reader.pushed) == 2, step=0.5)
    found = hub.subscription(reader, TOPIC)
    assert found
    assert found.state == "active", "it is no outage yet: the next attempt has a time of its own"
    reader.status = 204
    before = hub.time.now()
    await hub.subscribe(reader, TOPIC)
    await hub.until(lambda: len(reader.pushed) == 3, step=0.05)
    assert hub.time.now() - before < 5


async def test_35_a_slow_callback_delays_nobody(hub: World, reader: Reader) -> None:
    async with reading() as slow:
        slow.answer = lambda one: b"" if one.method == "POST" else slow.respond(one)  # never ends
        await hub.subscribe(slow, TOPIC)
        await hub.subscribe(reader, TOPIC)
        for number in range(5):
            await hub.publish("blog", b"%d" % number)
        await hub.until(lambda: sorted(numbers(reader)) == list(range(5)))


async def test_19_a_denied_subscription_gets_nothing_more(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    found = hub.subscription(reader, TOPIC)
    assert found
    await hub.engine.remove(found.id)
    hub.websub.removed(found)
    await hub.publish("blog", b"1")
    await hub.until(lambda: query(reader.got[-1]).get("hub.mode") == "denied")
    await hub.quiet()
    assert not reader.pushed


async def test_what_is_remembered_is_bounded(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, f"{TOPIC}?format=latest")
    channel = hub.engine._channels["WEBSUB"]
    for number in range(30):
        await hub.publish("blog", b"", "text/plain")
        await hub.until(lambda number=number: len(reader.pushed) > number)
    assert len(channel._made) == 30
    assert channel._kept > 30 * 512


async def test_publishers_here_do_not_choose_another_content_type(
    hub: World, reader: Reader
) -> None:
    await hub.subscribe(reader, f"{TOPIC}?format=latest")
    values = {"specversion": "1.0", "id": "e", "source": "/s", "type": "t"}
    more = {"datacontenttype": "text/plain", "hubbubcontenttype": "text/html"}
    await hub.log.append([compose({**values, **more}, "blog", b"x", named=False)])
    await hub.until(lambda: reader.pushed)
    assert reader.pushed[0].headers["content-type"] == "text/plain"
