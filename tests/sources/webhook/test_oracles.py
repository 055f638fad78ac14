"""The providers' own libraries, both directions: what they sign we accept, what they refuse we do.

Where a library only verifies, the request of our test sender must pass there as well as here, so the
sender cannot be wrong in the same way as the scheme.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import stripe
from discord_interactions import verify_key
from hypothesis import given
from hypothesis import strategies as st
from sendgrid.helpers.eventwebhook import EventWebhook
from slack_sdk.signature import SignatureVerifier
from square.utils.webhooks_helper import verify_signature
from standardwebhooks import Webhook as StandardWebhook
from svix import Webhook as SvixWebhook
from twilio.request_validator import RequestValidator

import vectors
from hubbub.core.errors import HubbubError
from hubbub.sources.webhook import Received, Unverified, catalogue, verify
from sources.webhook import senders
from sources.webhook.senders import FORM, NOW, STANDARD, URL, pairs, received

BODIES = st.text(max_size=200).map(str.encode)
SHARED = vectors.load("standard-webhooks", "vectors.json")


def holds(name: str, request: Received, *secrets: str, now: float = NOW) -> bool:
    try:
        verify(catalogue()[name], request, secrets, now)
    except Unverified:
        return False
    return True


def header(request: Received, name: str) -> str:
    return request.header(name) or ""


@given(BODIES, st.text(min_size=1, max_size=40))
def test_stripe(body: bytes, secret: str) -> None:
    signature = stripe.WebhookSignature._compute_signature(f"{NOW}.{body.decode()}", secret)
    old = f"t={NOW},v1=00,v0=11,v1={signature}"
    assert holds("stripe", received(body, {"Stripe-Signature": old}), secret)
    ours = senders.SENDERS["stripe"](body, secret, NOW)
    assert stripe.WebhookSignature.verify_header(
        body.decode(), header(ours, "stripe-signature"), secret
    )
    assert not holds("stripe", received(body + b"x", {"Stripe-Signature": old}), secret)


@given(BODIES, st.text(min_size=1, max_size=40).filter(str.strip))
def test_slack(body: bytes, secret: str) -> None:
    signer = SignatureVerifier(secret)
    signature = signer.generate_signature(timestamp=str(NOW), body=body) or ""
    headers = {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": str(NOW)}
    assert holds("slack", received(body, headers), secret)
    assert header(senders.slack(body, secret, NOW), "x-slack-signature") == signature


NAMES = st.text(min_size=1, max_size=10)


@given(st.dictionaries(NAMES, NAMES, max_size=6), st.sampled_from(["", ":443", ":8443"]))
def test_twilio_forms(fields: dict[str, str], port: str) -> None:
    from urllib.parse import urlencode

    signed_url = "https://events.example.com" + port + "/hooks/in?a=1&b=%20"
    signature = RequestValidator("token").compute_signature(signed_url, fields)
    called = signed_url.replace(":443", "")
    body = urlencode(fields).encode()
    request = received(body, {"X-Twilio-Signature": signature}, url=called, content_type=FORM)
    assert holds("twilio", request, "token")
    assert RequestValidator("token").validate(called, fields, signature)
    assert not holds("twilio", request, "other")


@given(BODIES.filter(bool))
def test_twilio_json(body: bytes) -> None:
    validator = RequestValidator("token")
    url = f"{URL}&bodySHA256={validator.compute_hash(body.decode())}"
    signature = validator.compute_signature(url, {})
    assert holds("twilio", received(body, {"X-Twilio-Signature": signature}, url=url), "token")
    changed = received(body + b" ", {"X-Twilio-Signature": signature}, url=url)
    assert not holds("twilio", changed, "token")


def test_twilio_does_not_take_a_body_that_nothing_covers() -> None:
    signature = RequestValidator("token").compute_signature(URL, {})
    assert holds("twilio", received(b"", {"X-Twilio-Signature": signature}), "token")
    assert not holds("twilio", received(b"{}", {"X-Twilio-Signature": signature}), "token")


@given(BODIES)
def test_discord(body: bytes) -> None:
    key, public = pairs("discord")[0]
    request = senders.discord(body, key, NOW)
    assert verify_key(body, header(request, "x-signature-ed25519"), str(NOW), public)
    assert holds("discord", request, public)


@pytest.mark.parametrize("library", [StandardWebhook, SvixWebhook])
@pytest.mark.parametrize("prefix", ["webhook", "svix"])
def test_standard_webhooks(library: Any, prefix: str) -> None:
    secret = STANDARD[0][1]
    body = '{"type":"a","é":1}'
    signature = library(secret).sign("msg_2", dt.datetime.fromtimestamp(NOW, dt.UTC), body)
    headers = {
        f"{prefix}-id": "msg_2",
        f"{prefix}-timestamp": str(NOW),
        f"{prefix}-signature": f"v1a,xx nonsense v2,ab {signature}",
    }
    for name in ("standard", "svix", "clerk", "gitlab-signed"):
        assert holds(name, received(body.encode(), headers), secret)
    assert not holds("svix", received(body.encode() + b" ", headers), secret)


def test_standard_webhooks_take_bodies_that_are_no_text() -> None:
    request = senders.standard(b"\xff\x00", STANDARD[0][0], NOW)
    assert holds("standard", request, STANDARD[0][1])


@pytest.mark.parametrize("case", SHARED["verify"], ids=lambda case: case["name"])
def test_shared_vectors(case: dict[str, Any]) -> None:
    payload = case["payload"] if "payload" in case else bytes.fromhex(case["payload_hex"])
    body = payload.encode() if isinstance(payload, str) else payload
    request = received(body, case["headers"])
    try:
        found = verify(catalogue()["standard"], request, case["secrets"], case["now"])
    except HubbubError as error:
        assert not case["valid"], error
        assert error.status in (400, 401)
    else:
        assert case["valid"], found


@pytest.mark.parametrize("case", SHARED["sign_v1a"], ids=lambda case: case["name"])
def test_shared_vectors_of_public_keys(case: dict[str, Any]) -> None:
    request = received(
        case["payload"].encode(),
        {
            "webhook-id": case["id"],
            "webhook-timestamp": str(case["timestamp"]),
            "webhook-signature": case["signature"],
        },
    )
    assert holds("standard", request, case["public_key"], now=case["timestamp"])
    assert not holds("standard", request, STANDARD[0][1], now=case["timestamp"])


@given(BODIES.filter(bool))
def test_square(body: bytes) -> None:
    request = senders.square(body, "key", NOW)
    assert verify_signature(
        request_body=body.decode(),
        signature_header=header(request, "x-square-hmacsha256-signature"),
        signature_key="key",
        notification_url=URL,
    )
    assert holds("square", request, "key")


def test_sendgrid() -> None:
    key, public = pairs("sendgrid")[0]
    request = senders.sendgrid(b'[{"event":"open"}]\r\n', key, NOW)
    assert EventWebhook(public).verify_signature(
        request.body.decode(),
        header(request, "x-twilio-email-event-webhook-signature"),
        str(NOW),
    )
    assert holds("sendgrid", request, public)


def test_githubs_documented_vector() -> None:
    """docs.github.com, "Validating webhook deliveries", testing the webhook payload validation."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    request = received(
        b"Hello, World!",
        {
            "X-Hub-Signature-256": signature,
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        },
    )
    found = verify(catalogue()["github"], request, ["It's a Secret to Everybody"], NOW)
    assert (found.type, found.id) == ("push", "72d3162e-cc78-11e3-81ab-4c9367dc0958")


def test_slacks_documented_vector() -> None:
    """docs.slack.dev, "Verifying requests from Slack": the worked example."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    request = received(
        body,
        {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": "1531420618"},
        content_type=FORM,
    )
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    found = verify(catalogue()["slack"], request, [secret], 1531420618)
    assert found.type == "/webhook-collect"


def test_form_payloads_tell_of_the_event() -> None:
    from urllib.parse import urlencode

    body = urlencode({"payload": json.dumps({"type": "block_actions"})}).encode()
    request = senders.slack(body, "s", NOW)
    form = Received(
        method="POST",
        url=URL,
        headers=(("content-type", FORM), *request.headers[1:]),
        body=body,
    )
    assert verify(catalogue()["slack"], form, ["s"], NOW).type == "block_actions"
