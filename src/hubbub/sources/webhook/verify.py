"""Is this request the provider's? One decision, against every active secret.

Guarantees: every secret is tried whether or not one matched before (constant time, T9); a signature
that does not hold reads the same whatever the reason; a stale time is told only to who signed it
(T8); no secret means refusal. Raises `Unverified` (401), `Malformed` (400) or `TooLarge` (413) only.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec

from hubbub.core.attributes import check_value
from hubbub.core.errors import InvalidEvent, Malformed
from hubbub.sources.webhook import keys, paypal, sns, twilio
from hubbub.sources.webhook.errors import Unverified, mismatch
from hubbub.sources.webhook.request import Received
from hubbub.sources.webhook.scheme import (
    AnyScheme,
    Asymmetric,
    Basic,
    Hmac,
    PayPal,
    Secret,
    Signed,
    Sns,
    Standard,
    Timestamp,
    Twilio,
)
from hubbub.sources.webhook.selectors import Selector, first, lenient, texts
from hubbub.sources.webhook.templates import Hole, render_bytes

MAX_SIGNATURES = 16
"""Signatures of one request: providers send one per active key; each costs a comparison per secret."""

MAX_ID = 256
"""Characters of an id that is kept as it is; the longest real ones (SendGrid's) have about 80."""

_NUMBER = re.compile(r"[0-9]{1,16}", re.ASCII)

UNTYPED = "webhook"
"""Type of an event whose request names none."""

# developers.hubspot.com, request validation v3: these are decoded in the URI, and no others.
_DECODED = {f"%{ord(character):02X}": character for character in ":/?@!$'()*,;"}


class Verified(msgspec.Struct, frozen=True):
    """What is known of a request that the provider sent."""

    id: str | None
    """The provider's key for the event, legal as a CloudEvents id; None where there is none."""
    type: str
    """The provider's word for what happened, legal as a CloudEvents type."""
    time: float | None
    """When it was signed, in seconds since the Unix epoch, by the provider's clock."""
    signer: str
    """Name of the provider: the value of `hubbubsource`."""
    key: int
    """Index of the secret that matched."""


class Proof(msgspec.Struct, frozen=True):
    """Which secret matched, and when it was signed."""

    key: int
    time: float | None = None


def required_certificate(
    scheme: AnyScheme, received: Received, secrets: Sequence[str]
) -> str | None:
    """Return the URL of the certificate that `verify` needs as well, None for most schemes.

    The URL is one of the provider's own hosts. To be asked for POST requests only. Raises like
    `verify`.
    """
    if isinstance(scheme, Sns):
        return sns.certificate_url(received, secrets)
    if isinstance(scheme, PayPal):
        return paypal.certificate_url(received)
    return None


def verify(  # noqa: PLR0913  the facts that a decision rests on
    scheme: AnyScheme,
    received: Received,
    secrets: Sequence[str],
    now: float,
    *,
    tolerance: float | None = None,
    certificate: bytes | None = None,
    roots: bytes | None = None,
) -> Verified:
    """Return what is known of a request, or raise.

    `tolerance` replaces the scheme's own, in seconds. `certificate` is what `required_certificate`
    leads to. `roots` are the authorities (PEM) for PayPal, by default those of the system.
    Raises `Unverified` (401), `Malformed` (400) or `TooLarge` (413).
    """
    usable = [secret for secret in secrets if secret]
    if len(usable) != len(secrets) or not usable:
        raise Unverified("the source has no secret to verify with; set one")
    proof = _prove(scheme, received, usable, now, certificate, roots)
    time = proof.time
    usual = scheme.timestamp.tolerance if isinstance(scheme, Signed) and scheme.timestamp else 0
    limit = tolerance or usual
    if limit and time is not None and abs(now - time) > limit:
        raise Unverified(
            f"the signed time is more than {limit:g} s away from this server's clock; if the"
            " provider sent it just now, set the clock"
        )
    return Verified(
        _legal("id", lenient(scheme.id, received, scheme.form_field)),
        _legal("type", lenient(scheme.type, received, scheme.form_field)) or UNTYPED,
        time,
        scheme.name,
        proof.key,
    )


def _prove(  # noqa: PLR0913, PLR0917  as verify
    scheme: AnyScheme,
    received: Received,
    secrets: list[str],
    now: float,
    certificate: bytes | None,
    roots: bytes | None,
) -> Proof:
    if isinstance(scheme, Secret):
        return Proof(_shared(texts(scheme.at, received, scheme.form_field), scheme.prefix, secrets))
    if isinstance(scheme, Basic):
        return Proof(_basic(received, secrets))
    if isinstance(scheme, Sns):
        key, stamp = sns.prove(received, secrets, certificate)
        return Proof(key, _seconds(stamp, Timestamp(unit="iso")))
    items = _items(scheme, received)
    stamp = _stamp(scheme, received, items)
    time = _seconds(stamp, scheme.timestamp) if scheme.timestamp else None
    signatures = _signatures(scheme, items)
    if isinstance(scheme, Twilio):
        messages = twilio.signed_texts(received)
        return Proof(_any(secrets, partial(_twilio, messages, signatures)), time)
    message = partial(_message, scheme, received, stamp)
    if isinstance(scheme, PayPal):
        public = paypal.key_of(certificate, now, roots)
        return Proof(
            _any(secrets, lambda s: _public(public, message(s), signatures, "rsa-sha256")),
            time,
        )
    check: Callable[[str], bool]
    if isinstance(scheme, Hmac):
        check = partial(_hmac, scheme, message, signatures)
    elif isinstance(scheme, Asymmetric):
        check = partial(_asymmetric, scheme, message, signatures)
    else:
        check = partial(_standard, scheme, message, items)
    return Proof(_any(secrets, check), time)


def _any(secrets: Sequence[str], check: Callable[[str], bool]) -> int:
    """Try every secret, the later ones too once one has matched."""
    found = [index for index, matched in enumerate([check(s) for s in secrets]) if matched]
    if not found:
        raise mismatch()
    return found[0]


def _hmac(
    scheme: Hmac, message: Callable[[str], bytes], signatures: list[bytes], secret: str
) -> bool:
    key = keys.hmac_key(secret, scheme.key)
    if key is None:
        return False
    return _same(keys.digest(key, message(secret), scheme.algorithm), signatures)


def _asymmetric(
    scheme: Asymmetric, message: Callable[[str], bytes], signatures: list[bytes], secret: str
) -> bool:
    return _public(
        keys.public_key(secret, scheme.key), message(secret), signatures, scheme.algorithm
    )


def _standard(
    scheme: Standard, message: Callable[[str], bytes], items: list[str], secret: str
) -> bool:
    asymmetric = secret.startswith("whpk_")
    signatures = _named(items, "v1a" if asymmetric else "v1", scheme)
    if asymmetric:
        return _public(keys.public_key(secret, "base64"), message(secret), signatures, "ed25519")
    key = keys.hmac_key(secret, "base64")
    return key is not None and _same(keys.digest(key, message(secret), "sha256"), signatures)


def _twilio(messages: tuple[bytes, ...], signatures: list[bytes], secret: str) -> bool:
    key = keys.hmac_key(secret, "text") or b""
    found = [_same(keys.digest(key, message, "sha1"), signatures) for message in messages]
    return any(found)


def _public(
    key: keys.PublicKey | None, message: bytes, signatures: list[bytes], algorithm: str
) -> bool:
    return key is not None and any(
        keys.holds(key, signature, message, algorithm) for signature in signatures
    )


def _same(expected: bytes, signatures: list[bytes]) -> bool:
    return any([keys.same(expected, signature) for signature in signatures])  # noqa: C419  all of them


def _shared(given: list[str], prefix: str, secrets: Sequence[str]) -> int:
    candidates = [text.removeprefix(prefix) for text in given if text.startswith(prefix)]
    candidates = [text for text in candidates if text][:MAX_SIGNATURES]
    if not candidates:
        raise Unverified("the secret is missing from the request; check what the provider sends")
    return _any(secrets, lambda secret: any([keys.equal(secret, text) for text in candidates]))  # noqa: C419


def _basic(received: Received, secrets: Sequence[str]) -> int:
    scheme, _, encoded = (received.header("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        raise Unverified("there is no Basic authorization; give the provider user and password")
    given = (keys.decode(encoded.strip(), "base64") or b"").decode("utf-8", "replace")
    return _any(secrets, partial(keys.equal, given))


def _items(scheme: Signed, received: Received) -> list[str]:
    """Return the pieces of the signature headers."""
    found = [text for text in texts(scheme.signature, received, scheme.form_field) if text]
    if not found:
        raise Unverified(f"there is no signature at {' or '.join(scheme.signature)}")
    if not scheme.separator:
        return found[:MAX_SIGNATURES]
    return [
        item.strip() for text in found for item in text.split(scheme.separator, 2 * MAX_SIGNATURES)
    ]


def _signatures(scheme: Signed, items: list[str]) -> list[bytes]:
    if scheme.field:
        return _named(items, scheme.field, scheme)
    return _decoded(items, scheme)


def _named(items: list[str], field: str, scheme: Signed) -> list[bytes]:
    start = field + scheme.pair
    return _decoded([item.removeprefix(start) for item in items if item.startswith(start)], scheme)


def _decoded(items: list[str], scheme: Signed) -> list[bytes]:
    given = [item.removeprefix(scheme.prefix) for item in items if item.startswith(scheme.prefix)]
    decoded = [keys.decode(text, scheme.encoding) for text in given[:MAX_SIGNATURES]]
    return [signature for signature in decoded if signature]


def _stamp(scheme: Signed, received: Received, items: list[str]) -> str:
    """Return the time's text as it was signed."""
    timestamp = scheme.timestamp
    if timestamp is None:
        return ""
    if timestamp.field:
        start = timestamp.field + scheme.pair
        found = next((item.removeprefix(start) for item in items if item.startswith(start)), "")
    else:
        found = first(timestamp.at, received, scheme.form_field)
    if not found:
        place = timestamp.field or " or ".join(timestamp.at)
        raise Unverified(f"there is no time at {place}, and it is part of the signature")
    return found


def _seconds(text: str, timestamp: Timestamp) -> float:
    try:
        if timestamp.unit == "iso":
            read = datetime.fromisoformat(text)
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        if _NUMBER.fullmatch(text):
            return int(text) / (1000 if timestamp.unit == "ms" else 1)
    except (ValueError, OverflowError):
        pass
    raise Malformed("the time of the signature cannot be read")


def _message(scheme: Signed, received: Received, stamp: str, secret: str) -> bytes:
    def fill(hole: Hole) -> bytes:
        if isinstance(hole.what, Selector):
            return _bytes(first((hole.text,), received, scheme.form_field) or "")
        return known[hole.what]()

    known: dict[str, Callable[[], bytes]] = {
        "body": lambda: received.body,
        "timestamp": lambda: _bytes(stamp),
        "id": lambda: _bytes(_signed_id(scheme, received)),
        "url": lambda: _bytes(received.url),
        "decoded_url": lambda: _bytes(_decode_url(received.url)),
        "method": lambda: _bytes(received.method),
        "crc32": lambda: str(zlib.crc32(received.body)).encode(),
        "secret": lambda: _bytes(secret),
    }
    return render_bytes(scheme.signed, fill)


def _signed_id(scheme: Signed, received: Received) -> str:
    found = first(scheme.id, received, scheme.form_field)
    if found is None:
        raise Unverified(
            f"there is no id at {' or '.join(scheme.id)}, and it is part of the signature"
        )
    return found


def _decode_url(url: str) -> str:
    for encoded, character in _DECODED.items():
        url = url.replace(encoded, character).replace(encoded.lower(), character)
    return url


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _legal(name: str, text: str | None) -> str | None:
    if text is None or len(text) > MAX_ID:
        return None
    try:
        check_value(name, text)
    except InvalidEvent:
        return None
    return text
