"""What a read asks for, whatever the form of the answer: the query of `GET` and of WebSockets."""

from __future__ import annotations

import re
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlencode

from hubbub.core.errors import Malformed, NotAcceptable
from hubbub.core.grants import Principal
from hubbub.core.position import Position
from hubbub.core.selection import Selection
from hubbub.core.start import EARLIEST, LATEST, Start
from hubbub.core.topic import check_pattern, is_pattern
from hubbub.web.face import Hub, Scope
from hubbub.web.publish import TOPICS
from hubbub.web.query import Query, all_of, header, raw_path
from hubbub.web.selections import begin_at, resume_at, select
from hubbub.wire.cloudevents import CE_BATCH_JSON, NDJSON
from hubbub.wire.feeds import ATOM, JSON_FEED
from hubbub.wire.links import encode_path, topic_of, topic_path
from hubbub.wire.negotiate import best

Format = Literal["json", "batch", "ndjson", "sse", "atom", "json-feed", "latest"]

MEDIA_TYPES: Final[dict[str, Format]] = {
    "application/json": "json",
    CE_BATCH_JSON: "batch",
    NDJSON: "ndjson",
    "text/event-stream": "sse",
    ATOM: "atom",
    JSON_FEED: "json-feed",
}
"""What an answer may be, best first."""

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
"""Events on one page: a few hundred kilobytes as a rule."""

FORMATS: Final[dict[str, Format]] = {
    **{name: name for name in MEDIA_TYPES.values()},
    "latest": "latest",
}
"""Values of `format` that choose what an answer is."""

STREAMED: Final = ("cloudevents", "data")
"""Values of `format` that say what a stream sends for each event."""

_LIMIT = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_HOST = re.compile(rb"[A-Za-z0-9._~\-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")


class Target(NamedTuple):
    """Which topics an address names."""

    topics: list[str]
    """Patterns; none means everything that the caller may read."""

    @property
    def single(self) -> str | None:
        """The topic, if it is exactly one."""
        if len(self.topics) == 1 and not is_pattern(self.topics[0]):
            return self.topics[0]
        return None

    @property
    def path(self) -> str:
        """The path that stands for it; several topics are named in the query of `/events`."""
        return topic_path(self.topics[0]) if len(self.topics) == 1 else "/events"


class Page(NamedTuple):
    """Which part of the past is asked for."""

    limit: int
    newest_first: bool
    before: Position | None


def target(scope: Scope, query: Query) -> Target:
    """Read which topics are asked for, from the path or the query. Raises `InvalidTopic`."""
    path = raw_path(scope)
    if path.startswith(TOPICS):
        return Target([check_pattern(topic_of(path[len(TOPICS) :]))])
    return Target([check_pattern(topic) for topic in query.all("topic")])


def selection(principal: Principal, wanted: Target, query: Query) -> Selection:
    """Select what is asked for, if the caller may read it."""
    return select(principal, wanted.topics, query.all("type"), query.one("filter"))


def history_start(query: Query, now: float) -> Start:
    """Return where a page starts: at the oldest event, if nothing is said."""
    return begin_at(query.one("since"), query.one("last"), now, EARLIEST)


def stream_start(scope: Scope, query: Query, now: float) -> Start:
    """Return where a stream starts: a client that comes back goes on, a new one as it says.

    The `Last-Event-ID` header wins over `last_event_id=`, and both over `since` and `last`, which a
    browser repeats when it reconnects.
    """
    asked = begin_at(query.one("since"), query.one("last"), now, LATEST)
    came = header(scope, b"last-event-id")
    last = came.decode("latin-1") if came else query.one("last_event_id")
    return resume_at(last) if last else asked


def stream_extras(query: Query) -> tuple[bool, bool]:
    """Return whether a stream names event types and says `hubbub.live` (`event=`, `control=`)."""
    event = query.one("event")
    if event not in (None, "type"):
        raise Malformed("event=type is the only one there is: it adds event: <type>")
    return event == "type", query.flag("control")


def page(query: Query) -> Page:
    """Read `limit`, `order` and `before`."""
    limit = query.one("limit")
    if limit is not None and not (_LIMIT.fullmatch(limit) and int(limit) <= MAX_LIMIT):
        raise Malformed(f"limit is a whole number from 1 to {MAX_LIMIT}")
    order = query.one("order")
    if order not in (None, "asc", "desc"):
        raise Malformed("order is asc, oldest first, or desc, newest first")
    before = query.one("before")
    if before is not None and order != "desc":
        raise Malformed("before is where a page in order=desc goes on; follow the link rel=next")
    return Page(
        DEFAULT_LIMIT if limit is None else int(limit),
        order == "desc",
        None if before is None else Position.parse(before),
    )


def negotiated(scope: Scope, query: Query) -> Format:
    """Choose the form of the answer: `format=` decides, else `Accept`. Raises `NotAcceptable`."""
    named = query.one("format")
    if named in FORMATS:
        return FORMATS[named]
    if named is not None and named not in STREAMED:
        known = ", ".join((*FORMATS, *STREAMED))
        raise Malformed(f"format is one of {known}")
    media = best(all_of(scope, b"accept"), tuple(MEDIA_TYPES))
    if media is None:
        raise NotAcceptable(f"ask for one of {', '.join(MEDIA_TYPES)}")
    chosen = MEDIA_TYPES[media]
    if named is not None and chosen != "sse":
        raise Malformed(f"format={named} is for streams: send Accept: text/event-stream")
    return chosen


def base_url(scope: Scope, hub: Hub) -> str:
    """Return the URL under which the client reaches the gateway, without a slash at the end."""
    if public := hub.settings.web.public_url:
        return public.rstrip("/")
    host = header(scope, b"host") or b""
    if not _HOST.fullmatch(host):
        name, port = scope.get("server") or ("localhost", None)
        host = f"{name}:{port}".encode() if port else str(name).encode()
    return (
        f"{scope.get('scheme', 'http')}://{host.decode()}{encode_path(scope.get('root_path', ''))}"
    )


def next_query(query: Query, cursor: Position, *, newest_first: bool) -> str:
    """Return the query of the page after one that ends at a cursor."""
    replaced = ("before",) if newest_first else ("since", "last")
    kept: list[tuple[str, Any]] = [
        (name, value) for name, value in query.fields if name not in (*replaced, "access_token")
    ]
    kept.append((replaced[0], str(cursor)))
    return urlencode(kept)


def self_path(wanted: Target, query: Query, form: str = "") -> str:
    """Return the path of what is asked for as a topic: where it starts and how many is no part of it.

    `form` is the `format` of this representation, each of which is a topic of its own (WebSub, 4).
    """
    several = wanted.topics if len(wanted.topics) > 1 else ()
    fields = [("format", form)] if form else []
    fields += [("topic", topic) for topic in several]
    fields += [(name, value) for name, value in query.fields if name in ("type", "filter")]
    return wanted.path + (f"?{urlencode(fields)}" if fields else "")


def links(
    scope: Scope, hub: Hub, wanted: Target, query: Query, form: str = ""
) -> list[tuple[str, str]]:
    """Return the links that belong on every answer about one topic or pattern: its hubs and itself.

    Several are none that a hub could take (websub 53).
    """
    if len(wanted.topics) != 1:
        return []
    base = base_url(scope, hub)
    url = base + self_path(wanted, query, form)
    return [*((told, "hub") for told in hub.hubs(base, url)), (url, "self")]
