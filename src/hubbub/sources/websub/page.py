"""The links in the `<head>` of a page (WebSub 4 and 8.1), read as a browser would, and no further.

Everything in a page that somebody else wrote is in its body, so reading stops at the first thing that
begins the body: text, or an element that has no place in a head. Doubt ends it, too. Linear in the
length of the page; a parser of whole pages is not used because Lexbor, for one, takes half a minute for
a tag of a megabyte, which holds up everybody else. The tests compare this with it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

MAX_PAGE: Final = 1024 * 1024
"""Characters that are read: some heads hold all their styles."""

MAX_ATTRIBUTES: Final = 200
"""Attributes of a tag; no honest one has more than thirty."""

MAX_TAGS: Final = 2000
"""Tags of a head."""

# HTML, 13.2.5: what ends the name of a tag, and the parts of an attribute.
_TAG: Final = re.compile(r"<(/?)([A-Za-z][^\s/>]{0,40})(?=[\s/>])")
_ATTRIBUTE: Final = re.compile(
    r"""[\s/]*+(=?[^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+)|(?=>)))?+"""
)
_UNREAD: Final = re.compile(r"\s*+=")
_SPACE: Final = re.compile(r"\s*+")
_COMMENT_END: Final = re.compile(r"--!?>")
_ESCAPED_SCRIPT: Final = re.compile(r"<!--.*?<script", re.IGNORECASE | re.DOTALL)

_RAW: Final = frozenset({"title", "script", "style", "noscript", "template", "noframes"})
_VOID: Final = frozenset({"meta", "link", "base", "basefont", "bgsound", "html", "head"})


def head(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the name and attributes of each `link` and `base` in the head of a page, in order."""
    text = text[:MAX_PAGE]
    at = 0
    for _ in range(MAX_TAGS):
        at = _SPACE.match(text, at).end()  # pyright: ignore[reportOptionalMemberAccess]
        if text.startswith(("<!", "<?"), at):
            at = _passed(text, at)
            continue
        tag = _TAG.match(text, at)
        if tag is None or tag[1]:  # text, or an end: of the head, or of something unexpected
            return
        name = tag[2].lower()
        attributes, at = _attributes(text, tag.end())
        if attributes is None or name not in _RAW | _VOID:
            return
        if name in ("link", "base"):
            yield name, attributes
        elif name in _RAW:
            at = _past(text, at, name)


def _passed(text: str, at: int) -> int:
    """Return where a comment, a DOCTYPE or something of the kind ends."""
    if not text.startswith("<!--", at):
        return _after(text, text.find(">", at), 1)
    if text.startswith((">", "->"), at + 4):
        return text.find(">", at) + 1
    end = _COMMENT_END.search(text, at + 4)
    return end.end() if end else len(text)


def _past(text: str, at: int, name: str) -> int:
    """Return where an element ends whose content is not to be looked at."""
    end = re.compile(rf"</{name}(?=[\s/>])[^>]*+>", re.IGNORECASE).search(text, at)
    if end is None:
        return len(text)
    inside = text[at : end.start()]
    if name == "script" and _ESCAPED_SCRIPT.search(inside):
        return len(text)  # HTML, 13.2.5.18: where it ends is not what it looks like
    if name in ("template", "noscript") and f"<{name}" in inside.lower():
        return len(text)
    return end.end()


def _attributes(text: str, at: int) -> tuple[dict[str, str] | None, int]:
    """Read attributes up to the end of a tag; None where there is none, or too many."""
    found: dict[str, str] = {}
    for _ in range(MAX_ATTRIBUTES):
        match = _ATTRIBUTE.match(text, at)
        if match is None or match.end() >= len(text):
            return None, len(text)
        at = match.end()
        if match[1] and _UNREAD.match(text, at):
            return None, len(text)  # a value whose quotes are never closed
        if match[1]:
            value = next((part for part in match.group(2, 3, 4) if part is not None), "")
            found.setdefault(match[1].lower(), html.unescape(value))
        if text[at] == ">":
            return found, at + 1
    return None, len(text)


def _after(text: str, found: int, length: int) -> int:
    return len(text) if found == -1 else found + length
