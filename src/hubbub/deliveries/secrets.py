"""The secrets of subscriptions: what deliveries are signed with, and what sinks want to see.

They are kept sealed in the subscription (wire/sealed.py), bound to its id, so that one moved to
another subscription does not open. Forms are those of Standard Webhooks 1.0: `whsec_` and 24 to 64
bytes in base64 for HMAC, `whsk_` and an Ed25519 key (32 bytes of seed, 32 of public key) for v1a.

Rotation overlaps: the old ones sign along until their grace is over, so that a receiver may change
over whenever it likes within.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hubbub.core.clock import Clock
from hubbub.core.subscription import Subscription
from hubbub.wire.sealed import NONCE_LENGTH, seal, unseal

GRACE: Final = 86_400.0
"""Seconds for which an old secret signs along unless it is said otherwise."""

MAX_GRACE: Final = 7 * 86_400.0
"""Longest grace: an old secret that may be in wrong hands must end some day."""

MAX_OLD: Final = 10
"""Old secrets that may be in their grace at once: each adds a signature to every request."""

MAX_SECRETS: Final = MAX_OLD + 1
"""Secrets that may come along with a document."""

NEW_BYTES: Final = 32
"""Bytes of a secret that we make: as long as a SHA-256 hash, and as the seed of an Ed25519 key."""

HMAC: Final = "whsec_"
ED25519: Final = "whsk_"

Entropy = Callable[[int], bytes]


class Secret(msgspec.Struct, frozen=True, omit_defaults=True):
    """A signing secret; `expires` in milliseconds since the Unix epoch, 0: it is the active one."""

    secret: str
    expires: int = 0


_stored: Final = msgspec.json.Decoder(tuple[Secret, ...])


def new_secret(entropy: Entropy, like: str = HMAC) -> str:
    """Make a secret of the same kind as another one."""
    random = entropy(NEW_BYTES)
    if not like.startswith(ED25519):
        return HMAC + base64.b64encode(random).decode()
    public = Ed25519PrivateKey.from_private_bytes(random).public_key().public_bytes_raw()
    return ED25519 + base64.b64encode(random + public).decode()


def given(secrets: Sequence[str], now: float) -> tuple[Secret, ...]:
    """Take over secrets that somebody brought: the first is active, the others have the longest grace."""
    until = _milliseconds(now + MAX_GRACE)
    first, *others = secrets
    return (Secret(first), *(Secret(one, until) for one in others[:MAX_OLD]))


def rotated(
    secrets: Sequence[Secret], new: str, now: float, grace: float = GRACE
) -> tuple[Secret, ...]:
    """Put a new secret in front: what was active signs along for `grace` seconds, 0: not at all.

    `now` is seconds since the Unix epoch. Whatever is over goes, and so does the oldest above the
    bound. A secret that comes back is active and nothing else.
    """
    until = _milliseconds(now + grace)
    old = [one if one.expires else Secret(one.secret, until) for one in secrets]
    kept = [one for one in old if one.expires > _milliseconds(now) and one.secret != new]
    return (Secret(new), *kept[:MAX_OLD])


def holding(secrets: Sequence[Secret], now: float) -> list[str]:
    """Return the secrets that sign now, the active one first."""
    return [one.secret for one in secrets if not one.expires or one.expires > _milliseconds(now)]


class Vault:
    """Seals and opens what subscriptions hold; `keys`: the first one seals, all of them open."""

    def __init__(self, keys: Sequence[bytes], clock: Clock, entropy: Entropy) -> None:
        self._keys = tuple(keys)
        self._clock = clock
        self._entropy = entropy

    def sealed(self, subscription: Subscription, name: str, text: str) -> Subscription:
        """Return a subscription that holds a secret text under a name; an empty text removes it."""
        held = {other: one for other, one in subscription.sealed.items() if other != name}
        if text:
            context = _context(subscription.id, name)
            held[name] = seal(self._keys[0], text, context, self._entropy(NONCE_LENGTH))
        return msgspec.structs.replace(subscription, sealed=held)

    def opened(self, subscription: Subscription, name: str) -> str:
        """Return a secret text that a subscription holds; empty if it holds none."""
        held = subscription.sealed.get(name)
        return unseal(self._keys, held, _context(subscription.id, name)) if held else ""

    def with_secrets(self, subscription: Subscription, secrets: Sequence[Secret]) -> Subscription:
        """Return a subscription that is signed with other secrets."""
        return self.sealed(subscription, "secrets", msgspec.json.encode(secrets).decode())

    def with_secret(self, subscription: Subscription, secret: str) -> Subscription:
        """Return a subscription that is signed with one secret and no other; empty: not at all."""
        if not secret:
            return self.sealed(subscription, "secrets", "")
        return self.with_secrets(subscription, [Secret(secret)])

    def secrets(self, subscription: Subscription) -> tuple[Secret, ...]:
        """Return the signing secrets of a subscription, those that are over included."""
        return _stored.decode(self.opened(subscription, "secrets") or "[]")

    def signing(self, subscription: Subscription) -> Sequence[str]:
        """Return the signing secrets that hold now, the active one first."""
        return holding(self.secrets(subscription), self._clock.now())

    def credential(self, subscription: Subscription) -> str:
        """Return the `Authorization` for the sink; empty: none."""
        return self.opened(subscription, "credential")


def _context(id: str, name: str) -> str:  # noqa: A002
    return f"subscription/{id}/{name}"


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
