"""The only way out: one HTTP client for deliveries and fetches, behind the egress guard.

No redirects, no cookies, no proxies from the environment, nothing decompressed. An answer is read up
to a bound, and the whole request has one deadline, so that a receiver can take up neither memory nor
time beyond what it was given (guarantees.md, T1 to T4, T21, F6). A request that fails on a connection
out of the pool which the peer closed meanwhile is sent once more on a new one: at least once.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from functools import lru_cache
from io import BytesIO

import msgspec
from aiohttp import (
    ClientConnectorError,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
)
from multidict import CIMultiDict
from yarl import URL

from hubbub.core.clock import Clock
from hubbub.net.addresses import networks
from hubbub.net.connector import ATTEMPT, Attempt, GuardedConnector
from hubbub.net.errors import InvalidTarget, RequestFailed, Timings
from hubbub.net.failures import explain
from hubbub.net.options import EgressOptions
from hubbub.net.resolver import Denied, JudgedNames, Resolve, SystemResolver
from hubbub.net.urls import check_target

MAX_URLS = 16_384
"""URLs that are kept parsed: reading one strictly costs more than the rest of what is ours here."""
MAX_LINE = 8 * 1024
"""Bytes of an answer's status line, and of one header: what servers commonly take."""
MAX_HEADERS = 64
"""Headers of an answer; with `MAX_LINE` that is half a MiB at the worst."""
BUFFER = 16 * 1024
"""Bytes of an answer that aiohttp reads ahead, twice at the most: what is kept is no more."""

LARGE = 512 * 1024
"""Bytes of a request above which they go out in pieces, so that other connections get their turn."""
AT_LEAST = 0.001
"""Seconds that a repetition is given when the deadline is there: 0 would mean none to aiohttp."""
CLOSED = "this client is closed"

AUTOMATIC = CIMultiDict[None](
    [("Accept", None), ("Accept-Encoding", None), ("User-Agent", None), ("Content-Type", None)]
)
"""Headers that aiohttp would add."""
AS_IT_IS = ("Accept-Encoding", "identity")


class Reply(msgspec.Struct, frozen=True, gc=False):
    """An answer, whatever its status."""

    status: int
    headers: list[tuple[str, str]]
    """As sent, in latin-1: names in the peer's spelling, repeated ones repeated."""
    body: bytes
    """At most `max_body` bytes, as they were sent."""
    truncated: bool
    """Whether there was more; it was not waited for, and the connection is not used again."""
    timings: Timings


class _Plain(ClientRequest):
    """A request with the headers it was given; aiohttp sorts and copies its own for each."""

    def update_auto_headers(self, skip_auto_headers: Iterable[str] | None) -> None:  # noqa: ARG002
        self._skip_auto_headers = AUTOMATIC


