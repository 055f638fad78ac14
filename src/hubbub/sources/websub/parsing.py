"""feedparser, within bounds: what it reads of any document takes no more than effort.py allows, and fetches nothing.

Three things of it are not used: `parse`, which opens what looks like an address and has regular
expressions that take hours on a line of a megabyte; its way with encodings and the DOCTYPE (markup.py
has ours); and cleaning inside the parser, which has no bounds (cleaning.py does the same with some). Its
two parsers are subclassed where a document could make them slow: each element and piece of text takes
steps, and when there are no more, what has been read stays. Which of the two it is says expat beforehand,
in hundredths of a second, so that no document is read twice. `tests/sources/websub/test_hostile.py` holds
the bounds, `test_corpus.py` that it still is feedparser.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# feedparser has no types.

from __future__ import annotations

import io
import xml.sax
import xml.sax.handler
import xml.sax.xmlreader
from functools import lru_cache
from types import FunctionType
from typing import Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape

import msgspec

from hubbub.core.errors import Malformed, Misconfigured
from hubbub.sources.websub import effort
from hubbub.sources.websub.effort import Effort
from hubbub.sources.websub.markup import Markup

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

MAX_BASES: Final = 4
"""Addresses that are remembered as resolved: most documents have one that all others start from."""

RESOLVE: Final = "make_safe_absolute_uri"
"""Name of the function that feedparser resolves `xml:base` with, for each element."""

XHTML: Final = "application/xhtml+xml"

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


def parse(document: Markup, url: str, steps: Effort) -> Parsed:
    """Read a feed; `url` is what its relative addresses start from.

    Raises `Misconfigured` without feedparser. What could not be read is left out and in the note.
    """
    strict, loose = _parsers()
    source = _source(document)
    fault = _fault(source)
    if not fault:
        parser = strict(url, steps)
        try:
            _drive(parser, source)
        except _Enough as enough:
            return _parsed(parser, str(enough), whole=False)
        except Exception:  # noqa: BLE001 -- strangers' documents find what its authors did not
            fault = "it is not well-formed"
        else:
            return _parsed(parser, "it starts with something else" if document.junk else "")
    parser = loose(url, steps, document.entities)
    try:
        parser.spend(document.text.count("/>", 0, MAX_LOOSE) * effort.SHORT)
        parser.feed(document.text[:MAX_LOOSE])
    except _Enough as enough:
        return _parsed(parser, f"{fault}, and {enough}", whole=False)
    except Exception:  # noqa: BLE001
        return _parsed(parser, fault, whole=False)
    if len(document.text) > MAX_LOOSE:
        return _parsed(parser, f"{fault}, and was read up to {MAX_LOOSE} characters", whole=False)
    return _parsed(parser, fault)


def _source(document: Markup) -> bytes:
    """Return a document as a parser of XML gets it, with those of its entities that are harmless."""
    head = '<?xml version="1.0" encoding="utf-8"?>'
    if document.entities:
        known = "".join(
            f'<!ENTITY {name} "{escape(text, {chr(34): "&#34;"}) if text[:2] != "&#" else text}">'
            for name, text in document.entities.items()
        )
        head += f"<!DOCTYPE feed [{known}]>"
    return (head + document.text).encode("utf-8", "replace")


def _fault(source: bytes) -> str:
    """Say why a document is not well-formed; empty: it is."""
    try:
        expat.ParserCreate(namespace_separator=" ").Parse(source, True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        return f"it is not well-formed: {what} in line {error.lineno}"
    return ""


def _drive(parser: Any, source: bytes) -> None:
    reader = xml.sax.make_parser()  # noqa: S317 -- without DOCTYPE; nothing external is resolved
    reader.setFeature(xml.sax.handler.feature_namespaces, state=True)
    reader.setFeature(xml.sax.handler.feature_external_ges, state=False)
    reader.setContentHandler(parser)
    reader.setErrorHandler(parser)
    given = xml.sax.xmlreader.InputSource()
    given.setByteStream(io.BytesIO(source))
    reader.parse(given)


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
    return _bounded(StrictFeedParser, effort.PIECE), _bounded(LooseFeedParser, effort.LOOSE)


def _bounded(base: Any, piece: int) -> Any:  # noqa: C901 -- a dozen short methods
    class Bounded(base):
        resolve_relative_uris = False
        sanitize_html = False

        def __init__(self, url: str, steps: Effort, *entities: dict[str, str]) -> None:
            self.steps = steps
            self.start = _remembering(base.unknown_starttag)
            self.guidislink = 0
            super().__init__(url, None, "utf-8", *entities)

        def spend(self, steps: int) -> None:
            self.steps.left -= steps
            if self.steps.left < self.steps.reserve:
                raise _Enough(f"it was read up to its entry {len(self.entries)}: it is too complex")

        def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:  # noqa: N802
            if len(attrs) > MAX_ATTRIBUTES:
                raise _Enough(f"an element has more than {MAX_ATTRIBUTES} attributes")
            super().startElementNS(name, qname, attrs)

        def unknown_starttag(self, tag: str, attrs: Any) -> Any:
            is_inline = self.incontent and self.contentparams.get("type") == XHTML
            self.spend(
                (effort.INLINE if is_inline else effort.ELEMENT) + len(attrs) * effort.ATTRIBUTE
            )
            if self.depth > MAX_NESTING:
                raise _Enough(f"it was read up to where it is nested {MAX_NESTING} deep")
            return self.start(self, tag, attrs[:MAX_ATTRIBUTES])

        def unknown_endtag(self, tag: str) -> None:
            self.spend(effort.END)
            super().unknown_endtag(tag)

        def handle_data(self, text: str, escape: int = 1) -> None:
            self.spend(piece)
            super().handle_data(text, escape)

        def handle_entityref(self, ref: str) -> None:
            self.spend(piece)
            super().handle_entityref(ref)

        def track_namespace(self, prefix: Any, uri: str) -> None:
            if len(self.namespaces_in_use) < MAX_NAMESPACES:
                super().track_namespace(prefix, uri)

        def handle_charref(self, ref: str) -> None:
            self.spend(piece)
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


def _remembering(start: Any) -> Any:
    """Return the method that begins an element without its resolving of the same address each time.

    That is a half of what an element takes. It is remembered for one document, which others cannot fill.
    """
    names = dict[str, Any](start.__globals__)
    if (resolve := names.get(RESOLVE)) is None:
        return start
    names[RESOLVE] = lru_cache(maxsize=MAX_BASES)(resolve)
    return FunctionType(start.__code__, names, start.__name__, start.__defaults__)


def not_a_feed(root: str) -> Malformed:
    """Return the error for a document that is something else."""
    if root == "html":
        return Malformed("this is a web page and no feed: give the address of its feed")
    if root:
        return Malformed(f"this is no feed that can be read: its outermost element is {root[:40]}")
    return Malformed("this is no feed: there is neither XML nor a JSON Feed in it")
