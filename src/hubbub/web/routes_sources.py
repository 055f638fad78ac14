"""The addresses of sources and of webhooks coming in, for the table in routes.py."""

from __future__ import annotations

from typing import Final, Protocol

from hubbub.core.errors import (
    Conflict,
    Forbidden,
    Malformed,
    NotAllowed,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from hubbub.web import hooks, sources
from hubbub.web.hooks import Hooks
from hubbub.web.operations import Operation, Parameter, Resource, Response
from hubbub.web.schemas import TEXT
from hubbub.web.sources import Listed, Manage, Shown, Written

_MANAGING: Final = (Unauthenticated, Forbidden, Unavailable)
_WRITING: Final = (Malformed, *_MANAGING, TooLarge, Unsupported, TooMany)
_BINARY: Final = {"type": "string", "format": "binary"}
_NAME: Final = Parameter(
    "name",
    "1 to 63 lower-case letters, digits, `_` and `-`.",
    {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$"},
    "path",
)


class Hub(hooks.Hub, sources.Hub, Protocol):
    """The gateway as these addresses see it."""

    @property
    def sources(self) -> Sources:
        """The sources there are: `sources.book.Sources`."""
        ...


class Sources(hooks.Sources, sources.Sources, Protocol):
    """What both need of the sources."""


def source_resources(hub: Hub) -> list[Resource]:
    """Return the rows of the table."""
    manage, received = Manage(hub), Hooks(hub)
    return [
        Resource("/sources", _list(manage), _create(manage)),
        Resource("/sources/{name}", _show(manage), _replace(manage), _delete(manage)),
        Resource("/hooks/{name}", _ask(received), _receive(received), asked=received.asked),
    ]


def _list(manage: Manage) -> Operation:
    return Operation(
        method="GET",
        name="listSources",
        tag="sources",
        summary="All sources that the caller may manage",
        handler=manage.list,
        answers={200: Response("By name; without their secrets.", {"application/json": Listed})},
        errors=_MANAGING,
    )


def _create(manage: Manage) -> Operation:
    return Operation(
        method="POST",
        name="createSource",
        tag="sources",
        summary="Make a source",
        description="Of kind `webhook`: somebody else's webhooks, verified by the rules of their"
        " provider, become events of the topic that the template names. Of kind `websub`: a feed or"
        " page of somebody else is followed, pushed by its hub and polled where none pushes.",
        handler=manage.create,
        body={"application/json": Written},
        answers={
            201: Response(
                "Made; of kind `webhook`, post to `url`.",
                {"application/json": Shown},
                {"Location": "The address of the source."},
            )
        },
        errors=(*_WRITING, Conflict),
    )


def _show(manage: Manage) -> Operation:
    return Operation(
        method="GET",
        name="showSource",
        tag="sources",
        summary="A source",
        handler=manage.show,
        parameters=(_NAME,),
        answers={
            200: Response("Without its secrets; with its `status`.", {"application/json": Shown})
        },
        errors=(*_MANAGING, NotFound),
    )


def _replace(manage: Manage) -> Operation:
    return Operation(
        method="PUT",
        name="replaceSource",
        tag="sources",
        summary="Replace a source, or make it",
        description="Secrets that are left out stay as they are.",
        handler=manage.replace,
        parameters=(_NAME,),
        body={"application/json": Written},
        answers={
            200: Response("Replaced.", {"application/json": Shown}),
            201: Response("Made.", {"application/json": Shown}),
        },
        errors=_WRITING,
    )


def _delete(manage: Manage) -> Operation:
    return Operation(
        method="DELETE",
        name="deleteSource",
        tag="sources",
        summary="Forget a source",
        handler=manage.delete,
        parameters=(_NAME,),
        answers={204: Response("It takes nothing any more; its events stay.")},
        errors=(*_MANAGING, NotFound),
    )


def _receive(received: Hooks) -> Operation:
    return Operation(
        method="POST",
        name="receiveWebhook",
        tag="sources",
        summary="Where others post their webhooks",
        description="Their signature is the authentication. The exact body becomes the data of an"
        " event.",
        handler=received,
        parameters=(_NAME,),
        body={"*/*": _BINARY},
        answers={
            200: Response(
                "Durable, or there already; or the answer to a handshake.", {"*/*": TEXT}
            ),
            204: Response("The same, for providers that want no body."),
        },
        errors=(
            Malformed,
            Unauthenticated,
            NotFound,
            TooLarge,
            Unsupported,
            TooMany,
            Unavailable,
        ),
    )


def _ask(received: Hooks) -> Operation:
    return Operation(
        method="GET",
        name="askHook",
        tag="sources",
        summary="Where a provider asks whether somebody is there",
        handler=received,
        parameters=(_NAME,),
        answers={200: Response("The answer that its handshake wants.", {"*/*": TEXT})},
        errors=(Malformed, Unauthenticated, NotFound, NotAllowed, Unavailable),
    )
