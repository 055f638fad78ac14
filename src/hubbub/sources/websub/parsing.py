"""feedparser, within bounds: what it reads of any document takes seconds at most, and fetches nothing.

Three things of it are not used: `parse`, which opens what looks like an address and has regular
expressions that take hours on a line of a megabyte; its way with encodings and the DOCTYPE (markup.py
has ours); and cleaning inside the parser, which has no bounds (cleaning.py does the same with some). Its two parsers are subclassed where a document could make them
slow; `tests/sources/websub/test_hostile.py` holds the bounds, `test_corpus.py` that it still is
feedparser. Measured: 25 to 60 us for an element, so that `MAX_ELEMENTS` are three to six seconds, and
twice that where a document is found to be ill-formed only at its end.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# feedparser has no types.

from __future__ import annotations

import io
import xml.sax
import xml.sax.handler
import xml.sax.xmlreader
from functools import lru_cache
from typing import Any, Final
from xml.sax.saxutils import escape

import msgspec

from hubbub.core.errors import Malformed, Misconfigured
from hubbub.sources.websub.markup import Markup

MAX_ELEMENTS: Final = 100_000
"""Elements that are read: a thousand entries have forty each in the longest podcasts, with room."""

MAX_NESTING: Final = 200
"""Deepest nesting: XHTML in a feed has ten levels or twenty."""

MAX_LOOSE: Final = 2 * 1024 * 1024
"""Characters that are read of a document that is not well-formed: those cost five times as much."""

MAX_ATTRIBUTES: Final = 64
"""Attributes of an element: the parser takes quadratic time for them."""

MAX_NAMESPACES: Final = 64
"""Namespaces of a document: all are looked through for every element. Feeds have a dozen."""

MAX_TAGS: Final = 200
"""Categories of an entry: each is compared with all before."""

MAX_AUTHOR: Final = 500
"""Characters in which an address is looked for, by an expression that takes quadratic time."""

MISSING: Final = "following feeds needs the extra: pip install 'hubbub[websub]'"


class Parsed(msgspec.Struct, frozen=True):
    """What feedparser read; its dictionaries are the caller's to make sense of."""

    feed: dict[str, Any]
    entries: list[dict[str, Any]]
    version: str
    """Such as `rss20` or `atom10`; empty where it is unknown."""
    note: str
    """What was wrong, in one sentence, or empty."""


class _Enough(Exception):
    """A bound is reached; what has been read stays."""


def parse(document: Markup, url: str) -> Parsed:
    """Read a feed; `url` is what its relative addresses start from.

    Raises `Misconfigured` without feedparser. What could not be read is left out and in the note.
    """
    strict, loose = _parsers()
    parser = strict(url, None, "utf-8")
    try:
        _drive(parser, document)
    except _Enough as enough:
        return _parsed(parser, str(enough), whole=False)
    except (xml.sax.SAXException, RecursionError) as error:
        fault = _reason(error)
    except Exception:  # noqa: BLE001 -- strangers' documents find what its authors did not
        fault = "it is not well-formed"
    else:
        return _parsed(parser, "it starts with something else" if document.junk else "")
    parser = loose(url, None, "utf-8", document.entities)
    try:
        parser.feed(document.text[:MAX_LOOSE])
    except _Enough as enough:
        return _parsed(parser, str(enough), whole=False)
    except Exception:  # noqa: BLE001
        return _parsed(parser, fault, whole=False)
    if len(document.text) > MAX_LOOSE:
        return _parsed(parser, f"{fault}, and was read up to {MAX_LOOSE} characters", whole=False)
    return _parsed(parser, fault)


