"""Every address of the gateway, in one table: it drives the router and is the API's document."""

from __future__ import annotations

from typing import Final, Protocol

from hubbub.core.errors import (
    Forbidden,
    Gap,
    InProgress,
    KeyReused,
    Malformed,
    NotAcceptable,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unsupported,
    UpgradeRequired,
    VersionNotSupported,
)
from hubbub.core.event import Published
from hubbub.core.start import MAX_LAST
from hubbub.core.topic import MAX_PATTERNS
from hubbub.web import callbacks, health, routes_sources, routes_subscriptions, static, websub
from hubbub.web.answers import Answer
from hubbub.web.face import Receive, Scope, Send
from hubbub.web.health import Alive, Ready
from hubbub.web.operations import Operation, Parameter, Resource, Response
from hubbub.web.publish import Batch, Publish
from hubbub.web.read import Read
from hubbub.web.reading import DEFAULT_LIMIT, FORMATS, MAX_LIMIT, STREAMED
from hubbub.web.routes_callbacks import callback_resources
from hubbub.web.routes_sources import source_resources
from hubbub.web.routes_subscriptions import subscription_resources
from hubbub.web.routes_websub import websub_resources
from hubbub.web.schemas import (
    ANYTHING,
    CLOUDEVENT,
    CLOUDEVENTS,
    KEY,
    NAME,
    PATTERN,
    POSITION,
    START,
    TEXT,
    TOPIC,
    or_latest,
)
from hubbub.web.selections import MAX_TYPES
from hubbub.web.sockets import multiplexed_socket, topic_socket
from hubbub.wire.cloudevents import CE_BATCH_JSON, CE_JSON, NDJSON
from hubbub.wire.feeds import ATOM, JSON_FEED

_AUTH: Final = (Unauthenticated, Forbidden)

