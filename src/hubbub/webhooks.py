"""Sign and verify webhooks: Standard Webhooks 1.0, both kinds of signature.

    from hubbub.webhooks import InvalidSignature, verify

    try:
        message = verify(body, request.headers, "whsec_...")
    except InvalidSignature as error:
        ...  # answer 401 with str(error), and do nothing

`body` is what came over the wire, byte for byte: a parsed and printed again JSON text is another
one. `message.id` is the same whenever an event is sent again, so it tells what was seen before.

Secrets, all base64 after their prefix:

    whsec_   v1,  HMAC-SHA256: 24 to 64 random octets; the prefix may be missing
    whsk_    v1a, Ed25519: the seed of 32 octets, with the public key of 32 octets behind it or not
    whpk_    v1a, Ed25519: the public key, with which a receiver can verify and not sign

This file needs `cryptography` and nothing else of hubbub, so a receiver may copy it.
Rules: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md 1.0.0; the form of
`whsk_` is Svix's.
"""

from __future__ import annotations

import base64
import hmac
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature as _DoesNotHold
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

TOLERANCE = 300.0
"""Seconds that a timestamp may be away from now, both ways: what the specification advises."""

SHORTEST_SECRET, LONGEST_SECRET = 24, 64
"""Octets of a `whsec_` secret to sign with (Standard Webhooks 1.0); verifying takes any."""

MOST_SIGNATURES = 32
"""Signatures of a message that are looked at: three times the longest rotation known of (Svix signs
with up to 11 secrets), and little enough that nobody can make verifying expensive."""

_SEED: Final = 32  # octets of an Ed25519 seed, and of a public key
_ID: Final = re.compile(r"[!-\-/-~]{1,256}")  # visible ASCII without the full stop that ends it
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")  # whole seconds, to the year 33658
_NAMES: Final = ("id", "timestamp", "signature")
_FAMILIES: Final = ("webhook-", "svix-")


class InvalidSignature(ValueError):
    """This message is not to be trusted; the text says why, and may be told to the sender."""


class InvalidSecret(ValueError):
    """This secret cannot be used: a mistake of whoever configured it. The text does not hold it."""


class Message(NamedTuple):
    """A message that was verified."""

    id: str
    """The same whenever this message is sent again."""
    timestamp: int
    """When this attempt was signed, in seconds since the Unix epoch."""
    body: bytes


class KeyPair(NamedTuple):
    """A pair for v1a: the sender keeps `secret`, receivers get `public`."""

    secret: str
    """`whsk_` and base64 of seed and public key."""
    public: str
    """`whpk_` and base64 of the public key."""


class Signer:
    """Secrets to sign with, read once. Raises `InvalidSecret` for one that cannot sign.

    Each secret makes a signature: during a rotation give the new one and the old ones.
    """

    def __init__(self, secrets: str | Iterable[str]) -> None:
        self._keys = [_signing_key(secret) for secret in _several(secrets)]

    def sign(self, id: str, timestamp: int, body: bytes) -> str:  # noqa: A002
        """Return the value of `webhook-signature`.

        `id` has 1 to 256 visible ASCII characters and no full stop, `timestamp` is in whole seconds
        since the Unix epoch: those of the headers. Raises ValueError for others.
        """
        if _ID.fullmatch(id) is None:
            raise ValueError("an id is of visible ASCII characters, without a full stop")
        if timestamp < 0:
            raise ValueError("a timestamp is not negative")
        content = _content(id, str(timestamp), body)
        return " ".join([key.sign(content) for key in self._keys])