def _drive(parser: Any, document: Markup) -> None:
    reader = xml.sax.make_parser()  # noqa: S317 -- without DOCTYPE; nothing external is resolved
    reader.setFeature(xml.sax.handler.feature_namespaces, state=True)
    reader.setFeature(xml.sax.handler.feature_external_ges, state=False)
    reader.setContentHandler(parser)
    reader.setErrorHandler(parser)
    source = xml.sax.xmlreader.InputSource()
    head = '<?xml version="1.0" encoding="utf-8"?>'
    if document.entities:
        known = "".join(
            f'<!ENTITY {name} "{escape(text, {chr(34): "&#34;"}) if text[:2] != "&#" else text}">'
            for name, text in document.entities.items()
        )
        head += f"<!DOCTYPE feed [{known}]>"
    source.setByteStream(io.BytesIO((head + document.text).encode("utf-8", "replace")))
    reader.parse(source)


def _reason(error: BaseException) -> str:
    if isinstance(error, xml.sax.SAXParseException):
        return f"it is not well-formed: {error.getMessage()} in line {error.getLineNumber()}"
    return "it is not well-formed"


def _parsed(parser: Any, note: str, *, whole: bool = True) -> Parsed:
    """Take over what was read; without an entry that was not read to its end."""
    entries = parser.entries if whole or not parser.inentry else parser.entries[:-1]
    return Parsed(parser.feeddata, entries, parser.version or "", note)


@lru_cache(maxsize=1)
def _parsers() -> tuple[Any, Any]:
    """Return feedparser's two parsers with bounds."""
    try:
        from feedparser.api import LooseFeedParser, StrictFeedParser  # noqa: PLC0415
    except ImportError:
        raise Misconfigured(MISSING) from None
    return _bounded(StrictFeedParser), _bounded(LooseFeedParser)


def _bounded(base: Any) -> Any:  # noqa: C901 -- a dozen short methods
    class Bounded(base):
        resolve_relative_uris = False
        sanitize_html = False

        def __init__(self, *args: Any) -> None:
            self.elements = 0
            self.guidislink = 0
            super().__init__(*args)

        def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:  # noqa: N802
            if len(attrs) > MAX_ATTRIBUTES:
                raise _Enough(f"an element has more than {MAX_ATTRIBUTES} attributes")
            super().startElementNS(name, qname, attrs)

        def unknown_starttag(self, tag: str, attrs: Any) -> Any:
            self.elements += 1
            if self.elements > MAX_ELEMENTS:
                raise _Enough(f"it was read up to {MAX_ELEMENTS} elements")
            if self.depth > MAX_NESTING:
                raise _Enough(f"it was read up to where it is nested {MAX_NESTING} deep")
            return super().unknown_starttag(tag, attrs[:MAX_ATTRIBUTES])

        def track_namespace(self, prefix: Any, uri: str) -> None:
            if len(self.namespaces_in_use) < MAX_NAMESPACES:
                super().track_namespace(prefix, uri)

        def handle_charref(self, ref: str) -> None:
            try:
                super().handle_charref(ref)
            except (ValueError, OverflowError):  # a number that is no character
                self.handle_data("\ufffd")

        def pop(self, element: str, strip_whitespace: int = 1) -> Any:
            # An id is compared and never followed: resolved, it would change as its feed moves.
            link = self.guidislink if element == "id" else None
            if link is None:
                return super().pop(element, strip_whitespace)
            self.guidislink = 0
            found = super().pop(element, strip_whitespace)
            self.guidislink = link
            return found

        def _add_tag(self, term: Any, scheme: Any, label: Any) -> None:
            if len(self._get_context().get("tags") or ()) < MAX_TAGS:
                super()._add_tag(term, scheme, label)

        def _sync_author_detail(self, key: str = "author") -> None:
            if len(self._get_context().get(key) or "") <= MAX_AUTHOR:
                super()._sync_author_detail(key)

    return Bounded


def not_a_feed(root: str) -> Malformed:
    """Return the error for a document that is something else."""
    if root == "html":
        return Malformed("this is a web page and no feed: give the address of its feed")
    if root:
        return Malformed(f"this is no feed that can be read: its outermost element is {root[:40]}")
    return Malformed("this is no feed: there is neither XML nor a JSON Feed in it")
