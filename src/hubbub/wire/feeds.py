"""Feeds of a topic's newest events: Atom (RFC 4287) and JSON Feed 1.1.

An entry's id follows from the event's `source` and `id`, which is what makes an event the same
event everywhere. It was published when the event says, in its `time`, and updated when it was
recorded here (RFC 4287 4.2.9, 4.2.15), which is also the order of entries: what comes late with an
old `time` is news all the same. Data is the content: text and JSON as text, HTML as HTML (readers
clean it, RFC 4287 8.1), anything else base64 in Atom and a description in JSON Feed. Both name the
feed itself and the WebSub hubs that tell of news.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape, quoteattr

import msgspec

from hubbub.core.attributes import Value, is_json, media_type
from hubbub.core.clock import rfc3339
from hubbub.core.event import Data, Record

ATOM: Final = "application/atom+xml"
JSON_FEED: Final = "application/feed+json"

NEWEST: Final = 50
"""Entries of a feed: what readers fetch again and again."""

# What XML 1.0 cannot hold, not even escaped (section 2.2).
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Feed(msgspec.Struct, frozen=True):
    """What the feed as a whole says."""

    title: str
    url: str
    """Its own address."""
    home: str
    """Address of the topic."""
    hubs: Sequence[str] = ()
    """Addresses of its WebSub hubs, if it is a topic of any."""


class Entry(msgspec.Struct, frozen=True):
    """An event the way readers of feeds see it."""

    id: str
    title: str
    published: str
    """When it happened, as the event says; else when it was recorded."""
    updated: str
    """When it was recorded."""
    kind: str
    """`text`, `html`, or the media type of something else."""
    content: str
    """Base64 where `kind` is a media type."""
    attributes: dict[str, Value]


def entry(record: Record) -> Entry:
    """Turn a record into an entry."""
    values = record.attributes()
    subject = values.get("subject")
    kind, content = _content(record.data())
    named = uuid5(NAMESPACE_URL, f"{values['source']} {values['id']}")
    updated = rfc3339(record.recorded)
    return Entry(
        f"urn:uuid:{named}",
        f"{record.type}: {subject}" if subject else record.type,
        str(values.get("time", updated)).upper(),  # RFC 4287 3.3: T and Z, where RFC 3339 has t, z
        updated,
        kind,
        content,
        values,
    )


def atom(feed: Feed, records: Sequence[Record]) -> bytes:
    """Write an Atom feed, newest entry first."""
    links = [("self", feed.url), ("alternate", feed.home)]
    links += [("hub", hub) for hub in feed.hubs]
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        _element("id", feed.url),
        _element("title", feed.title),
        _element("updated", _updated(records)),
        "<author><name>hubbub</name></author>",
        *(f"<link rel={_quoted(rel)} href={_quoted(target)}/>" for rel, target in links),
    ]
    for record in records:
        lines += _atom_entry(entry(record))
    lines.append("</feed>\n")
    return "\n".join(lines).encode()


def json_feed(feed: Feed, records: Sequence[Record]) -> bytes:
    """Write a JSON Feed, newest item first."""
    document: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": feed.url,
    }
    if feed.hubs:
        document["hubs"] = [{"type": "WebSub", "url": hub} for hub in feed.hubs]
    document["items"] = [_item(entry(record)) for record in records]
    return msgspec.json.encode(document)


def _content(data: Data) -> tuple[str, str]:
    if data.content is None:
        return "text", ""
    kind = media_type(data.content_type or "application/octet-stream")
    if kind.startswith("text/") or kind.endswith("xml") or is_json(kind):
        try:
            return "html" if kind == "text/html" else "text", data.content.decode()
        except UnicodeDecodeError:
            pass
    return kind, base64.b64encode(data.content).decode()


def _updated(records: Iterable[Record]) -> str:
    """Return when anything in the feed changed; a feed without events has not changed since ever."""
    return rfc3339(max((record.recorded for record in records), default=0))


def _atom_entry(found: Entry) -> list[str]:
    kind = found.kind if found.kind in ("text", "html") else media_type(found.kind)
    return [
        "<entry>",
        _element("id", found.id),
        _element("title", found.title),
        _element("published", found.published),
        _element("updated", found.updated),
        f"<category term={_quoted(str(found.attributes['type']))}/>",
        f"<content type={_quoted(kind)}>{_escaped(found.content)}</content>",
        "</entry>",
    ]


def _item(found: Entry) -> dict[str, Any]:
    content = found.content
    if found.kind not in ("text", "html"):
        content = f"{found.kind}, {len(content) * 3 // 4 - content[-2:].count('=')} bytes"
    return {
        "id": found.id,
        "title": found.title,
        "content_html" if found.kind == "html" else "content_text": content,
        "date_published": found.published,
        "date_modified": found.updated,
        "tags": [found.attributes["type"]],
        "_cloudevent": found.attributes,
    }


def _element(name: str, text: str) -> str:
    return f"<{name}>{_escaped(text)}</{name}>"


def _escaped(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _quoted(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", text))
