"""The options of a source of kind `webhook`: whose webhooks they are and what proves it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from hubbub.core.errors import Malformed
from hubbub.sources.webhook import keys
from hubbub.sources.webhook.catalogue import catalogue
from hubbub.sources.webhook.scheme import (
    AnyScheme,
    Asymmetric,
    Basic,
    Hmac,
    Inline,
    Secret,
    Signed,
    Sns,
    Standard,
)
from hubbub.sources.webhook.selectors import selector
from hubbub.sources.webhook.templates import SIGNED, TopicTemplate, parse

MAX_SECRETS = 8
"""Secrets that hold at once: rotation needs two, some providers sign with five; each costs a hash."""

MAX_SECRET = 8192
"""Characters of one: a public key of RSA 4096 as PEM has 800."""

CUSTOM = "custom"

OneSecret = Annotated[str, Meta(min_length=1, max_length=MAX_SECRET)]


class WebhookSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `options` of a webhook source may hold."""

    provider: str
    """A name of providers.toml, or `custom` together with `scheme`."""
    secrets: Annotated[tuple[OneSecret, ...], Meta(min_length=1, max_length=MAX_SECRETS)]
    """Write only; any of them will do. Public keys, `user:password` (basic), PayPal's webhook id and
    the ARNs of SNS topics go here too: whatever ties a request to this source."""
    scheme: Inline | None = None
    verify_token: Annotated[str, Meta(max_length=512)] = ""
    """What Meta sends along with its challenge. Write only."""
    tolerance: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    """Seconds a signed time may be off, instead of the provider's default."""
    public_url: Annotated[str, Meta(max_length=2048)] = ""
    """The URL that was given to the provider, where it is not `web.public_url` + `/hooks/NAME`."""

    def __repr__(self) -> str:
        """Show whose they are; secrets stay out of logs and tracebacks."""
        return f"WebhookSource(provider={self.provider!r}, secrets={len(self.secrets)})"

    def resolve(self) -> AnyScheme:
        """Return the scheme, everything checked. Raises `Malformed` with a pointer into the options."""
        scheme = self._chosen()
        check(scheme)
        for index, secret in enumerate(self.secrets):
            if expected := _wrong(scheme, secret):
                raise Malformed(f"this secret is not {expected}", pointer=f"/secrets/{index}")
        if scheme.echo is not None and scheme.echo.token and not self.verify_token:
            raise Malformed(
                f"{self.provider} asks for a verify token: choose one and set it on both sides",
                pointer="/verify_token",
            )
        if self.public_url and not _is_url(self.public_url):
            raise Malformed(
                "public_url looks like https://events.example.com/hooks/name", pointer="/public_url"
            )
        return scheme

    def _chosen(self) -> AnyScheme:
        if self.provider == CUSTOM:
            if self.scheme is None:
                raise Malformed("a custom provider needs its scheme", pointer="/scheme")
            return self.scheme
        if self.scheme is not None:
            raise Malformed("a scheme goes with provider custom only", pointer="/scheme")
        if found := catalogue().get(self.provider):
            return found
        near = difflib.get_close_matches(self.provider[:64], catalogue(), 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "write its scheme as custom"
        raise Malformed(f"provider {self.provider[:64]!r} is unknown; {hint}", pointer="/provider")


def check(scheme: AnyScheme) -> None:
    """Check the places and templates of a scheme. Raises `Malformed` with a pointer."""
    _checked("/scheme/topic", TopicTemplate, scheme.topic)
    for name in ("id", "type"):
        for place in getattr(scheme, name):
            _checked(f"/scheme/{name}", selector, place)
    if scheme.echo is not None:
        for place in (scheme.echo.take, scheme.echo.token, *scheme.echo.when):
            if place:
                _checked("/scheme/echo", selector, place)
    if isinstance(scheme, Secret):
        _places("/scheme/at", scheme.at)
    if isinstance(scheme, Signed):
        _check_signed(scheme)


def _check_signed(scheme: Signed) -> None:
    _places("/scheme/signature", scheme.signature)
    _checked("/scheme/signed", lambda text: parse(text, SIGNED), scheme.signed)
    if scheme.timestamp is None:
        return
    if bool(scheme.timestamp.at) == bool(scheme.timestamp.field):
        raise Malformed("a timestamp has either at or field", pointer="/scheme/timestamp")
    for place in scheme.timestamp.at:
        _checked("/scheme/timestamp/at", selector, place)


def _places(pointer: str, places: tuple[str, ...]) -> None:
    if not places:
        raise Malformed("name at least one place", pointer=pointer)
    for place in places:
        _checked(pointer, selector, place)


def _checked(pointer: str, read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except Malformed as error:
        raise Malformed(error.detail, pointer=pointer, position=error.position) from None


def _wrong(scheme: AnyScheme, secret: str) -> str:
    """Say what a secret should be and is not; nothing where it is."""
    fits, expected = True, ""
    if isinstance(scheme, Standard):
        public = secret.startswith("whpk_")
        fits = bool(
            keys.public_key(secret, "base64") if public else keys.hmac_key(secret, "base64")
        )
        expected = "whpk_ and 32 bytes in base64" if public else "whsec_ and base64"
    elif isinstance(scheme, Hmac):
        fits, expected = bool(keys.hmac_key(secret, scheme.key)), f"a key in {scheme.key}"
    elif isinstance(scheme, Asymmetric):
        fits = keys.fits(keys.public_key(secret, scheme.key), scheme.algorithm)
        expected = f"a public key for {scheme.algorithm} in {scheme.key}"
    elif isinstance(scheme, Basic):
        fits, expected = ":" in secret, "user:password"
    elif isinstance(scheme, Sns):
        fits, expected = secret.startswith("arn:aws"), "the ARN of a topic"
    return "" if fits else expected


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.fragment
    except ValueError:
        return False
