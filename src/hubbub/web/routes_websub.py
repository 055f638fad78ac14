"""The addresses of WebSub, for the table in routes.py."""

from __future__ import annotations

from hubbub.core.errors import Forbidden, Malformed, Unauthenticated
from hubbub.web.operations import Operation, Parameter, Resource, Response
from hubbub.web.schemas import TEXT
from hubbub.web.websub import Ask, Hub
from hubbub.wire.websub import FORM, METHODS

_URL = {"type": "string", "format": "uri", "maxLength": 2048}
_REFUSED = {"text/plain": TEXT}
_FIELDS = {
    "type": "object",
    "required": ["hub.mode"],
    "properties": {
        "hub.mode": {"enum": ["subscribe", "unsubscribe", "publish"]},
        "hub.topic": _URL,
        "hub.callback": _URL,
        "hub.lease_seconds": {"type": "integer", "minimum": 1},
        "hub.secret": {"type": "string", "maxLength": 199},
        "hub.signature_methods": {
            "type": "string",
            "description": f"{', '.join(METHODS)}: the first one that the subscriber likes.",
        },
        "hub.url": _URL,
    },
}


def websub_resources(hub: Hub) -> list[Resource]:
    """Return the rows of the table."""
    ask = Ask(hub)
    return [Resource("/hub", _page(ask), _post(ask))]


def _post(ask: Ask) -> Operation:
    return Operation(
        method="POST",
        name="askHub",
        tag="websub",
        summary="Subscribe, unsubscribe, or tell that a topic has news",
        description="The hub of WebSub (W3C Recommendation 2018-01-23). A subscription takes effect"
        " once the callback has verified it. Refusals are plain text.",
        handler=ask.post,
        body={FORM: _FIELDS},
        answers={
            202: Response("The callback will be asked to verify it."),
            204: Response("The topics are fetched soon, if anybody is subscribed to them."),
            400: Response("Something is wrong with the form.", _REFUSED),
            401: Response("This takes a token.", _REFUSED),
            403: Response("This token, or this hub, may not.", _REFUSED),
            404: Response("This gateway is no hub.", _REFUSED),
            413: Response("The form is too large.", _REFUSED),
            415: Response("It is no form.", _REFUSED),
            429: Response("Too much waits for its verification.", _REFUSED),
            503: Response("Not now.", _REFUSED),
        },
    )


def _page(ask: Ask) -> Operation:
    return Operation(
        method="GET",
        name="explainHub",
        tag="websub",
        summary="Whether a topic is pushed to a callback, and why or why not",
        handler=ask.get,
        parameters=(
            Parameter("topic", "URL of a topic, exactly as it was subscribed to.", str),
            Parameter("callback", "URL of a callback, exactly as it was given.", str),
        ),
        answers={
            200: Response(
                "A page for people, or the same as JSON.",
                {"text/html": TEXT, "application/json": {"type": "object"}},
            )
        },
        errors=(Malformed, Unauthenticated, Forbidden),
    )
