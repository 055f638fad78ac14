"""One topic of somebody else: what is known of it, and what follows from a fetch. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from hubbub.core.attributes import Value, check_text, check_value, is_json
from hubbub.core.errors import InvalidEvent, Malformed
from hubbub.core.event import Event, compose
from hubbub.websub.calling import Reply
from hubbub.wire import json, retry_after
from hubbub.wire.cloudevents import SPECVERSION
from hubbub.wire.websub import digest

TYPE: Final = "hubbub.websub.content"
"""Type of the events that fetched content becomes."""

OCTETS: Final = "application/octet-stream"
REDIRECTS: Final = (301, 302, 303, 307, 308)
TEMPORARY: Final = (408, 425, 429)
GONE: Final = 410
NOT_MODIFIED: Final = 304


def log_topic(url: str) -> str:
    """Return the topic of our log that the content of a URL goes to."""
    return f"hubbub/websub/{digest(url)}"


class Topic(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is kept of a topic. Times are milliseconds since the Unix epoch."""

    url: str
    is_dirty: bool = False
    """Whether it is to be fetched: it was pinged, or the last fetch failed."""
    pinged: int = 0
    fetched: int = 0
    """When it was last fetched with success."""
    changed: int = 0
    """When its content was last another one."""
    etag: str = ""
    modified: str = ""
    hash: str = ""
    """SHA-256 of content and Content-Type; empty: it was never fetched."""
    version: int = 0
    """How many times it changed."""
    content_type: str = ""
    size: int = 0
    tries: int = 0
    """Failures in a row."""
    due: int = 0
    """When it is fetched again after a failure; 0: not by itself."""
    problem: str = ""
    """Why the last fetch failed."""
    is_gone: bool = False
    """Whether its publisher has said 410: it is not fetched any more."""


class Content(msgspec.Struct, frozen=True):
    """A topic as it is now; `reply` had a status of 2xx."""

    content_type: str
    body: bytes
    hash: str
    etag: str = ""
    modified: str = ""


class Problem(msgspec.Struct, frozen=True):
    """Why there is nothing."""

    reason: str
    is_final: bool = False
    """Whether the same would come again: the topic cannot be followed."""
    wait: float | None = None
    """Seconds that the publisher asked for."""


def conditions(topic: Topic) -> list[tuple[str, str]]:
    """Return the headers that ask for what is new only (RFC 9110, 13.1)."""
    headers: list[tuple[str, str]] = []
    if topic.etag:
        headers.append(("if-none-match", topic.etag))
    if topic.modified:
        headers.append(("if-modified-since", topic.modified))
    return headers


def read(reply: Reply, max_bytes: int, now: float) -> Content | Problem | None:
    """Tell what an answer is: content, a reason why not, or None: nothing is new."""
    status, headers = reply.status, fields(reply)
    if status == NOT_MODIFIED:
        return None
    if not 200 <= status < 300:  # noqa: PLR2004
        asked = retry_after.parse(headers.get("retry-after", ""), now)
        is_final = 400 <= status < 500 and status not in TEMPORARY  # noqa: PLR2004
        return Problem(f"its publisher answered with status {status}", is_final, asked)
    if reply.truncated:
        return Problem(f"it is larger than the {max_bytes} bytes of websub.foreign.max_bytes", True)
    if headers.get("content-encoding", "identity").lower() != "identity":
        return Problem("it comes compressed, which was not asked for", is_final=True)
    kind = headers.get("content-type", "")
    hashed = hashlib.sha256(f"{kind}\n".encode("utf-8", "replace") + reply.body).hexdigest()
    return Content(
        kind, reply.body, hashed, headers.get("etag", ""), headers.get("last-modified", "")
    )


def fields(reply: Reply) -> Mapping[str, str]:
    """Return the headers by their name in lower case; of repeated ones the last."""
    return {name.lower(): value.strip() for name, value in reply.headers}


def event(topic: Topic, content: Content) -> Event:
    """Make the event of a change.

    A repetition after a crash has the same id, a later return to an old content another one.
    """
    attributes: dict[str, Value] = {
        "specversion": SPECVERSION,
        "id": digest(topic.url, str(topic.version + 1), content.hash),
        "source": topic.url,
        "type": TYPE,
        **_described(content),
    }
    return compose(attributes, log_topic(topic.url), content.body, named=True)


def _described(content: Content) -> dict[str, Value]:
    """Return the attributes that say what the content is, verbatim whatever it is."""
    told = content.content_type
    try:
        check_value("datacontenttype", told)
        if is_json(told):
            json.check(content.body)
    except Malformed:  # no media type, or JSON that is none
        try:
            check_text("hubbubcontenttype", told)
        except InvalidEvent:
            return {"datacontenttype": OCTETS}
        return {"datacontenttype": OCTETS, **({"hubbubcontenttype": told} if told else {})}
    return {"datacontenttype": told}
