"""One HTTP exchange, and its repetition where that is safe. The seam to aiohttp.

Every way in which aiohttp fails becomes one of this package's errors here. Redirects are not
followed: a token goes to the server that it was given for and nowhere else.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

import aiohttp
import msgspec
from yarl import URL

from hubbub.client.address import Address, Query
from hubbub.client.backoff import Backoff
from hubbub.client.errors import ClientError, Refused, Unexpected, Unreachable
from hubbub.client.problem import refusal
from hubbub.core.clock import Clock

MAX_ANSWER_BYTES = 256 * 2**20
"""Largest answer that is read: a page of a hundred of the largest events fits."""

MAX_PROBLEM_BYTES = 65_536
"""Bytes of a refusal that are read: a problem document has a few hundred."""

MAX_MESSAGE_BYTES = 16 * 2**20
"""Largest WebSocket message: the bound of an event, as for Server-Sent Events."""

LARGE = 2**20
"""Bytes of a body above which it is sent in pieces: from here on aiohttp warns."""

HANDSHAKE: Final = b'{"detail":"the WebSocket was refused; hubbub doctor tells why"}'
"""In place of the reason, which aiohttp does not keep."""

_SUCCESS: Final = range(200, 300)

Headers = Mapping[str, str]
NO_HEADERS: Final[Headers] = MappingProxyType({})
T = TypeVar("T")
Repeatable = Callable[[ClientError], bool]


def if_temporary(error: ClientError) -> bool:
    """Repeat whatever may succeed later: for requests that take effect once however often sent."""
    return error.temporary


class Surroundings(msgspec.Struct, frozen=True):
    """Time, chance and patience: what a test replaces."""

    timeout: float
    backoff: Backoff
    clock: Clock
    rng: Random
    sleep: Callable[[float], Awaitable[None]]


class Request(NamedTuple):
    """What to ask for."""

    method: str
    path: str
    query: Query = ()
    headers: Headers = NO_HEADERS
    body: bytes | None = None
    repeatable: Repeatable = if_temporary


class Answer(NamedTuple):
    """A success, read whole."""

    body: bytes
    next_query: str | None
    """Query of the next page, percent-encoded, if there is one."""


class Caller:
    """Speaks HTTP with one server, in a session that carries the token."""

    def __init__(
        self, address: Address, session: aiohttp.ClientSession, around: Surroundings
    ) -> None:
        self.address = address
        self.around = around
        self._session = session

    async def ask(self, request: Request) -> Answer:
        """Send a request until it is answered, for as long as its errors allow.

        Raises `Refused`, `Unreachable` or `Unexpected`.
        """
        around, failures = self.around, 0
        while True:
            try:
                return await self._once(request)
            except ClientError as error:
                failures += 1
                asked = error.retry_after
                if failures >= around.backoff.attempts or not request.repeatable(error):
                    raise
                if asked is not None and asked > around.backoff.patience:
                    raise
            await around.sleep(around.backoff.delay(failures, asked, around.rng))

    async def open(self, request: Request) -> aiohttp.ClientResponse:
        """Return a success whose body is still to come; the caller closes it. Raises as `ask`."""
        return await self._guard(self._open(request))

    async def open_websocket(
        self, path: str, subprotocol: str
    ) -> aiohttp.ClientWebSocketResponse[bool]:
        """Return an open WebSocket; the caller answers pings and closes it. Raises as `ask`."""
        opening = self._session.ws_connect(
            self.address.url(path),
            protocols=(subprotocol,),
            max_msg_size=MAX_MESSAGE_BYTES,
            autoping=False,
            decode_text=False,
        )
        return await self._guard(opening)

    async def _once(self, request: Request) -> Answer:
        return await self._guard(self._exchange(request))

    async def _exchange(self, request: Request) -> Answer:
        async with await self._open(request) as response:
            body = await _read(response, MAX_ANSWER_BYTES)
            if not response.content.at_eof():
                raise Unexpected(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
            return Answer(body, _next_query(response))

    async def _open(self, request: Request) -> aiohttp.ClientResponse:
        response = await self._session.request(
            request.method,
            self.address.url(request.path, request.query),
            headers=request.headers,
            data=_payload(request.body),
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
        )
        if response.status in _SUCCESS:
            return response
        async with response:
            body = await _read(response, MAX_PROBLEM_BYTES)
            raise refusal(response.status, response.headers, body, self.around.clock.now())

    async def _guard(self, work: Awaitable[T]) -> T:
        """Bound the time, and turn aiohttp's errors into ours, most specific first."""
        to = str(self.address)
        try:
            async with asyncio.timeout(self.around.timeout):
                return await work
        except aiohttp.WSServerHandshakeError as error:
            answered = refusal(
                error.status, error.headers or {}, HANDSHAKE, self.around.clock.now()
            )
        except aiohttp.ClientResponseError as error:
            answered = Unexpected(f"{to} does not answer in HTTP: {error.message}")
        except (aiohttp.ClientSSLError, aiohttp.InvalidURL) as error:
            raise Unreachable(
                f"{to} cannot be reached safely: {error}", sent=False, for_good=True
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"{to} cannot be reached: {error.strerror}", sent=False) from error
        except TimeoutError as error:
            raise Unreachable(f"{to} did not answer in {self.around.timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"the connection to {to} was lost") from error
        except RuntimeError as error:
            if not self._session.closed:
                raise
            raise Unreachable("this client was closed meanwhile", for_good=True) from error
        raise answered  # out here: the errors of answers hold the request, and with it the token


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """Have large bodies sent in pieces: in one go they would hold up the event loop."""
    return io.BytesIO(body) if body is not None and len(body) > LARGE else body


def _next_query(response: aiohttp.ClientResponse) -> str | None:
    link = response.links.get("next")
    url = None if link is None else link.get("url")
    return url.raw_query_string if isinstance(url, URL) else None


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    while left > 0 and (part := await response.content.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def may_repeat_ephemeral(error: ClientError) -> bool:
    """Repeat only what was surely not taken: nothing would notice an ephemeral event's double."""
    if isinstance(error, Unreachable):
        return error.temporary and not error.sent
    return isinstance(error, Refused) and error.status in (429, 503)
