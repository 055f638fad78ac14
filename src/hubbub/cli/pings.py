"""Telling hubs from this machine that a topic has news: discovery, and the pings (WebSub 6).

What hubs and publishers say is read up to a bound, waited for up to a bound, and no more believed than
on the server: only a 2xx is a yes. No guard stands before these requests, for it is the user's own
machine that asks, and what they named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from urllib.parse import urldefrag, urlsplit

from hubbub.core.errors import Misconfigured, NotFound, Unavailable

if TYPE_CHECKING:
    import aiohttp

    from hubbub.sources.websub.discovery import Discovered

TIMEOUT: Final = 20.0
"""Seconds for one request, redirects and all, as on the server."""

MAX_DOCUMENT: Final = 4 * 1024 * 1024
"""Bytes of a topic that are looked through for hubs; they stand at its beginning."""

MAX_ANSWER: Final = 2048
"""Bytes of a hub's answer that are read: the beginning of why not."""

MAX_SAID: Final = 200
"""Characters of it that are shown."""

MAX_HOPS: Final = 5
"""Redirects that are followed."""

REPEATED: Final = (307, 308)
"""Redirects upon which a POST is sent again as it is (RFC 9110 15.4)."""

_SUCCESS: Final = range(200, 300)
T = TypeVar("T")


class Told(NamedTuple):
    """What came of telling one hub."""

    hub: str
    is_taken: bool
    said: str
    """Its status and first words, or why there is no answer."""


async def tell(topic: str, hubs: Sequence[str]) -> tuple[str, list[Told]]:
    """Tell hubs of news, those that the topic itself names if none are given.

    Returns the topic as they were told it (its `rel=self`, where it was asked) and what each answered,
    in their order. Raises `Misconfigured` for a URL that is none, `NotFound` for a topic that names no
    hub, and `Unavailable` for one that cannot be read.
    """
    import aiohttp  # noqa: PLC0415 - takes a while

    for url in (topic, *hubs):
        check_url(url)
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "hubbub"},
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
    ) as session:
        if not hubs:
            found = await _discovered(session, topic)
            topic, hubs = found.topic or topic, found.hubs
        asked = (_told(session, hub, topic) for hub in dict.fromkeys(hubs))
        return topic, await asyncio.gather(*asked)


def check_url(url: str) -> None:
    """Raise `Misconfigured` unless it is one that can be asked, and told to others."""
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()
    except ValueError:
        is_one, parts = False, urlsplit("")
    if not is_one:
        raise Misconfigured("say a whole URL, such as https://blog.example/feed.xml")
    if "@" in parts.netloc:
        raise Misconfigured("no user or password in the URL: others would learn them")


async def _discovered(session: aiohttp.ClientSession, url: str) -> Discovered:
    """Read which hubs a topic names, and what it calls itself (websub 36, 37)."""
    from hubbub.sources.websub.discovery import Discovered, discover  # noqa: PLC0415
    from hubbub.sources.websub.fetching import ACCEPT  # noqa: PLC0415

    async def ask() -> tuple[int, list[tuple[str, str]], bytes, str]:
        asked = session.get(url, headers={"Accept": ACCEPT}, max_redirects=MAX_HOPS)
        async with asked as response:
            body = await _read(response, MAX_DOCUMENT)
            return response.status, list(response.headers.items()), body, str(response.url)

    answer = await _guarded(ask)
    if isinstance(answer, str):
        raise Unavailable(f"{url} {answer}")
    status, headers, body, final = answer
    if status not in _SUCCESS:
        raise Unavailable(f"{url} answered {status}: nothing can be read there")
    found = discover(headers, body, final)
    if not found.hubs:
        raise NotFound(f"{url} names no hub: name one by --hub")
    return Discovered(found.hubs, found.topic or urldefrag(final)[0])


async def _told(session: aiohttp.ClientSession, hub: str, topic: str) -> Told:
    """Send one ping; a redirect that says so is followed with all that was sent."""
    from yarl import URL  # noqa: PLC0415 - comes with aiohttp

    from hubbub.wire.websub import FORM, publish_form  # noqa: PLC0415

    body, headers = publish_form(topic), {"Content-Type": FORM}

    async def ask() -> tuple[int, bytes]:
        at, hops = URL(hub), 0
        while True:
            posted = session.post(at, data=body, headers=headers, allow_redirects=False)
            async with posted as response:
                place = response.headers.get("Location")
                if response.status not in REPEATED or not place or hops == MAX_HOPS:
                    return response.status, await _read(response, MAX_ANSWER)
                at, hops = response.url.join(URL(place)), hops + 1

    answer = await _guarded(ask)
    if isinstance(answer, str):
        return Told(hub, False, answer)
    status, said = answer
    words = said.decode("utf-8", "replace").strip().partition("\n")[0].strip()[:MAX_SAID]
    return Told(hub, status in _SUCCESS, f"{status} {words}".rstrip())


async def _guarded(ask: Callable[[], Awaitable[T]]) -> T | str:
    """Ask, or tell in a few words why there is no answer, as in `URL cannot be reached: ...`."""
    import aiohttp  # noqa: PLC0415

    try:
        async with asyncio.timeout(TIMEOUT):
            return await ask()
    except aiohttp.TooManyRedirects:
        return f"leads through more than {MAX_HOPS} redirects"
    except aiohttp.ClientConnectorError as error:
        return f"cannot be reached: {error.strerror or error}"
    except TimeoutError:
        return f"did not answer in {TIMEOUT:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a bad Location
        return f"did not answer in HTTP: {error}"


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    while limit > 0 and (part := await response.content.read(limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)
