"""What a WebSocket connection asks of the rest of the house: who it is, and the way to publish.

web/session.py is the one implementation; the protocol stands here so that streams need not know
tokens, grants or the publisher. Everything raises errors of `core.errors` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hubbub.core.event import Published
from hubbub.core.grants import Principal
from hubbub.core.selection import Selection
from hubbub.core.start import Start


class Session(Protocol):
    """One connection's view of the gateway, with the rights that its token gives."""

    @property
    def principal(self) -> Principal:
        """Who is connected; `expires` is when the connection has to end or show a new token."""
        ...

    def authenticate(self, token: str) -> None:
        """Become whoever a token names.

        Raises `Unauthenticated` or, where the token cannot be checked now, `Unavailable`, and
        stays who it was.
        """
        ...

    def select(
        self,
        topics: Sequence[str],
        types: Sequence[str] = (),
        filter: str | list[object] | None = None,  # noqa: A002
    ) -> Selection:
        """Check patterns, rights and filter: CESQL text, or the Subscriptions API's dialects.

        Raises `InvalidTopic`, `InvalidFilter` or `Forbidden`.
        """
        ...

    def start(self, since: str | None, last: int | None) -> Start:
        """Read where to start; `latest` if neither is given. Raises `InvalidPosition`."""
        ...

    async def publish_event(self, json: bytes, topic: str | None) -> Published:
        """Publish a CloudEvent in JSON; `topic` is where it goes unless it names its own.

        Durable when it returns. Raises `Malformed`, `Forbidden`, `TooLarge`, `TooMany` or
        `Unavailable`.
        """
        ...

    async def publish_data(
        self,
        topic: str,
        data: bytes | None,
        *,
        type: str | None = None,  # noqa: A002
        id: str | None = None,  # noqa: A002
        ephemeral: bool = False,
    ) -> Published:
        """Publish JSON data, None for none, as an event; what is not given is filled in.

        Raises as `publish_event` does.
        """
        ...
