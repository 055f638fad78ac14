"""`POST /topics/{topic}` and `POST /events`: the hottest way in, as a bare ASGI application.

Everything that can be refused without reading the body is refused first: the address, the token,
the right, an encoding. Then the body is read within its bound, the events are made of it, and the
answer waits for the commit. A request that is cut off publishes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import msgspec

from hubbub.core.attributes import check_value, media_type
from hubbub.core.errors import HubbubError, InvalidTopic
from hubbub.core.event import Event, Published
from hubbub.core.grants import Principal
from hubbub.core.topic import check_topic
from hubbub.web.answers import NO_STORE, Answer
from hubbub.web.body import Bodies, check_encoding
from hubbub.web.face import Claim, Headers, Hub, Receive, Scope, Send
from hubbub.web.idempotency import fingerprint, key_of
from hubbub.web.query import NO_QUERY, Query, query_of, raw_path
from hubbub.wire.cloudevents import (
    DEFAULT_TYPE,
    NDJSON,
    Address,
    Defaults,
    Mode,
    from_batch,
    from_http,
    from_json,
    from_ndjson,
    mode,
)
from hubbub.wire.links import topic_of

TOPICS: Final = b"/topics/"
JSON: Final = b"application/json"
INLINE: Final = 256 * 1024
"""Bytes of a body up to which it is parsed at once, in some milliseconds. A larger one is parsed in
a thread: thousands of events would keep everybody else waiting."""


class Batch(msgspec.Struct, frozen=True):
    """The answer to several events, in their order."""

    events: Sequence[Published]


class _Request(msgspec.Struct, frozen=True):
    """One publish, as far as it is known before its body."""

    topic: str | None
    """Where everything goes; None if each event says so itself."""
    type: str
    ephemeral: bool
    mode: Mode | Literal["lines"]
    """How the body is to be read."""
    key: str | None
    """The Idempotency-Key."""

    @property
    def has_several(self) -> bool:
        """Whether the body may hold several events, and the answer speaks of several."""
        return self.mode in ("batched", "lines")


class _Ready(NamedTuple):
    """A request that may be published."""

    request: _Request
    principal: Principal
    events: list[Event]
    claim: Claim | None = None
    """Its hold on its Idempotency-Key; one that has an answer is a repeat."""


class Publish:
    """The handler of both addresses."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Publish what a request carries."""
        try:
            ready = await self._prepare(scope, receive)
        except HubbubError as error:
            self._hub.publisher.refused(error)
            raise
        if ready.claim is None:
            return await self._publish(ready)
        if ready.claim.answer is not None:
            status, said = ready.claim.answer
            return Answer(status, JSON, said, NO_STORE)
        try:
            answer = await self._publish(ready)
            ready.claim.finish(answer.status, answer.body)
        finally:
            ready.claim.release()
        return answer

    async def _prepare(self, scope: Scope, receive: Receive) -> _Ready:
        """Check the request and make events of it; whatever is wrong with it comes out here."""
        hub = self._hub
        path = raw_path(scope)
        request = _examine(scope, path)
        principal = hub.authenticator.identify(scope)
        if request.topic is not None:
            principal.require_publish(request.topic)
        body = await self._bodies.read(scope, receive, self._bound(request))
        if request.key is None:
            defaults = Defaults(hub.publisher.new_id, request.type)
            return _Ready(request, principal, await self._read(scope, request, body, defaults))
        same = fingerprint(scope, path, body)
        claim = hub.publisher.keys.claim(principal.name, request.key, same)
        if claim.answer is not None:
            return _Ready(request, principal, [], claim)
        defaults = Defaults(claim.new_id, request.type, repeatable=True)
        try:
            events = await self._read(scope, request, body, defaults)
        except BaseException:
            claim.release()
            raise
        return _Ready(request, principal, events, claim)

    def _bound(self, request: _Request) -> int:
        bounds = self._hub.publisher.options
        if request.has_several:
            return max(bounds.max_bytes, bounds.max_request_bytes)
        return bounds.max_bytes

    async def _read(
        self, scope: Scope, request: _Request, body: bytes, defaults: Defaults
    ) -> list[Event]:
        """Make events of a body."""
        headers, max_bytes = scope["headers"], self._hub.publisher.options.max_bytes
        if len(body) <= INLINE:
            return _events(headers, request, body, defaults, max_bytes)
        return await asyncio.to_thread(_events, headers, request, body, defaults, max_bytes)

    async def _publish(self, ready: _Ready) -> Answer:
        request, principal, events, _ = ready
        ephemeral = request.ephemeral
        told = await self._hub.publisher.publish(events, principal, ephemeral=ephemeral)
        repeated = bool(told) and all(published.duplicate for published in told)
        status = 202 if ephemeral else 200 if repeated else 201
        body = msgspec.json.encode(Batch(told) if request.has_several else told[0])
        return Answer(status, JSON, body, NO_STORE)


def _events(
    headers: Headers, request: _Request, body: bytes, defaults: Defaults, max_bytes: int
) -> list[Event]:
    address = Address(to=request.topic)
    match request.mode:
        case "structured":
            return [from_json(body, address)]
        case "batched":
            return from_batch(body, address, max_bytes)
        case "lines":
            if request.topic is None:
                raise InvalidTopic("lines name no topic: post them to /topics/... or ?topic=")
            return from_ndjson(body, request.topic, defaults, max_bytes)
        case "binary":
            return [from_http(headers, body, address, defaults)]


def _examine(scope: Scope, path: bytes) -> _Request:
    """Read everything but the token and the body. Raises `Malformed` or `Unsupported`."""
    query = query_of(scope)
    headers = dict(scope["headers"])
    if (coding := headers.get(b"content-encoding")) is not None:
        check_encoding(coding)
    content_type: bytes = headers.get(b"content-type", b"")
    kind = media_type(content_type.decode("latin-1"))
    if query is NO_QUERY:
        event_type, ephemeral = DEFAULT_TYPE, False
    else:
        event_type, ephemeral = query.one("type"), query.flag("ephemeral")
        if event_type is None:
            event_type = DEFAULT_TYPE
        check_value("type", event_type)
    key = key_of(scope) if b"idempotency-key" in headers else None
    how = "lines" if kind == NDJSON else mode(kind)
    return _Request(_topic(path, query), event_type, ephemeral, how, key)


@lru_cache(maxsize=4096)  # producers publish to the same topics again and again
def _topic_at(path: bytes) -> str:
    return check_topic(topic_of(path[len(TOPICS) :]))


def _topic(path: bytes, query: Query) -> str | None:
    if path.startswith(TOPICS):
        return _topic_at(path)
    topic = query.one("topic")
    return None if topic is None else check_topic(topic)
