"""Options of a webhook source: what cannot work is said with its place, secrets are never shown."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hubbub.core.errors import Malformed
from hubbub.sources.webhook import WebhookSource, catalogue, verify
from hubbub.sources.webhook.scheme import Hmac
from sources.webhook.senders import NOW, mac, pairs, received

GOOD = {"kind": "hmac", "signature": ["header:x-mine"]}


def read(**members: Any) -> WebhookSource:
    return msgspec.convert({"secrets": ["s"], **members}, WebhookSource)


def test_a_known_provider() -> None:
    assert read(provider="github").resolve() is catalogue()["github"]


def test_an_own_scheme_from_end_to_end() -> None:
    scheme = {
        "kind": "hmac",
        "algorithm": "sha512",
        "signature": ["header:X-Mine"],
        "separator": ";",
        "field": "sig",
        "signed": "{timestamp}/{method}/{header:X-Id}/{body}",
        "timestamp": {"field": "at", "unit": "ms", "tolerance": 10},
        "id": ["header:x-id"],
        "key": "hex",
    }
    source = read(provider="custom", scheme=scheme, secrets=["00ff"])
    resolved = source.resolve()
    assert isinstance(resolved, Hmac)
    signed = mac(b"\x00\xff", f"{NOW}000/POST/7/hi".encode(), "sha512").hex()
    request = received(b"hi", {"X-Mine": f"at={NOW}000; sig={signed}", "X-Id": "7"})
    found = verify(resolved, request, source.secrets, NOW)
    assert (found.id, found.type, found.time, found.signer) == ("7", "webhook", NOW, "custom")


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"provider": "githup"}, "/provider"),
        ({"provider": "custom"}, "/scheme"),
        ({"provider": "github", "scheme": GOOD}, "/scheme"),
        ({"provider": "meta"}, "/verify_token"),
        ({"provider": "github", "public_url": "ftp://a"}, "/public_url"),
        ({"provider": "github", "public_url": "http://[a"}, "/public_url"),
        ({"provider": "standard", "secrets": ["whsec_AAAA", "whsec_!"]}, "/secrets/1"),
        ({"provider": "standard", "secrets": ["whpk_AAAA"]}, "/secrets/0"),
        ({"provider": "discord"}, "/secrets/0"),
        ({"provider": "sendgrid", "secrets": [pairs("wise")[0][1]]}, "/secrets/0"),
        ({"provider": "basic"}, "/secrets/0"),
        ({"provider": "sns"}, "/secrets/0"),
        ({"provider": "custom", "scheme": GOOD | {"signature": []}}, "/scheme/signature"),
        ({"provider": "custom", "scheme": GOOD | {"signature": ["x"]}}, "/scheme/signature"),
        ({"provider": "custom", "scheme": GOOD | {"signed": "{nope}"}}, "/scheme/signed"),
        ({"provider": "custom", "scheme": GOOD | {"timestamp": {}}}, "/scheme/timestamp"),
        ({"provider": "custom", "scheme": GOOD | {"id": ["json:x"]}}, "/scheme/id"),
        ({"provider": "custom", "scheme": GOOD | {"topic": "a//b"}}, "/scheme/topic"),
        ({"provider": "custom", "scheme": GOOD | {"echo": {"take": "x"}}}, "/scheme/echo"),
        ({"provider": "custom", "scheme": {"kind": "secret", "at": []}}, "/scheme/at"),
    ],
)
def test_what_cannot_work(members: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Malformed) as raised:
        read(**members).resolve()
    assert raised.value.pointer == pointer


def test_a_mistyped_provider_is_helped() -> None:
    with pytest.raises(Malformed, match="did you mean github"):
        read(provider="githup").resolve()


@pytest.mark.parametrize(
    "members",
    [
        {"secrets": []},
        {"secrets": [""]},
        {"secrets": ["s"] * 9},
        {"tolerance": 0},
        {"unknown": 1},
        {"scheme": {"kind": "none"}},
        {"scheme": GOOD | {"algorithm": "md5"}},
        {"scheme": {"kind": "twilio", "signature": ["header:x"]}},
    ],
)
def test_what_has_no_shape(members: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(provider="github", **members)


def test_secrets_are_not_shown() -> None:
    source = read(provider="meta", secrets=["top secret"], verify_token="also secret")
    assert "secret'" not in repr(source) and "top" not in repr(source)
    assert "also" not in f"{source}"
