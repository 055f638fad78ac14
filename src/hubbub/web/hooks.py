"""`/hooks/{name}`: where others post their webhooks. The signature is the authentication.

Everything that can be refused without reading the body is refused first: the name, an encoding. Then
the body is read within its bound, and the receiver has the word. A request that is cut off leaves
nothing. `OPTIONS` is answered like everywhere, and to those who ask for consent as CloudEvents says
(http-webhook 1.0.2, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from hubbub.core.errors import HubbubError, NotAllowed
from hubbub.web import face
from hubbub.web.answers import SAFETY, Answer, refusal
from hubbub.web.body import Bodies, check_encoding
from hubbub.web.face import Receive, Scope, Send
from hubbub.web.query import header, query_of, raw_path
from hubbub.web.reading import base_url

HOOKS: Final = "/hooks/"

ALLOW: Final = (b"allow", b"GET, HEAD, POST, OPTIONS")

_ORIGIN: Final = b"webhook-request-origin"
_SENT_ANYWAY: Final = frozenset(name.decode() for name, _ in SAFETY)


class Reply(Protocol):
    """What the receiver answers."""

    @property
    def status(self) -> int:
        """The status code."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        """The headers, Content-Type among them."""
        ...

    @property
    def body(self) -> bytes:
        """The body."""
        ...


class Receiver(Protocol):
    """Makes events of requests: `sources.webhook.receiver.Receiver`."""

    @property
    def request(self) -> Callable[..., Any]:
        """Makes a request of method, url, path, decoded query, headers and body."""
        ...

    async def receive(self, hook: Any, received: Any) -> Reply:
        """Answer a request; if it is an event, once that is durable."""
        ...


class Taking(Protocol):
    """A source that takes requests."""

    @property
    def max_bytes(self) -> int | None:
        """Largest body that it takes, None for that of the gateway."""
        ...

    @property
    def opened(self) -> Any:
        """What the receiver needs of it."""
        ...


class Sources(Protocol):
    """The sources there are: `sources.book.Sources`."""

    def ready(self, name: str, kind: str) -> Taking:
        """Return a source that takes requests. Raises `NotFound` or `Unavailable`."""
        ...


class Hub(face.Hub, Protocol):
    """The gateway as webhooks see it."""

    @property
    def sources(self) -> Sources:
        """The sources there are."""
        ...

    @property
    def receiver(self) -> Receiver:
        """What takes their requests."""
        ...


class Hooks:
    """The handler of every method."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Take a request: an event, or a question of the provider."""
        hub = self._hub
        try:
            source = self._source(scope)
            bound = hub.publisher.options.max_bytes
            bound = min(bound, source.max_bytes or bound)
            body = await self._bodies.read(scope, receive, bound)
            request = _request(scope, hub, body)
        except HubbubError as error:
            hub.publisher.refused(error)
            raise
        try:
            reply = await hub.receiver.receive(source.opened, request)
        except NotAllowed as error:
            refused = refusal(scope, error)
            return refused._replace(headers=[*refused.headers, ALLOW])
        return _answer(reply)

    async def asked(self, scope: Scope) -> Answer | None:
        """Answer whoever asks with OPTIONS for consent; None where nobody does."""
        if header(scope, _ORIGIN) is None:
            return None
        source = self._source(scope)
        return _answer(await self._hub.receiver.receive(source.opened, _request(scope, self._hub)))

    def _source(self, scope: Scope) -> Taking:
        if (coding := header(scope, b"content-encoding")) is not None:
            check_encoding(coding)
        return self._hub.sources.ready(scope["path_params"]["name"], "webhook")


def hook_url(base: str, name: str) -> str:
    """Return where others post to; a name is the same in a URL."""
    return f"{base}{HOOKS}{name}"


def _request(scope: Scope, hub: Hub, body: bytes = b"") -> Any:
    """Read a request but for its body. Raises `Malformed`."""
    path = raw_path(scope).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return hub.receiver.request(
        method=scope["method"],
        url=f"{base_url(scope, hub)}{path}" + (f"?{query}" if query else ""),
        path=path,
        query=tuple(query_of(scope).fields),
        headers=tuple(
            (name.decode("latin-1"), v.decode("latin-1")) for name, v in scope["headers"]
        ),
        body=body,
    )


def _answer(reply: Reply) -> Answer:
    headers = dict(reply.headers)
    content_type = headers.pop("content-type", "").encode()
    lines = [(n.encode(), v.encode()) for n, v in headers.items() if n not in _SENT_ANYWAY]
    return Answer(reply.status, content_type, reply.body, lines)
