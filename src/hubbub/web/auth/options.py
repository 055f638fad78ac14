"""The settings of authentication, section `[auth]`: who holds keys, and which tokens are believed."""

from __future__ import annotations

import string
from typing import Annotated, Final, Literal, get_args

import msgspec

from hubbub.core.errors import InvalidTopic
from hubbub.core.grants import Grants
from hubbub.core.topic import check_pattern
from hubbub.web.auth.origins import check_origin

Algorithm = Literal["RS256", "ES256", "EdDSA"]
"""Signatures that are believed, beside HS256 with `jwt_secret`; each key is bound to one."""

ALGORITHMS: Final[tuple[str, ...]] = get_args(Algorithm)

Secret = Annotated[str, msgspec.Meta(extra={"secret": True})]
"""A text that is never shown: `hubbub config` and `repr` hide it."""

MAX_LEEWAY = 60.0
"""Most seconds that clocks may differ: a larger difference is a fault to mend (RFC 8725)."""

MIN_SECRET = 32
"""Fewest bytes of an HS256 secret: the size of the hash (RFC 7518 3.2)."""

MAX_KEY_NAME = 64
"""Longest name of an API key in characters: it stands in log lines."""

SHA256_DIGITS = 64
"""Hex digits of a SHA-256."""

MAX_KEYS = 1000
"""Keys of each sort in the settings: a list that people still read."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An API key: `hubbub token` makes one and prints this entry."""

    name: str
    """What the holder is called in logs and limits."""
    hash: str
    """SHA-256 of the whole key in hex. The key is 256 random bits: no slower hash is needed."""
    grants: Grants
    """What the holder may do."""

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= MAX_KEY_NAME or not self.name.isprintable():
            raise ValueError(f"name is 1 to {MAX_KEY_NAME} printable characters")
        if len(self.hash) != SHA256_DIGITS or not set(self.hash) <= set(string.hexdigits):
            raise ValueError("hash is 64 hex digits: printf %s KEY | sha256sum")
        check_grants(self.grants)


class JwtKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public key whose tokens are believed."""

    algorithm: Algorithm
    """The one algorithm that this key verifies."""
    key: str = ""
    """The public key as PEM text, or else `file`."""
    file: str = ""
    """Path of a PEM file with the public key."""
    kid: str = ""
    """Key id in the tokens' header; empty fits any."""

    def __post_init__(self) -> None:
        if bool(self.key) == bool(self.file):
            raise ValueError("give the public key either as key or as file")


class AuthOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may come in; grants are patterns to publish to, to subscribe to and to manage.

    With neither keys nor `anonymous` the server is open: everybody may do everything, which is why
    `hubbub serve` then listens on loopback only.
    """

    keys: tuple[ApiKey, ...] = ()
    """API keys, by the hash of each."""
    jwt_secret: Secret = ""
    """Secret of HS256 tokens, at least 32 bytes; `hubbub token --jwt` mints with it."""
    jwt_keys: tuple[JwtKey, ...] = ()
    """Public keys of RS256, ES256 and EdDSA tokens."""
    jwks_url: str = ""
    """Where an identity provider publishes its keys (RFC 7517): https, or http on loopback."""
    jwks_file: str = ""
    """Path of a file in the same form."""
    audience: str = "hubbub"
    """What the `aud` claim of a token must name."""
    issuer: str = ""
    """What the `iss` claim must be; empty takes any. Set it where `jwks_url` serves many tenants."""
    leeway: float = 30.0
    """Seconds that the clocks of issuer and server may differ, at most 60."""
    anonymous: Grants | None = None
    """What those without a token may do; unset means nothing."""
    cookie_name: str = "hubbub_token"
    """Cookie that may carry the token of a browser."""
    origins: tuple[str, ...] = ()
    """Origins of pages, beside the server's own, whose cookie is believed: `https://app.example`."""
    allow_query_token: bool = False
    """Whether `?access_token=` is believed; addresses end up in logs and histories (RFC 6750 5.3)."""

    def __post_init__(self) -> None:
        if 0 < len(self.jwt_secret.encode()) < MIN_SECRET:
            raise ValueError(
                "jwt_secret has at least 32 bytes (RFC 7518 3.2): openssl rand -hex 32"
            )
        if not 0 <= self.leeway <= MAX_LEEWAY:
            raise ValueError(f"leeway is 0 to {MAX_LEEWAY:.0f} seconds")
        if not self.audience:
            raise ValueError("audience names what tokens are for; it is not empty")
        if max(len(self.keys), len(self.jwt_keys)) > MAX_KEYS:
            raise ValueError(f"at most {MAX_KEYS} keys; use JWTs for more callers")
        if len({key.name for key in self.keys}) < len(self.keys):
            raise ValueError("two keys have the same name")
        if len({key.hash.lower() for key in self.keys}) < len(self.keys):
            raise ValueError("two keys have the same hash")
        allowed = set(string.ascii_letters + string.digits + "_-.")
        if not self.cookie_name or not set(self.cookie_name) <= allowed:
            raise ValueError("cookie_name holds letters, digits, _, - and . only")
        for origin in self.origins:
            check_origin(origin)
        if self.anonymous is not None:
            check_grants(self.anonymous)

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown["jwt_secret"] = "..." if self.jwt_secret else ""
        return f"AuthOptions({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def has_keys(self) -> bool:
        """Whether any token can be believed at all."""
        return bool(
            self.keys or self.jwt_secret or self.jwt_keys or self.jwks_url or self.jwks_file
        )

    @property
    def is_open(self) -> bool:
        """Whether everybody may do everything."""
        return not self.has_keys and self.anonymous is None


def check_grants(grants: Grants) -> None:
    """Raise `ValueError` unless every grant is a pattern."""
    for name in ("publish", "subscribe", "manage"):
        granted: bool | tuple[str, ...] = getattr(grants, name)
        for pattern in () if isinstance(granted, bool) else granted:
            try:
                check_pattern(pattern)
            except InvalidTopic as error:
                raise ValueError(f"{name} holds a pattern that is none: {error.detail}") from None
