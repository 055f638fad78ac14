"""JSON Web Tokens, sans-I/O: read one, check its signature, check its claims (RFC 7519, RFC 8725).

A token of hubbub needs `exp` and `aud`, and says what its holder may do:

    {"sub": "alice", "aud": "hubbub", "exp": 1795420800,
     "hubbub": {"publish": ["orders/*"], "subscribe": ["**"], "manage": false}}

Everything that PyJWT raises becomes `InvalidToken` in this file, by `_verified`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeVar

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm

from hubbub.core.grants import Grants, Principal
from hubbub.web.auth.errors import InvalidToken
from hubbub.web.auth.keys import VerifyKey
from hubbub.web.auth.options import AuthOptions, check_grants

MAX_TOKEN: Final = 8192
"""Longest token in bytes: a header line that every proxy still passes on."""

MAX_NAME: Final = 255
"""Longest `sub` and `iss` in characters: they name limits and scopes."""

_TYPES: Final = frozenset(("jwt", "at+jwt", "application/at+jwt"))
_SIGNATURE: Final = (
    "the signature fits none of this server's keys; get a token that was made for it"
)
_FORM: Final = "not a JSON Web Token: three base64url parts with dots between"
_jws: Final = jwt.PyJWS(options={"verify_signature": True, "enforce_minimum_key_length": True})

T = TypeVar("T")


class Header(msgspec.Struct, frozen=True):
    """What is read of a token's header; it only ever chooses among our own keys."""

    alg: str = ""
    kid: str = ""
    typ: str = "JWT"


class Claims(msgspec.Struct, frozen=True):
    """What is read of a token's claims; others are ignored (RFC 7519 4)."""

    exp: float | None = None
    nbf: float | None = None
    aud: str | tuple[str, ...] = ()
    iss: str = ""
    sub: str = ""
    hubbub: Grants = Grants()


class Unverified(NamedTuple):
    """A token taken apart, believed in nothing yet."""

    header: Header
    claims: bytes


_header: Final = msgspec.json.Decoder(Header)
_claims: Final = msgspec.json.Decoder(Claims)


def read(token: str) -> Unverified:
    """Take a token apart. Raises `InvalidToken` if it is not a JWT."""
    parts = token.split(".")
    if len(token) > MAX_TOKEN or len(parts) != 3 or not token.isascii():  # noqa: PLR2004
        raise InvalidToken(_FORM)
    header = _decoded(_header, _segment(parts[0]), "header")
    return Unverified(header, _segment(parts[1]))


def verify(token: str, keys: Iterable[VerifyKey], options: AuthOptions, now: float) -> Principal:
    """Return whose token it is, if one of `keys` signed it and its claims hold at `now`.

    `now` is in seconds since the Unix epoch. Raises `InvalidToken`.
    """
    header, _ = read(token)
    if header.typ.lower() not in _TYPES:
        raise InvalidToken("a token of another kind; ask for an access token", claim="typ")
    for key in keys:
        if (payload := _verified(token, key)) is not None:
            claims = read_claims(payload)
            check(claims, options, now)
            return _principal(claims, token, options)
    raise InvalidToken(_SIGNATURE)


def read_claims(payload: bytes) -> Claims:
    """Read the claims. Raises `InvalidToken` naming the one that has the wrong shape."""
    return _decoded(_claims, payload, "claims")


def check(claims: Claims, options: AuthOptions, now: float) -> None:
    """Raise `InvalidToken` naming the first claim that does not hold at `now`."""
    if claims.exp is None:
        raise InvalidToken("it is missing; mint tokens that end", claim="exp")
    if claims.exp + options.leeway <= now:
        raise InvalidToken(
            f"the token ended {_ago(now - claims.exp)} ago; get a new one", claim="exp"
        )
    if claims.nbf is not None and claims.nbf - options.leeway > now:
        raise InvalidToken(
            f"the token begins to hold in {_ago(claims.nbf - now)}; wait, or set the clocks",
            claim="nbf",
        )
    audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
    if options.audience not in audiences:
        raise InvalidToken(f"it has to name {options.audience}", claim="aud")
    if options.issuer and claims.iss != options.issuer:
        raise InvalidToken("the token comes from another issuer than this server's", claim="iss")
    for name, text in (("sub", claims.sub), ("iss", claims.iss)):
        if len(text) > MAX_NAME or not (text or "-").isprintable():
            raise InvalidToken(f"at most {MAX_NAME} printable characters", claim=name)
    try:
        check_grants(claims.hubbub)
    except ValueError as error:
        raise InvalidToken(str(error), claim="hubbub") from None


def _principal(claims: Claims, token: str, options: AuthOptions) -> Principal:
    # Prefixed, and with the issuer, so that a subject never shares the limits and idempotency
    # scope of an API key or of another issuer's subject of the same name.
    name = f"sub:{claims.sub}@{claims.iss}" if claims.iss else f"sub:{claims.sub}"
    if not claims.sub:  # a scope of its own; the digest does not give the token away
        name = f"token:{hashlib.sha256(token.encode()).hexdigest()[:16]}"
    assert claims.exp is not None
    return Principal(name, claims.hubbub, claims.exp + options.leeway)


def _verified(token: str, key: VerifyKey) -> bytes | None:
    """Return the payload if `key` signed it, None if it did not. Raises `InvalidToken`."""
    try:
        return _jws.decode_complete(token, key=key.key, algorithms=[key.algorithm])["payload"]
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError, jwt.InvalidKeyError):
        return None
    except (jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidToken(_FORM) from None


def _segment(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidToken(_FORM) from None


def _decoded(decoder: msgspec.json.Decoder[T], text: bytes, part: str) -> T:
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        claim = path.rstrip("`").lstrip(".")
        raise InvalidToken(what[:1].lower() + what[1:], claim=claim or part) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise InvalidToken(_FORM) from None


def _ago(seconds: float) -> str:
    for name, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
