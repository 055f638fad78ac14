"""`GET /topics/{pattern}` and `GET /events`: history, feeds, Server-Sent Events and WebSocket.

Every answer names the newest position there was when it was begun, in `Hubbub-Position`: a client
that has followed the pages to their end and then starts a stream from it misses nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from hubbub.core.errors import NotFound, VersionNotSupported
from hubbub.core.event import Record
from hubbub.core.grants import Principal
from hubbub.core.reading import position
from hubbub.core.start import EARLIEST
from hubbub.web import reading
from hubbub.web.answers import NO_STORE, SAFETY, Answer
from hubbub.web.face import Headers, Hub, Receive, Scope, Send
from hubbub.web.query import Query, has_tag, query_of
from hubbub.wire import feeds, json
from hubbub.wire.cloudevents import CE_BATCH_JSON, NDJSON, batch
from hubbub.wire.links import header as link_header

VARY: Final[Headers] = ((b"vary", b"accept, authorization"),)

SANDBOX: Final = (b"content-security-policy", b"sandbox; default-src 'none'")
"""What others have published is shown, and never runs as if it were a page of ours."""


class _Asked(NamedTuple):
    """A read, as far as it is the same for every form of answer."""

    query: Query
    target: reading.Target
    principal: Principal
    form: reading.Format


class Read:
    """The handler of both addresses."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Answer | None:
        """Answer with what the client likes best."""
        hub = self._hub
        query = query_of(scope)
        form = reading.negotiated(scope, query)
        target = reading.target(scope, query)
        principal = hub.authenticator.identify(scope)
        asked = _Asked(query, target, principal, form)
        match form:
            case "sse":
                return await self._stream(scope, receive, send, asked)
            case "atom" | "json-feed":
                return await self._feed(scope, asked)
            case "latest":
                return await self._latest(scope, asked)
            case _:
                return await self._history(scope, asked)

    async def _history(self, scope: Scope, asked: _Asked) -> Answer:
        hub, query = self._hub, asked.query
        wanted = reading.page(query)
        headers = [*NO_STORE, *VARY, self._position()]
        records, cursor = await hub.history.page(
            reading.selection(asked.principal, asked.target, query),
            reading.history_start(query, hub.clock.now()),
            limit=wanted.limit,
            newest_first=wanted.newest_first,
            before=wanted.before,
        )
        form = "batch" if asked.form == "batch" else ""
        links = reading.links(scope, hub, asked.target, query, form)
        if cursor is not None:
            following = reading.next_query(query, cursor, newest_first=wanted.newest_first)
            links.append((f"{reading.base_url(scope, hub)}{asked.target.path}?{following}", "next"))
        if links:
            headers.append((b"link", link_header(links)))
        if asked.form == "ndjson":
            lines = b"".join([json.one_line(record.json) + b"\n" for record in records])
            return Answer(200, NDJSON.encode(), lines, headers)
        kind = CE_BATCH_JSON if asked.form == "batch" else "application/json"
        return Answer(200, kind.encode(), batch(records), headers)

    async def _feed(self, scope: Scope, asked: _Asked) -> Answer:
        hub, query = self._hub, asked.query
        headers = [(b"cache-control", b"private, no-cache"), *VARY, self._position()]
        records, _ = await hub.history.page(
            reading.selection(asked.principal, asked.target, query),
            EARLIEST,
            limit=feeds.NEWEST,
            newest_first=True,
        )
        links = reading.links(scope, hub, asked.target, query, asked.form)
        if links:
            headers.append((b"link", link_header(links)))
        body = self._write_feed(scope, asked, records)
        tag = b'"%b"' % hashlib.sha256(body).hexdigest()[:32].encode()
        headers.append((b"etag", tag))
        if has_tag(scope, tag):
            return Answer(304, headers=headers)
        kind = feeds.ATOM if asked.form == "atom" else feeds.JSON_FEED
        return Answer(200, kind.encode(), body, headers)

    async def _latest(self, scope: Scope, asked: _Asked) -> Answer:
        """Answer with the newest event as it was sent: a topic that is a document."""
        hub, query = self._hub, asked.query
        headers = [(b"cache-control", b"private, no-cache"), *VARY, self._position(), SANDBOX]
        if links := reading.links(scope, hub, asked.target, query, "latest"):
            headers.append((b"link", link_header(links)))
        records, _ = await hub.history.page(
            reading.selection(asked.principal, asked.target, query),
            EARLIEST,
            limit=1,
            newest_first=True,
        )
        if not records:
            raise NotFound("nothing was published to this topic yet, or it is kept no longer")
        tag = b'"%d-%d"' % (records[0].offset, records[0].recorded)
        headers.append((b"etag", tag))
        if has_tag(scope, tag):
            return Answer(304, headers=headers)
        data = records[0].data()
        kind = data.content_type or "application/octet-stream"
        return Answer(200, kind.encode("latin-1", "replace"), data.content or b"", headers)

    def _write_feed(self, scope: Scope, asked: _Asked, records: Sequence[Record]) -> bytes:
        target = asked.target
        base = reading.base_url(scope, self._hub)
        url = base + reading.self_path(target, asked.query, asked.form)
        feed = feeds.Feed(
            title=", ".join(target.topics) or "all topics",
            url=url,
            home=base + target.path,
            hubs=self._hub.hubs(base, url),
        )
        return (feeds.atom if asked.form == "atom" else feeds.json_feed)(feed, records)

    async def _stream(
        self, scope: Scope, receive: Receive, send: Send, asked: _Asked
    ) -> Answer | None:
        hub, query = self._hub, asked.query
        if scope.get("http_version") == "1.0":
            raise VersionNotSupported("a stream of events needs HTTP/1.1 or newer")
        selection = reading.selection(asked.principal, asked.target, query)
        start = reading.stream_start(scope, query, hub.clock.now())
        event_types, control = reading.stream_extras(query)
        headers = [*VARY, self._position()]
        if links := reading.links(scope, hub, asked.target, query):
            headers.append((b"link", link_header(links)))
        if scope["method"] == "HEAD":
            return Answer(200, b"text/event-stream", headers=[*NO_STORE, *headers])
        await hub.streams.serve_sse(
            scope,
            receive,
            send,
            selection=selection,
            start=start,
            principal=asked.principal,
            headers=[*SAFETY, *headers],
            format="data" if query.one("format") == "data" else "cloudevents",
            event_types=event_types,
            control=control,
        )
        return None

    def _position(self) -> tuple[bytes, bytes]:
        log = self._hub.log
        return b"hubbub-position", str(position(log, log.head)).encode()
