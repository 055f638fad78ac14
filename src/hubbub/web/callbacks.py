"""`/websub/{token}`: where the hubs of what we follow verify and deliver. The token is the address.

Everything that can be refused without reading the body is refused first: the token, an encoding. A
HEAD is answered like the GET it stands for, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from hubbub.web.answers import NO_STORE, Answer
from hubbub.web.body import Bodies, check_encoding
from hubbub.web.face import Receive, Scope, Send
from hubbub.web.query import header, query_of

CALLBACKS: Final = "/websub/"


class Reply(Protocol):
    """What a hub is answered."""

    @property
    def status(self) -> int:
        """The status code."""
        ...

    @property
    def content_type(self) -> str:
        """Of the body, empty for none."""
        ...

    @property
    def body(self) -> bytes:
        """The body."""
        ...


class Followers(Protocol):
    """What is followed: `sources.websub.followers.Followers`; each call raises what it says there."""

    def admit(self, token: str) -> Reply | int:
        """Tell how many bytes of a delivery are taken, or what to answer without reading it."""
        ...

    async def verify(
        self, token: str, fields: Sequence[tuple[str, str]], *, is_asking: bool = False
    ) -> Reply:
        """Answer what a hub asks; for `is_asking` without changing anything."""
        ...

    async def receive(self, token: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Take a delivery; `headers` have lower-case names."""
        ...


class Hub(Protocol):
    """The gateway as the hubs of others see it."""

    @property
    def followers(self) -> Followers:
        """What is followed."""
        ...


class Callbacks:
    """The handlers of the address."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._bodies = Bodies()

    async def verify(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Answer a verification or a denial."""
        fields = query_of(scope).fields
        is_asking = scope["method"] == "HEAD"
        reply = await self._hub.followers.verify(_token(scope), fields, is_asking=is_asking)
        return _answer(reply)

    async def receive(self, scope: Scope, receive: Receive, _: Send) -> Answer:
        """Take a delivery."""
        followers, token = self._hub.followers, _token(scope)
        if (coding := header(scope, b"content-encoding")) is not None:
            check_encoding(coding)
        admitted = followers.admit(token)
        if not isinstance(admitted, int):
            return _answer(admitted)
        body = await self._bodies.read(scope, receive, admitted)
        headers = [(name.decode("latin-1"), v.decode("latin-1")) for name, v in scope["headers"]]
        return _answer(await followers.receive(token, headers, body))


def _token(scope: Scope) -> str:
    return scope["path_params"]["token"]


def _answer(reply: Reply) -> Answer:
    return Answer(reply.status, reply.content_type.encode(), reply.body, NO_STORE)
