"""Keys that an identity provider publishes at a URL, fetched in the background and kept for a while.

No request waits for a fetch. A token that names an unknown `kid` causes one, but never more often
than `MIN_INTERVAL`, whatever tokens are thrown at the server; until it is done the token can be
neither believed nor refused, and its sender is asked to come back in a second. While the provider
does not answer, the keys it gave last are believed for `MAX_STALE`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from hubbub.core.clock import Clock
from hubbub.core.errors import Misconfigured
from hubbub.web.auth.errors import KeysUnreachable
from hubbub.web.auth.keys import VerifyKey, parse_jwks, select
from hubbub.web.auth.options import ALGORITHMS
from hubbub.web.auth.origins import is_loopback

MAX_AGE: Final = 300.0
"""Seconds between fetches: so long a withdrawn key may still be believed."""

MIN_INTERVAL: Final = 30.0
"""Fewest seconds between two fetches: made-up key ids cannot make us hammer the provider."""

MAX_STALE: Final = 86_400.0
"""Seconds for which the last keys are believed while the provider does not answer."""

TIMEOUT: Final = 5.0
"""Seconds for a whole fetch: a start waits for the first."""

MAX_BYTES: Final = 262_144
"""Largest JWK Set that is read; a hundred keys with certificate chains fit."""

Fetch = Callable[[str], Awaitable[bytes]]
"""Fetch a URL; raises `KeysUnreachable`."""

_log = logging.getLogger("hubbub.auth")


class RemoteKeys:
    """The keys behind one URL. Raises `Misconfigured` for a URL that must not be trusted."""

    def __init__(self, url: str, fetch: Fetch, clock: Clock, changed: Callable[[], None]) -> None:
        check_url(url)
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._changed = changed
        """Called when other keys than before were found: what was verified must be again."""
        self._keys: list[VerifyKey] = []
        self._text = b""
        self._fetched = self._tried = float("-inf")
        self._is_fetching = False
        self._wanted = asyncio.Event()

    def find(self, algorithm: str, kid: str) -> list[VerifyKey]:
        """Return the keys that a token's header may mean.

        Raises `KeysUnreachable` where only another fetch can tell.
        """
        if found := select(self._keys, algorithm, kid):
            return found
        if algorithm not in ALGORITHMS or (self._keys and not kid):
            return []  # no fetch could bring a key for it
        since_try = self._clock.monotonic() - self._tried
        if since_try >= MIN_INTERVAL and not self._is_fetching:
            self._wanted.set()
        elif not self._is_fetching and self._keys:
            return []
        wait = 1.0 if self._is_fetching or self._wanted.is_set() else MIN_INTERVAL - since_try
        raise KeysUnreachable(
            "the keys of this server are being fetched; try again", retry_after=wait
        )

    async def refresh(self) -> None:
        """Fetch the keys now; what goes wrong is logged, and the old keys stay for a while."""
        self._is_fetching = True
        try:
            text = await self._fetch(self._url)
            keys = parse_jwks(text, "auth.jwks_url")
        except (KeysUnreachable, Misconfigured) as error:
            _log.warning("auth.jwks_url gave no keys: %s", error.detail)
            self._tried = self._clock.monotonic()
            if self._tried - self._fetched > MAX_STALE:
                self._keys = []
        else:
            self._fetched = self._tried = self._clock.monotonic()
            self._keys = keys
            if text != self._text:
                self._text = text
                self._changed()
        finally:
            self._is_fetching = False
            self._wanted.clear()

    async def keep_fresh(self) -> None:
        """Fetch again when a token needs it, or when the keys are old; for ever."""
        while True:
            pause = MAX_AGE if self._tried == self._fetched else MIN_INTERVAL
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wanted.wait()
            await self.refresh()


def check_url(url: str) -> None:
    """Raise `Misconfigured` unless keys from this URL can be trusted: TLS, or this very machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not host:
        raise Misconfigured("auth.jwks_url is an address such as https://id.example/jwks.json")
    if parts.scheme == "http" and not is_loopback(host):
        raise Misconfigured("auth.jwks_url: keys over http can be forged on the way; use https")


async def fetch(url: str) -> bytes:
    """Fetch a JWK Set: no redirects, no proxies, bounded in time and size."""
    import aiohttp  # noqa: PLC0415 - only where a URL is configured

    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status != 200:  # noqa: PLR2004
                raise KeysUnreachable(f"it answered {response.status}")
            text = await response.content.read(MAX_BYTES + 1)
            while len(text) <= MAX_BYTES and (more := await response.content.read(MAX_BYTES)):
                text += more
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise KeysUnreachable(f"it cannot be fetched ({type(error).__name__})") from None
    if len(text) > MAX_BYTES:
        raise KeysUnreachable(f"it is larger than {MAX_BYTES} bytes")
    return text
