"""Who is asking: from a request to a `Principal`.

What was verified once is remembered by the SHA-256 of the token, so that a JWT costs a hash and a
look into a dictionary on the publish path. Looking up by hash also makes timing say nothing: nobody
can choose the hash of a guess. An entry ends with its token, after `REMEMBER` seconds, or when the
published keys change.

Browsers act for whatever page is open, so whoever comes in without showing a token (by a cookie, or
because the server has no keys) must come from a page of the same host or of a known origin where a
foreign page could do harm: WebSockets and methods that change something (RFC 6455 10.2).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Mapping
from typing import Any, Final

from hubbub.core.clock import Clock, SystemClock
from hubbub.core.grants import ANONYMOUS, EVERYONE, Grants, Principal
from hubbub.web.auth import jwks
from hubbub.web.auth.credentials import find, header
from hubbub.web.auth.errors import ForeignOrigin, InvalidToken, MissingToken
from hubbub.web.auth.keys import VerifyKey, configured_keys, select
from hubbub.web.auth.options import ApiKey, AuthOptions
from hubbub.web.auth.origins import hostname, is_loopback, is_same_host
from hubbub.web.auth.tokens import read, verify

MAX_REMEMBERED: Final = 10_000
"""Verified tokens remembered, about 500 bytes each; the oldest goes first."""

REMEMBER: Final = 300.0
"""Seconds until a token is verified again: so long a withdrawn key may still be believed."""

NOBODY: Final = Principal("nobody", Grants())
"""Who has not said who they are: a WebSocket that will send `op: auth`."""

_log = logging.getLogger("hubbub.auth")
_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))


class Authenticator:
    """Tells who is asking. Raises `Misconfigured` for keys that cannot be used.

    Started, it keeps the keys of `auth.jwks_url` fresh; without that setting there is nothing to
    start.
    """

    def __init__(
        self, options: AuthOptions, clock: Clock | None = None, *, fetch: jwks.Fetch = jwks.fetch
    ) -> None:
        self.options = options
        self.is_open = options.is_open
        """No keys: everybody may do everything."""
        self._clock = clock or SystemClock()
        self._cookie = options.cookie_name.encode()
        self._api_keys = _by_prefix(options.keys)
        self._keys = configured_keys(options)
        self._remembered: dict[bytes, tuple[Principal, float]] = {}
        self._task: asyncio.Task[None] | None = None
        self._remote = (
            jwks.RemoteKeys(options.jwks_url, fetch, self._clock, self._remembered.clear)
            if options.jwks_url
            else None
        )

    async def start(self) -> None:
        """Fetch the published keys, then keep them fresh; a provider that is down is no failure."""
        if self._remote is not None:
            await self._remote.refresh()
            self._task = asyncio.create_task(self._remote.keep_fresh(), name="hubbub-jwks")
            self._task.add_done_callback(_report_death)

    async def stop(self) -> None:
        """Stop fetching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def identify(self, scope: Mapping[str, Any]) -> Principal:
        """Return who sends the request of an ASGI http or websocket scope.

        Raises `MissingToken`, `InvalidToken`, `ForeignOrigin`, and `KeysUnreachable`.
        `www_authenticate` makes the header that belongs to a 401.
        """
        if self.is_open:
            self._check_page(scope)
            return EVERYONE
        found = find(scope, self._cookie, allow_query=self.options.allow_query_token)
        if found is None:
            return self._anonymous()
        if found.from_cookie and _is_risky(scope):
            self._check_origin(scope)
        return self._holder(found.token)

    def verify(self, token: str) -> Principal:
        """Return whose token this is (`op: auth`). Raises `InvalidToken`, `KeysUnreachable`."""
        return EVERYONE if self.is_open else self._holder(token.encode("utf-8", "replace"))

    def _holder(self, token: bytes) -> Principal:
        digest = hashlib.sha256(token).digest()
        now = self._clock.now()
        if (known := self._remembered.get(digest)) is not None and now < known[1]:
            return known[0]
        principal = self._api_key(digest) or self._verified(token, now)
        self._remember(digest, principal, now)
        return principal

    def _api_key(self, digest: bytes) -> Principal | None:
        found: Principal | None = None
        for known, principal in self._api_keys.get(digest[:4], ()):
            if hmac.compare_digest(known, digest):
                found = principal
        return found

    def _verified(self, token: bytes, now: float) -> Principal:
        text = token.decode("latin-1")
        if text.startswith("hk_") or not (self._keys or self._remote):
            raise InvalidToken("the key is none of this server's; hubbub token makes one")
        head = read(text).header
        keys: list[VerifyKey] = select(self._keys, head.alg, head.kid)
        if not keys and self._remote is not None:
            keys = self._remote.find(head.alg, head.kid)
        return verify(text, keys, self.options, now)

    def _remember(self, digest: bytes, principal: Principal, now: float) -> None:
        until = now + REMEMBER
        if principal.expires is not None:
            until = min(until, principal.expires)
        self._remembered.pop(digest, None)
        if len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = (principal, until)

    def _anonymous(self) -> Principal:
        if self.options.anonymous is None:
            raise MissingToken("send a token as Authorization: Bearer <token>")
        return Principal(ANONYMOUS, self.options.anonymous)

    def _check_origin(self, scope: Mapping[str, Any]) -> None:
        origin = header(scope, b"origin")
        if origin is None:
            raise ForeignOrigin(
                "a cookie needs the Origin header of a browser; send the token itself"
            )
        if not self._is_known(origin, scope):
            raise ForeignOrigin("pages of this origin are not in auth.origins of this server")

    def _check_page(self, scope: Mapping[str, Any]) -> None:
        """Keep foreign pages away from an open server; those of this machine may come."""
        if _is_risky(scope) and (origin := header(scope, b"origin")) is not None:
            local = is_loopback(hostname(origin.partition("://")[2]))
            if not local and not self._is_known(origin, scope):
                raise ForeignOrigin("pages of this origin are not in auth.origins of this server")

    def _is_known(self, origin: str, scope: Mapping[str, Any]) -> bool:
        return origin in self.options.origins or is_same_host(origin, header(scope, b"host") or "")


def _is_risky(scope: Mapping[str, Any]) -> bool:
    return scope["type"] == "websocket" or scope.get("method", "GET") not in _SAFE


def _by_prefix(keys: tuple[ApiKey, ...]) -> dict[bytes, list[tuple[bytes, Principal]]]:
    """Index API keys by the first bytes of their hash; the rest is compared in constant time."""
    index: dict[bytes, list[tuple[bytes, Principal]]] = {}
    for key in keys:
        digest = bytes.fromhex(key.hash)
        index.setdefault(digest[:4], []).append((digest, Principal(f"key:{key.name}", key.grants)))
    return index


def _report_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("the keys of auth.jwks_url are no longer kept fresh", exc_info=error)
