"""What comes before parsing: bytes to text, and a document without its prolog.

Everything here takes time linear in the length of the document. The DOCTYPE never reaches a parser:
of its entities only those stay that stand for a few characters, so nothing can be blown up, and
nothing outside of the document is ever named.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

import msgspec

MAX_ENTITY: Final = 32
"""Characters an entity of a DOCTYPE may stand for: one letter mostly; longer ones are for bombs."""

MAX_ENTITIES: Final = 300
"""Entities of a DOCTYPE that are known: HTML has 252."""

MAX_START: Final = 4096
"""Bytes in which the XML declaration says its encoding."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
    (b"\x4c\x6f\xa7\x94", "cp037"),
)
_NOT_FOR_TEXT: Final = frozenset(
    {
        "idna",
        "mbcs",
        "oem",
        "punycode",
        "raw-unicode-escape",
        "undefined",
        "unicode-escape",
    }
)
"""Codecs of Python that are no encodings of documents; some take quadratic time."""

_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_DECLARED: Final = re.compile(rb"""\s*<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]{1,40})""")
_ENTITY: Final = re.compile(
    rf"""<!ENTITY\s{{1,9}}(\w{{1,32}})\s{{1,9}}(?:"([^"&<%]{{0,{MAX_ENTITY}}}|&\#\w{{1,8}};)\""""
    rf"""|'([^'&<%]{{0,{MAX_ENTITY}}}|&\#\w{{1,8}};)')"""
)
_SPACE: Final = re.compile(r"[\s\ufeff]*")
_NAME: Final = re.compile(r"<(?:[\w.-]{1,40}:)?([A-Za-z][\w.-]{0,40})")
_ROOT: Final = re.compile(r"<(?:[\w.-]{1,40}:)?(?:rss|feed|rdf|channel)(?=[\s/>])", re.IGNORECASE)
FEED_ROOTS: Final = frozenset({"rss", "feed", "rdf", "channel"})
"""Outermost elements of RSS, Atom, RDF and CDF, in lower case."""

_MESSAGES: Final = frozenset({"b", "br", "font", "p"})
"""What a message of PHP begins with, which it puts before the document."""


class Markup(msgspec.Struct, frozen=True):
    """A document without its prolog."""

    root: str
    """Name of the outermost element in lower case, without a prefix; empty where there is none."""
    text: str
    """From the outermost element on."""
    entities: dict[str, str]
    """What the document's own entities stand for."""
    junk: bool
    """Whether there was something before the document that does not belong there."""


def decode(content_type: str, body: bytes) -> tuple[str, str]:
    """Return the text of a document, and its note: one sentence if the encoding was not as said.

    A byte order mark goes before the charset of the header, that before the XML declaration
    (RFC 7303); then UTF-8 is tried, and what that is not was Windows-1252.
    """
    marked = next(((mark, name) for mark, name in _MARKS if body.startswith(mark)), None)
    if marked is not None:
        mark, name = marked
        cut = 0 if b"<" in mark or name == "cp037" else len(mark)
        return body[cut:].decode(name, "replace"), ""
    told = [found[1] for found in [_CHARSET.search(content_type)] if found]
    if (declared := _DECLARED.match(body[:MAX_START])) is not None:
        told.append(declared[1].decode("ascii", "replace"))
    for name in [*told, "utf-8"]:
        text = _decoded(name, body)
        if text is not None:
            said = not told or name in told
            return text, "" if said else f"it says it is {told[0]} and is {name}"
    return body.decode("cp1252", "replace"), f"it is not valid {(told or ['utf-8'])[0]}"


def _decoded(name: str, body: bytes) -> str | None:
    # GB 18030 is what pages that say GB 2312 are written in.
    name = {"gb2312": "gb18030", "gb-2312": "gb18030"}.get(name.lower(), name)
    try:
        codec = codecs.lookup(name)
        if codec.name in _NOT_FOR_TEXT:
            return None
        return body.decode(name)
    except (LookupError, ValueError):  # UnicodeDecodeError is a ValueError
        return None


def markup(text: str) -> Markup:
    """Take a document apart. Never raises; where there is no element, `root` is empty."""
    entities: dict[str, str] = {}
    at = _SPACE.match(text).end()  # pyright: ignore[reportOptionalMemberAccess]
    while text.startswith(("<?", "<!"), at):
        end = _end(text, at)
        if text[at : at + 9].upper() == "<!DOCTYPE":
            entities |= _entities(text[at:end])
        at = _SPACE.match(text, end).end()  # pyright: ignore[reportOptionalMemberAccess]
    first = _NAME.match(text, at)
    if first is not None and first[1].lower() not in _MESSAGES:
        return Markup(first[1].lower(), text[at:], entities, junk=False)
    later = _ROOT.search(text, at)
    if later is None:
        name = first[1].lower() if first is not None else ""
        return Markup(name, text[at:], entities, junk=True)
    name = later[0].lstrip("<").rpartition(":")[2].lower()
    return Markup(name, text[later.start() :], entities, junk=True)


def _end(text: str, at: int) -> int:
    """Return where a comment, an instruction or a DOCTYPE ends."""
    if text.startswith("<!--", at):
        return _after(text, "-->", at + 4)
    if text.startswith("<?", at):
        return _after(text, "?>", at)
    plain, subset = text.find(">", at), text.find("[", at)
    if subset == -1 or -1 < plain < subset:
        return plain + 1 if plain != -1 else len(text)
    found = re.compile(r"\][ \t\r\n]{0,99}>").search(text, subset)
    return found.end() if found else len(text)


def _after(text: str, what: str, at: int) -> int:
    found = text.find(what, at)
    return len(text) if found == -1 else found + len(what)


def _entities(doctype: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ENTITY.finditer(doctype):
        if len(found) == MAX_ENTITIES:
            break
        found[match[1]] = match[2] if match[2] is not None else match[3]
    return found
