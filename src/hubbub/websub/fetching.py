"""One topic of somebody else: what is known of it, and what follows from a fetch. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import urldefrag, urljoin, urlsplit

import msgspec

from hubbub.core.attributes import Value, check_text, check_value, is_json
from hubbub.core.calling import Reply
from hubbub.core.errors import InvalidEvent, Malformed
from hubbub.core.event import Event, compose
from hubbub.wire import json, retry_after
from hubbub.wire.cloudevents import SPECVERSION
from hubbub.wire.validators import is_strong
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


def host_of(url: str) -> str:
    """Return the host and port of a URL, however its subscribers write it: what has one bound."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:  # it is no URL, and the guard says so
        return ""


class Topic(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is kept of a topic. Times are milliseconds since the Unix epoch."""

    url: str
    begun: int = 0
    """When it was begun with: whoever begins again later counts its versions anew."""
    is_dirty: bool = False
    """Whether it is to be fetched: it was pinged, or the last fetch failed."""
    pinged: int = 0
    fetched: int = 0
    """When it was last fetched with success."""
    changed: int = 0
    """When its content was last another one."""
    etag: str = ""
    modified: str = ""
    location: str = ""
    """Where these two are from, if its URL has led elsewhere."""
    hash: str = ""
    """SHA-256 of content and Content-Type; empty: it was never fetched."""
    version: int = 0
    """How many times it changed."""
    sent: str = ""
    """Id of the event that was the last, where a crash has left open what `hash` it was of."""
    head: str = ""
    """A position in the log: all events of it up to there are counted here. Empty: of an older release."""
    content_type: str = ""
    size: int = 0
    tries: int = 0
    """Failures in a row."""
    due: int = 0
    """When it is fetched again after a failure; 0: not by itself."""
    not_before: int = 0
    """Until when its publisher wants to be left alone (`Retry-After`), pinged or not."""
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
    location: str = ""


class Problem(msgspec.Struct, frozen=True):
    """Why there is nothing."""

    reason: str
    is_final: bool = False
    """Whether the same would come again: nobody can begin to follow the topic."""
    wait: float | None = None
    """Seconds that the publisher asked for."""
    is_gone: bool = False
    """Whether the publisher says that the topic is not coming back (410)."""


def agent(hub: str, subscribers: int) -> str:
    """Return the User-Agent, which tells a publisher how many it reaches (websub 1f)."""
    return f"hubbub ({f'+{hub}' if hub else 'WebSub hub'}; {subscribers} subscribers)"


def conditions(topic: Topic, url: str) -> list[tuple[str, str]]:
    """Return the headers that ask a URL for what is new only (RFC 9110, 13.1).

    Validators count where they are from: another page may have the same.
    """
    headers: list[tuple[str, str]] = []
    if url != (topic.location or topic.url):
        return headers
    if topic.etag:
        headers.append(("if-none-match", topic.etag))
    if topic.modified:
        headers.append(("if-modified-since", topic.modified))
    return headers


def redirected(reply: Reply, url: str) -> str | None:
    """Return where an answer leads, if it does; what is no URL as it is, for the guard to refuse."""
    location = fields(reply).get("location")
    if reply.status not in REDIRECTS or not location:
        return None
    try:
        return urldefrag(urljoin(url, location)).url
    except ValueError:
        return location


def read(
    reply: Reply, max_bytes: int, now: float, *, url: str, is_conditional: bool
) -> Content | Problem | None:
    """Tell what the answer of `url` is: content, a reason why not, or None: nothing is new."""
    status, headers = reply.status, fields(reply)
    if status == NOT_MODIFIED:
        if is_conditional:
            return None
        return Problem("its publisher answered 304 without having been asked what is new")
    if not 200 <= status < 300:  # noqa: PLR2004
        asked = retry_after.parse(headers.get("retry-after", ""), now)
        is_final = 400 <= status < 500 and status not in TEMPORARY  # noqa: PLR2004
        told = f"its publisher answered with status {status}"
        return Problem(told, is_final, asked, is_gone=status == GONE)
    if reply.truncated:
        return Problem(f"it is larger than the {max_bytes} bytes of websub.foreign.max_bytes", True)
    if headers.get("content-encoding", "identity").lower() != "identity":
        return Problem("it comes compressed, which was not asked for", is_final=True)
    kind = headers.get("content-type", "")
    hashed = hashlib.sha256(f"{kind}\n".encode("utf-8", "replace") + reply.body).hexdigest()
    etag = headers.get("etag", "")
    modified = headers.get("last-modified", "") if is_strong(headers) else ""
    return Content(kind, reply.body, hashed, etag, modified, url)


def taken(topic: Topic, content: Content, now: int) -> None:
    """Note in a topic what its content is."""
    topic.hash, topic.content_type, topic.sent = content.hash, content.content_type, ""
    topic.etag, topic.modified = content.etag, content.modified
    topic.location = "" if content.location == topic.url else content.location
    topic.size, topic.fetched = len(content.body), now


def fields(reply: Reply) -> Mapping[str, str]:
    """Return the headers by their name in lower case; of repeated ones the last."""
    return {name.lower(): value.strip() for name, value in reply.headers}


def id_of(topic: Topic, version: int, content_hash: str) -> str:
    """Return the id of the event of a version."""
    return digest(topic.url, str(topic.begun), str(version), content_hash)


def is_known(topic: Topic, content: Content) -> bool:
    """Tell whether content is what was sent last."""
    if topic.sent:
        return topic.sent == id_of(topic, topic.version, content.hash)
    return topic.hash == content.hash


def event(topic: Topic, content: Content) -> Event:
    """Make the event of a change.

    A repetition after a crash has the same id; a later return to an old content has another one, also
    if the topic was let go of in between and its versions are counted anew.
    """
    attributes: dict[str, Value] = {
        "specversion": SPECVERSION,
        "id": id_of(topic, topic.version + 1, content.hash),
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
