"""AWS SNS (docs.aws.amazon.com/sns, "Verifying the signatures of Amazon SNS messages").

The certificate is trusted because it comes over TLS from Amazon's own host, whose name is checked.
Anyone can have a topic at Amazon, so a signature proves nothing without the topic: the source's
secrets are the ARNs of its topics. Raw delivery is not signed and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from cryptography import x509

from hubbub.core.errors import Malformed
from hubbub.sources.webhook import keys
from hubbub.sources.webhook.errors import Unverified, mismatch
from hubbub.sources.webhook.hosts import provider_url
from hubbub.sources.webhook.request import Received

_HOST = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")
_ROOT = re.compile(r"/?")

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
_FIELDS = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_ALGORITHMS = {"1": "rsa-sha1", "2": "rsa-sha256"}


def certificate_url(received: Received, arns: Sequence[str]) -> str:
    """Return where the certificate is. Raises `Unverified` or `Malformed`.

    A foreign topic is refused here already, so that strangers cannot have certificates fetched.
    """
    message = _message(received)
    _topic(message, arns)
    url = _text(message, "SigningCertURL")
    if not provider_url(url, _HOST, _CERTIFICATE):
        raise Unverified("SigningCertURL is not a certificate at sns.<region>.amazonaws.com")
    return url


def prove(received: Received, arns: Sequence[str], certificate: bytes | None) -> tuple[int, str]:
    """Return which topic it is and its time's text. Raises `Unverified` or `Malformed`."""
    message = _message(received)
    certificate_url(received, arns)
    fields = _FIELDS.get(_text(message, "Type"))
    algorithm = _ALGORITHMS.get(_text(message, "SignatureVersion"))
    signature = keys.decode(_text(message, "Signature"), "base64")
    key = _key(certificate)
    if not (fields and algorithm and signature and key):
        raise mismatch()
    if not keys.holds(key, signature, _canonical(message, fields), algorithm):
        raise mismatch()
    return _topic(message, arns), _text(message, "Timestamp")


def subscribe_url(received: Received) -> str | None:
    """Return the link that confirms a subscription, None where the message asks for none.

    Raises `Unverified` where the link is not Amazon's, `Malformed`.
    """
    message = _message(received)
    if message.get("Type") != "SubscriptionConfirmation":
        return None
    url = _text(message, "SubscribeURL")
    if not provider_url(url, _HOST, _ROOT):
        raise Unverified("SubscribeURL is not at sns.<region>.amazonaws.com")
    return url


def _message(received: Received) -> dict[str, object]:
    if received.header("x-amz-sns-rawdelivery") == "true":
        raise Unverified("raw message delivery is not signed; turn it off for this subscription")
    if not isinstance(received.json, dict):
        raise Malformed("the body is not an SNS message, a JSON object")
    return cast("dict[str, object]", received.json)


def _topic(message: dict[str, object], arns: Sequence[str]) -> int:
    found = [n for n, arn in enumerate(arns) if keys.equal(arn, _text(message, "TopicArn"))]
    if not found:
        raise mismatch()
    return found[0]


def _text(message: dict[str, object], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise Malformed(f"the SNS message has no text {name}", pointer=f"/{name}")
    return value


def _canonical(message: dict[str, object], fields: tuple[str, ...]) -> bytes:
    lines = [
        f"{name}\n{_text(message, name)}\n"
        for name in fields
        if name != "Subject" or message.get("Subject") is not None
    ]
    return "".join(lines).encode("utf-8", "surrogatepass")


def _key(certificate: bytes | None) -> keys.PublicKey | None:
    try:
        key = x509.load_pem_x509_certificate(certificate or b"").public_key()
    except ValueError:
        return None
    return keys.strong(key)
