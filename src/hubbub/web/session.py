"""What a WebSocket may do: `streams.session.Session` over the gateway, for one connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hubbub.core.attributes import Value
from hubbub.core.errors import HubbubError, TooLarge
from hubbub.core.event import Event, Published
from hubbub.core.grants import Principal
from hubbub.core.selection import Selection
from hubbub.core.start import LATEST, Start
from hubbub.core.topic import check_topic
from hubbub.web.auth import NOBODY, MissingToken
from hubbub.web.face import Hub
from hubbub.web.selections import begin_at, select
from hubbub.wire.cloudevents import DEFAULT_TYPE, Address, Defaults, from_attributes, from_json


class Session:
    """One connection's rights, and the way to publish over it."""

    def __init__(self, hub: Hub, principal: Principal) -> None:
        self._hub = hub
        self.principal = principal
        """Who is connected."""

    def authenticate(self, token: str) -> None:
        """Become whoever a token names. Raises `Unauthenticated` or `Unavailable`."""
        self.principal = self._hub.authenticator.verify(token)

    def select(
        self,
        topics: Sequence[str],
        types: Sequence[str] = (),
        filter: str | list[object] | None = None,  # noqa: A002
    ) -> Selection:
        """Check what the connection asks to see. Raises `Malformed`, `Forbidden`, `Unauthenticated`."""
        self._require_token()
        return select(self.principal, topics, types, filter)

    def start(self, since: str | None, last: int | None) -> Start:
        """Read where to start; `latest` if neither is given. Raises `InvalidPosition`."""
        counted = None if last is None else str(last)
        return begin_at(since, counted, self._hub.clock.now(), LATEST)

    async def publish_event(self, json: bytes, topic: str | None) -> Published:
        """Publish a CloudEvent in JSON; `topic` is where it goes unless it names its own."""

        def make() -> Event:
            self._check_size(json)
            return from_json(json, Address(default=topic))

        return await self._publish(make, ephemeral=False)

    async def publish_data(
        self,
        topic: str,
        data: bytes | None,
        *,
        type: str | None = None,  # noqa: A002
        id: str | None = None,  # noqa: A002
        ephemeral: bool = False,
    ) -> Published:
        """Publish JSON data, None for none, as an event; what is not given is filled in."""

        def make() -> Event:
            self._check_size(data or b"")
            given: dict[str, Value] = {} if id is None else {"id": id}
            if data is not None:
                given["datacontenttype"] = "application/json"
            named = DEFAULT_TYPE if type is None else type
            defaults = Defaults(self._hub.publisher.new_id, named)
            return from_attributes(given, check_topic(topic), data, defaults)

        return await self._publish(make, ephemeral=ephemeral)

    async def _publish(self, make: Callable[[], Event], *, ephemeral: bool) -> Published:
        publisher = self._hub.publisher
        try:
            self._require_token()
            event = make()
        except HubbubError as error:
            publisher.refused(error)
            raise
        [published] = await publisher.publish([event], self.principal, ephemeral=ephemeral)
        return published

    def _require_token(self) -> None:
        if self.principal is NOBODY:
            raise MissingToken('say who you are first: {"op":"auth","token":"..."}')

    def _check_size(self, sent: bytes) -> None:
        bound = self._hub.publisher.options.max_bytes
        if len(sent) > bound:
            raise TooLarge(f"an event has at most {bound} bytes")
