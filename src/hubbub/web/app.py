"""The gateway as one ASGI application.

    Cors ──> /topics/..., /events ──┬─> Resource ──> its handler        the hot way, straight
        └──> Router ────────────────┘                                   every other address

Nothing here needs a particular server: under one that is not ours streams fall back to `send`.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import Lifespan

from hubbub.core.errors import NotFound
from hubbub.web.answers import Answer, answering
from hubbub.web.cors import Cors
from hubbub.web.face import App, Receive, Scope, Send
from hubbub.web.openapi import document
from hubbub.web.operations import Operation, Resource, Response
from hubbub.web.publish import TOPICS
from hubbub.web.query import raw_path
from hubbub.web.routes import Hub, resources
from hubbub.web.sockets import no_socket

_EVENTS: Final = b"/events"


def create_app(hub: Hub, lifespan: Lifespan[Router] | None = None) -> App:
    """Make the application of a gateway, which may be opened later, but before the first request.

    `lifespan` opens it where a server tells the application that it starts and stops.
    """
    app = _Front(hub, lifespan)
    origins = hub.settings.web.cors_origins
    return Cors(app, origins) if origins else app


class _Front:
    """Sends topics and events straight to their resource, everything else through the router."""

    def __init__(self, hub: Hub, lifespan: Lifespan[Router] | None) -> None:
        table = resources(hub)
        table.append(Resource("/openapi.json", _openapi(table)))
        by_path = {resource.path: resource for resource in table}
        self._topics = by_path["/topics/{topic}"]
        self._events = by_path["/events"]
        self._router = _router(table, lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = raw_path(scope)
            if path.startswith(TOPICS):
                await self._topics(scope, receive, send)
                return
            if path == _EVENTS:
                await self._events(scope, receive, send)
                return
        await self._router(scope, receive, send)


def _router(table: list[Resource], lifespan: Lifespan[Router] | None) -> App:
    routes: list[BaseRoute] = []
    for resource in table:
        path = resource.path.replace("{topic}", "{topic:path}")
        routes.append(Route(path, resource))
        if resource.websocket is not None:
            routes.append(WebSocketRoute(path, resource.websocket))
    return Router(routes, redirect_slashes=False, default=_nothing_here, lifespan=lifespan)


def _openapi(table: list[Resource]) -> Operation:
    async def answer(_scope: Scope, _receive: Receive, _send: Send) -> Answer:
        return Answer(200, b"application/json", written, [(b"cache-control", b"no-cache")])

    operation = Operation(
        method="GET",
        name="openapi",
        tag="operations",
        summary="This document",
        handler=answer,
        answers={200: Response("OpenAPI 3.1.", {"application/json": {"type": "object"}})},
    )
    written = document([*table, Resource("/openapi.json", operation)], version("hubbub"))
    return operation


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await no_socket(scope, receive, send)
    else:
        await _NOT_FOUND(scope, receive, send)


async def _refuse(_scope: Scope, _receive: Receive, _send: Send) -> Answer:
    raise NotFound("nothing is at this address; /openapi.json lists what there is")


_NOT_FOUND: Final = answering(_refuse)
