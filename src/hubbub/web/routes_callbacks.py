"""The address where the hubs of what is followed call, for the table in routes.py."""

from __future__ import annotations

from typing import Final

from hubbub.core.errors import (
    Forbidden,
    Malformed,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
    Unsupported,
)
from hubbub.web.callbacks import Callbacks, Hub
from hubbub.web.operations import Operation, Parameter, Resource, Response
from hubbub.web.schemas import TEXT

_BINARY: Final = {"type": "string", "format": "binary"}
_TOKEN: Final = Parameter(
    "token",
    "Random; the address was told to one hub for one subscription.",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
    "path",
)
_SAID: Final = (
    Parameter("hub.mode", "`subscribe`, `unsubscribe` or `denied`."),
    Parameter("hub.topic", "What was asked for."),
    Parameter("hub.challenge", "What is answered."),
    Parameter("hub.lease_seconds", "How long the subscription will last."),
    Parameter("hub.reason", "Why it was denied."),
)


def callback_resources(hub: Hub) -> list[Resource]:
    """Return the rows of the table."""
    callbacks = Callbacks(hub)
    return [Resource("/websub/{token}", _verify(callbacks), _receive(callbacks))]


def _verify(callbacks: Callbacks) -> Operation:
    return Operation(
        method="GET",
        name="verifyFollowing",
        tag="sources",
        summary="Where a hub asks whether we meant it",
        description="WebSub, 5.3: the challenge comes back for what a source of kind `websub` has"
        " asked that hub for, and 404 for everything else.",
        handler=callbacks.verify,
        parameters=(_TOKEN, *_SAID),
        answers={200: Response("The challenge, and nothing else.", {"text/plain": TEXT})},
        errors=(Malformed, NotFound, Unavailable),
    )


def _receive(callbacks: Callbacks) -> Operation:
    return Operation(
        method="POST",
        name="receiveFollowed",
        tag="sources",
        summary="Where a hub posts what is new",
        description="WebSub, 7. With a secret, `X-Hub-Signature` must be right. What is new in the"
        " document becomes events.",
        handler=callbacks.receive,
        parameters=(_TOKEN,),
        body={"*/*": _BINARY},
        answers={
            200: Response("Received; what is new in it is durable."),
            410: Response("This subscription has ended."),
        },
        errors=(Malformed, Forbidden, NotFound, TooLarge, TooMany, Unavailable, Unsupported),
    )
