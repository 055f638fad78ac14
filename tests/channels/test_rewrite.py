"""What was sent is written once more, byte for byte, or it is said why not: over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest

from channels.receiver import Receiver, receiving, status
from hubbub.channels.calling import CHANGED
from hubbub.channels.webhook import ASKED, UNNUMBERED, WebhookChannel
from hubbub.channels.websub import SHORT, WebSubChannel
from hubbub.channels.websub_ping import NEVER, PingChannel
from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Order, Rewritten, Target
from hubbub.core.event import Record, compose, record_json
from hubbub.core.outcome import Exchange
from hubbub.core.subscription import Attempt, Subscription
from hubbub.deliveries.attempts import attempt_record
from hubbub.deliveries.items import Item
from hubbub.net import Egress, EgressOptions, check_target
from hubbub.wire.websub import FORMS, Delivering, Form

pytestmark = pytest.mark.anyio

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BASE = "http://hub.example"


def record(offset: int, data: bytes = b'{ "n": 1.50 }', **attributes: Any) -> Record:
    values = {"specversion": "1.0", "id": f"e{offset}", "source": "/s", "type": "shop.paid"}
    values |= {"datacontenttype": "application/json", "time": "2026-11-28T10:00:00Z", **attributes}
    event = compose(values, "orders/1", data, named=True)
    json = record_json(event.json, False, f"ep-{offset}", 0)
    return Record(offset, "orders/1", "shop.paid", 0, json)


PLAIN = record(7)
NUMBERED = record(8, sequence="theirs")
PICTURE = record(9, b"\x00\xff", datacontenttype="image/png")
TEXT = record(10, "caf\u00e9 & <b>".encode(), datacontenttype="text/html; charset=utf-8")
EVERY = (PLAIN, NUMBERED, PICTURE, TEXT)


class Rig:
    def __init__(self, receiver: Receiver, egress: Egress) -> None:
        self.receiver = receiver
        self.egress = egress
        self.clock = SystemClock()
        self.log: list[Record] = []
        """What a feed that is whole is made of."""

    def webhook(self, batch: int = 1, **settings: Any) -> Target:
        channel = WebhookChannel(self.egress, check_target, self.clock, "hubbub.example")
        subscription = self.subscription(settings, config={"batch_size": batch})
        channel.check(subscription)
        return channel.target(subscription, (SECRET,), "Bearer abc")

    def websub(self, form: Form, *, hub: str = f"{BASE}/hub", is_foreign: bool = False) -> Target:
        async def newest(_: Subscription, offset: int) -> Sequence[Record]:
            return [one for one in reversed(self.log) if one.offset <= offset][:50]

        topic = f"{BASE}/topics/orders/1?format={form}"
        settings = Delivering(
            topic=topic, hub=hub, form=form, method="sha256", lease=60, is_foreign=is_foreign
        )
        channel = WebSubChannel(self.egress, newest, self.clock)
        return channel.target(self.subscription(msgspec.to_builtins(settings)), ("secret",), "")

    def ping(self, *representations: Form) -> Target:
        settings = {"base": f"{BASE}/topics/", "representations": representations or ("json",)}
        return PingChannel(self.egress, self.clock).target(self.subscription(settings), (), "")

    def subscription(self, settings: dict[str, Any], **more: Any) -> Subscription:
        return Subscription(
            id="s", sink=self.receiver.url, topics=("orders/1",), protocolsettings=settings, **more
        )

    async def tried(
        self,
        target: Target,
        records: Sequence[Record],
        numbers: Sequence[int] = (),
        timeout: float = 5,
    ) -> Attempt:
        """Deliver, and return what the ledger has of it."""
        order = Order("ep-7", records, numbers or [0] * len(records), 1)
        return self.noted(await target.deliver(order, timeout), records)

    def noted(self, exchange: Exchange, records: Sequence[Record]) -> Attempt:
        items = [Item(one.offset, one, 0, None, "new") for one in records]
        made = attempt_record("a", self.subscription({}), "ep-7", items, exchange, 1, 0)
        return msgspec.json.decode(msgspec.json.encode(made), type=Attempt)

    @property
    def sent(self) -> bytes:
        return self.receiver.got[-1].body


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    egress = Egress(EgressOptions(), allow=("127.0.0.0/8",), clock=SystemClock())
    await egress.start()
    try:
        async with receiving() as receiver:
            yield Rig(receiver, egress)
    finally:
        await egress.close()


# Webhooks


@pytest.mark.parametrize("content", ["structured", "binary", "data"])
@pytest.mark.parametrize("number", [0, 17])
async def test_a_webhook_of_any_form(content: str, number: int) -> None:
    async with rig() as r:
        dialects = ["standard", "github", "slack"]
        target = r.webhook(content=content, signing=dialects, headers={"X-Own": "1"})
        for one in EVERY:
            attempt = await r.tried(target, [one], [number])
            assert await target.rewrite(attempt, [one]) == Rewritten(r.sent)
        assert len(r.receiver.got) == len(EVERY)


async def test_a_webhook_that_was_not_taken_or_never_answered() -> None:
    async with rig() as r:
        target = r.webhook(content="data")
        r.receiver.answer = lambda _: status(500)
        attempt = await r.tried(target, [PICTURE])
        assert await target.rewrite(attempt, [PICTURE]) == Rewritten(b"\x00\xff")
        r.receiver.answer = lambda _: b""
        attempt = await r.tried(target, [PICTURE], timeout=0.05)
        assert attempt.status == 0
        assert await target.rewrite(attempt, [PICTURE]) == Rewritten(b"\x00\xff")


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("first", [0, 17])
async def test_a_batch_of_webhooks_with_their_numbers(count: int, first: int) -> None:
    async with rig() as r:
        target, records = r.webhook(batch=10), EVERY[:count]
        numbers = [first and first + place for place in range(count)]
        attempt = await r.tried(target, records, numbers)
        assert await target.rewrite(attempt, records) == Rewritten(r.sent)


async def test_a_batch_of_which_some_have_numbers_is_told_without_them() -> None:
    async with rig() as r:
        target, records = r.webhook(batch=10), EVERY[:3]
        attempt = await r.tried(target, records, [0, 5, 6])
        body, note = await target.rewrite(attempt, records)
        assert note == UNNUMBERED
        assert body is not None
        assert body != r.sent
        assert body.replace(b",\n", b",") == b"[%b]" % b",".join(one.json for one in records)


@pytest.mark.parametrize("then", ["structured", "binary", "data", "batch"])
@pytest.mark.parametrize("now", ["structured", "binary", "data", "batch"])
async def test_what_the_subscription_does_not_send_any_more_is_not_shown(
    then: str, now: str
) -> None:
    async with rig() as r:

        def target(form: str) -> Target:
            return r.webhook(batch=5) if form == "batch" else r.webhook(content=form)

        attempt = await r.tried(target(then), [PLAIN], [3])
        again = await target(now).rewrite(attempt, [PLAIN])
        assert again == (Rewritten(r.sent) if then == now else CHANGED)


async def test_asking_for_consent_is_no_delivery() -> None:
    async with rig() as r:
        target = r.webhook(handshake="required")
        refused = await target.prepare()
        assert refused is not None
        assert r.receiver.got[-1].method == "OPTIONS"
        assert await target.rewrite(r.noted(refused, [PLAIN]), [PLAIN]) == ASKED
        attempt = await r.tried(target, [PLAIN])  # with consent
        assert await target.rewrite(attempt, [PLAIN]) == Rewritten(r.sent)


async def test_nothing_secret_is_written() -> None:
    async with rig() as r:
        attempt = await r.tried(target := r.webhook(), [PLAIN])
        told = str((await target.rewrite(attempt, [PLAIN])).body) + str(attempt.request_headers)
        sent = r.receiver.got[-1].headers
        for one in (sent["authorization"], sent["webhook-signature"], SECRET):
            assert one not in told


# WebSub 42: the representation of the topic, as it was pushed


@pytest.mark.parametrize("form", FORMS.values())
@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_notification_in_any_representation(form: Form, is_kept: bool) -> None:
    async with rig() as r:
        r.log = [record(number, b'"%d"' % number) for number in range(1, 80)]
        target, records = r.websub(form), r.log[60:63]
        attempt = await r.tried(target, records)
        again = target if is_kept else r.websub(form)
        assert await again.rewrite(attempt, records) == Rewritten(r.sent)
        assert r.receiver.got[-1].headers["x-hub-signature"] not in str(attempt)


async def test_a_json_feed_with_few_entries_may_have_had_more() -> None:
    async with rig() as r:
        r.log = [record(number) for number in range(1, 9)]
        attempt = await r.tried(r.websub("json-feed"), r.log[6:])
        sent, r.log = r.sent, r.log[4:]
        target = r.websub("json-feed")
        body, note = await target.rewrite(attempt, r.log[2:])
        assert note == SHORT
        assert body is not None
        items = [msgspec.json.decode(one)["items"] for one in (body, sent)]
        assert (len(items[0]), len(items[1])) == (4, 8)
        assert items[1][:4] == items[0]


async def test_looking_at_a_notification_pushes_no_other_out_of_what_is_remembered() -> None:
    async with rig() as r:
        r.log = [record(number) for number in range(1, 9)]
        attempt = await r.tried(r.websub("atom"), r.log)
        target = r.websub("atom")
        await target.rewrite(attempt, r.log)
        assert not cast("Any", target)._channel._made


async def test_a_notification_of_what_was_fetched() -> None:
    async with rig() as r:
        fetched = record(7, b"<rss/>", datacontenttype="text/xml", hubbubcontenttype="text")
        target = r.websub("latest", is_foreign=True)
        attempt = await r.tried(target, [fetched])
        assert r.receiver.got[-1].headers["content-type"] == "text"
        assert await target.rewrite(attempt, [fetched]) == Rewritten(b"<rss/>")


@pytest.mark.parametrize("form", ["atom", "json"])
async def test_a_hub_with_another_name_writes_something_else(form: Form) -> None:
    async with rig() as r:
        attempt = await r.tried(r.websub(form), [PLAIN])
        again = await r.websub(form, hub="http://new.example/hub").rewrite(attempt, [PLAIN])
        assert again == CHANGED


# Pings of other hubs


async def test_pings() -> None:
    async with rig() as r:
        target = r.ping()
        attempt = await r.tried(target, [PLAIN, NUMBERED])
        assert len(r.receiver.got) == 1
        assert await target.rewrite(attempt, [PLAIN, NUMBERED]) == Rewritten(r.sent)
        target = r.ping("json", "atom")
        attempt = await r.tried(target, [PLAIN])
        body, note = await target.rewrite(attempt, [PLAIN])
        assert body in {one.body for one in r.receiver.got[1:]}
        assert note.startswith("the first of 2 requests")
        late = await target.deliver(Order("ep-7", [PLAIN], [0], 1), 0)
        assert await target.rewrite(r.noted(late, [PLAIN]), [PLAIN]) == NEVER


async def test_what_is_read_at_the_same_time_as_it_is_sent() -> None:
    async with rig() as r:
        r.log = [record(number) for number in range(1, 60)]
        target, records = r.websub("json-feed"), r.log[-1:]
        attempt = await r.tried(r.websub("json-feed"), records)
        order = Order("ep-7", records, [0], 1)
        again, _ = await asyncio.gather(target.rewrite(attempt, records), target.deliver(order, 5))
        assert again == Rewritten(r.sent)
