"""JSON Feed 1.0 and 1.1 (jsonfeed.org/version/1.1): the same normalised entries, and its hubs.

The JSON is strict; members of the wrong type are left out, as the specification asks of readers.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

from hubbub.core.clock import rfc3339
from hubbub.core.errors import Malformed
from hubbub.sources.websub import effort
from hubbub.sources.websub.cleaning import as_html, clean, plain, valid
from hubbub.sources.websub.fields import MAX_LISTED, Item, dicts, joined, unique
from hubbub.wire import json

VERSION: Final = re.compile(r"https?://(?:www\.)?jsonfeed\.org/version/", re.IGNORECASE)

LISTS: Final = ("attachments", "authors", "tags")
"""Members of an item that are lists."""


class JsonFeed(msgspec.Struct, frozen=True):
    """A JSON Feed as it is."""

    title: str
    items: list[dict[str, Any]]
    hubs: tuple[str, ...]
    """URLs of its WebSub hubs as written."""
    url: str
    """Its own, as written; empty where it has none."""


def looks_like(body: bytes) -> bool:
    """Tell whether a document can only be JSON."""
    return body[:64].removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(b"{")


def read(body: bytes) -> JsonFeed:
    """Read a JSON Feed; raises `Malformed` where it is none."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    json.check(body)
    feed = msgspec.json.decode(body, type=dict[str, Any])  # it looked like an object
    items = feed.get("items")
    if not VERSION.match(_text(feed, "version")) or not isinstance(items, list):
        raise Malformed(
            "this is JSON and no JSON Feed, which has version https://jsonfeed.org/version/1.1"
            " and items"
        )
    hubs = tuple(
        _text(hub, "url")
        for hub in dicts(feed.get("hubs"))
        if _text(hub, "type").lower() == "websub" and _text(hub, "url")
    )
    return JsonFeed(plain(_text(feed, "title")), dicts(items), hubs, _text(feed, "feed_url"))


def cost(entry: dict[str, Any]) -> int:
    """Return the steps of cleaning an item, and of what it lists."""
    listed = sum(len(_list(entry, name)[:MAX_LISTED]) for name in LISTS)
    return effort.of_html(_text(entry, "content_html")) + listed * effort.LISTED


def time(entry: dict[str, Any]) -> str:
    """Return when an item was modified, else published; empty where it does not say."""
    return _time(entry, "date_modified") or _time(entry, "date_published")


def item(entry: dict[str, Any], base: str) -> Item:
    """Normalise an item; `base` is the address of its feed. See fields.py for the members."""
    content = _text(entry, "content_html")
    found: Item = {
        "id": _id(entry.get("id")),
        "url": _url(entry, "url", base) or _url(entry, "external_url", base),
        "title": plain(_text(entry, "title")),
        "summary": _text(entry, "summary"),
        "content": clean(content, base) if content else as_html(_text(entry, "content_text")),
        "published": _time(entry, "date_published"),
        "updated": _time(entry, "date_modified"),
        "authors": _authors(entry),
        "tags": unique(valid(tag).strip() for tag in _list(entry, "tags") if isinstance(tag, str)),
        "enclosures": _attachments(entry, base),
        "image": _url(entry, "image", base),
    }
    return {name: value for name, value in found.items() if value}


def _id(value: Any) -> str:
    """Read an id; the specification asks readers to take numbers as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def _authors(entry: dict[str, Any]) -> list[dict[str, str]]:
    told = dicts(entry.get("authors")) or dicts([entry.get("author")])
    found = [
        {name: text for name in ("name", "url") if (text := _text(one, name))}
        for one in told[:MAX_LISTED]
    ]
    return [one for one in found if one]


def _attachments(entry: dict[str, Any], base: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in dicts(entry.get("attachments"))[:MAX_LISTED]:
        if url := _url(one, "url", base):
            kind, length = _text(one, "mime_type"), one.get("size_in_bytes")
            known = isinstance(length, int) and not isinstance(length, bool)
            found.append(
                {"url": url}
                | ({"type": kind} if kind else {})
                | ({"length": length} if known else {})
            )
    return found


def _time(entry: dict[str, Any], name: str) -> str:
    try:
        found = datetime.fromisoformat(_text(entry, name).upper())
        if found.tzinfo is None:
            return ""  # RFC 3339 has an offset; without one it is any time of a day
        milliseconds = int(found.astimezone(UTC).timestamp() * 1000)
        return rfc3339(milliseconds).replace(".000Z", "Z")
    except (ValueError, OverflowError, OSError):
        return ""


def _url(entry: dict[str, Any], name: str, base: str) -> str:
    return joined(base, _text(entry, name))


def _text(of: dict[str, Any], name: str) -> str:
    value = of.get(name)
    return valid(value).strip() if isinstance(value, str) else ""


def _list(of: dict[str, Any], name: str) -> list[Any]:
    value = of.get(name)
    return cast("list[Any]", value) if isinstance(value, list) else []
