"""`/hooks/{name}`: proof, one event, its exact body, and a clear answer for everything else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from hubbub.core.errors import Unavailable
from hubbub.sources import PublishOptions
from hubbub.web.options import WebOptions
from sources.webhook.senders import NOW, SENDERS, pairs
from webhooks.rig import SECRET, Fetched, Hooked, github, hooked, written

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub() -> AsyncIterator[Hooked]:
    async with hooked() as hub:
        yield hub


async def post(hub: Hooked, body: bytes, headers: Any, path: str = "/hooks/in", **more: Any) -> Any:
    return await hub.client("POST", path, body, headers, **more)


async def test_a_webhook_becomes_an_event(hub: Hooked) -> None:
    await hub.add(topic="github/{type}")
    body = b' {"zen":"Keep it logically awesome.", "n": 1.10}\n'
    reply = await post(hub, body, github(body))
    assert (reply.status, reply.body) == (200, b"")
    (record,) = await hub.records()
    told = record.attributes()
    del told["position"], told["recordedtime"]
    assert told == {
        "specversion": "1.0",
        "id": "72d3162e",
        "source": "/hooks/in",
        "type": "github.push",
        "topic": "github/push",
        "datacontenttype": "application/json",
        "hubbubsource": "github",
    }
    assert record.data().content == body


async def test_the_same_delivery_again_is_answered_and_not_appended(hub: Hooked) -> None:
    await hub.add()
    body = written({"n": 1})
    for _ in range(3):
        assert (await post(hub, body, github(body))).status == 200
    assert (await post(hub, body, github(body, id="another"))).status == 200
    assert [record.attributes()["id"] for record in await hub.records()] == ["72d3162e", "another"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        github(b"{}", secret="another"),
        github(b"{} "),
        github(b"{}") | {"X-Hub-Signature-256": "sha256="},
        github(b"{}") | {"X-Hub-Signature-256": "sha256=" + "0" * 64},
    ],
)
async def test_what_is_not_proven_leaves_nothing(hub: Hooked, headers: Any) -> None:
    await hub.add()
    reply = await post(hub, b"{}", headers)
    assert reply.status == 401
    assert reply["content-type"] == "application/problem+json"
    assert SECRET not in reply.body.decode()
    assert await hub.records() == []
    assert hub.gateway.publisher.outcomes["refused"] == 1


async def test_unknown_names_and_compressed_bodies_are_refused_unread(hub: Hooked) -> None:
    await hub.add()
    assert (await post(hub, b"{}", github(b"{}"), "/hooks/other")).status == 404
    assert hub.client.taken == 0
    headers = github(b"{}") | {"content-encoding": "gzip"}
    assert (await post(hub, b"{}", headers)).status == 415
    assert hub.client.taken == 0


async def test_bounds(hub: Hooked) -> None:
    await hub.add(max_bytes=1000)
    for size, status in ((1000, 200), (1001, 413)):
        body = b'"%b"' % (b"x" * (size - 2))
        assert (await post(hub, body, github(body, id=str(size)))).status == status
        assert (
            await post(hub, [body[:500], body[500:]], github(body, id="parts"))
        ).status == status
    assert len(await hub.records()) == 2


async def test_a_source_takes_no_more_than_the_gateway() -> None:
    async with hooked(publish=PublishOptions(max_bytes=65_536)) as hub:
        await hub.add(max_bytes=10_000_000)
        body = b"x" * 65_537
        assert (await post(hub, body, github(body))).status == 413


async def test_a_request_that_is_cut_off_leaves_nothing(hub: Hooked) -> None:
    await hub.add()
    body = written({"n": 1})
    reply = await post(hub, [body], github(body), cut=True)
    assert reply.status == 0
    assert await hub.records() == []


async def test_2xx_comes_after_the_commit_only(hub: Hooked, monkeypatch: Any) -> None:
    await hub.add()

    async def fail(_: object) -> Any:
        raise Unavailable("the disk is full", retry_after=5)

    monkeypatch.setattr(hub.gateway.log, "append", fail)
    body = written({"n": 1})
    reply = await post(hub, body, github(body))
    assert (reply.status, reply["retry-after"]) == (503, "5")
    monkeypatch.undo()
    assert (await post(hub, body, github(body))).status == 200
    assert len(await hub.records()) == 1


async def test_methods(hub: Hooked) -> None:
    await hub.add()
    for method in ("GET", "HEAD"):
        reply = await hub.client(method, "/hooks/in")
        assert (reply.status, reply["allow"]) == (405, "GET, HEAD, POST, OPTIONS")
    assert (await hub.client("PUT", "/hooks/in")).status == 405
    for name in ("in", "other"):  # which names there are is nobody's business
        reply = await hub.client("OPTIONS", f"/hooks/{name}")
        assert (reply.status, reply["allow"]) == (204, "GET, HEAD, POST, OPTIONS")


async def test_consent_as_cloudevents_asks_for_it(hub: Hooked) -> None:
    await hub.add()
    asked = {"WebHook-Request-Origin": "events.example.com", "WebHook-Request-Rate": "120"}
    reply = await hub.client("OPTIONS", "/hooks/in", headers=asked)
    assert reply.status == 200
    assert reply["webhook-allowed-origin"] == "events.example.com"
    assert reply["webhook-allowed-rate"] == "120"
    assert (await hub.client("OPTIONS", "/hooks/other", headers=asked)).status == 404


async def test_a_handshake_is_no_event(hub: Hooked) -> None:
    await hub.add("meta", "meta", options={"verify_token": "tok"})
    asked = {"hub.mode": "subscribe", "hub.challenge": "<1158>", "hub.verify_token": "tok"}
    reply = await hub.client.get(f"/hooks/meta?{urlencode(asked)}")
    assert (reply.status, reply.body) == (200, b"<1158>")
    assert reply["content-type"] == "text/plain; charset=utf-8"
    assert reply["x-content-type-options"] == "nosniff"
    asked["hub.verify_token"] = "wrong"
    assert (await hub.client.get(f"/hooks/meta?{urlencode(asked)}")).status == 401
    await hub.add("trello", "trello")
    assert (await hub.client("HEAD", "/hooks/trello")).status == 200
    assert await hub.records() == []


def twilio(url: str, fields: dict[str, str]) -> dict[str, str]:
    text = url + "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()
    return {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": base64.b64encode(mac).decode(),
    }


FIELDS = {"MessageSid": "SM1", "SmsStatus": "received", "Body": "käse & brot"}
BODY = urlencode(FIELDS).encode()


@pytest.mark.parametrize(
    ("public", "own", "signed"),
    [
        ("", "", "http://127.0.0.1:8080/hooks/in?a=1"),
        ("https://hub.example/x/", "", "https://hub.example/x/hooks/in?a=1"),
        ("https://hub.example", "https://sms.example/t", "https://sms.example/t?a=1"),
    ],
)
async def test_the_public_url_is_what_is_signed(public: str, own: str, signed: str) -> None:
    async with hooked(web=WebOptions(public_url=public)) as hub:
        await hub.add(provider="twilio", options={"public_url": own} if own else {})
        reply = await post(hub, BODY, twilio(signed, FIELDS), "/hooks/in?a=1")
        assert (reply.status, reply.body) == (204, b"")
        other = twilio(signed.replace("a=1", "a=2"), FIELDS)
        assert (await post(hub, BODY, other, "/hooks/in?a=1")).status == 401
        (record,) = await hub.records()
        assert record.data().content == BODY
        assert record.type == "twilio.received"


async def test_a_url_that_is_no_text_is_malformed(hub: Hooked) -> None:
    await hub.add()
    assert (await post(hub, b"{}", github(b"{}"), "/hooks/in?a=%ff")).status == 400


async def test_problems_are_json(hub: Hooked) -> None:
    reply = await post(hub, b"{}", {}, "/hooks/other")
    assert json.loads(reply.body)["status"] == 404


HOSTILE = [
    b"",
    b"null",
    b"[]",
    b'{"event":"endpoint.url_validation","payload":{"plainToken":"a"}}',
    b'{"type":1}',
    b'{"Type":"SubscriptionConfirmation","SubscribeURL":"http://127.0.0.1/"}',
    b'{"type":"url_verification","challenge":"a"}',
    b"\xff" * 10,
    b"[" * 5000,
    b"a=%ff&payload=%7B",
    b"&" * 2000,
]


@pytest.mark.parametrize("provider", sorted(SENDERS))
async def test_strangers_get_a_clear_refusal(provider: str) -> None:
    """Whatever they send, it is a 4xx, nothing is fetched, and nothing is in the log."""
    fetch = Fetched()
    async with hooked(fetch) as hub:
        (_, ours), _ = pairs(provider)
        options = {"secrets": [ours], "verify_token": "t"}
        await hub.add(provider=provider, options=options)
        names = [name for name, _ in SENDERS[provider](b"{}", pairs(provider)[0][0], NOW).headers]
        for body in HOSTILE:
            for kind in ("application/json", "application/x-www-form-urlencoded", "\xe9"):
                for text in ("", "v0=00", "t=1,v1=00", "Basic \xff", "1" * 5000, "é, \x00"):
                    headers = [(name, text) for name in names] + [("content-type", kind)]
                    reply = await post(hub, body, headers)
                    assert reply.status in (400, 401, 413), (body, headers, reply)
        assert await hub.records() == []
        assert fetch.urls == []
