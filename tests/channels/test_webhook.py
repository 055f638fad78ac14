from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import standardwebhooks
import stripe

from channels.receiver import Receiver, Request, receiving, status
from hubbub.channels.webhook import WebhookChannel
from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Order
from hubbub.core.errors import Malformed
from hubbub.core.event import Record, compose, record_json
from hubbub.core.outcome import MAX_BODY, Delivered, Failed, Gone
from hubbub.core.subscription import Subscription
from hubbub.net import Egress, EgressOptions, check_target

pytestmark = pytest.mark.anyio

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def record(offset: int = 7, data: bytes = b'{ "n": 1.50 }', **attributes: Any) -> Record:
    values = {"specversion": "1.0", "id": "e", "source": "/s", "type": "shop.paid"}
    values |= {"datacontenttype": "application/json", **attributes}
    event = compose(values, "orders/1", data, named=True)
    return Record(
        offset, "orders/1", "shop.paid", 0, record_json(event.json, False, f"ep-{offset}", 0)
    )


def order(*records: Record, sequence: int = 17) -> Order:
    numbers = range(sequence, sequence + len(records)) if sequence else [0] * len(records)
    return Order("ep-7", records, list(numbers), 1)


class Rig:
    def __init__(self, receiver: Receiver, channel: WebhookChannel) -> None:
        self.receiver = receiver
        self.channel = channel

    def target(
        self,
        secrets: tuple[str, ...] = (SECRET,),
        credential: str = "",
        batch: int = 1,
        **settings: Any,
    ) -> Any:
        subscription = Subscription(
            id="s",
            sink=self.receiver.url + "/hook?k=1",
            protocolsettings=settings,
            config={"batch_size": batch},
        )
        self.channel.check(subscription)
        return self.channel.target(subscription, secrets, credential)

    async def deliver(self, *records: Record, timeout: float = 5, **settings: Any) -> Any:
        target = self.target(**settings)
        return await target.deliver(order(*(records or (record(),))), timeout)

    @property
    def last(self) -> Request:
        return self.receiver.got[-1]


@asynccontextmanager
async def rig(*allow: str) -> AsyncIterator[Rig]:
    clock = SystemClock()
    egress = Egress(EgressOptions(), allow=allow or ("127.0.0.0/8",), clock=clock)
    await egress.start()
    try:
        async with receiving() as receiver:
            yield Rig(receiver, WebhookChannel(egress, check_target, clock, "hubbub.example"))
    finally:
        await egress.close()


async def test_a_delivery_is_a_signed_structured_event_with_its_number() -> None:
    async with rig() as r:
        exchange = await r.deliver()
        assert exchange.outcome == Delivered()
        assert exchange.status == 204
        got = r.last
        assert (got.method, got.path) == ("POST", "/hook?k=1")
        assert got.headers["content-type"] == "application/cloudevents+json"
        assert got.headers["webhook-id"] == "ep-7"
        assert got.headers["webhook-sequence"] == "17"
        assert json.loads(got.body)["sequence"] == "17"
        assert b'"data":{ "n": 1.50 }' in got.body  # the producer's bytes
        standardwebhooks.Webhook(SECRET).verify(got.body.decode(), dict(got.headers))


async def test_in_a_rotation_both_secrets_sign() -> None:
    other = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo5ODc2NTQ="
    async with rig() as r:
        await r.deliver(secrets=(other, SECRET))
        for secret in (other, SECRET):
            standardwebhooks.Webhook(secret).verify(r.last.body.decode(), dict(r.last.headers))


async def test_several_dialects_at_once() -> None:
    async with rig() as r:
        await r.deliver(signing=["standard", "stripe"])
        stripe.WebhookSignature.verify_header(
            r.last.body.decode(), r.last.headers["stripe-signature"], SECRET, 300
        )
        standardwebhooks.Webhook(SECRET).verify(r.last.body.decode(), dict(r.last.headers))


async def test_an_event_keeps_a_sequence_of_its_own() -> None:
    async with rig() as r:
        await r.deliver(record(sequence="theirs"))
        body = json.loads(r.last.body)
        assert (body["sequence"], body["hubbubsequence"]) == ("theirs", "17")
        await r.deliver(record(data=b'{"sequence":1}'))
        assert json.loads(r.last.body)["sequence"] == "17"


async def test_binary_mode_and_data_alone() -> None:
    async with rig() as r:
        await r.deliver(content="binary")
        assert r.last.headers["ce-type"] == "shop.paid"
        assert r.last.headers["content-type"] == "application/json"
        assert r.last.body == b'{ "n": 1.50 }'
        await r.deliver(content="data")
        assert "ce-type" not in r.last.headers
        assert r.last.body == b'{ "n": 1.50 }'
        assert r.last.headers["webhook-signature"].startswith("v1,")
        await r.deliver(record(data=b"\x00\xff", datacontenttype="image/png"), content="data")
        assert (r.last.headers["content-type"], r.last.body) == ("image/png", b"\x00\xff")


async def test_a_batch_is_a_cloudevents_batch() -> None:
    async with rig() as r:
        target = r.target(batch=10)
        await target.deliver(order(record(7), record(8)), 5)
        assert r.last.headers["content-type"] == "application/cloudevents-batch+json"
        assert [one["sequence"] for one in json.loads(r.last.body)] == ["17", "18"]
        assert r.last.headers["webhook-sequence"] == "17,18"
        with pytest.raises(Malformed, match="batch"):
            r.target(batch=10, content="data")


