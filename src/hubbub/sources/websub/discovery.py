"""Which hubs a document names and what its own address is (WebSub, section 4).

The first of these that names a hub decides, and nothing is mixed but the address where the headers
name that alone: `Link` headers; what the document says, as JSON Feed (`hubs`, `feed_url`), as a feed
(`link` of the channel or feed itself, never of an entry or in its content), or as a page (`<link>` in
its `<head>`: a comment that somebody left must not choose the hub, section 8.1).

Pure, linear in the length of the document, and without the extra `websub`. A feed is read by expat;
where it is ill-formed, what comes before its first entry is looked through for tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import urldefrag, urljoin
from xml.parsers import expat

import msgspec

from hubbub.core.attributes import media_type
from hubbub.core.errors import Malformed
from hubbub.sources.websub import jsonfeed, page
from hubbub.sources.websub.markup import FEED_ROOTS, Markup, decode, markup
from hubbub.wire import link_header

MAX_HUBS: Final = 10
"""Hubs that are taken over: a feed has one or two."""

MAX_URL: Final = 2048
"""Characters of an address, as in wire/websub.py."""

MAX_SCANNED: Final = 1024 * 1024
"""Characters of an ill-formed feed that are looked through."""

MAX_LINKS: Final = 100
"""Links of a document that are looked at."""

_BAD: Final = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]")
_HTTP: Final = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_TOKEN: Final = re.compile(
    r"<!--|<!\[CDATA\[|<(?P<close>/?)(?:[\w.-]{1,40}:)?(?P<name>[A-Za-z][\w.-]{0,40})"
    r"(?P<rest>(?=[\s/>])[^<>]{0,4096})"
)
_ATTRIBUTE: Final = re.compile(r"""([\w:.-]{1,40})\s{0,9}=\s{0,9}(?:"([^"<]*)"|'([^'<]*)')""")
_ENTRIES: Final = frozenset({"item", "entry"})


class Discovered(msgspec.Struct, frozen=True):
    """What a document says of itself."""

    hubs: tuple[str, ...] = ()
    """Absolute URLs, in the document's order, each once."""
    topic: str | None = None
    """Its canonical address (rel=self), absolute: what to subscribe to (websub 37)."""


class _Found(msgspec.Struct):
    """A link in a document."""

    rels: tuple[str, ...]
    target: str
    """As written."""
    base: str
    """What it is relative to."""


def discover(headers: Sequence[tuple[str, str]], body: bytes, url: str) -> Discovered:
    """Look for hubs in an answer from `url`, the final one after redirects (websub 36). Never raises."""
    values = [value for name, value in headers if name.lower() == "link"]
    told = _discovered(
        _Found(link.rels, link.target, url)
        for link in link_header.parse(values)
        if link.anchor is None or _join(url, link.anchor) == url
    )
    if told.hubs or not body:
        return told
    types = [value for name, value in headers if name.lower() == "content-type"]
    inside = _discovered(_inside(types[0] if types else "", body, url))
    return Discovered(inside.hubs, inside.topic or told.topic)


def _discovered(links: Iterable[_Found]) -> Discovered:
    hubs: dict[str, None] = {}
    topic: str | None = None
    for link in links:
        is_hub, is_self = "hub" in link.rels, "self" in link.rels
        target = _absolute(link.base, link.target) if is_hub or is_self else None
        if target is None:
            continue
        if is_hub and len(hubs) < MAX_HUBS:
            hubs[target] = None
        if is_self and topic is None:
            topic = target
    return Discovered(tuple(hubs), topic)


def _absolute(base: str, target: str) -> str | None:
    """Return the address of a link without its fragment, if it is one that can be asked."""
    if not target.strip() or len(target) > MAX_URL:
        return None
    found = urldefrag(_join(base, target.strip()))[0]
    if not _HTTP.match(found) or _BAD.search(found) or len(found) > MAX_URL:
        return None
    return found


