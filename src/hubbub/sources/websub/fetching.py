"""Requests to publishers and hubs, redirects followed by ourselves: each hop goes through the guard."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import Any, Final, NamedTuple, cast
from urllib.parse import urldefrag, urljoin

from hubbub.core.calling import Caller, Reply
from hubbub.core.clock import Clock
from hubbub.core.errors import HubbubError
from hubbub.sources.websub.callbacks import printable
from hubbub.sources.websub.plan import host_of, may_have_secret
from hubbub.wire import retry_after
from hubbub.wire.cloudevents import CE_BATCH_JSON, CE_JSON
from hubbub.wire.validators import is_strong
from hubbub.wire.websub import FORM

MAX_HOPS: Final = 5
"""Redirects that are followed: a chain of more leads nowhere, or in a circle."""
MAX_ANSWER: Final = 2048
"""Bytes of a hub's answer that are read: the beginning of why not."""

MOVED: Final = (301, 308)
REDIRECTS: Final = (301, 302, 303, 307, 308)
REPEATED: Final = (307, 308)
"""Redirects upon which a POST is sent again as it is (RFC 9110 15.4; websub 10, 38)."""
NOT_MODIFIED: Final = 304
GONE: Final = 410

ACCEPT: Final = (
    f"{CE_BATCH_JSON}, {CE_JSON}, application/atom+xml, application/rss+xml, application/feed+json,"
    " application/xml;q=0.9, text/xml;q=0.9, text/html;q=0.8, */*;q=0.7"
)
"""What is asked for: events as they are from another gateway, else feeds."""


class Failed(Exception):
    """A publisher or hub cannot be reached, or says no. `detail` is for the owner of the source."""

    def __init__(self, detail: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.retry_after = retry_after

    @property
    def is_final(self) -> bool:
        """Whether a hub has refused for good: it will not come back to verify."""
        return 400 <= self.status < 500  # noqa: PLR2004


class Validators(NamedTuple):
    """What makes a GET conditional (RFC 9110 13.1)."""

    url: str = ""
    etag: str = ""
    modified: str = ""


NOTHING: Final = Validators()
"""Whatever there is."""


class Document(NamedTuple):
    """What a publisher has at an address."""

    url: str
    """The final one."""
    moved: str
    """Where the URL has moved for good, empty: nowhere."""
    headers: list[tuple[str, str]]
    content_type: str
    body: bytes
    validators: Validators


class Fetcher:
    """Speaks to publishers and hubs. Raises `Failed`."""

    def __init__(self, client: Caller, clock: Clock, *, timeout: float, max_bytes: int) -> None:
        """`timeout` (seconds) and `max_bytes` are for each request."""
        self._client = client
        self._clock = clock
        self._timeout = timeout
        self._max_bytes = max_bytes

    async def get(self, url: str, agent: str, known: Validators) -> Document | None:
        """Fetch a document, following redirects (websub 37); None: it has not changed."""
        moved, is_for_good, at = "", True, url
        for _ in range(MAX_HOPS + 1):
            headers = [("user-agent", agent), ("accept", ACCEPT)]
            if known.url == at:
                headers += [("if-none-match", known.etag)] if known.etag else []
                headers += [("if-modified-since", known.modified)] if known.modified else []
            answer = await self._request("GET", at, headers, b"", self._max_bytes)
            if answer.status in REDIRECTS:
                at = _redirected(at, answer)
                is_for_good = is_for_good and answer.status in MOVED
                moved = at if is_for_good else moved
                continue
            if answer.status == NOT_MODIFIED and known.url == at:
                return None
            if not 200 <= answer.status < 300:  # noqa: PLR2004
                raise self._no(at, answer)
            return self._document(at, moved, answer)
        raise Failed(f"{_host(url)} redirects more than {MAX_HOPS} times")

    async def post(self, url: str, agent: str, form: bytes, *, is_secret: bool = False) -> str:
        """Send a form to a hub, again where it redirects to (websub 38); return where that was.

        A secret in it goes nowhere where others could read it (websub 41).
        """
        at = url
        for _ in range(MAX_HOPS + 1):
            if is_secret and not may_have_secret(at):
                raise Failed(f"{_host(url)} redirects a secret to an address without https")
            headers = [("user-agent", agent), ("content-type", FORM)]
            answer = await self._request("POST", at, headers, form, MAX_ANSWER)
            if answer.status in REPEATED:
                at = _redirected(at, answer)
                continue
            if 200 <= answer.status < 300:  # noqa: PLR2004
                return at
            raise self._no(at, answer)
        raise Failed(f"{_host(url)} redirects more than {MAX_HOPS} times")

    async def _request(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes, max_body: int
    ) -> Reply:
        try:
            return await self._client.request(
                method, url, headers=headers, body=body, timeout=self._timeout, max_body=max_body
            )
        except Exception as error:
            detail = cast("Any", getattr(error, "detail", None))
            if detail is None or isinstance(error, HubbubError):
                raise
            raise Failed(f"{_host(url)} cannot be asked: {detail}") from error

    def _document(self, url: str, moved: str, answer: Reply) -> Document:
        headers = [(name.lower(), value.strip()) for name, value in answer.headers]
        first = dict(reversed(headers))  # of a repeated one the first
        body = answer.body
        if answer.truncated:
            raise self._too_large(url)
        if first.get("content-encoding", "identity").lower() in ("gzip", "deflate", "x-gzip"):
            body = self._inflated(url, body)
        modified = first.get("last-modified", "") if is_strong(first) else ""
        return Document(
            url,
            moved,
            headers,
            first.get("content-type", ""),
            body,
            Validators(url, first.get("etag", ""), modified),
        )

    def _inflated(self, url: str, body: bytes) -> bytes:
        """Decompress what we did not ask to be compressed; some servers do so all the same."""
        try:
            found = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, self._max_bytes + 1)
        except zlib.error:
            raise Failed(f"{_host(url)} sent a body that does not decompress") from None
        if len(found) > self._max_bytes:
            raise self._too_large(url)
        return found

    def _too_large(self, url: str) -> Failed:
        return Failed(
            f"the document at {_host(url)} has more than {self._max_bytes} bytes (follow.max_bytes)"
        )

    def _no(self, url: str, answer: Reply) -> Failed:
        asked = None
        for name, value in answer.headers:
            if name.lower() == "retry-after":
                asked = retry_after.parse(value, self._clock.now())
        why = printable(answer.body.decode("utf-8", "replace")) if answer.body[:1] != b"<" else ""
        detail = f"{_host(url)} answered {answer.status}" + (f": {why}" if why else "")
        return Failed(detail, status=answer.status, retry_after=asked)


def _redirected(url: str, answer: Reply) -> str:
    """Return where a redirect leads; the client checks what it is given."""
    for name, value in answer.headers:
        if name.lower() == "location":
            with suppress(ValueError):
                return urldefrag(urljoin(url, value.strip()))[0]
    raise Failed(f"{_host(url)} redirects, but not to an address", status=answer.status)


def _host(url: str) -> str:
    return host_of(url) or "the address"
