"""Secrets and signatures as bytes, and the arithmetic of proving: HMAC, Ed25519, ECDSA, RSA.

Everything that does not decode is None and matches nothing; everything is compared in constant time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

MIN_RSA_BITS = 2048
"""Smaller RSA keys can be broken (NIST SP 800-131A)."""

_DIGESTS = {
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}


def decode(text: str, encoding: str) -> bytes | None:
    """Decode hex, base64 or base64url, padded or not; None for anything else."""
    try:
        if encoding == "hex":
            return bytes.fromhex(text) if text.isalnum() else None
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        altchars = b"-_" if encoding == "base64url" else None
        return base64.b64decode(padded.encode("ascii"), altchars, validate=True)
    except ValueError:
        return None


def hmac_key(secret: str, form: Literal["text", "base64", "hex"]) -> bytes | None:
    """Return the key that a secret stands for; None where it stands for none."""
    if form == "text":
        return secret.encode("utf-8", "surrogatepass") or None
    return decode(secret.removeprefix("whsec_"), form) or None


def digest(key: bytes, message: bytes, algorithm: str) -> bytes:
    """Return the HMAC of a message."""
    return hmac.new(key, message, _DIGESTS[algorithm]).digest()


def same(expected: bytes, given: bytes) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(expected, given)


def equal(one: str, other: str) -> bool:
    """Compare two texts in constant time, their lengths hidden as well."""
    a, b = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (one, other))
    return hmac.compare_digest(a, b)


@lru_cache(maxsize=256)
def public_key(text: str, form: Literal["hex", "base64", "spki"]) -> PublicKey | None:
    """Read a public key; None where the text is none, or one too weak."""
    try:
        if form == "spki":
            return _spki(text)
        raw = decode(text.removeprefix("whpk_"), form)
        return ed25519.Ed25519PublicKey.from_public_bytes(raw or b"")
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def strong(key: object) -> PublicKey | None:
    """Return a key of a kind that is used here and is long enough, otherwise None."""
    if isinstance(key, rsa.RSAPublicKey):
        return key if key.key_size >= MIN_RSA_BITS else None
    return key if isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) else None


def holds(key: PublicKey, signature: bytes, message: bytes, algorithm: str) -> bool:
    """Tell whether a public key's owner signed the message; the key must be of the algorithm."""
    if not fits(key, algorithm):
        return False
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        else:
            # SHA-1 is what SNS still signs with by default; second preimages are out of reach
            hashed = hashes.SHA1() if algorithm == "rsa-sha1" else hashes.SHA256()  # noqa: S303
            key.verify(signature, message, padding.PKCS1v15(), hashed)
    except InvalidSignature:
        return False
    return True


def fits(key: PublicKey | None, algorithm: str) -> bool:
    """Tell whether a key is one for the algorithm: `ed25519`, `ecdsa-sha256`, `rsa-sha1/-sha256`."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return algorithm == "ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return algorithm == "ecdsa-sha256" and isinstance(key.curve, ec.SECP256R1)
    return key is not None and algorithm in ("rsa-sha1", "rsa-sha256")


def _spki(text: str) -> PublicKey | None:
    if "-----BEGIN" in text:
        key = load_pem_public_key(text.encode())
    else:
        key = load_der_public_key(decode("".join(text.split()), "base64") or b"")
    return strong(key)
