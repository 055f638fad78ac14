"""An entry as feedparser read it, as the JSON object that goes into the log.

Members in this order, each left out where the feed has none: `id`, `url`, `title` and `summary` (plain
text), `content` (HTML, cleaned), `published` and `updated` (RFC 3339, UTC), `authors`, `tags`,
`enclosures`; `duration`, `episode` and `season` of podcasts, `video` (its id at YouTube), `image`.
The one text of an entry is its `content`; a second, shorter one is its `summary`. What changes without
the entry changing, such as the number of views, is not taken over.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from functools import partial
from time import struct_time
from typing import Any, Final, cast
from urllib.parse import urljoin, urlsplit

from hubbub.core.clock import rfc3339
from hubbub.sources.websub import effort
from hubbub.sources.websub.cleaning import as_html, clean, plain, valid

Item = dict[str, Any]
"""An entry, normalised; `content` and so on are strings."""

MAX_LISTED: Final = 100
"""Authors, tags and enclosures of an entry that are taken over."""

MAX_DIGITS: Final = 15
"""Digits of a length in bytes: numbers of JSON are exact up to 2^53."""

LINKED: Final = ("http", "https", "magnet")
"""Schemes of addresses that are passed on: an id is no address, and `javascript:` is a trap."""

_HTML: Final = frozenset({"text/html", "application/xhtml+xml", "html", "xhtml"})
_SAID: Final = (
    ("duration", "itunes_duration"),
    ("episode", "itunes_episode"),
    ("season", "itunes_season"),
    ("video", "yt_videoid"),
)


def item(entry: dict[str, Any], base: str) -> Item:
    """Normalise an entry; `base` is the address of its feed."""
    get = partial(_get, entry)
    content, summary = _texts(entry, base)
    found: Item = {
        "id": _text(get("id")),
        "url": joined(base, _text(get("link"))),
        "title": _title(entry),
        "summary": summary,
        "content": content,
        "published": _published(entry),
        "updated": _time(get("updated_parsed")),
        "authors": _authors(entry),
        "tags": _tags(get("tags")),
        "enclosures": _enclosures(get("links"), base),
        **{name: _text(get(source)) for name, source in _SAID},
        "image": _image(entry),
    }
    return {name: value for name, value in found.items() if value}


def cost(entry: dict[str, Any]) -> int:
    """Return the steps of cleaning the texts of an entry."""
    content, short = _best(entry), _value(_get(entry, "summary"))
    text = short if content is None else _value(content)
    return effort.of_html(text) + (0 if short == text else len(short) // effort.PLAIN)


def time(entry: dict[str, Any]) -> str:
    """Return when an entry was updated, else published; empty where it does not say."""
    updated = _time(_get(entry, "updated_parsed"))
    return updated or _published(entry)


def _published(entry: dict[str, Any]) -> str:
    return _time(_get(entry, "published_parsed") or _get(entry, "created_parsed"))


def title(feed: dict[str, Any]) -> str:
    """Return the title of a feed, plain."""
    return _title(feed)


def _title(of: dict[str, Any]) -> str:
    text = _value(_get(of, "title"))
    return plain(text) if _is_html(_get(of, "title_detail")) else " ".join(valid(text).split())


def _texts(entry: dict[str, Any], base: str) -> tuple[str, str]:
    """Return the content (HTML) and the summary (plain)."""
    short, detail = _value(_get(entry, "summary")), _get(entry, "summary_detail")
    best = _best(entry)
    if best is None:
        return _shown(short, detail, base), ""
    content = _shown(_value(best), best, base)
    if short in ("", _value(best)):
        return content, ""
    return content, plain(short) if _is_html(detail) else valid(short).strip()


def _best(entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return that of the contents which is taken: the first that is HTML."""
    parts = [part for part in dicts(_get(entry, "content")) if _value(part).strip()]
    return next((part for part in parts if _is_html(part)), parts[0] if parts else None)


def _shown(text: str, detail: Any, base: str) -> str:
    if not _is_html(detail):
        return as_html(text.strip())
    said = _text(_get(detail, "base")) if isinstance(detail, dict) else ""
    return clean(text, said or base)


def _is_html(detail: Any) -> bool:
    """Tell whether a text is HTML; where nothing says what it is, it is taken for that."""
    if not isinstance(detail, dict):
        return True
    return str(_get(detail, "type") or "text/html").lower() in _HTML


def _authors(entry: dict[str, Any]) -> list[dict[str, str]]:
    found = dicts(_get(entry, "authors")) or dicts([_get(entry, "author_detail")])
    authors = [
        {
            member: text
            for member, name in (("name", "name"), ("url", "href"), ("email", "email"))
            if (text := _text(_get(one, name)))
        }
        for one in found[:MAX_LISTED]
    ]
    if not any(authors) and (name := _text(_get(entry, "author"))):
        return [{"name": name}]
    return [one for at, one in enumerate(authors) if one and one not in authors[:at]]


def _tags(tags: Any) -> list[str]:
    named = (_text(_get(tag, "term")) or _text(_get(tag, "label")) for tag in dicts(tags))
    return unique(named)


def unique(names: Iterable[str]) -> list[str]:
    """Return each name once, at most `MAX_LISTED`."""
    return list(dict.fromkeys(name for name in names if name))[:MAX_LISTED]


def _enclosures(links: Any, base: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for link in dicts(links):
        url = joined(base, _text(_get(link, "href")))
        if _get(link, "rel") != "enclosure" or not url or len(found) == MAX_LISTED:
            continue
        kind, length = _text(_get(link, "type")), _text(_get(link, "length"))
        one: dict[str, Any] = {"url": url}
        if kind:
            one["type"] = kind
        if length.isascii() and length.isdigit() and len(length) <= MAX_DIGITS:
            one["length"] = int(length)
        found.append(one)
    return found


def _image(entry: dict[str, Any]) -> str:
    for picture in dicts(_get(entry, "media_thumbnail")):
        if url := _text(_get(picture, "url")):
            return url
    image = _get(entry, "image")
    return _text(_get(image, "href")) if isinstance(image, dict) else ""


def _time(parsed: Any) -> str:
    """Print a time in UTC; what is none is left out."""
    if not isinstance(parsed, struct_time | tuple):
        return ""
    try:
        return rfc3339(calendar.timegm(cast("struct_time", parsed)) * 1000).replace(".000Z", "Z")
    except (ValueError, OverflowError, OSError, TypeError):
        return ""


def joined(base: str, address: str) -> str:
    """Return an address as absolute; empty where it is none that a page may lead to."""
    try:
        found = urljoin(base, address) if address else ""
        return found if urlsplit(found).scheme in LINKED else ""
    except ValueError:  # such as http://[
        return ""


def _get(of: Any, name: str) -> Any:
    """Return a member, past the aliases of feedparser's dictionaries: `updated` is not `published`."""
    return dict[str, Any].get(of, name)


def _text(value: Any) -> str:
    return valid(value).strip() if isinstance(value, str) else ""


def _value(of: Any) -> str:
    if isinstance(of, dict):
        of = _get(of, "value")
    return of if isinstance(of, str) else ""


def dicts(value: Any) -> list[dict[str, Any]]:
    """Return what of a list is an object; nothing where it is no list."""
    if not isinstance(value, list):
        return []
    return [one for one in cast("list[Any]", value) if isinstance(one, dict)]
