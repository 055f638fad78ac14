"""Whether the gateway lives, whether it can do its work, and its numbers."""

from __future__ import annotations

from typing import Literal

import msgspec

from hubbub.core.reading import position
from hubbub.web.answers import NO_STORE, Answer
from hubbub.web.face import Hub, Receive, Scope, Send
from hubbub.web.query import all_of

JSON = b"application/json"


class Alive(msgspec.Struct, frozen=True):
    """The answer of `/health/live`."""

    status: Literal["alive"] = "alive"


class Ready(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of `/health/ready`."""

    status: Literal["ready", "unavailable"]
    reasons: tuple[str, ...] = ()
    """What is wrong and what to do, if anything is."""
    position: str | None = None
    """The newest position."""


async def live(_scope: Scope, _receive: Receive, _send: Send) -> Answer:
    """Answer as long as the process answers anything."""
    return Answer(200, JSON, msgspec.json.encode(Alive()), NO_STORE)


class Readiness:
    """The handler of `/health/ready`: 200 while events are taken, else 503 and why."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Ask the log."""
        log = self._hub.log
        health = log.health()
        if health.ok:
            body = msgspec.json.encode(Ready("ready", position=str(position(log, log.head))))
            return Answer(200, JSON, body, NO_STORE)
        reason = health.reason or "the log takes no events now"
        body = msgspec.json.encode(Ready("unavailable", (reason,)))
        return Answer(503, JSON, body, [*NO_STORE, (b"retry-after", b"5")])


class Metrics:
    """The handler of `/metrics`: for whoever has a token, or everybody where none is needed."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> Answer:
        """Write the metrics in the form that the scraper likes."""
        self._hub.authenticator.identify(scope)
        content_type, body = self._hub.metrics(all_of(scope, b"accept"))
        return Answer(200, content_type.encode("latin-1"), body, NO_STORE)
