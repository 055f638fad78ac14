"""The receiver: exact bytes, ids that repeat when the request does, and what is fetched on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from gateway import FakeClock
from hubbub.core.errors import InvalidTopic, NotAllowed, Unavailable
from hubbub.sources.webhook import Received, Unverified
from hubbub.sources.webhook.hook import Hook, Webhooks
from hubbub.sources.webhook.receiver import INLINE, MAX_FETCHES, Receiver
from sources.webhook import senders
from sources.webhook.senders import ARN, NOW, PAYPAL_CERT, SNS_CERT, pairs, received
from webhooks.rig import Fetched, Hooked, hooked

pytestmark = pytest.mark.anyio


def hook(provider: str = "github", *secrets: str, topic: str = "", **options: Any) -> Hook:
    given = {"provider": provider, "secrets": list(secrets or ("s",)), **options}
    return Webhooks().open("in", topic, given)


@pytest.fixture
async def hub() -> AsyncIterator[Hooked]:
    async with hooked(clock=FakeClock(NOW)) as hub:
        yield hub


def github(body: bytes, id: str | None = "1", content_type: str | None = None) -> Received:
    made = senders.SENDERS["github"](body, "s", NOW)
    kept = [pair for pair in made.headers if pair[0] != "content-type"]
    kept += [("x-github-event", "push")]
    kept += [] if id is None else [("x-github-delivery", id)]
    kept += [] if content_type is None else [("content-type", content_type)]
    return msgspec.structs.replace(made, headers=tuple(kept))


@pytest.mark.parametrize(
    ("content_type", "body", "kept"),
    [
        ("application/json", b' {"a" : 1.0, "a": 2}\r\n', "application/json"),
        ("application/json; charset=utf-8", '"käse"'.encode(), "application/json; charset=utf-8"),
        ("application/vnd.x+json", b"[]", "application/vnd.x+json"),
        ("text/plain", b"\xff\x00 text", "text/plain"),
        ("text/plain", b"a\r\n\x00b", "text/plain"),
        ("application/x-www-form-urlencoded", b"payload=%7B%7D", None),
        ("application/xml", b"<a/>", None),
        ("application/octet-stream", bytes(range(256)), None),
    ],
)
async def test_the_body_is_the_data(
    hub: Hooked, content_type: str, body: bytes, kept: str | None
) -> None:
    await hub.gateway.receiver.receive(hook(), github(body, content_type=content_type))
    (record,) = await hub.records()
    assert record.data() == msgspec.structs.replace(
        record.data(), content_type=kept or content_type, content=body
    )
    assert "hubbubcontenttype" not in record.attributes()


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": NaN}',
        b"{'a': 1}",
        b"not json",
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a": 1}{"b": 2}',
        b"[" * 200 + b"]" * 200,
        b'"\x01"',
    ],
)
async def test_what_calls_itself_json_and_is_none_keeps_its_bytes(hub: Hooked, body: bytes) -> None:
    await hub.gateway.receiver.receive(hook(), github(body, content_type="application/json"))
    (record,) = await hub.records()
    assert (record.data().content_type, record.data().content) == ("application/octet-stream", body)
    assert record.attributes()["hubbubcontenttype"] == "application/json"


@pytest.mark.parametrize("content_type", [None, "", "nonsense", "a/b\x01", "é/ü"])
async def test_without_a_media_type_the_bytes_are_octets(
    hub: Hooked, content_type: str | None
) -> None:
    await hub.gateway.receiver.receive(hook(), github(b"{}", content_type=content_type))
    (record,) = await hub.records()
    assert (record.data().content_type, record.data().content) == (
        "application/octet-stream",
        b"{}",
    )


async def test_an_empty_body_is_no_data(hub: Hooked) -> None:
    await hub.gateway.receiver.receive(hook(), github(b"", content_type="application/json"))
    (record,) = await hub.records()
    assert record.data().content is None


async def test_a_large_body_is_the_same(hub: Hooked) -> None:
    body = json.dumps(["x" * INLINE]).encode()
    await hub.gateway.receiver.receive(hook(), github(body, content_type="application/json"))
    with pytest.raises(Unverified):
        await hub.gateway.receiver.receive(hook("github", "other"), github(body))
    (record,) = await hub.records()
    assert record.data().content == body


async def receive(hub: Hooked, hook: Hook, *requests: Received) -> int:
    """Return how many events came of requests."""
    for request in requests:
        await hub.gateway.receiver.receive(hook, request)
    return len(await hub.records())


async def test_without_an_id_every_request_is_an_event(hub: Hooked) -> None:
    assert await receive(hub, hook(), github(b"{}", None), github(b"{}", None)) == 2


async def test_without_an_id_a_signed_time_makes_one(hub: Hooked) -> None:
    """A replay within the tolerance is the same request; a second one a second later is not."""
    calendly = senders.SENDERS["calendly"]
    one, same = (calendly(b'{"event":"a"}', "s", NOW) for _ in range(2))
    later, other = calendly(b'{"event":"a"}', "s", NOW + 1), calendly(b'{"event":"b"}', "s", NOW)
    assert await receive(hub, hook("calendly"), one, same, later, other) == 3


async def test_an_id_is_of_its_source_only(hub: Hooked) -> None:
    other = Webhooks().open("other", "", {"provider": "github", "secrets": ["s"]})
    await receive(hub, hook(), github(b"{}"))
    assert await receive(hub, other, github(b"{}")) == 2


async def test_topics_and_types_come_from_the_request(hub: Hooked) -> None:
    made = senders.SENDERS["shopify"](b'{"shop":"a/b"}', "s", NOW)
    headers = (*made.headers, ("x-shopify-topic", "orders/create"))
    request = msgspec.structs.replace(made, headers=headers)
    await receive(hub, hook("shopify", topic="shop/{json:/shop}/{type}"), request)
    (record,) = await hub.records()
    assert (record.topic, record.type) == ("shop/a%2Fb/orders%2Fcreate", "shopify.orders/create")


async def test_a_topic_that_does_not_fit_is_refused(hub: Hooked) -> None:
    deep = hook(topic="/".join(["{header:x-github-event}"] * 20))
    made = github(b"{}")
    request = msgspec.structs.replace(made, headers=(*made.headers, ("x-github-event", "e" * 90)))
    request = msgspec.structs.replace(
        request, headers=tuple(p for p in request.headers if p != ("x-github-event", "push"))
    )
    with pytest.raises(InvalidTopic):
        await hub.gateway.receiver.receive(deep, request)
    assert await hub.records() == []


async def test_every_provider_is_received(hub: Hooked) -> None:
    """Each of them once, and again: one event."""
    pages = {SNS_CERT: senders.sns_certificate(), PAYPAL_CERT: senders.authority()[1]}
    receiver = Receiver(
        hub.gateway.publisher, Fetched(pages), hub.gateway.clock, roots=senders.authority()[0]
    )
    for place, (name, send) in enumerate(sorted(senders.SENDERS.items())):
        (theirs, ours), _ = pairs(name)
        options = {"provider": name, "secrets": [ours], "verify_token": "t"}
        made = Webhooks().open(f"s{place}", "", options)
        request = send(b'{"type": "a"}', theirs, NOW)
        for _ in range(2):
            answer = await receiver.receive(made, request)
            assert answer.status == (204 if name in ("twilio", "discord") else 200), name
            assert answer.body == b"", name
        newest = (await hub.records())[-1]
        assert newest.attributes()["hubbubsource"] == name
        assert newest.data().content == request.body


# What is fetched


async def test_a_certificate_is_fetched_once() -> None:
    fetch = Fetched({SNS_CERT: senders.sns_certificate()})
    async with hooked(fetch, clock=FakeClock(NOW)) as hub:
        made = hook("sns", ARN)
        for text in (b"a", b"b"):
            await receive(hub, made, senders.sns(text, ARN, NOW, MessageId=text.decode()))
        assert fetch.urls == [SNS_CERT]
        assert len(await hub.records()) == 2
        with pytest.raises(Unverified):  # somebody else's topic fetches nothing
            await hub.gateway.receiver.receive(hook("sns", ARN + "x"), senders.sns(b"c", ARN, NOW))
        assert fetch.urls == [SNS_CERT]


CONFIRM = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"


def confirmation() -> Received:
    more = {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": CONFIRM}
    return senders.sns(b"You have chosen", ARN, NOW, **more)


async def test_a_subscription_is_confirmed_before_the_answer() -> None:
    fetch = Fetched({SNS_CERT: senders.sns_certificate()})
    async with hooked(fetch, clock=FakeClock(NOW)) as hub:
        with pytest.raises(Unavailable):
            await hub.gateway.receiver.receive(hook("sns", ARN), confirmation())
        fetch.pages[CONFIRM] = b"<ConfirmSubscriptionResponse/>"
        answer = await hub.gateway.receiver.receive(hook("sns", ARN), confirmation())
        assert (answer.status, fetch.urls) == (200, [SNS_CERT, CONFIRM, CONFIRM])
        assert await hub.records() == []


async def test_what_cannot_be_fetched_is_tried_again_later() -> None:
    async with hooked(Fetched(), clock=FakeClock(NOW)) as hub:
        with pytest.raises(Unavailable) as refused:
            await hub.gateway.receiver.receive(hook("sns", ARN), senders.sns(b"a", ARN, NOW))
        assert refused.value.retry_after
        assert await hub.records() == []


async def test_fetches_are_bounded() -> None:
    release = asyncio.Event()

    async def slow(_: str) -> bytes:
        await release.wait()
        return senders.sns_certificate()

    async with hooked(slow, clock=FakeClock(NOW)) as hub:
        waiting = [
            asyncio.create_task(
                hub.gateway.receiver.receive(hook("sns", ARN), senders.sns(b"a", ARN, NOW))
            )
            for _ in range(MAX_FETCHES + 1)
        ]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [type(task.exception()) for task in done] == [Unavailable]
        release.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert sum(isinstance(one, Exception) for one in results) == 1


async def test_anything_but_a_post_is_not_allowed(hub: Hooked) -> None:
    with pytest.raises(NotAllowed):
        await hub.gateway.receiver.receive(hook(), received(method="GET"))
