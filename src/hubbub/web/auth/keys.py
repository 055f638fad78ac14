"""Keys that verify JWTs: each bound to one algorithm, from settings or a JWK Set (RFC 7517).

The algorithm never comes from the token (RFC 8725 3.1), a symmetric key is never taken from a JWK
Set, and `kid` only chooses among keys that are there already (RFC 8725 3.10).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, cast

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hubbub.core.errors import Misconfigured
from hubbub.web.auth.options import ALGORITHMS, AuthOptions, JwtKey

MIN_RSA_BITS: Final = 2048
"""Shortest RSA key (RFC 7518 3.3)."""

MAX_TRIED: Final = 4
"""Keys tried on one token: with more that fit, tokens have to name theirs by `kid`."""

MAX_JWKS_KEYS: Final = 100
"""Keys read of a JWK Set; providers publish a handful."""


class VerifyKey(msgspec.Struct, frozen=True):
    """A key and the one algorithm that it is for."""

    algorithm: str
    key: Any
    kid: str = ""

    def fits(self, algorithm: str, kid: str) -> bool:
        """Tell whether a token's header may mean this key."""
        return self.algorithm == algorithm and (not kid or self.kid in ("", kid))


def select(keys: Iterable[VerifyKey], algorithm: str, kid: str) -> list[VerifyKey]:
    """Return the keys that a header may mean: the one it names, or else all for its algorithm."""
    fitting = [key for key in keys if key.fits(algorithm, kid)]
    named = [key for key in fitting if kid and key.kid == kid]
    return (named or fitting)[:MAX_TRIED]


def configured_keys(options: AuthOptions) -> list[VerifyKey]:
    """Read the keys of the settings, files included. Raises `Misconfigured`."""
    keys: list[VerifyKey] = []
    if options.jwt_secret:
        keys.append(VerifyKey("HS256", options.jwt_secret.encode()))
    keys += [_pem_key(entry, place) for place, entry in enumerate(options.jwt_keys)]
    if options.jwks_file:
        keys += parse_jwks(_read(options.jwks_file, "auth.jwks_file"), "auth.jwks_file")
    return keys


def parse_jwks(text: bytes, where: str) -> list[VerifyKey]:
    """Read the usable keys of a JWK Set; others are passed over (RFC 7517 5).

    `where` names the set in errors. Raises `Misconfigured` if it is none or none of it is usable.
    """
    try:
        found = json.loads(text)["keys"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise Misconfigured(
            f"{where} is not a JWK Set: an object with a list called keys"
        ) from None
    entries = cast("Sequence[Any]", found) if isinstance(found, list) else ()
    keys = [key for entry in entries[:MAX_JWKS_KEYS] if (key := _jwk(entry)) is not None]
    if not keys:
        raise Misconfigured(f"{where} holds no public key for RS256, ES256 or EdDSA")
    return keys


def _jwk(entry: Any) -> VerifyKey | None:
    if not isinstance(entry, dict):
        return None
    data = cast("dict[str, Any]", entry)
    operations = data.get("key_ops")
    if data.get("use", "sig") != "sig" or (
        isinstance(operations, list) and "verify" not in operations
    ):
        return None
    try:
        parsed = jwt.PyJWK(data)
    except (
        jwt.PyJWTError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        UnsupportedAlgorithm,
    ):
        return None  # PyJWT lets a missing member of a key escape as KeyError
    kid = data.get("kid", "")
    if not isinstance(kid, str) or _misfit(parsed.algorithm_name, parsed.key):
        return None
    return VerifyKey(parsed.algorithm_name, parsed.key, kid)


def _pem_key(entry: JwtKey, place: int) -> VerifyKey:
    where = f"auth.jwt_keys[{place}]"
    pem = entry.key.encode() if entry.key else _read(entry.file, f"{where}.file")
    if b"PRIVATE KEY" in pem:
        raise Misconfigured(f"{where} is a private key; give the server the public one only")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise Misconfigured(
            f"{where} is not a public key in PEM form: -----BEGIN PUBLIC KEY-----"
        ) from None
    if reason := _misfit(entry.algorithm, key):
        raise Misconfigured(f"{where}: {reason}")
    return VerifyKey(entry.algorithm, key, entry.kid)


def _misfit(algorithm: str, key: Any) -> str:
    """Say why a key cannot serve an algorithm; empty if it can."""
    match algorithm:
        case "RS256":
            if not isinstance(key, RSAPublicKey):
                return "RS256 needs an RSA public key"
            return "" if key.key_size >= MIN_RSA_BITS else f"RSA keys have {MIN_RSA_BITS} bits"
        case "ES256":
            fits = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
            return "" if fits else "ES256 needs a public key on the curve P-256"
        case "EdDSA":
            return "" if isinstance(key, Ed25519PublicKey) else "EdDSA needs an Ed25519 public key"
        case _:
            return f"{algorithm} is not one of {', '.join(ALGORITHMS)}"


def _read(path: str, where: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Misconfigured(f"{where}: cannot read {path}: {error.strerror}") from None
