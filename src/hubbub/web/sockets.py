"""WebSockets: on the address of a topic, and multiplexed at `/ws`.

Whoever may not come in is told before the handshake ends, with the same problem document as over
HTTP where the server can send one. At `/ws` a client without any token comes in as nobody, to say
who it is with `op: auth`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from hubbub.core.errors import HubbubError, NotFound
from hubbub.web import reading
from hubbub.web.answers import SAFETY, refusal
from hubbub.web.auth import NOBODY, MissingToken
from hubbub.web.face import App, Hub, Receive, Scope, Send
from hubbub.web.query import query_of
from hubbub.web.session import Session
from hubbub.wire.problem import INTERNAL

_Serve = Callable[[Send], Awaitable[None]]

_log = logging.getLogger("hubbub.web")


def topic_socket(hub: Hub) -> App:
    """Return the application of `/topics/{pattern}` and `/events` for WebSockets."""

    async def prepare(scope: Scope, receive: Receive) -> _Serve:
        query = query_of(scope)
        target = reading.target(scope, query)
        session = Session(hub, hub.authenticator.identify(scope))
        selection = reading.selection(session.principal, target, query)
        start = reading.stream_start(scope, query, hub.clock.now())
        return lambda send: hub.streams.serve_websocket(
            scope,
            receive,
            send,
            selection=selection,
            start=start,
            topic=target.single,
            session=session,
        )

    return _Socket(prepare)


def multiplexed_socket(hub: Hub) -> App:
    """Return the application of `/ws`."""

    async def prepare(scope: Scope, receive: Receive) -> _Serve:
        try:
            principal = hub.authenticator.identify(scope)
        except MissingToken:
            principal = NOBODY
        session = Session(hub, principal)
        return lambda send: hub.streams.serve_multiplexed(scope, receive, send, session=session)

    return _Socket(prepare)


async def no_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket to an address that has none."""
    await _refuse(scope, receive, send, NotFound("there is no WebSocket here; see /openapi.json"))


class _Socket:
    """An application of what is checked before the handshake ends, and then served."""

    def __init__(self, prepare: Callable[[Scope, Receive], Awaitable[_Serve]]) -> None:
        self._prepare = prepare

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            serve = await self._prepare(scope, receive)
        except HubbubError as error:
            await _refuse(scope, receive, send, error)
        except Exception:  # noqa: BLE001  told to the log, and the client that it was us
            _log.exception("the handshake of %r failed", scope["path"])
            await _refuse(scope, receive, send, INTERNAL)
        else:
            await serve(send)


async def _refuse(scope: Scope, receive: Receive, send: Send, error: HubbubError) -> None:
    await receive()  # websocket.connect
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": error.close_code})
        return
    answer = refusal(scope, error)
    headers = [(b"content-type", answer.content_type), *SAFETY, *answer.headers]
    length = (b"content-length", b"%d" % len(answer.body))
    await send(
        {
            "type": "websocket.http.response.start",
            "status": answer.status,
            "headers": [*headers, length],
        }
    )
    await send({"type": "websocket.http.response.body", "body": answer.body})
