"""What the providers do on their side, written from their documentation and not from our schemes.

`SENDERS` has one per provider of the data file: given a body, a secret and a time it makes the request
that the provider would send. `PAIRS` has a secret as the provider keeps it and as the source is told.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from hubbub.sources.webhook import Received

NOW = 1_780_000_000
URL = "https://events.example.com/hooks/in?a=1"
ARN = "arn:aws:sns:eu-west-1:123456789012:orders"
SNS_CERT = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
PAYPAL_CERT = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
FORM = "application/x-www-form-urlencoded"

Sender = Callable[[bytes, Any, float], Received]


def received(
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    method: str = "POST",
    url: str = URL,
    content_type: str = "application/json",
) -> Received:
    pairs = [(name.lower(), value) for name, value in (headers or {}).items()]
    query = url.partition("?")[2]
    return Received(
        method=method,
        url=url,
        path="/hooks/in",
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        headers=(("content-type", content_type), *pairs),
        body=body,
    )


def mac(secret: str | bytes, message: bytes, algorithm: str = "sha256") -> bytes:
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(key, message, algorithm).digest()


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def hexed(header: str, prefix: str = "", algorithm: str = "sha256") -> Sender:
    return lambda body, secret, now: received(
        body, {header: prefix + mac(secret, body, algorithm).hex()}
    )


def based(header: str, prefix: str = "", algorithm: str = "sha256") -> Sender:
    return lambda body, secret, now: received(
        body, {header: prefix + b64(mac(secret, body, algorithm))}
    )


def plain(header: str) -> Sender:
    return lambda body, secret, now: received(body, {header: secret})


def stripe_like(header: str) -> Sender:
    def send(body: bytes, secret: str, now: float) -> Received:
        signature = mac(secret, b"%d.%b" % (now, body)).hex()
        return received(body, {header: f"t={int(now)},v1={signature}"})

    return send


def standard(body: bytes, secret: str, now: float) -> Received:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = b64(mac(key, b"msg_1.%d.%b" % (now, body)))
    return received(
        body,
        {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(now)),
            "webhook-signature": f"v1,{signature}",
        },
    )


def slack(body: bytes, secret: str, now: float) -> Received:
    signature = "v0=" + mac(secret, b"v0:%d:%b" % (now, body)).hex()
    return received(
        body, {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": str(int(now))}
    )


def zoom(body: bytes, secret: str, now: float) -> Received:
    signature = "v0=" + mac(secret, b"v0:%d:%b" % (now, body)).hex()
    return received(body, {"x-zm-signature": signature, "x-zm-request-timestamp": str(int(now))})


def twilio(header: str = "X-Twilio-Signature", url: str = URL) -> Sender:
    def send(body: bytes, secret: str, now: float) -> Received:
        form = urlencode([("Body", body.decode()), ("From", "+1"), ("mandrill_events", "[]")])
        text = url + "Body" + body.decode() + "From+1" + "mandrill_events[]"
        headers = {header: b64(mac(secret, text.encode(), "sha1"))}
        return received(form.encode(), headers, url=url, content_type=FORM)

    return send


def square(body: bytes, secret: str, now: float) -> Received:
    return received(body, {"x-square-hmacsha256-signature": b64(mac(secret, URL.encode() + body))})


def zendesk(body: bytes, secret: str, now: float) -> Received:
    stamp = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return received(
        body,
        {
            "X-Zendesk-Webhook-Signature": b64(mac(secret, stamp.encode() + body)),
            "X-Zendesk-Webhook-Signature-Timestamp": stamp,
        },
    )


def linear(body: bytes, secret: str, now: float) -> Received:
    told = json.dumps({"n": body.decode(), "webhookTimestamp": int(now * 1000)}).encode()
    return hexed("Linear-Signature")(told, secret, now)


def paddle(body: bytes, secret: str, now: float) -> Received:
    signature = mac(secret, b"%d:%b" % (now, body)).hex()
    return received(body, {"Paddle-Signature": f"ts={int(now)};h1={signature}"})


def hubspot(body: bytes, secret: str, now: float) -> Received:
    stamp = str(int(now * 1000))
    url = "https://events.example.com/hooks/in?at=" + quote("a:b/c@d", safe="")
    text = "POSThttps://events.example.com/hooks/in?at=a:b/c@d" + body.decode() + stamp
    return received(
        body,
        {
            "X-HubSpot-Signature-v3": b64(mac(secret, text.encode())),
            "X-HubSpot-Request-Timestamp": stamp,
        },
        url=url,
    )


def docusign(body: bytes, secret: str, now: float) -> Received:
    return received(
        body,
        {
            "X-DocuSign-Signature-1": b64(mac("another key", body)),
            "X-DocuSign-Signature-2": b64(mac(secret, body)),
        },
    )


def mailgun(body: bytes, secret: str, now: float) -> Received:
    token = hashlib.sha256(body).hexdigest()[:50]
    signature = mac(secret, f"{int(now)}{token}".encode()).hex()
    signed = {"timestamp": str(int(now)), "token": token, "signature": signature}
    return received(json.dumps({"signature": signed, "event-data": {"event": "opened"}}).encode())


def trello(body: bytes, secret: str, now: float) -> Received:
    return received(body, {"X-Trello-Webhook": b64(mac(secret, body + URL.encode(), "sha1"))})


def pandadoc(body: bytes, secret: str, now: float) -> Received:
    return received(body, url=f"{URL}&signature={mac(secret, body).hex()}")


def microsoft(body: bytes, secret: str, now: float) -> Received:
    return received(json.dumps({"value": [{"clientState": secret, "n": body.decode()}]}).encode())


def basic(body: bytes, secret: str, now: float) -> Received:
    return received(body, {"Authorization": f"Basic {b64(secret.encode())}"})


def bearer(body: bytes, secret: str, now: float) -> Received:
    return received(body, {"Authorization": f"Bearer {secret}"})


def discord(body: bytes, key: ed25519.Ed25519PrivateKey, now: float) -> Received:
    return received(
        body,
        {
            "X-Signature-Ed25519": key.sign(b"%d%b" % (now, body)).hex(),
            "X-Signature-Timestamp": str(int(now)),
        },
    )


def telnyx(body: bytes, key: ed25519.Ed25519PrivateKey, now: float) -> Received:
    return received(
        body,
        {
            "telnyx-signature-ed25519": b64(key.sign(b"%d|%b" % (now, body))),
            "telnyx-timestamp": str(int(now)),
        },
    )


def sendgrid(body: bytes, key: ec.EllipticCurvePrivateKey, now: float) -> Received:
    signature = key.sign(b"%d%b" % (now, body), ec.ECDSA(hashes.SHA256()))
    return received(
        body,
        {
            "X-Twilio-Email-Event-Webhook-Signature": b64(signature),
            "X-Twilio-Email-Event-Webhook-Timestamp": str(int(now)),
        },
    )


def wise(body: bytes, key: rsa.RSAPrivateKey, now: float) -> Received:
    signature = key.sign(body, padding.PKCS1v15(), hashes.SHA256())
    return received(body, {"X-Signature-SHA256": b64(signature)})


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def sns_certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(rsa_key().public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2036, 1, 1, tzinfo=dt.UTC))
        .sign(rsa_key(), hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def sns(body: bytes, arn: str, now: float, version: str = "2", **more: str) -> Received:
    stamp = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    message = {
        "Type": "Notification",
        "MessageId": "22b80b92",
        "TopicArn": arn,
        "Message": body.decode(),
        "Timestamp": stamp,
        **more,
    }
    order = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn"]
    text = "".join(f"{name}\n{message[name]}\n" for name in [*order, "Type"] if name in message)
    hashed = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = rsa_key().sign(text.encode(), padding.PKCS1v15(), hashed)
    message |= {
        "SignatureVersion": version,
        "Signature": b64(signature),
        "SigningCertURL": SNS_CERT,
    }
    return received(json.dumps(message).encode(), content_type="text/plain; charset=UTF-8")


def paypal_key() -> rsa.RSAPrivateKey:
    return rsa_key()


def paypal(body: bytes, webhook: str, now: float) -> Received:
    stamp = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = f"69cd13f0|{stamp}|{webhook}|{zlib.crc32(body)}"
    return received(
        body,
        {
            "PAYPAL-TRANSMISSION-ID": "69cd13f0",
            "PAYPAL-TRANSMISSION-TIME": stamp,
            "PAYPAL-TRANSMISSION-SIG": b64(
                paypal_key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
            ),
            "PAYPAL-CERT-URL": PAYPAL_CERT,
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        },
    )


@cache
def authority() -> tuple[bytes, bytes]:
    """Return the roots and PayPal's chain, both PEM: a certificate authority for the tests."""
    return _certified("messageverificationcerts.paypal.com")


