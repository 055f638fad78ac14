"""SNS and PayPal: the certificate's address, whose it is, and the small cache before the fetch."""

from __future__ import annotations

import json

import msgspec
import pytest

from gateway import FakeClock
from hubbub.core.errors import Malformed, TooLarge, Unavailable
from hubbub.sources.webhook import Received, Unverified, catalogue, required_certificate, verify
from hubbub.sources.webhook.certificates import KEPT, MAX_BYTES, MAX_CERTIFICATES, Certificates
from sources.webhook import senders
from sources.webhook.senders import ARN, NOW, PAYPAL_CERT, SNS_CERT

SNS, PAYPAL = catalogue()["sns"], catalogue()["paypal"]


def with_body(request: Received, **members: object) -> Received:
    body = json.loads(request.body) | members
    return msgspec.structs.replace(request, body=json.dumps(body).encode())


def with_header(request: Received, name: str, value: str) -> Received:
    headers = tuple((n, value if n == name else v) for n, v in request.headers)
    return msgspec.structs.replace(request, headers=headers)


def test_most_schemes_need_none() -> None:
    request = senders.SENDERS["github"](b"{}", "s", NOW)
    assert required_certificate(catalogue()["github"], request, ["s"]) is None


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("more", [{}, {"Subject": "a subject"}])
def test_sns_both_versions_and_the_subject(version: str, more: dict[str, str]) -> None:
    request = senders.sns(b"hello", ARN, NOW, version, **more)
    assert required_certificate(SNS, request, [ARN]) == SNS_CERT
    found = verify(SNS, request, [ARN], NOW, certificate=senders.sns_certificate())
    assert (found.id, found.type, found.time) == ("22b80b92", "Notification", NOW)
    with pytest.raises(Unverified):
        changed = with_body(request, Subject="another")
        verify(SNS, changed, [ARN], NOW, certificate=senders.sns_certificate())


BAD_SNS = [
    "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
    "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
    "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
    "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
    "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-1.pem",
    "https://s3.amazonaws.com/bucket/SimpleNotificationService-1.pem",
    "https://sns.a.b.amazonaws.com/SimpleNotificationService-1.pem",
    "https://sns.eu-west-1.amazonaws.com/x/../SimpleNotificationService-1.pem",
    "https://sns.eu-west-1.amazonaws.com\\@evil.example/SimpleNotificationService-1.pem",
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem#x",
    "https://sns.eu-west-1.amazonaws.com\n/SimpleNotificationService-1.pem",
    "https://[::1/SimpleNotificationService-1.pem",
    "",
]


@pytest.mark.parametrize("url", BAD_SNS)
def test_sns_certificates_come_from_amazon_only(url: str) -> None:
    request = with_body(senders.sns(b"m", ARN, NOW), SigningCertURL=url)
    with pytest.raises(Unverified, match="SigningCertURL"):
        required_certificate(SNS, request, [ARN])
    with pytest.raises(Unverified):
        verify(SNS, request, [ARN], NOW, certificate=senders.sns_certificate())


def test_sns_has_nothing_fetched_for_a_foreign_topic() -> None:
    request = senders.sns(b"m", ARN + "x", NOW)
    with pytest.raises(Unverified, match="does not hold"):
        required_certificate(SNS, request, [ARN])


def test_sns_refuses_what_is_not_signed() -> None:
    raw = senders.received(b"hello", {"x-amz-sns-rawdelivery": "true"})
    with pytest.raises(Unverified, match="raw message delivery"):
        required_certificate(SNS, raw, [ARN])


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"TopicArn": 1}', b"\xff"])
def test_sns_says_what_is_no_message(body: bytes) -> None:
    with pytest.raises(Malformed):
        required_certificate(SNS, senders.received(body), [ARN])


@pytest.mark.parametrize("certificate", [None, b"", b"junk", b"-----BEGIN CERTIFICATE-----\n"])
def test_sns_without_a_certificate_is_refused(certificate: bytes | None) -> None:
    with pytest.raises(Unverified):
        verify(SNS, senders.sns(b"m", ARN, NOW), [ARN], NOW, certificate=certificate)


def paypal(request: Received, certificate: bytes | None, now: float = NOW) -> None:
    verify(PAYPAL, request, ["WH-1"], now, certificate=certificate, roots=senders.authority()[0])


