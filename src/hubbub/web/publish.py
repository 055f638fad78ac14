"""`POST /topics/{topic}` and `POST /events`: the hottest way in, as a bare ASGI application.

Everything that can be refused without reading the body is refused first: the address, the token,
the right, an encoding. Then the body is read within its bound, the events are made of it, and the
answer waits for the commit. A request that is cut off publishes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from hubbub.core.attributes import check_value, media_type
from hubbub.core.errors import InvalidTopic
from hubbub.core.event import Event, Published
from hubbub.core.grants import Principal
from hubbub.core.topic import check_topic
from hubbub.web.answers import NO_STORE, Answer
from hubbub.web.body import check_encoding, read_body
from hubbub.web.face import Hub, Receive, Scope, Send
from hubbub.web.idempotency import fingerprint, key_of
from hubbub.web.query import NO_QUERY, Query, query_of, raw_path
from hubbub.wire.cloudevents import (
    CE_BATCH_JSON,
    CE_JSON,
    DEFAULT_TYPE,
    NDJSON,
    Address,
    Defaults,
    from_batch,
    from_http,
    from_json,
    from_ndjson,
    mode,
)
from hubbub.wire.links import topic_of

TOPICS: Final = b"/topics/"
JSON: Final = b"application/json"
ACCEPTED: Final = f"{CE_JSON}, {CE_BATCH_JSON}, {NDJSON}, */*"
"""What may be posted, for `Accept-Post`."""


class Batch(msgspec.Struct, frozen=True):
    """The answer to several events, in their order."""

    events: Sequence[Published]


class _Request(msgspec.Struct, frozen=True):
    """One publish, as far as it is known before its body."""

    topic: str | None
    """Where everything goes; None if each event says so itself."""
    type: str
    ephemeral: bool
    kind: str
    """The media type of the body, in lower case and without parameters."""
    has_key: bool
    """Whether there is an Idempotency-Key."""


class Publish:
    """The handler of both addresses."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Publish what a request carries."""
        hub = self._hub
        path = raw_path(scope)
        request = _examine(scope, path)
        principal = hub.authenticator.identify(scope)
        if request.topic is not None:
            principal.require_publish(request.topic)
        bounds = hub.publisher.options
        one = request.kind not in (CE_BATCH_JSON, NDJSON)
        bound = bounds.max_bytes if one else bounds.max_request_bytes
        body = await read_body(scope, receive, bound)
        if request.has_key:
            return await self._once(scope, request, body, principal)
        events = self._read(scope, request, body, Defaults(hub.publisher.new_id, request.type))
        return await self._publish(request, events, principal)

    async def _once(
        self, scope: Scope, request: _Request, body: bytes, principal: Principal
    ) -> Answer:
        """Publish under an Idempotency-Key."""
        same = fingerprint(scope, raw_path(scope), body)
        claim = self._hub.publisher.keys.claim(principal.name, key_of(scope), same)
        if claim.answer is not None:
            status, said = claim.answer
            return Answer(status, JSON, said, NO_STORE)
        try:
            defaults = Defaults(claim.new_id, request.type, repeatable=True)
            events = self._read(scope, request, body, defaults)
            answer = await self._publish(request, events, principal)
            claim.finish(answer.status, answer.body)
        finally:
            claim.release()
        return answer

    def _read(
        self, scope: Scope, request: _Request, body: bytes, defaults: Defaults
    ) -> list[Event]:
        """Make events of a body."""
        max_bytes = self._hub.publisher.options.max_bytes
        address = Address(to=request.topic)
        match request.kind:
            case "application/cloudevents+json":
                return [from_json(body, address)]
            case "application/cloudevents-batch+json":
                return from_batch(body, address, max_bytes)
            case "application/x-ndjson":
                if request.topic is None:
                    raise InvalidTopic("lines name no topic: post them to /topics/... or ?topic=")
                return from_ndjson(body, request.topic, defaults, max_bytes)
            case _:
                return [from_http(scope["headers"], body, address, defaults)]

    async def _publish(
        self, request: _Request, events: list[Event], principal: Principal
    ) -> Answer:
        ephemeral = request.ephemeral
        told = await self._hub.publisher.publish(events, principal, ephemeral=ephemeral)
        repeated = bool(told) and all(published.duplicate for published in told)
        status = 202 if ephemeral else 200 if repeated else 201
        several = request.kind in (CE_BATCH_JSON, NDJSON)
        body = msgspec.json.encode(Batch(told) if several else told[0])
        return Answer(status, JSON, body, NO_STORE)


def _examine(scope: Scope, path: bytes) -> _Request:
    """Read everything but the token and the body. Raises `Malformed` or `Unsupported`."""
    query = query_of(scope)
    headers = dict(scope["headers"])
    if (coding := headers.get(b"content-encoding")) is not None:
        check_encoding(coding)
    content_type: bytes = headers.get(b"content-type", b"")
    kind = media_type(content_type.decode("latin-1"))
    mode(kind)
    if query is NO_QUERY:
        event_type, ephemeral = DEFAULT_TYPE, False
    else:
        event_type, ephemeral = query.one("type"), query.flag("ephemeral")
        if event_type is None:
            event_type = DEFAULT_TYPE
        check_value("type", event_type)
    has_key = b"idempotency-key" in headers
    return _Request(_topic(path, query), event_type, ephemeral, kind, has_key)


def _topic(path: bytes, query: Query) -> str | None:
    if path.startswith(TOPICS):
        return check_topic(topic_of(path[len(TOPICS) :]))
    topic = query.one("topic")
    return None if topic is None else check_topic(topic)
