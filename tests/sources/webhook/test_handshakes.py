"""Handshakes: answered as the provider asks, proven where they must be, never an oracle."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from hubbub.core.errors import Malformed
from hubbub.sources.webhook import Answer, Received, Unverified, catalogue, handshake
from sources.webhook import senders
from sources.webhook.senders import ARN, NOW, pairs, received

TEXT = ("content-type", "text/plain; charset=utf-8")


def shake(name: str, request: Received, *secrets: str, **more: Any) -> Answer | None:
    return handshake(catalogue()[name], request, secrets or ("s",), NOW, **more)


def get(**query: str) -> Received:
    url = "https://events.example.com/hooks/in?" + urlencode(query)
    return received(method="GET", url=url)


def text_of(answer: Answer | None) -> str:
    assert answer is not None
    assert answer.status == 200
    assert TEXT in answer.headers
    assert ("x-content-type-options", "nosniff") in answer.headers
    return answer.body.decode()


@pytest.mark.parametrize("name", sorted(senders.SENDERS))
def test_an_ordinary_request_is_none(name: str) -> None:
    (theirs, ours), _ = pairs(name)
    assert shake(name, senders.SENDERS[name](b'{"type": "a"}', theirs, NOW), ours) is None


def test_slack() -> None:
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1a"}).encode()
    assert text_of(shake("slack", senders.slack(body, "s", NOW))) == "3eZbrw1a"
    with pytest.raises(Unverified):
        shake("slack", senders.slack(body, "other", NOW))
    with pytest.raises(Unverified, match="away"):
        shake("slack", senders.slack(body, "s", NOW - 301))


def test_meta() -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "tok"}
    assert text_of(shake("meta", get(**asked), verify_token="tok")) == "1158201444"
    for told in ("", "other"):
        with pytest.raises(Unverified):
            shake("meta", get(**asked), verify_token=told)
    with pytest.raises(Unverified):
        shake("meta", get(**(asked | {"hub.verify_token": ""})), verify_token="")
    assert shake("meta", get(**{"hub.mode": "other"})) is None


@pytest.mark.parametrize("text", ["", "a" * 513, "a\nb", "é", "\x00"])
def test_an_echo_is_bounded(text: str) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": text, "hub.verify_token": "tok"}
    with pytest.raises(Malformed, match="challenge"):
        shake("meta", get(**asked), verify_token="tok")


def test_echoes_without_a_secret() -> None:
    assert text_of(shake("dropbox", get(challenge="<b>x"))) == "<b>x"
    url = "https://events.example.com/hooks/in?validationToken=Validation%3A+Testing"
    assert text_of(shake("microsoft-graph", received(url=url))) == "Validation: Testing"
    assert shake("dropbox", get()) is None


def test_x() -> None:
    answer = shake("x", get(crc_token="Tok-1"))
    assert answer is not None
    signed = base64.b64encode(hmac.digest(b"s", b"Tok-1", "sha256")).decode()
    assert json.loads(answer.body) == {"response_token": f"sha256={signed}"}
    assert shake("x", get()) is None


@pytest.mark.parametrize("token", ['{"a":1}', "[1]", "v0:1:{}", "a b", "a" * 129])
def test_no_answer_signs_what_could_be_a_webhook(token: str) -> None:
    with pytest.raises(Malformed):
        shake("x", get(crc_token=token))
    body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": token}})
    with pytest.raises(Malformed):
        shake("zoom", senders.zoom(body.encode(), "s", NOW))


def test_zoom() -> None:
    body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vl"}})
    answer = shake("zoom", senders.zoom(body.encode(), "s2", NOW), "s1", "s2")
    assert answer is not None
    assert json.loads(answer.body) == {
        "plainToken": "qgg8vl",
        "encryptedToken": hmac.new(b"s2", b"qgg8vl", hashlib.sha256).hexdigest(),
    }
    with pytest.raises(Unverified):
        shake("zoom", senders.zoom(body.encode(), "other", NOW))


def test_discord() -> None:
    (key, public), (other, _) = pairs("discord")
    interaction = b'{"id":"1","type":1,"version":1}'
    answer = shake("discord", senders.discord(interaction, key, NOW), public)
    assert answer is not None
    assert (answer.status, answer.body) == (200, b'{"type":1}')
    answer = shake("discord", senders.discord(b'{"version":1,"type":0}', key, NOW), public)
    assert answer is not None
    assert (answer.status, answer.body) == (204, b"")
    event = b'{"version":1,"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}'
    assert shake("discord", senders.discord(event, key, NOW), public) is None
    with pytest.raises(Unverified):
        shake("discord", senders.discord(interaction, other, NOW), public)


CONFIRM = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc"


def confirmation(url: str = CONFIRM, arn: str = ARN) -> Received:
    return senders.sns(b"m", arn, NOW, Type="SubscriptionConfirmation", SubscribeURL=url, Token="t")


def test_sns_gives_a_link_to_visit() -> None:
    cert = senders.sns_certificate()
    answer = shake("sns", confirmation(), ARN, certificate=cert)
    assert answer == Answer(200, visit=CONFIRM)
    with pytest.raises(Unverified):
        shake("sns", confirmation(arn=ARN + "x"), ARN, certificate=cert)
    with pytest.raises(Unverified, match="SubscribeURL"):
        shake("sns", confirmation("https://evil.example/?Action=x"), ARN, certificate=cert)


def options(**headers: str) -> Received:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return received(method="OPTIONS", headers=named)


def test_cloudevents_consent() -> None:
    answer = shake("hmac", options(webhook_request_origin="a.example", webhook_request_rate="120"))
    assert answer is not None
    assert (answer.status, answer.visit) == (200, None)
    assert dict(answer.headers) == {
        "allow": "POST",
        "webhook-allowed-origin": "a.example",
        "webhook-allowed-rate": "120",
    }
    callback = options(
        webhook_request_origin="a.example", webhook_request_callback="https://10.0.0.1/"
    )
    answer = shake("github", callback)
    assert answer is not None
    assert "webhook-allowed-rate" not in dict(answer.headers)
    assert answer.visit is None
    assert shake("github", options()) is None


@pytest.mark.parametrize("bad", [{"webhook_request_origin": "a b"}, {"webhook_request_rate": "-1"}])
def test_cloudevents_consent_to_nonsense(bad: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        shake("hmac", options(**({"webhook_request_origin": "a.example"} | bad)))


def test_head_is_answered_where_the_provider_tries_it() -> None:
    request: Callable[[], Received] = lambda: received(method="HEAD")  # noqa: E731
    assert shake("trello", request()) == Answer(200)
    assert shake("github", request()) is None