class Verifier:
    """Secrets to verify with, read once; any of them will do. Raises `InvalidSecret`."""

    def __init__(self, secrets: str | Iterable[str]) -> None:
        self._keys = [_verifying_key(secret) for secret in _several(secrets)]

    def verify(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        tolerance: float = TOLERANCE,
        now: float | None = None,
    ) -> Message:
        """Return the message, or raise `InvalidSignature`; see `verify` of this module."""
        id, timestamp, sent = _three(headers)  # noqa: A001
        if _ID.fullmatch(id) is None:
            raise InvalidSignature("the id is not of visible ASCII characters without a full stop")
        if _TIMESTAMP.fullmatch(timestamp) is None:
            raise InvalidSignature("the timestamp is not a whole number of seconds")
        late = (time.time() if now is None else now) - int(timestamp)
        if not -tolerance <= late <= tolerance:  # NaN is refused as well
            early_or_late = "ahead of our clock" if late < 0 else "ago"
            raise InvalidSignature(f"the timestamp is {abs(late):.0f} seconds {early_or_late}")
        signatures = _signatures(sent)
        content = _content(id, timestamp, body)
        if not any(key.made_one_of(signatures[key.version], content) for key in self._keys):
            raise InvalidSignature(self._reason(signatures))
        return Message(id, int(timestamp), body)

    def _reason(self, signatures: Mapping[str, Sequence[bytes]]) -> str:
        versions = sorted({key.version for key in self._keys})
        if any(signatures[version] for version in versions):
            return (
                "no signature fits this body, id and timestamp: wrong secret, or changed on the way"
            )
        return f"there is no signature of version {' or '.join(versions)}"


def sign(secrets: str | Iterable[str], id: str, timestamp: int, body: bytes) -> str:  # noqa: A002
    """Return the value of `webhook-signature`, one signature for each secret.

    The body is sent as it is signed, with `webhook-id: id` and `webhook-timestamp: timestamp` (of
    this attempt, whole seconds). Who signs much keeps a `Signer`.
    Raises `InvalidSecret`, or ValueError for an id or timestamp that cannot be signed.
    """
    return Signer(secrets).sign(id, timestamp, body)


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secrets: str | Iterable[str],
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> Message:
    """Return the message if one of its signatures fits one of the secrets.

    `headers` has `webhook-id`, `webhook-timestamp` and `webhook-signature` in any case, or the same
    with `svix-`. `tolerance` is in seconds, `now` in seconds since the Unix epoch (default: the
    clock). Who verifies much keeps a `Verifier`.
    Raises `InvalidSignature`: the message is not to be trusted; `InvalidSecret`: ask your settings.
    """
    return Verifier(secrets).verify(body, headers, tolerance=tolerance, now=now)


def new_secret(entropy: bytes) -> str:
    """Make a `whsec_` secret of 24 to 64 random octets, such as `os.urandom(32)`."""
    if not SHORTEST_SECRET <= len(entropy) <= LONGEST_SECRET:
        raise InvalidSecret(_bounds(len(entropy)))
    return "whsec_" + base64.b64encode(entropy).decode()


def new_key_pair(entropy: bytes) -> KeyPair:
    """Make a pair of keys of 32 random octets, such as `os.urandom(32)`."""
    if len(entropy) != _SEED:
        raise InvalidSecret(f"a seed has {_SEED} octets, not {len(entropy)}")
    public = Ed25519PrivateKey.from_private_bytes(entropy).public_key().public_bytes_raw()
    return KeyPair(
        "whsk_" + base64.b64encode(entropy + public).decode(),
        "whpk_" + base64.b64encode(public).decode(),
    )


def public_key(secret: str) -> str:
    """Return the `whpk_` of a `whsk_`. Raises `InvalidSecret`."""
    public = _private(secret).public_key().public_bytes_raw()
    return "whpk_" + base64.b64encode(public).decode()


class _SigningKey(Protocol):
    def sign(self, content: bytes) -> str: ...


class _VerifyingKey(Protocol):
    version: str

    def made_one_of(self, signatures: Sequence[bytes], content: bytes) -> bool: ...


class _Shared:
    """v1: the same secret on both sides."""

    version = "v1"

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, content: bytes) -> str:
        digest = hmac.digest(self._secret, content, "sha256")
        return "v1," + base64.b64encode(digest).decode()

    def made_one_of(self, signatures: Sequence[bytes], content: bytes) -> bool:
        if not signatures:
            return False
        digest = hmac.digest(self._secret, content, "sha256")
        return any(hmac.compare_digest(digest, signature) for signature in signatures)


