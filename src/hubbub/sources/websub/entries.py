"""The entries of a feed, each as one event would have it: Atom, RSS, RDF, CDF and JSON Feed.

Guarantees:

1. *The same entry, the same id and digest*, however often, in whatever order and beside whatever other
   entries its feed lists it. An entry that was edited keeps its id and has another digest. The digest
   is that of the normalised data (fields.py) without what is said of the feed.
2. *Whatever can be read is read*; what was wrong is in the note. What is no feed is `Malformed`.
3. *Bounded*: see parsing.py for the XML; of the entries the newest `MAX_ENTRIES`, and of those as many
   as have `MAX_MARKS` tags together.
4. *Fit to be shown*: HTML goes through feedparser's sanitizer, its addresses are absolute, and every
   string is valid Unicode. Another version of feedparser may clean differently; entries that this
   changes are then seen as edited, once.

Pure, and nothing is ever fetched. Needs the extra `websub`. Measured: 80 ms for 50 episodes of a podcast
(220 kB), 210 ms for 50 long posts (150 kB, 9,000 tags), 1.5 s for 1,000 episodes: split in a thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from hubbub.core.attributes import media_type
from hubbub.sources.websub import fields, jsonfeed
from hubbub.sources.websub.fields import Item
from hubbub.sources.websub.markup import FEED_ROOTS, decode, markup
from hubbub.sources.websub.parsing import not_a_feed, parse

MAX_ENTRIES: Final = 1000
"""Entries of a document that become events; feeds list ten to fifty, podcasts all they ever had."""

MAX_MARKS: Final = 100_000
"""Tags and entities in the HTML of all entries together: cleaning takes about 40 us for each."""

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
        costs = [(one, jsonfeed.cost(one)) for one in feed.items]
        return _document(feed.title, costs, jsonfeed.item, url, "")
    text, note = decode(content_type, body)
    document = markup(text)
    if document.root not in FEED_ROOTS:
        raise not_a_feed(document.root)
    parsed = parse(document, url)
    if not parsed.version and not parsed.entries and not parsed.feed:
        raise not_a_feed(document.root)
    note = "; ".join(one for one in (note, parsed.note) if one)
    costs = [(one, fields.cost(one)) for one in parsed.entries]
    return _document(fields.title(parsed.feed), costs, fields.item, url, note)


def _document(
    title: str,
    raw: Sequence[tuple[dict[str, Any], int]],
    item: Callable[[dict[str, Any], str], Item],
    url: str,
    note: str,
) -> FeedDocument:
    """Make entries of what a parser read, with what each costs; the first of the document first."""
    notes = [note] if note else []
    about = {name: text for name, text in (("title", title), ("url", url)) if text}
    found: dict[tuple[str, str], Entry] = {}
    left = MAX_MARKS
    for one, cost in raw:
        left -= cost
        if left < 0:
            notes.append(
                f"of its {len(raw)} entries {len(found)} were read: they hold too much HTML"
            )
            break
        entry = _entry(item(one, url), about)
        found.setdefault((entry.id, entry.digest), entry)
    entries = list(found.values())[::-1]
    if all(entry.time for entry in entries):
        entries.sort(key=lambda entry: entry.time or "")
    if len(entries) > MAX_ENTRIES:
        notes.append(f"of its {len(entries)} entries the newest {MAX_ENTRIES} were kept")
    return FeedDocument(title, tuple(entries[-MAX_ENTRIES:]), "; ".join(notes))


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
