"""A document of a publisher, fetched or pushed, as the events it stands for. Pure; for a thread.

- A feed is taken apart: one event `hubbub.feed.entry` per entry. Its id follows from the entry's own
  id, its content and our topic: a repeated entry is the same event, an edited one is a new one, and
  a feed may be followed into several topics.
- CloudEvents, from another gateway, are the events that they are: same id, source, type and data.
  So two gateways may follow each other, and the log knows what comes back.
- Everything else, or everything if that is wanted, is one event `hubbub.websub.content`: the bytes as
  they are, with their media type. Its id follows from the content and the one before it: what goes
  back to an older state is news.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from hubbub.core.attributes import SPECVERSION, Value, check_value, is_json, media_type
from hubbub.core.errors import InvalidEvent, Malformed
from hubbub.core.event import Event, compose
from hubbub.sources.websub import entries
from hubbub.sources.websub.entries import Entry
from hubbub.sources.websub.state import MARK
from hubbub.wire import json
from hubbub.wire.cloudevents import CE_BATCH_JSON, CE_JSON, Address, from_batch, from_json

ENTRY: Final = "hubbub.feed.entry"
"""Type of the event of an entry."""
CONTENT: Final = "hubbub.websub.content"
"""Type of the event of a whole document."""

SECONDS: Final = len("2026-11-28T10:00:00")

OCTETS: Final = "application/octet-stream"

_SAFE: Final = "!#$&'()*+,/:;=?@[]~"  # of a URL; a stray % is encoded, too


class _Placed(msgspec.Struct):
    position: str = ""


class Item(NamedTuple):
    """An event, and the mark by which it is known again."""

    mark: str
    event: Event
    entry: str = ""
    """Id of the entry that it is a version of; empty: of none."""
    time: str = ""
    """When that version was made, to the second, as far as the feed says; earlier ones are smaller."""


class Taken(NamedTuple):
    """What a document holds."""

    items: list[Item]
    """Oldest first; each mark once."""
    is_whole: bool
    """Whether it is one event, that of the whole document; only a change of it is news."""
    note: str = ""
    """What was wrong with the document and mended."""
    is_events: bool = False
    """Whether it is CloudEvents, of another gateway perhaps."""
    position: str = ""
    """The place of the last of them there."""


class Place(NamedTuple):
    """Where a document comes from and where it goes."""

    topic: str
    """Ours."""
    url: str
    """The publisher's topic: `source` of the events."""
    split: bool
    max_bytes: int
    content: str = ""
    """Mark of the content before, where documents are taken whole."""


def take(place: Place, content_type: str, body: bytes) -> Taken:
    """Make events of a document. Raises `Malformed` if it is none of what it says.

    Raises `Misconfigured` where what reads feeds is not installed, and `TooLarge`.
    """
    if place.split:
        kind = media_type(content_type)
        if is_events(kind):
            to = Address(to=place.topic)
            found = (
                [from_json(body, to)] if kind == CE_JSON else from_batch(body, to, place.max_bytes)
            )
            items = _once([Item(event_mark(one.source, one.id), one) for one in found])
            last = _last(kind, body).position
            return Taken(items, is_whole=False, is_events=True, position=last)
        if entries.is_feed(content_type, body):
            feed = entries.split(content_type, body, place.url)
            return Taken(
                _once([_item(place, e) for e in feed.entries]), is_whole=False, note=feed.note
            )
    return Taken([_whole(place, content_type, body)], is_whole=True)


def is_events(content_type: str) -> bool:
    """Tell whether a document is CloudEvents."""
    return media_type(content_type) in (CE_JSON, CE_BATCH_JSON)


def event_mark(source: str, id: str) -> str:  # noqa: A002
    """Return the mark of a CloudEvent: source and id together name it (CloudEvents 1.0.2)."""
    return _mark(source, id)


def source_of(url: str) -> str:
    """Return a URL as `source` of events: percent-encoded where RFC 3986 wants it."""
    try:
        check_value("source", url)
    except InvalidEvent:
        return quote(url, safe=_SAFE)
    return url


def _item(place: Place, entry: Entry) -> Item:
    mark = _mark(entry.id, entry.digest)
    attributes: dict[str, Value] = {
        "specversion": SPECVERSION,
        "id": _mark(place.topic, mark),
        "source": source_of(place.url),
        "type": ENTRY,
        "datacontenttype": "application/json",
    }
    if _is_valid("subject", entry.id):
        attributes["subject"] = entry.id
    if entry.time is not None and _is_valid("time", entry.time):
        attributes["time"] = entry.time
    event = compose(attributes, place.topic, entry.data, named=True)
    return Item(mark, event, entry.id, (entry.time or "")[:SECONDS])


def _whole(place: Place, content_type: str, body: bytes) -> Item:
    mark = hashlib.sha256(body).hexdigest()[:MARK]
    attributes: dict[str, Value] = {
        "specversion": SPECVERSION,
        "id": _mark(place.topic, place.content, mark),
        "source": source_of(place.url),
        "type": CONTENT,
        **_described(content_type, body),
    }
    return Item(mark, compose(attributes, place.topic, body or None, named=True))


def _described(content_type: str, body: bytes) -> dict[str, Value]:
    """Return the attributes that say what the data is; nothing is changed of either."""
    if not body:
        return {}
    try:
        check_value("datacontenttype", content_type)
        if is_json(content_type):
            json.check(body)
    except Malformed:
        told: dict[str, Value] = {"datacontenttype": OCTETS}
        if content_type and _is_valid("hubbubcontenttype", content_type):
            told["hubbubcontenttype"] = content_type
        return told
    return {"datacontenttype": content_type}


def _last(kind: str, body: bytes) -> _Placed:
    """Read the place of the last event of a valid document."""
    if kind == CE_JSON:
        return msgspec.json.decode(body, type=_Placed)
    parts = json.items(body)
    return msgspec.json.decode(parts[-1], type=_Placed) if parts else _Placed()


def _is_valid(name: str, value: str) -> bool:
    try:
        check_value(name, value)
    except InvalidEvent:
        return False
    return True


def _once(items: list[Item]) -> list[Item]:
    """Leave out repeats: some feeds list an entry twice."""
    return list({item.mark: item for item in items}.values())


def _mark(*parts: str) -> str:
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).hexdigest()[:MARK]