def _join(base: str, target: str) -> str:
    try:
        return urljoin(base, target)
    except ValueError:  # such as http://[
        return ""


def _inside(content_type: str, body: bytes, url: str) -> Iterable[_Found]:
    if jsonfeed.looks_like(body):
        return _of_json(body, url)
    text, _ = decode(content_type, body)
    document = markup(text)
    if document.root in FEED_ROOTS:
        return _of_feed(document, url)
    if document.root == "html" or media_type(content_type) in (
        "text/html",
        "application/xhtml+xml",
    ):
        return _of_page(text, url)
    return ()


def _of_json(body: bytes, url: str) -> list[_Found]:
    try:
        feed = jsonfeed.read(body)
    except Malformed:
        return []
    links = [_Found(("hub",), hub, url) for hub in feed.hubs]
    return [*links, _Found(("self",), feed.url, url)]


def _of_page(text: str, url: str) -> Iterator[_Found]:
    elements = list(page.head(text))
    bases = [said["href"] for name, said in elements if name == "base" and "href" in said]
    base = (_join(url, bases[0].strip()) if bases else url) or url
    for name, said in elements:
        if name == "link":
            yield _link(said, base)


def _of_feed(document: Markup, url: str) -> list[_Found]:
    reading = _Reading(url)
    try:
        reading.read(document)
    except expat.ExpatError:
        if not any("hub" in link.rels for link in reading.found):
            return list(_scanned(document.text[:MAX_SCANNED], url))
    return reading.found


class _Reading:
    """Links that are children of `feed` or `channel`, in a document that expat can read."""

    def __init__(self, url: str) -> None:
        self.found: list[_Found] = []
        self._bases = [url]
        self._depth = 0
        self._head: int | None = None
        """Depth of the children of `feed` or `channel`, while inside of it."""

    def read(self, document: Markup) -> None:
        parser = expat.ParserCreate("utf-8")
        # With a DTD elsewhere, which nobody fetches, entities that are not known are passed over.
        parser.Parse('<!DOCTYPE feed SYSTEM "">', False)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.Parse(document.text.encode("utf-8", "replace"), True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        name = name.rpartition(":")[2].lower()
        if self._depth == self._head and name == "link" and len(self.found) < MAX_LINKS:
            base = _join(self._bases[-1], attributes.get("xml:base", ""))
            self.found.append(_link(attributes, base))
        elif self._head is None and name in ("feed", "channel") and self._depth <= 2:  # noqa: PLR2004
            self._head = self._depth + 1
        if self._head is None or self._depth < self._head:
            self._bases.append(_join(self._bases[-1], attributes.get("xml:base", "")))

    def _end(self, _: str) -> None:
        if self._head is None or self._depth < self._head:
            self._bases.pop()
        self._depth -= 1
        if self._head is not None and self._depth < self._head - 1:
            self._head = None


def _scanned(text: str, url: str) -> Iterator[_Found]:
    """Find the links before the first entry, in a document that is not well-formed."""
    at = 0
    while (token := _TOKEN.search(text, at)) is not None:
        at = token.end()
        if token["name"] is None:
            end = "-->" if token[0] == "<!--" else "]]>"
            closed = text.find(end, at)
            if closed == -1:
                return
            at = closed
        elif (name := token["name"].lower()) in _ENTRIES:
            return
        elif name == "link" and not token["close"]:
            attributes = {
                found[1]: found[2] if found[2] is not None else found[3]
                for found in _ATTRIBUTE.finditer(token["rest"])
            }
            yield _link({name: _plain(value) for name, value in attributes.items()}, url)


def _plain(value: str) -> str:
    return value.replace("&#38;", "&").replace("&amp;", "&")


def _link(attributes: dict[str, str], base: str) -> _Found:
    said = {name.lower(): value for name, value in attributes.items()}
    return _Found(tuple(said.get("rel", "").lower().split()), said.get("href", ""), base)
