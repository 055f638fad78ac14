"""Make API keys and tokens: what `hubbub token` prints."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import jwt
import msgspec

from hubbub.core.errors import Misconfigured
from hubbub.core.grants import Grants
from hubbub.web.auth.options import ApiKey, AuthOptions, check_grants

PREFIX: Final = "hk_"
"""Start of every API key: people and secret scanners know one when they see it."""

KEY_BYTES: Final = 32
"""Random bytes of a key: nothing to guess, so a plain SHA-256 keeps it safe at rest."""


class Minted(NamedTuple):
    """A new key, shown once, and its entry for the settings."""

    key: str
    entry: ApiKey


def mint_key(
    name: str, grants: Grants, *, entropy: Callable[[int], bytes] = secrets.token_bytes
) -> Minted:
    """Make an API key. Raises `Misconfigured` for a bad name or grants."""
    random = base64.urlsafe_b64encode(entropy(KEY_BYTES)).rstrip(b"=").decode()
    key = PREFIX + random
    try:
        return Minted(key, ApiKey(name=name, hash=key_hash(key), grants=grants))
    except ValueError as error:
        raise Misconfigured(str(error)) from None


def key_hash(key: str) -> str:
    """Return how a key is stored."""
    return hashlib.sha256(key.encode()).hexdigest()


def mint_jwt(
    options: AuthOptions, subject: str, grants: Grants, *, now: float, lifetime: float
) -> str:
    """Sign an HS256 token that ends `lifetime` seconds after `now`. Raises `Misconfigured`."""
    if not options.jwt_secret:
        raise Misconfigured("set auth.jwt_secret to at least 32 bytes first: openssl rand -hex 32")
    if lifetime <= 0:
        raise Misconfigured("a token lives for more than 0 seconds")
    try:
        check_grants(grants)
    except ValueError as error:
        raise Misconfigured(str(error)) from None
    claims: dict[str, Any] = {
        "sub": subject,
        "aud": options.audience,
        "iat": int(now),
        "exp": int(now + lifetime),
        "hubbub": msgspec.to_builtins(grants),
    }
    if options.issuer:
        claims["iss"] = options.issuer
    return jwt.encode(claims, options.jwt_secret, algorithm="HS256")