def _certified(name: str) -> tuple[bytes, bytes]:
    start, end = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A root")])
    usage = {
        "content_commitment": False,
        "key_encipherment": False,
        "data_encipherment": False,
        "key_agreement": False,
        "encipher_only": False,
        "decipher_only": False,
    }

    def build(subject: x509.Name, key: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False
            )
        )

    anchor = (
        build(root, root_key)
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), False)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage), True
        )
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        build(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), paypal_key())
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return anchor.public_bytes(pem), leaf.public_bytes(pem)


def certified(name: str) -> tuple[bytes, bytes]:
    """Return roots and a chain for another name."""
    return _certified(name)


Pair = tuple[Any, str]
TEXT: tuple[Pair, Pair] = (("s3cret one", "s3cret one"), ("s3cret two", "s3cret two"))


def _ed(form: str) -> Pair:
    key = ed25519.Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes_raw()
    return key, raw.hex() if form == "hex" else b64(raw)


def _spki(key: Any) -> Pair:
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return key, b64(public)


def _whsec(byte: int) -> Pair:
    return ("whsec_" + b64(bytes([byte]) * 24),) * 2


STANDARD = (_whsec(1), _whsec(2))

SENDERS: dict[str, Sender] = {
    "standard": standard,
    "stripe": stripe_like("Stripe-Signature"),
    "github": hexed("X-Hub-Signature-256", "sha256="),
    "gitlab": plain("X-Gitlab-Token"),
    "bitbucket": hexed("X-Hub-Signature", "sha256="),
    "shopify": based("X-Shopify-Hmac-SHA256"),
    "slack": slack,
    "twilio": twilio(),
    "square": square,
    "paypal": paypal,
    "zendesk": zendesk,
    "linear": linear,
    "discord": discord,
    "meta": hexed("X-Hub-Signature-256", "sha256="),
    "paddle": paddle,
    "hubspot": hubspot,
    "intercom": hexed("X-Hub-Signature", "sha1=", "sha1"),
    "zoom": zoom,
    "docusign": docusign,
    "mailgun": mailgun,
    "sendgrid": sendgrid,
    "sns": sns,
    "x": based("X-Twitter-Webhooks-Signature", "sha256="),
    "typeform": based("Typeform-Signature", "sha256="),
    "woocommerce": based("X-WC-Webhook-Signature"),
    "pagerduty": hexed("X-PagerDuty-Signature", "v1="),
    "calendly": stripe_like("Calendly-Webhook-Signature"),
    "trello": trello,
    "jira": hexed("X-Hub-Signature", "sha256="),
    "snyk": hexed("X-Hub-Signature", "sha256="),
    "razorpay": hexed("X-Razorpay-Signature"),
    "cal-com": hexed("X-Cal-Signature-256"),
    "attio": hexed("Attio-Signature"),
    "lemon-squeezy": hexed("X-Signature"),
    "tally": based("Tally-Signature"),
    "circleci": hexed("circleci-signature", "v1="),
    "vercel": hexed("x-vercel-signature", algorithm="sha1"),
    "webex": hexed("X-Spark-Signature", algorithm="sha1"),
    "helpscout": based("X-HelpScout-Signature", algorithm="sha1"),
    "segment": hexed("X-Signature", algorithm="sha1"),
    "mandrill": twilio("X-Mandrill-Signature"),
    "telnyx": telnyx,
    "wise": wise,
    "telegram": plain("X-Telegram-Bot-Api-Secret-Token"),
    "google-push": plain("X-Goog-Channel-Token"),
    "microsoft-graph": microsoft,
    "cloudflare": plain("cf-webhook-auth"),
    "pandadoc": pandadoc,
    "dropbox": hexed("X-Dropbox-Signature"),
    "hmac": hexed("X-Signature"),
    "basic": basic,
    "api-key": plain("X-API-Key"),
    "bearer": bearer,
}

PAIRS: dict[str, tuple[Pair, Pair]] = {
    "standard": STANDARD,
    "discord": (_ed("hex"), _ed("hex")),
    "telnyx": (_ed("base64"), _ed("base64")),
    "sendgrid": (
        _spki(ec.generate_private_key(ec.SECP256R1())),
        _spki(ec.generate_private_key(ec.SECP256R1())),
    ),
    "wise": (_spki(rsa_key()), _spki(rsa.generate_private_key(65537, 2048))),
    "basic": (("anna:one", "anna:one"), ("anna:two", "anna:two")),
    "sns": ((ARN, ARN), (ARN + "2", ARN + "2")),
}


def pairs(provider: str) -> tuple[Pair, Pair]:
    return PAIRS.get(provider, TEXT)