class _Private:
    """v1a, the sender's side."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, content: bytes) -> str:
        return "v1a," + base64.b64encode(self._key.sign(content)).decode()


class _Public:
    """v1a, the receiver's side."""

    version = "v1a"

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    def made_one_of(self, signatures: Sequence[bytes], content: bytes) -> bool:
        return any(self._made(signature, content) for signature in signatures)

    def _made(self, signature: bytes, content: bytes) -> bool:
        try:
            self._key.verify(signature, content)
        except _DoesNotHold:
            return False
        return True


def _several(secrets: str | Iterable[str]) -> list[str]:
    several = [secrets] if isinstance(secrets, str) else list(secrets)
    if not several:
        raise InvalidSecret("there is no secret; give at least one")
    return several


def _signing_key(secret: str) -> _SigningKey:
    if secret.startswith("whsk_"):
        return _Private(_private(secret))
    if secret.startswith("whpk_"):
        raise InvalidSecret("a whpk_ key verifies only; sign with the whsk_ that belongs to it")
    shared = _decoded(secret.removeprefix("whsec_"))
    if not SHORTEST_SECRET <= len(shared) <= LONGEST_SECRET:
        raise InvalidSecret(_bounds(len(shared)))
    return _Shared(shared)


def _verifying_key(secret: str) -> _VerifyingKey:
    if secret.startswith("whsk_"):
        return _Public(_private(secret).public_key())
    if secret.startswith("whpk_"):
        key = _decoded(secret.removeprefix("whpk_"))
        if len(key) != _SEED:
            raise InvalidSecret(f"a whpk_ key has {_SEED} octets, not {len(key)}")
        return _Public(Ed25519PublicKey.from_public_bytes(key))
    return _Shared(_decoded(secret.removeprefix("whsec_")))


def _private(secret: str) -> Ed25519PrivateKey:
    if not secret.startswith("whsk_"):
        raise InvalidSecret("a key to sign with begins with whsk_")
    octets = _decoded(secret.removeprefix("whsk_"))
    if len(octets) not in (_SEED, 2 * _SEED):
        raise InvalidSecret(f"a whsk_ key has {_SEED} or {2 * _SEED} octets, not {len(octets)}")
    key = Ed25519PrivateKey.from_private_bytes(octets[:_SEED])
    if octets[_SEED:] not in (b"", key.public_key().public_bytes_raw()):
        raise InvalidSecret("the second half of this whsk_ key is not the public key of the first")
    return key


def _decoded(text: str) -> bytes:
    """Decode the base64 of a secret, padded or not; an empty one is refused."""
    try:
        octets = _from_base64(text)
    except ValueError:
        raise InvalidSecret("a secret is base64 behind its prefix, and this one is not") from None
    if not octets:
        raise InvalidSecret("the secret is empty")
    return octets


def _from_base64(text: str) -> bytes:
    bare = text.rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def _bounds(length: int) -> str:
    return f"a secret has {SHORTEST_SECRET} to {LONGEST_SECRET} octets, this one {length}"


def _content(id: str, timestamp: str, body: bytes) -> bytes:  # noqa: A002
    return b"%b.%b.%b" % (id.encode(), timestamp.encode(), body)


def _three(headers: Mapping[str, str]) -> tuple[str, str, str]:
    """Return id, timestamp and signature of the first family that is complete."""
    lower = {name.lower(): value for name, value in headers.items()}
    for family in _FAMILIES:
        found = [value for name in _NAMES if (value := lower.get(family + name))]
        if len(found) == len(_NAMES):
            return found[0], found[1], found[2]
    missing = [f"webhook-{name}" for name in _NAMES if not lower.get("webhook-" + name)]
    raise InvalidSignature(f"not signed: there is no header {', '.join(missing)}")


def _signatures(header: str) -> dict[str, list[bytes]]:
    """Read `v1,BASE64 v1a,BASE64 ...`, skipping other versions and what is none."""
    found: dict[str, list[bytes]] = {"v1": [], "v1a": []}
    for entry in header.split(maxsplit=MOST_SIGNATURES)[:MOST_SIGNATURES]:
        version, _, text = entry.partition(",")
        if version not in found:
            continue
        try:
            found[version].append(_from_base64(text))
        except ValueError:
            continue
    return found
