"""An attempt shows what was sent: a whole gateway, and a real receiver to compare with."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from channels.receiver import Receiver, receiving, status
from hubbub import Hub
from hubbub.core.contracts import Retention
from hubbub.core.grants import EVERYONE
from hubbub.deliveries import past
from hubbub.deliveries.shown import RequestShown
from hubbub.settings import Settings

pytestmark = pytest.mark.anyio


def gateway() -> Hub:
    return Hub(
        msgspec.convert(
            {"log": {"store": "memory:"}, "egress": {"allow": ["127.0.0.0/8"]}}, Settings
        )
    )


async def request(hub: Hub, id_: str, receiver: Receiver) -> RequestShown:
    """Return the request of the newest attempt once there is one."""
    while not (receiver.got and hub.deliveries.recorded):
        await asyncio.sleep(0.001)
    [newest, *_] = await hub.subscriptions.attempts(id_, EVERYONE)
    assert newest.request.body is None
    return (await hub.subscriptions.attempt(id_, newest.id, EVERYONE)).request


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"protocolsettings": {"content": "binary"}},
        {"protocolsettings": {"content": "data"}},
        {"protocolsettings": {"signing": ["github", "slack"], "secret": "s" * 20}},
        {"config": {"batch_size": 10}},
    ],
)
async def test_a_webhook_is_shown_as_it_was_sent(members: dict[str, Any]) -> None:
    async with gateway() as hub, receiving() as receiver:
        document = {"sink": receiver.url, "topics": ["t"], **members}
        id_ = (await hub.subscriptions.create(document, EVERYONE))["id"]
        await hub.publish("t", {"n": 1.5}, subject="s")
        shown = await request(hub, id_, receiver)
        sent = receiver.got[0]
        assert shown.body == sent.body.decode()
        assert shown.body_note is None
        assert dict(shown.headers)["content-type"] == sent.headers["content-type"]


async def test_what_cannot_be_shown_is_said() -> None:
    async with gateway() as hub, receiving() as receiver:
        document = {"sink": receiver.url, "topics": ["t"]}
        id_ = (await hub.subscriptions.create(document, EVERYONE))["id"]
        await hub.publish("t", {"n": 1.5})
        assert (await request(hub, id_, receiver)).body is not None
        patch = {"protocolsettings": {"content": "data"}}
        await hub.subscriptions.patch(id_, patch, EVERYONE)
        shown = await request(hub, id_, receiver)
        assert shown.body is None
        assert "changed since" in (shown.body_note or "")
        assert dict(shown.headers)["content-type"] == "application/cloudevents+json"
        await hub.publish("u", 1)
        await hub.log.trim(Retention(max_count=1))
        shown = await request(hub, id_, receiver)
        assert shown.body is None
        assert "no longer keeps" in (shown.body_note or "")


async def test_a_request_for_consent_is_told_as_one() -> None:
    async with gateway() as hub, receiving() as receiver:
        receiver.answer = lambda _: status(204)  # which is no consent
        settings = {"handshake": "required"}
        document = {"sink": receiver.url, "topics": ["t"], "protocolsettings": settings}
        id_ = (await hub.subscriptions.create(document, EVERYONE))["id"]
        await hub.publish("t", 1)
        shown = await request(hub, id_, receiver)
        assert (receiver.got[0].method, shown.method) == ("OPTIONS", "OPTIONS")
        assert shown.body is None
        assert "consent" in (shown.body_note or "")


async def test_what_is_very_large_together_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "MOST", 1000)
    async with gateway() as hub, receiving() as receiver:
        config = {"batch_size": 5, "batch_wait": 5}
        document = {"sink": receiver.url, "topics": ["t"], "config": config}
        id_ = (await hub.subscriptions.create(document, EVERYONE))["id"]
        for number in range(5):
            await hub.publish("t", {"n": number, "text": "x" * 300})
        told = await request(hub, id_, receiver)
        assert (told.body, told.body_note) == (None, past.HUGE.note)
