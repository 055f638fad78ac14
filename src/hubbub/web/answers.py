"""What goes back over HTTP: finished answers, and every refusal as a problem document."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from hubbub.core.errors import HubbubError, TooLarge, UpgradeRequired
from hubbub.web.auth import www_authenticate
from hubbub.web.face import App, Headers, Message, Receive, Scope, Send
from hubbub.wire import problem

SAFETY: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
"""On every answer: no guessing of types, no addresses of ours told to others."""

NO_STORE: Headers = ((b"cache-control", b"no-store"),)

BODILESS = (204, 304)
"""Answers that have no body, and no Content-Length to speak of one (RFC 9110 8.6)."""

_log = logging.getLogger("hubbub.web")


class Answer(NamedTuple):
    """A whole response; Content-Length and what belongs on every answer are added when sent."""

    status: int
    content_type: bytes = b""
    body: bytes = b""
    headers: Headers = ()


Handler = Callable[[Scope, Receive, Send], Awaitable[Answer | None]]
"""Returns the answer, or None if it sent one itself."""


class ClientGone(Exception):
    """The client went away in the middle of its request: there is nobody to answer."""


def answering(handler: Handler) -> App:
    """Make an application of a handler: whatever it raises becomes a problem document."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        sender = _Sender(send)
        try:
            answer = await handler(scope, receive, sender)
        except HubbubError as error:
            if sender.started:
                raise
            answer = refusal(scope, error)
        except ClientGone:
            return
        except Exception:
            if sender.started:
                raise
            _log.exception("%s %r failed", scope.get("method"), scope["path"])
            answer = refusal(scope, problem.INTERNAL)
        if answer is not None:
            await respond(scope, send, answer)

    return app


async def respond(scope: Scope, send: Send, answer: Answer) -> None:
    """Send a whole response, without its body to HEAD."""
    status, content_type, body, headers = answer
    lines = [*SAFETY, *headers]
    if status not in BODILESS:
        lines.append((b"content-length", b"%d" % len(body)))
    if content_type:
        lines.append((b"content-type", content_type))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def refusal(scope: Scope, error: HubbubError) -> Answer:
    """Return the problem document of an error, with the headers that belong to it."""
    headers = [*NO_STORE]
    if (seconds := problem.retry_after(error)) is not None:
        headers.append((b"retry-after", seconds))
    if (challenge := www_authenticate(error)) is not None:
        headers.append((b"www-authenticate", challenge.encode("latin-1")))
    if isinstance(error, UpgradeRequired):
        headers.append((b"upgrade", b"websocket"))
    if isinstance(error, TooLarge) and scope.get("http_version") in ("1.0", "1.1"):
        headers.append((b"connection", b"close"))  # rather than reading on what nobody wants
    return Answer(error.status, problem.MEDIA_TYPE.encode(), problem.encode(error), headers)


class _Sender:
    """Passes messages on and remembers that the response has begun."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        self.started = True
        await self._send(message)