class Egress:
    """Requests to other people's servers; `allow` names private networks that may be reached.

    `resolve` gives the addresses of a name (default: the system's), `ssl_context` whom to trust
    (default: the system's authorities). Raises ValueError if a network cannot be read.
    """

    def __init__(
        self,
        options: EgressOptions,
        *,
        allow: Sequence[str],
        clock: Clock,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._options = options
        self._allowed = networks(allow)
        self._clock = clock
        self._now = clock.monotonic
        self._resolve = resolve
        self._ssl_context = ssl_context
        self._threads: SystemResolver | None = None
        self._session: ClientSession | None = None
        self._parsed = lru_cache(maxsize=MAX_URLS)(self._parse)

    async def start(self) -> None:
        """Open the pool in the running loop. Call once."""
        resolve = self._resolve
        if resolve is None:
            resolve = self._threads = SystemResolver()
        names = JudgedNames(
            resolve,
            self._allowed,
            self._clock,
            ttl=self._options.dns_ttl,
            timeout=self._options.dns_timeout,
        )
        self._names = names
        self._session = ClientSession(
            connector=GuardedConnector(
                self._options, names, self._allowed, self._clock, self._ssl_context
            ),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            request_class=_Plain,
            read_bufsize=BUFFER,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            max_headers=MAX_HEADERS,
        )
        # Repeating is decided here, by one rule for all methods.
        self._session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    async def close(self) -> None:
        """Close every connection; requests under way fail. May be called twice."""
        session, self._session = self._session, None
        if session is None:
            return
        await session.close()
        await self._names.close()
        if self._threads is not None:
            self._threads.close()

    async def fetch(self, url: str, *, timeout: float, max_body: int) -> Reply:  # noqa: ASYNC109
        """GET a URL; otherwise like `request`."""
        return await self.request("GET", url, headers=(), timeout=timeout, max_body=max_body)

    async def request(  # noqa: PLR0913 -- the parts of a request
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
        timeout: float,  # noqa: ASYNC109 -- covers look-up to last byte, and a repetition
        max_body: int,
    ) -> Reply:
        """Send a request and read the answer, up to `max_body` bytes of it, in `timeout` seconds.

        `headers` go out as they are, with Host and Content-Length added: whoever lets others choose
        them has checked them. Raises `RequestFailed`, also (as `refused`) for a URL that
        `check_target` or the settings refuse; ValueError for a header with a line break.
        """
        began = self._now()
        attempt = Attempt(fresh=False)
        ATTEMPT.set(attempt)
        sent = CIMultiDict(headers)
        sent.add(*AS_IT_IS)
        try:
            parsed = self._parsed(url)
            try:
                answer = await self._open(method, parsed, sent, body, timeout)
            except (ServerDisconnectedError, ClientOSError) as error:
                if attempt.fresh or isinstance(error, ClientConnectorError):
                    raise
                attempt = Attempt(fresh=True)
                ATTEMPT.set(attempt)
                left = max(timeout - (self._now() - began), AT_LEAST)
                answer = await self._open(method, parsed, sent, body, left)
            return await self._finish(answer, max_body, attempt, began)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._session is not None or (task is not None and task.cancelling()):
                raise
            # `close` cancels what waits for an address or for its turn, not the caller.
            raise RequestFailed("connect", CLOSED, self._timings(attempt, began, 0.0)) from None
        except Exception as error:
            cause, detail = explain(error, attempt, timeout)
            raise RequestFailed(cause, detail, self._timings(attempt, began, 0.0)) from error

    async def _open(
        self,
        method: str,
        url: URL,
        headers: CIMultiDict[str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109
    ) -> ClientResponse:
        """Send the request and wait for the headers of the answer."""
        if self._session is None:
            raise Denied("connect", CLOSED)
        return await self._session.request(
            method,
            url,
            headers=headers,
            data=BytesIO(body) if len(body) > LARGE else body or None,
            allow_redirects=False,
            timeout=_within(timeout),
        )

    async def _finish(
        self, answer: ClientResponse, max_body: int, attempt: Attempt, began: float
    ) -> Reply:
        """Read what is wanted of the body; the connection goes back to the pool or is closed."""
        first_byte = self._now() - began
        try:
            body, truncated = await _read(answer, max_body)
        except BaseException:
            answer.close()
            raise
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers
        ]
        timings = self._timings(attempt, began, first_byte)
        return Reply(answer.status, headers, body, truncated, timings)

    def _parse(self, url: str) -> URL:
        """Read a URL strictly. Raises `InvalidTarget`."""
        target = check_target(url)
        if self._options.ports and target.port not in self._options.ports:
            raise InvalidTarget(f"port {target.port} may not be called (egress.ports)")
        return URL(target.url, encoded=True)

    def _timings(self, attempt: Attempt, began: float, first_byte: float) -> Timings:
        total = (self._now() - began) * 1000
        if not attempt.fresh:
            return Timings(first_byte=first_byte * 1000, total=total)
        connected = attempt.connected or attempt.connecting
        return Timings(
            dns=attempt.dns * 1000,
            connect=(connected - attempt.connecting) * 1000,
            tls=max(attempt.ready - connected, 0.0) * 1000,
            first_byte=first_byte * 1000,
            total=total,
        )


@lru_cache(maxsize=64)
def _within(seconds: float) -> ClientTimeout:
    return ClientTimeout(total=seconds)


async def _read(answer: ClientResponse, max_body: int) -> tuple[bytes, bool]:
    """Read a body up to the bound; close the connection if there is more. Say whether there was."""
    content = answer.content
    if content.is_eof():  # the common case: it came with the headers
        body = content.read_nowait()
    else:
        body = await content.read(max_body + 1)
        while len(body) <= max_body and not content.at_eof():
            body += await content.read(max_body + 1 - len(body))
    if len(body) <= max_body:
        return body, False
    answer.close()
    return body[:max_body], True
