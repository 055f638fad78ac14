"""What the HTTP face needs of the gateway: `create_app` takes anything that has this.

hub.py has it. Everything is looked up when a request comes, so that a gateway may be handed in
before it is opened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from hubbub.core.clock import Clock
from hubbub.core.contracts import Log
from hubbub.core.errors import HubbubError
from hubbub.core.event import Event, Published, Record
from hubbub.core.grants import Principal
from hubbub.core.position import Position
from hubbub.core.selection import Selection
from hubbub.core.start import Start
from hubbub.web.options import WebOptions

if TYPE_CHECKING:
    from hubbub.web.session import Session

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]


class Hub(Protocol):
    """The gateway as the HTTP face sees it."""

    @property
    def log(self) -> Log:
        """The one log."""
        ...

    @property
    def publisher(self) -> Publisher:
        """The one way in: `sources.publish.Publisher`."""
        ...

    @property
    def history(self) -> History:
        """Pages of the past: `streams.history.History`."""
        ...

    @property
    def streams(self) -> Streams:
        """Connections that stay open."""
        ...

    @property
    def authenticator(self) -> Authenticator:
        """Who is asking: `web.auth.Authenticator`."""
        ...

    @property
    def settings(self) -> Settings:
        """The effective settings."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    def hubs(self, base: str, url: str) -> Sequence[str]:
        """Return the WebSub hubs that tell of what is at `url`, which is below our own URL `base`."""
        ...

    def metrics(self, accept: str) -> tuple[str, bytes]:
        """Return the metrics as (media type, body) in a form that an `Accept` header takes."""
        ...


class Settings(Protocol):
    """The sections that the HTTP face reads."""

    @property
    def web(self) -> WebOptions:
        """Section `[web]`."""
        ...


class Bounds(Protocol):
    """How much one publish may carry."""

    @property
    def max_bytes(self) -> int:
        """Bytes of one event as it was sent."""
        ...

    @property
    def max_request_bytes(self) -> int:
        """Bytes of one request with several events."""
        ...


class Claim(Protocol):
    """The hold of one request on an Idempotency-Key."""

    @property
    def answer(self) -> tuple[int, bytes] | None:
        """The status and body that this key was answered with before, if it was."""
        ...

    def new_id(self) -> str:
        """Return the next of the ids that follow from the key."""
        ...

    def finish(self, status: int, body: bytes) -> None:
        """Remember the answer."""
        ...

    def release(self) -> None:
        """Let go without an answer: the request may be repeated."""
        ...


class Keys(Protocol):
    """Idempotency-Keys that were seen lately."""

    def claim(self, principal: str, key: str, fingerprint: bytes) -> Claim:
        """Take a key for one request. Raises `InProgress` or `KeyReused`."""
        ...


class Publisher(Protocol):
    """The one way in."""

    @property
    def options(self) -> Bounds:
        """The bounds."""
        ...

    @property
    def keys(self) -> Keys:
        """Idempotency-Keys."""
        ...

    @property
    def new_id(self) -> Callable[[], str]:
        """Makes an id for an event that has none."""
        ...

    def refused(self, error: HubbubError) -> None:
        """Count a request that is refused before it becomes events."""
        ...

    async def publish(
        self, events: Sequence[Event], principal: Principal, *, ephemeral: bool = False
    ) -> list[Published]:
        """Append all or nothing; durable when it returns."""
        ...


class History(Protocol):
    """The past, page by page."""

    async def page(
        self,
        selection: Selection,
        start: Start,
        *,
        limit: int,
        newest_first: bool = False,
        before: Position | None = None,
    ) -> tuple[list[Record], Position | None]:
        """Return records, and the cursor of the next page while there is more. Raises `Gap`."""
        ...


class Streams(Protocol):
    """Connections that stay open; each call lasts as long as its connection."""

    async def serve_sse(  # noqa: PLR0913
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        selection: Selection,
        start: Start,
        principal: Principal,
        headers: Headers = (),
        format: Literal["cloudevents", "data"] = "cloudevents",  # noqa: A002
        event_types: bool = False,
        control: bool = False,
    ) -> None:
        """Answer with Server-Sent Events; `headers` are added to the response."""
        ...

    async def serve_websocket(  # noqa: PLR0913
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        selection: Selection,
        start: Start,
        topic: str | None,
        session: Session,
    ) -> None:
        """Accept a WebSocket: one CloudEvent a message, both ways; `topic` is where they go."""
        ...

    async def serve_multiplexed(
        self, scope: Scope, receive: Receive, send: Send, *, session: Session
    ) -> None:
        """Accept a WebSocket that speaks `hubbub.v1`."""
        ...


class Authenticator(Protocol):
    """Tells who is asking."""

    def identify(self, scope: Scope) -> Principal:
        """Read the token of a request. Raises `Unauthenticated`, `Forbidden` or `Unavailable`."""
        ...

    def verify(self, token: str) -> Principal:
        """Read a token by itself. Raises `Unauthenticated` or `Unavailable`."""
        ...
