"""Every provider of the data file: its requests are accepted, and nobody else's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hubbub.core.errors import HubbubError, Malformed
from hubbub.sources.webhook import Received, Unverified, Verified, WebhookSource, catalogue, verify
from hubbub.sources.webhook.scheme import Basic, Secret, Signed
from sources.webhook.senders import NOW, SENDERS, authority, pairs, sns_certificate

BODY = b'{"id": "evt_1", "type": "order.paid", "n": 1}'
PROVIDERS = sorted(SENDERS)
STAMPED = [
    name
    for name in PROVIDERS
    if name == "sns" or getattr(catalogue()[name], "timestamp", None) is not None
]
UNSIGNED_BODY = ("mailgun",)

COVERING = [
    name
    for name in PROVIDERS
    if name not in UNSIGNED_BODY and not isinstance(catalogue()[name], Secret | Basic)
]
"""Those whose proof covers the body."""

IN_HEADERS = [
    name
    for name in PROVIDERS
    if isinstance(scheme := catalogue()[name], Signed) and scheme.signature[0].startswith("header:")
]
"""Those whose signature stands in a header of its own."""


def check(name: str, request: Received, *secrets: str, **more: Any) -> Verified:
    certificate = {"sns": sns_certificate, "paypal": lambda: authority()[1]}.get(name)
    return verify(
        catalogue()[name],
        request,
        secrets,
        more.pop("now", NOW),
        certificate=certificate() if certificate else None,
        roots=authority()[0],
        **more,
    )


def test_every_provider_has_a_sender() -> None:
    names = {scheme.name for scheme in catalogue().values()}
    one_each = {
        next(n for n, s in catalogue().items() if _same(s, scheme))
        for scheme in catalogue().values()
    }
    assert one_each == set(SENDERS)
    assert names == set(catalogue())


def _same(one: Any, other: Any) -> bool:
    return msgspec.structs.replace(one, name="") == msgspec.structs.replace(other, name="") and (
        type(one) is type(other)
    )


@pytest.mark.parametrize("name", PROVIDERS)
def test_its_own_request_is_accepted(name: str) -> None:
    (theirs, ours), _ = pairs(name)
    found = check(name, SENDERS[name](BODY, theirs, NOW), ours)
    assert (found.signer, found.key) == (name, 0)
    assert found.time == (NOW if name in STAMPED else None)


@pytest.mark.parametrize("name", PROVIDERS)
def test_either_secret_will_do(name: str) -> None:
    (_, first), (theirs, second) = pairs(name)
    assert check(name, SENDERS[name](BODY, theirs, NOW), first, second).key == 1


@pytest.mark.parametrize("name", PROVIDERS)
def test_another_secret_is_refused(name: str) -> None:
    (theirs, _), (_, ours) = pairs(name)
    with pytest.raises(Unverified) as raised:
        check(name, SENDERS[name](BODY, theirs, NOW), ours)
    assert raised.value.status == 401
    assert ours not in str(raised.value)


@pytest.mark.parametrize("name", COVERING)
def test_a_changed_body_is_refused(name: str) -> None:
    (theirs, ours), _ = pairs(name)
    request = SENDERS[name](BODY, theirs, NOW)
    assert b"paid" in request.body
    changed = msgspec.structs.replace(request, body=request.body.replace(b"paid", b"lost"))
    with pytest.raises(Unverified):
        check(name, changed, ours)


@pytest.mark.parametrize("name", STAMPED)
@pytest.mark.parametrize("away", [-601, 601])
def test_a_stale_time_is_refused(name: str, away: int) -> None:
    (theirs, ours), _ = pairs(name)
    with pytest.raises(Unverified, match="600 s away"):
        check(name, SENDERS[name](BODY, theirs, NOW + away), ours, tolerance=600)
    assert check(name, SENDERS[name](BODY, theirs, NOW + away * 599 // 601), ours, tolerance=600)


@pytest.mark.parametrize("name", STAMPED)
def test_a_wrong_key_is_not_told_that_its_time_is_stale(name: str) -> None:
    (theirs, _), (_, ours) = pairs(name)
    with pytest.raises(Unverified, match="does not hold"):
        check(name, SENDERS[name](BODY, theirs, NOW - 9000), ours, tolerance=600)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_bare_request_is_refused(name: str) -> None:
    (_, ours), _ = pairs(name)
    with pytest.raises((Unverified, Malformed)):
        check(name, Received(method="POST", url="https://a.example/hooks/x"), ours)


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("secrets", [(), ("",), ("", "x")])
def test_no_secret_means_refusal(name: str, secrets: tuple[str, ...]) -> None:
    with pytest.raises(Unverified, match="no secret"):
        check(name, SENDERS[name](BODY, pairs(name)[0][0], NOW), *secrets)


@pytest.mark.parametrize("name", IN_HEADERS)
def test_signatures_of_any_shape_are_refused(name: str) -> None:
    scheme = catalogue()[name]
    assert isinstance(scheme, Signed)
    (theirs, ours), _ = pairs(name)
    request = SENDERS[name](BODY, theirs, NOW)
    header = scheme.signature[0].removeprefix("header:").rstrip("*")
    for text in ("", ",", "v1", "v1,", "=", "sha256=", "é", "zz", "A" * 5000, ", " * 5000):
        headers = tuple((n, text if n.startswith(header) else v) for n, v in request.headers)
        with pytest.raises(HubbubError) as raised:
            check(name, msgspec.structs.replace(request, headers=headers), ours)
        assert raised.value.status in (400, 401)


@pytest.mark.parametrize("name", PROVIDERS)
def test_options_take_its_secrets(name: str) -> None:
    (_, one), (_, two) = pairs(name)
    source = WebhookSource(provider=name, secrets=(one, two), verify_token="t")
    assert source.resolve() is catalogue()[name]
    assert one not in repr(source)