def test_paypals_certificate_leads_to_a_root() -> None:
    roots, chain = senders.authority()
    request = senders.paypal(b"{}", "WH-1", NOW)
    assert required_certificate(PAYPAL, request, ["WH-1"]) == PAYPAL_CERT
    paypal(request, chain)
    paypal(request, chain + roots)


@pytest.mark.parametrize("now", [NOW - 40_000_000, NOW + 40_000_000])
def test_paypals_certificate_holds_today(now: float) -> None:
    with pytest.raises(Unverified):
        paypal(senders.paypal(b"{}", "WH-1", NOW), senders.authority()[1], now)


@pytest.mark.parametrize("name", ["paypal.com.evil.example", "evilpaypal.com", "example.com"])
def test_paypals_certificate_is_paypals(name: str) -> None:
    roots, chain = senders.certified(name)
    with pytest.raises(Unverified):
        verify(
            PAYPAL,
            senders.paypal(b"{}", "WH-1", NOW),
            ["WH-1"],
            NOW,
            certificate=chain,
            roots=roots,
        )


@pytest.mark.parametrize("roots", ["another", "system"])
def test_paypals_certificate_of_an_unknown_authority_is_refused(roots: str) -> None:
    chosen = senders.certified("api.paypal.com")[0] if roots == "another" else None
    with pytest.raises(Unverified):
        verify(
            PAYPAL,
            senders.paypal(b"{}", "WH-1", NOW),
            ["WH-1"],
            NOW,
            certificate=senders.authority()[1],
            roots=chosen,
        )


@pytest.mark.parametrize("certificate", [None, b"", b"junk", senders.sns_certificate()])
def test_paypal_without_a_chain_is_refused(certificate: bytes | None) -> None:
    with pytest.raises(Unverified):
        paypal(senders.paypal(b"{}", "WH-1", NOW), certificate)


@pytest.mark.parametrize(
    "url",
    ["https://paypal.com.evil.example/a", "https://evilpaypal.com/a", "http://api.paypal.com/a"],
)
def test_paypals_certificate_comes_from_paypal(url: str) -> None:
    request = with_header(senders.paypal(b"{}", "WH-1", NOW), "paypal-cert-url", url)
    with pytest.raises(Unverified, match="PAYPAL-CERT-URL"):
        required_certificate(PAYPAL, request, ["WH-1"])


def test_paypals_algorithm_is_the_one_we_know() -> None:
    request = with_header(senders.paypal(b"{}", "WH-1", NOW), "paypal-auth-algo", "none")
    with pytest.raises(Unverified, match="PAYPAL-AUTH-ALGO"):
        required_certificate(PAYPAL, request, ["WH-1"])


class Web:
    def __init__(self, content: bytes = b"pem") -> None:
        self.asked: list[str] = []
        self.content = content

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        return self.content


@pytest.mark.anyio
async def test_a_certificate_is_fetched_once_a_day() -> None:
    web, clock = Web(), FakeClock()
    cache = Certificates(web.fetch, clock)
    assert [await cache.get("a"), await cache.get("a")] == [b"pem", b"pem"]
    assert web.asked == ["a"]
    clock.time += KEPT
    await cache.get("a")
    assert web.asked == ["a", "a"]


@pytest.mark.anyio
async def test_few_certificates_are_kept_and_the_least_used_goes() -> None:
    web = Web()
    cache = Certificates(web.fetch, FakeClock())
    for number in range(MAX_CERTIFICATES):
        await cache.get(str(number))
    await cache.get("0")
    await cache.get("new")
    await cache.get("0")
    assert web.asked.count("0") == 1
    await cache.get("1")
    assert web.asked.count("1") == 2


@pytest.mark.anyio
async def test_a_large_certificate_and_a_failure_are_not_kept() -> None:
    web = Web(b"x" * (MAX_BYTES + 1))
    cache = Certificates(web.fetch, FakeClock())
    for _ in range(2):
        with pytest.raises(TooLarge):
            await cache.get("a")
    assert web.asked == ["a", "a"]

    async def fails(url: str) -> bytes:
        raise Unavailable("not now")

    with pytest.raises(Unavailable):
        await Certificates(fails, FakeClock()).get("a")