async def test_own_headers_and_a_credential_are_sent_and_the_secret_ones_not_recorded() -> None:
    async with rig() as r:
        target = r.target(credential="Bearer top-secret", headers={"X-Team": "shop"})
        exchange = await target.deliver(order(record()), 5)
        assert r.last.headers["authorization"] == "Bearer top-secret"
        assert r.last.headers["x-team"] == "shop"
        recorded = dict(exchange.request_headers)
        assert recorded["X-Team"] == "shop"
        assert recorded["webhook-id"] == "ep-7"
        assert "top-secret" not in str(exchange)
        assert "v1," not in str(exchange.request_headers)


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_every_2xx_is_success(code: int) -> None:
    async with rig() as r:
        r.receiver.answer = lambda _: status(code)
        assert (await r.deliver()).outcome == Delivered()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(code: int) -> None:
    async with rig() as r:
        r.receiver.answer = lambda _: status(code, f"Location: {r.receiver.url}/elsewhere")
        outcome = (await r.deliver()).outcome
        assert isinstance(outcome, Failed)
        assert (outcome.cause, outcome.status) == ("redirect", code)
        assert len(r.receiver.got) == 1


@pytest.mark.parametrize("code", [304, 400, 401, 404, 500, 501])
async def test_other_answers_are_failures_of_the_event(code: int) -> None:
    async with rig() as r:
        r.receiver.answer = lambda _: status(code, body=b"why" if code != 304 else b"")
        exchange = await r.deliver()
        assert exchange.outcome == Failed("status", code, f"status {code}")
        assert exchange.response_body == (b"why" if code != 304 else b"")


async def test_410_is_gone() -> None:
    async with rig() as r:
        r.receiver.answer = lambda _: status(410)
        assert (await r.deliver()).outcome == Gone()


@pytest.mark.parametrize("code", [429, 502, 503, 504])
async def test_pleas_for_less_say_for_how_long(code: int) -> None:
    async with rig() as r:
        r.receiver.answer = lambda _: status(code, "Retry-After: 90")
        outcome = (await r.deliver()).outcome
        assert outcome == Failed("status", code, f"status {code}", throttled=True, retry_after=90.0)


async def test_what_is_kept_of_an_answer_is_bounded() -> None:
    async with rig() as r:
        r.receiver.answer = lambda _: status(500, "X-Why: because", body=b"x" * 100_000)
        exchange = await r.deliver()
        assert len(exchange.response_body) == MAX_BODY
        assert ("X-Why", "because") in exchange.response_headers


async def test_a_receiver_that_says_nothing_times_out_and_one_that_is_away_refuses() -> None:
    async with rig() as r:
        r.receiver.answer = lambda _: b""
        outcome = (await r.deliver(timeout=0.05)).outcome
        assert isinstance(outcome, Failed)
        assert outcome.cause == "timeout"
        r.receiver.url = "http://127.0.0.1:1"
        outcome = (await r.deliver()).outcome
        assert isinstance(outcome, Failed)
        assert outcome.cause == "connect"


async def test_private_addresses_are_refused_unless_allowed() -> None:
    async with rig("10.0.0.0/8") as r:
        outcome = (await r.deliver()).outcome
        assert isinstance(outcome, Failed)
        assert outcome.cause == "refused"
        assert r.receiver.got == []


async def test_timings_tell_a_new_connection_from_a_kept_one() -> None:
    async with rig() as r:
        target = r.target()
        first = await target.deliver(order(record()), 5)
        second = await target.deliver(order(record()), 5)
        assert first.timings.connect > 0
        assert second.timings.connect == 0
        assert 0 < second.timings.first_byte <= second.timings.total


async def test_consent_is_what_the_headers_say_whatever_the_status() -> None:
    async with rig() as r:
        target = r.target(handshake="required")
        refused = await target.prepare()
        assert r.last.method == "OPTIONS"
        assert r.last.headers["webhook-request-origin"] == "hubbub.example"
        assert isinstance(refused.outcome, Failed)
        assert refused.outcome.cause == "refused"
        r.receiver.answer = lambda _: status(
            405, "WebHook-Allowed-Origin: hubbub.example", "WebHook-Allowed-Rate: 120"
        )
        assert await target.prepare() is None
        assert target.rate == 2.0
        r.receiver.answer = lambda _: status(200)
        await target.deliver(order(record()), 5)
        assert r.last.headers["webhook-request-origin"] == "hubbub.example"


async def test_optional_consent_keeps_nobody_from_delivering() -> None:
    async with rig() as r:
        target = r.target(handshake="optional")
        assert await target.prepare() is None
        assert target.rate == 0
        assert await r.target(handshake="off").prepare() is None


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"content": "xml"}, "/protocolsettings/content"),
        ({"signin": []}, "/protocolsettings"),
        ({"handshake": 3}, "/protocolsettings/handshake"),
    ],
)
async def test_settings_that_make_no_sense_are_told_with_their_place(
    settings: dict[str, Any], pointer: str
) -> None:
    async with rig() as r:
        with pytest.raises(Malformed) as told:
            r.target(**settings)
        assert told.value.pointer == pointer
        with pytest.raises(Malformed) as told:
            r.channel.check(Subscription(id="s", sink="ftp://x/"))
        assert told.value.pointer == "/sink"
