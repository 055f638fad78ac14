"""The entries of a feed, each as one event would have it: Atom, RSS, RDF, CDF and JSON Feed.

Guarantees:

1. *The same entry, the same id and digest*, however often, in whatever order and beside whatever other
   entries its feed lists it. An entry that was edited keeps its id and has another digest. The digest
   is that of the normalised data (fields.py) without what is said of the feed.
2. *Whatever can be read is read*; what was wrong is in the note. What is no feed is `Malformed`.
3. *Bounded*: a document takes as many steps as effort.py allows, and the same ones each time; of its
   entries the newest `MAX_ENTRIES` are taken, and of those as many as there are steps for, in its order.
4. *Fit to be shown*: HTML goes through feedparser's sanitizer, its addresses are absolute, and every
   string is valid Unicode. Another version of feedparser may clean differently; entries that this
   changes are then seen as edited, once.

Pure, and nothing is ever fetched. Needs the extra `websub`. Measured: 80 ms for 50 episodes of a podcast
(220 kB), 210 ms for 50 long posts (150 kB, 9,000 tags), 1.5 s for 1,000 episodes (4.4 MB); at the most
one second for each megabyte of what was made to take long: split in a thread.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, Protocol

import msgspec

from hubbub.core.attributes import media_type
from hubbub.core.errors import Malformed
from hubbub.sources.websub import effort, fields, jsonfeed
from hubbub.sources.websub.effort import Effort
from hubbub.sources.websub.fields import Item
from hubbub.sources.websub.markup import FEED_ROOTS, decode, markup
from hubbub.sources.websub.parsing import not_a_feed, parse

MAX_ENTRIES: Final = 1000
"""Entries of a document that become events; feeds list ten to fifty, podcasts all they ever had."""

MAX_LOOKED_AT: Final = 10_000
"""Entries of a document of which the newest are looked for; of more, its first ones."""

_FEED_TYPES: Final = frozenset(
    {
        "application/atom+xml",
        "application/feed+json",
        "application/rdf+xml",
        "application/rss+xml",
    }
)


class Entry(msgspec.Struct, frozen=True):
    """An entry of a feed."""

    id: str
    """The feed's own id for it, else its link, else a digest of its title and content."""
    digest: str
    """32 hex digits that are others as soon as anything of the entry is."""
    title: str
    """Plain text; may be empty."""
    time: str | None
    """When it was updated, else published (RFC 3339, UTC)."""
    data: bytes
    """A JSON object in UTF-8."""


class Reader(Protocol):
    """What makes sense of what a parser read: the modules fields and jsonfeed."""

    def item(self, entry: dict[str, Any], base: str, /) -> Item:
        """Normalise an entry."""
        ...

    def cost(self, entry: dict[str, Any], /) -> int:
        """Return the steps that its HTML and its lists take."""
        ...

    def time(self, entry: dict[str, Any], /) -> str:
        """Return when it was updated, else published; empty where it does not say."""
        ...


class FeedDocument(msgspec.Struct, frozen=True):
    """A feed as it was read."""

    title: str
    entries: tuple[Entry, ...]
    """Oldest first: by their times if all have one, else from the last to the first."""
    note: str
    """What was wrong with the document and mended, in a sentence; empty if nothing was."""


def is_feed(content_type: str, body: bytes) -> bool:
    """Tell whether a document is a feed by its looks; `split` may still find that it is none."""
    if jsonfeed.looks_like(body):
        is_json_feed = jsonfeed.VERSION.search(body[:65536].decode("utf-8", "replace"))
        return is_json_feed is not None or media_type(content_type) == "application/feed+json"
    document = markup(decode(content_type, body)[0])
    if document.root in FEED_ROOTS:
        return True
    return not document.root and media_type(content_type) in _FEED_TYPES


def split(content_type: str, body: bytes, url: str) -> FeedDocument:
    """Split a feed that was fetched from `url` into its entries.

    Raises `Malformed` where there is no feed that can be read, `Misconfigured` without the extra.
    """
    if jsonfeed.looks_like(body):
        feed = jsonfeed.read(body)
        return _document(feed.title, feed.items, jsonfeed, url, "", Effort(len(body)))
    text, note = decode(content_type, body)
    document = markup(text)
    if document.root not in FEED_ROOTS:
        raise not_a_feed(document.root)
    steps = Effort(len(document.text))
    parsed = parse(document, url, steps)
    if not parsed.version and not parsed.entries and not parsed.feed:
        if steps.left < steps.reserve:
            raise Malformed(f"this feed cannot be read: {parsed.note}")
        raise not_a_feed(document.root)
    note = "; ".join(one for one in (note, parsed.note) if one)
    return _document(fields.title(parsed.feed), parsed.entries, fields, url, note, steps)


def _document(  # noqa: PLR0913, PLR0917  what it is made of
    title: str, raw: list[dict[str, Any]], reader: Reader, url: str, note: str, steps: Effort
) -> FeedDocument:
    """Make entries of what a parser read; the first of the document first."""
    notes = [note] if note else []
    about = {name: text for name, text in (("title", title), ("url", url)) if text}
    found: dict[tuple[str, str], Entry] = {}
    newest = _newest(raw, reader)
    if len(newest) < len(raw):
        notes.append(f"of its {len(raw)} entries the newest {MAX_ENTRIES} were kept")
    for one in newest:
        if not steps.take(effort.ENTRY + reader.cost(one)):
            notes.append(
                f"of its {len(raw)} entries {len(found)} were read: they hold too much HTML"
            )
            break
        entry = _entry(reader.item(one, url), about)
        found.setdefault((entry.id, entry.digest), entry)
    entries = list(found.values())[::-1]
    if all(entry.time for entry in entries):
        entries.sort(key=lambda entry: entry.time or "")
    return FeedDocument(title, tuple(entries), "; ".join(notes))


def _newest(raw: list[dict[str, Any]], reader: Reader) -> list[dict[str, Any]]:
    """Return the newest entries in the order of the document: by their times if all have one."""
    if len(raw) <= MAX_ENTRIES:
        return raw
    places = list(range(min(len(raw), MAX_LOOKED_AT)))[::-1]
    times = {at: reader.time(raw[at]) for at in places}
    if all(times.values()):
        places.sort(key=times.__getitem__)
    return [raw[at] for at in sorted(places[-MAX_ENTRIES:])]


def _entry(found: Item, about: dict[str, str]) -> Entry:
    named = (
        found.get("id") or found.get("url") or _digest([found.get("title"), found.get("content")])
    )
    item = {"id": named} | found
    data = msgspec.json.encode(item | {"feed": about})
    time = item.get("updated") or item.get("published")
    return Entry(named, _digest(item), item.get("title", ""), time, data)


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:32]