_TO: Final = Parameter(
    "topic",
    "1 to 255 bytes of UTF-8 in segments between `/`, each percent-encoded by itself. Where a client"
    " encodes the `/` too, use `/events?topic=`.",
    TOPIC,
    "path",
)
_FROM: Final = Parameter(
    "topic",
    "A topic or a pattern, in which a segment may be `*` and the last one `**`.",
    PATTERN,
    "path",
)
_SEVERAL: Final = Parameter(
    "topic",
    "A pattern to read; may be repeated. None: all that may be read.",
    {"type": "array", "items": PATTERN, "maxItems": MAX_PATTERNS},
)
_ALL_TO: Final = Parameter(
    "topic", "Where all events go, whatever topic they name themselves.", TOPIC
)
_PUBLISHING: Final = (
    Parameter("type", "The type of events that have none; default `hubbub.published`.", NAME),
    Parameter("ephemeral", "For whoever is connected now only: not stored, no position.", bool),
    Parameter(
        "Idempotency-Key",
        "A string of the caller's choice: a repeated request with it is answered as the first was"
        " and publishes nothing again. Answers are kept for 24 hours, unless set otherwise.",
        KEY,
        "header",
    ),
)
_READING: Final = (
    Parameter(
        "since",
        "Where to start: `latest`, `earliest`, a position (exclusive), an RFC 3339 time or an age"
        " such as `90s`, `2h`, `7d`. Streams start at `latest`, history at `earliest`.",
        START,
    ),
    Parameter(
        "last",
        "Start with the newest N matches instead.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LAST},
    ),
    Parameter("filter", "A CloudEvents SQL expression over the attributes.", NAME),
    Parameter(
        "type",
        "Only events of this exact type; may be repeated.",
        {"type": "array", "items": NAME, "maxItems": MAX_TYPES},
    ),
    Parameter(
        "limit",
        f"Events on a page of history; default {DEFAULT_LIMIT}.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
    Parameter("order", "`asc`, oldest first, or `desc`.", {"enum": ["asc", "desc"]}),
    Parameter("before", "With `order=desc`: only events before this position.", POSITION),
    Parameter(
        "format",
        "The form of the answer where `Accept` cannot be set; `data` has a stream send data alone.",
        {"enum": [*FORMATS, *STREAMED]},
    ),
    Parameter("event", "On a stream: add `event: <type>`.", {"enum": ["type"]}),
    Parameter("control", "On a stream: say `hubbub.live` once caught up.", bool),
    Parameter("last_event_id", "Where a stream resumes, for a first connection."),
    Parameter("Last-Event-ID", "Where a stream resumes; browsers send it.", str, "header"),
)


class Hub(routes_subscriptions.Hub, routes_sources.Hub, websub.Hub, callbacks.Hub, Protocol):
    """The gateway as all of these addresses see it."""


def resources(hub: Hub) -> list[Resource]:
    """Return the table."""
    publish = Publish(hub)
    return [
        Resource(
            "/topics/{topic}",
            _read(hub, "readTopic", _FROM),
            _publish(publish, "publish", _TO),
            websocket=topic_socket(hub),
        ),
        Resource(
            "/events",
            _read(hub, "readEvents", _SEVERAL),
            _publish(publish, "publishEvents", _ALL_TO),
            websocket=topic_socket(hub),
        ),
        Resource("/ws", _upgrade(), websocket=multiplexed_socket(hub)),
        *subscription_resources(hub),
        *source_resources(hub),
        *websub_resources(hub),
        *callback_resources(hub),
        Resource("/health/live", _live()),
        Resource("/health/ready", _ready(hub)),
        Resource("/metrics", _metrics(hub)),
        Resource("/", _console()),
        Resource("/console/{file}", _asset()),
    ]


def _publish(handler: Publish, name: str, topic: Parameter) -> Operation:
    told = {"application/json": (Published, Batch)}
    return Operation(
        method="POST",
        name=name,
        tag="publish",
        summary="Publish an event, or several at once",
        description="A CloudEvent in structured or batched mode; anything else is binary mode: the"
        " body is the data, `ce-*` headers are attributes, and what is missing is filled in.",
        handler=handler,
        parameters=(topic, *_PUBLISHING),
        body={
            "application/json": ANYTHING,
            CE_JSON: CLOUDEVENT,
            CE_BATCH_JSON: CLOUDEVENTS,
            NDJSON: TEXT,
            "*/*": {"type": "string", "format": "binary"},
        },
        answers={
            201: Response("Durable.", told),
            200: Response("All of it was there already; or the answer to a repeat.", told),
            202: Response("Ephemeral: handed to whoever is connected.", told),
        },
        errors=(
            Malformed,
            *_AUTH,
            InProgress,
            TooLarge,
            Unsupported,
            KeyReused,
            TooMany,
            Unavailable,
        ),
    )


def _read(hub: Hub, name: str, topic: Parameter) -> Operation:
    return Operation(
        method="GET",
        name=name,
        tag="read",
        summary="Read the past, follow the present, or both",
        description="`Accept` chooses: pages of history, Server-Sent Events or a feed. The same"
        " address is a WebSocket (`cloudevents.json`).",
        handler=Read(hub),
        parameters=(topic, *_READING),
        answers={
            200: Response(
                "The events that were asked for.",
                {
                    "application/json": or_latest(CLOUDEVENTS),
                    CE_BATCH_JSON: or_latest(CLOUDEVENTS),
                    NDJSON: TEXT,
                    # No type: readers of the document differ in whether this is text or events.
                    "text/event-stream": ANYTHING,
                    ATOM: TEXT,
                    JSON_FEED: or_latest({"type": "object"}),
                    "*/*": ANYTHING,  # with format=latest: whatever the newest event is
                },
                {
                    "Hubbub-Position": "The newest position when the answer was begun.",
                    "Link": "rel=next while there is more; rel=hub and rel=self for one topic or pattern.",
                },
            ),
            304: Response("The feed, or the newest event, has not changed."),
        },
        errors=(Malformed, *_AUTH, NotFound, NotAcceptable, Gap, Unavailable, VersionNotSupported),
    )


def _upgrade() -> Operation:
    async def refuse(_scope: Scope, _receive: Receive, _send: Send) -> Answer:
        raise UpgradeRequired("open a WebSocket here, with the subprotocol hubbub.v1")

    return Operation(
        method="GET",
        name="connect",
        tag="read",
        summary="Many subscriptions over one WebSocket (`hubbub.v1`)",
        handler=refuse,
        answers={101: Response("The connection is a WebSocket from here on.")},
        errors=(*_AUTH, UpgradeRequired),
    )


def _live() -> Operation:
    return Operation(
        method="GET",
        name="live",
        tag="operations",
        summary="Whether the process lives",
        handler=health.live,
        answers={200: Response("It does.", {"application/json": Alive})},
    )


def _ready(hub: Hub) -> Operation:
    return Operation(
        method="GET",
        name="ready",
        tag="operations",
        summary="Whether events are taken now, and if not, why",
        handler=health.Readiness(hub),
        answers={
            200: Response("They are.", {"application/json": Ready}),
            503: Response("They are not.", {"application/json": Ready}),
        },
    )


def _metrics(hub: Hub) -> Operation:
    return Operation(
        method="GET",
        name="metrics",
        tag="operations",
        summary="Numbers for Prometheus",
        handler=health.Metrics(hub),
        answers={
            200: Response(
                "The metrics.", {"text/plain": TEXT, "application/openmetrics-text": TEXT}
            )
        },
        errors=_AUTH,
    )


def _console() -> Operation:
    return Operation(
        method="GET",
        name="console",
        tag="operations",
        summary="The console",
        handler=static.index,
        answers={200: Response("A page.", {"text/html": TEXT}), 304: Response("The same page.")},
    )


def _asset() -> Operation:
    file = Parameter("file", "A file that the console loads.", str, "path")
    return Operation(
        method="GET",
        name="consoleFile",
        tag="operations",
        summary="What the console is made of",
        handler=static.asset,
        parameters=(file,),
        answers={200: Response("A file.", {"*/*": TEXT}), 304: Response("The same file.")},
        errors=(NotFound,),
    )
