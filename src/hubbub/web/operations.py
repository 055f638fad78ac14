"""What an address offers: the vocabulary of the route table (routes.py), which is also the API's document.

A `Resource` is one path with its operations. It answers `OPTIONS` and `HEAD` and refuses every other
method with 405 and `Allow` by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from hubbub.core.errors import HubbubError, NotAllowed
from hubbub.web.answers import Answer, Handler, answering, refusal
from hubbub.web.face import App, Receive, Scope, Send

Schema = Any
"""A type that msgspec knows, several of which any will do, or a JSON Schema as a dictionary."""

Media = Mapping[str, Schema]
"""Schemas by media type."""

Asked = Callable[[Scope], Awaitable[Answer | None]]
"""Answers a request for OPTIONS that means more than which methods there are; None: it does not."""


class Parameter(msgspec.Struct, frozen=True):
    """Something that a request may or must say beside its body."""

    name: str
    description: str
    schema: Schema = str
    where: Literal["query", "path", "header"] = "query"


class Response(msgspec.Struct, frozen=True):
    """One way in which an operation answers."""

    description: str
    content: Media = {}
    headers: Mapping[str, str] = {}
    """Descriptions of response headers by name."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A method of an address."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    name: str
    """Its operationId."""
    summary: str
    handler: Handler
    description: str = ""
    tag: str
    parameters: tuple[Parameter, ...] = ()
    body: Media = {}
    answers: Mapping[int, Response]
    errors: tuple[type[HubbubError], ...] = ()
    """What it may refuse with; `Malformed` stands for all below it."""


class Resource:
    """One path: an ASGI application over its operations."""

    def __init__(
        self,
        path: str,
        *operations: Operation,
        websocket: App | None = None,
        asked: Asked | None = None,
    ) -> None:
        self.path = path
        """Path template of OpenAPI; `{topic}` takes the rest of the path."""
        self.operations = operations
        self.websocket = websocket
        """What a WebSocket to the same address gets."""
        self._asked = asked
        self._apps: Final[dict[str, App]] = {
            operation.method: answering(operation.handler) for operation in operations
        }
        methods = [*self._apps, "OPTIONS"]
        if "GET" in self._apps:
            self._apps["HEAD"] = self._apps["GET"]
            methods.insert(1, "HEAD")
        self._apps["OPTIONS"] = answering(self._options)
        self._allow = (b"allow", ", ".join(methods).encode())
        self._accepts = [
            (f"accept-{operation.method.lower()}".encode(), ", ".join(operation.body).encode())
            for operation in operations
            if operation.method in ("POST", "PATCH") and operation.body
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the operation of its method."""
        await self._apps.get(scope["method"], self._refused)(scope, receive, send)

    async def _options(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        if self._asked is not None and (answer := await self._asked(scope)) is not None:
            return answer
        return Answer(204, headers=[self._allow, *self._accepts])

    async def _refused(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answering(self._not_allowed)(scope, receive, send)

    async def _not_allowed(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        allowed = self._allow[1].decode()
        refused = refusal(scope, NotAllowed(f"this address takes {allowed}"))
        return refused._replace(headers=[*refused.headers, self._allow])
