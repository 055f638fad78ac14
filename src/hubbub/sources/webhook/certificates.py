"""The certificates that providers name, fetched once: few, small, and for a day.

Which URLs may be fetched is decided before (`required_certificate`); how, by who hands in `fetch`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from hubbub.core.clock import Clock
from hubbub.core.errors import TooLarge

Fetch = Callable[[str], Awaitable[bytes]]

MAX_CERTIFICATES = 32
"""Certificates kept: one per region and year of SNS, two of PayPal; the least used goes first."""

MAX_BYTES = 64 * 1024
"""Bytes of one: a chain of four is about 8 KiB."""

KEPT = 86_400.0
"""Seconds for which one is kept: a withdrawn certificate does not live on for longer."""


class Certificates:
    """A small cache before a fetch."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        """Fetch with `fetch`, which raises `HubbubError` where it cannot."""
        self._fetch = fetch
        self._now = clock.monotonic
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def get(self, url: str) -> bytes:
        """Return a certificate. Raises `TooLarge` and what `fetch` raises; failures are not kept."""
        found = self._kept.get(url)
        if found is not None and self._now() < found[0]:
            self._kept.move_to_end(url)
            return found[1]
        content = await self._fetch(url)
        if len(content) > MAX_BYTES:
            raise TooLarge(f"the certificate at {url} has more than {MAX_BYTES} bytes")
        self._kept[url] = (self._now() + KEPT, content)
        self._kept.move_to_end(url)
        while len(self._kept) > MAX_CERTIFICATES:
            self._kept.popitem(last=False)
        return content
