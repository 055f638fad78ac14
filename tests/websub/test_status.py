"""Whether something is pushed and why or why not, in every state there is."""

from __future__ import annotations

import msgspec
import pytest

from channels.receiver import status
from hubbub.core.errors import Forbidden
from hubbub.core.grants import EVERYONE, Grants, Principal
from hubbub.websub.status import SubscriptionTold, TopicTold
from websub.rig import BASE, Reader, World, page

pytestmark = pytest.mark.anyio

TOPIC = f"{BASE}/topics/blog"
NOBODY = Principal("ada", Grants(subscribe=("blog",)))
DAY = 86_400


def form(reader: Reader, path: str = "/cb") -> dict[str, str]:
    callback = reader.url + path
    return {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": callback}


async def told(hub: World, reader: Reader, topic: str = TOPIC) -> SubscriptionTold:
    return await hub.websub.informant.subscription(topic, reader.url + "/cb")


async def test_nobody(hub: World, reader: Reader) -> None:
    found = await told(hub, reader)
    assert found.state == "none"
    assert "nobody has subscribed" in found.why


async def test_pending_and_why_it_is_not_verified(hub: World, reader: Reader) -> None:
    reader.answer = lambda _: status(500)
    callback = reader.url + "/cb"
    await hub.ask({"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": callback})
    await hub.until(lambda: reader.asked)
    await hub.quiet()
    found = await told(hub, reader)
    assert found.state == "pending"
    assert "asked once (the callback answered the verification with status 500)" in found.why


async def test_what_was_refused_is_remembered(hub: World, reader: Reader) -> None:
    reader.wants = lambda _: False
    await hub.subscribe(reader, TOPIC)
    found = await told(hub, reader)
    assert found.state == "none"
    assert "404: it does not know of this subscription" in found.why


async def test_everything_is_delivered(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC, secret="s", lease_seconds="5000")
    assert (await told(hub, reader)).why.startswith("Yes: everything")
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)
    await hub.quiet()
    found = await told(hub, reader)
    assert (found.state, found.method, found.waiting) == ("active", "sha256", 0)
    assert found.expires
    assert [one.outcome for one in found.attempts] == ["delivered"]
    assert "the last notification was at" in found.why


async def test_something_is_outstanding_then_an_outage(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    reader.status = 500
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)
    await hub.publish("blog")
    await hub.time.advance(2)
    assert "the last failure: status 500" in (await told(hub, reader)).why
    reader.answer = lambda _: status(503)
    await hub.time.advance(DAY / 2)
    found = await told(hub, reader)
    assert found.state == "outage"
    assert "gets what it missed, in order" in found.why
    assert found.attempts[0].status == 503


async def test_ended_in_three_ways(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC, lease_seconds="600")
    found = hub.subscription(reader, TOPIC)
    assert found
    await hub.engine.change(found.id, "paused", "by ada")
    assert "paused" in (await told(hub, reader)).why
    await hub.engine.change(found.id, "active", "")
    reader.status = 410
    await hub.publish("blog")
    await hub.until(lambda: reader.pushed)
    await hub.quiet()
    assert "410 Gone" in (await told(hub, reader)).why
    reader.status = 204
    await hub.subscribe(reader, TOPIC, lease_seconds="600")
    await hub.time.advance(601)
    await hub.publish("blog")
    await hub.quiet()
    assert "the lease ended" in (await told(hub, reader)).why


async def test_a_topic_of_ours(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    found = await hub.websub.informant.topic(TOPIC, base=BASE, principal=NOBODY)
    assert (found.subscriptions, found.callbacks) == ({"active": 1}, [])
    found = await hub.websub.informant.topic(TOPIC, base=BASE, principal=EVERYONE)
    assert [one.callback for one in found.callbacks] == [reader.url + "/cb"]
    with pytest.raises(Forbidden):
        await hub.websub.informant.topic(f"{TOPIC}2", base=BASE, principal=NOBODY)
    none = await hub.websub.informant.topic(f"{TOPIC}2", base=BASE, principal=EVERYONE)
    assert "Nobody" in none.why


async def test_a_topic_of_others(hub: World, reader: Reader) -> None:
    reader.pages["/feed"] = page(b"1")
    topic = f"{reader.url}/feed"
    await hub.subscribe(reader, topic)
    found = await hub.websub.informant.topic(topic, base=BASE, principal=NOBODY)
    assert "no publisher has pinged" in found.why
    await hub.ask([("hub.mode", "publish"), ("hub.topic", topic)])
    await hub.quiet()
    found = await hub.websub.informant.topic(topic, base=BASE, principal=NOBODY)
    assert "when its publisher pings" in found.why
    assert found.fetched
    assert (found.fetched.bytes, found.fetched.content_type) == (1, "text/xml")
    assert found.fetched.pinged.endswith("Z")
    await hub.time.advance(2)
    del reader.pages["/feed"]
    reader.answer = lambda _: status(404)
    await hub.ask([("hub.mode", "publish"), ("hub.topic", topic)])
    await hub.until(lambda: len(reader.got) > 3)
    await hub.quiet()
    found = await hub.websub.informant.topic(topic, base=BASE, principal=NOBODY)
    assert "answered with status 404" in found.why


async def test_a_topic_counts_those_that_are_active(hub: World, reader: Reader) -> None:
    async def topic() -> TopicTold:
        return await hub.websub.informant.topic(TOPIC, base=BASE, principal=EVERYONE)

    await hub.subscribe(reader, TOPIC, lease_seconds="600")
    assert (await topic()).why.startswith("1 subscription; each event")
    await hub.time.advance(700)
    assert (await topic()).why == "1 subscription, which is not active."
    reader.answer = lambda _: status(503)
    await hub.ask(form(reader, "/other"))
    await hub.until(lambda: hub.hub.verifier.pending)
    found = await topic()
    assert [one.state for one in found.callbacks] == ["expired", "pending"]
    assert found.callbacks[1].callback == reader.url + "/other"
    assert b"attempts" not in msgspec.json.encode(found)
    reader.answer = reader.respond
    await hub.subscribe(reader, TOPIC)
    await hub.until(lambda: not hub.hub.verifier.pending)
    assert (await topic()).why.startswith("2 subscriptions; each event")
    (other,) = [one for one in hub.hub.of(TOPIC) if one.sink.endswith("/other")]
    await hub.engine.change(other.id, "paused", "by anyone")
    assert (await topic()).why.startswith("2 subscriptions, 1 of them active; each event")


async def test_a_request_that_came_to_nothing_is_told_of_an_active_one(
    hub: World, reader: Reader
) -> None:
    await hub.subscribe(reader, TOPIC)
    reader.wants = lambda _: False
    await hub.ask(form(reader))
    await hub.until(lambda: hub.hub.failures)
    found = await told(hub, reader)
    assert found.state == "active"
    assert found.why.startswith(
        "Yes: everything that happened was delivered. What was asked for last"
    )
    assert "404: it does not know of this subscription" in found.why
    reader.wants = lambda _: True
    await hub.subscribe(reader, TOPIC)
    assert "came to nothing" not in (await told(hub, reader)).why


async def test_who_has_unsubscribed_is_told_so(hub: World, reader: Reader) -> None:
    await hub.subscribe(reader, TOPIC)
    await hub.ask({**form(reader), "hub.mode": "unsubscribe"})
    await hub.until(lambda: not hub.subscription(reader, TOPIC))
    assert (await told(hub, reader)).why.startswith("No: it has unsubscribed, at 20")
