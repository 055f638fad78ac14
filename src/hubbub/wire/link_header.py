"""Reads `Link` headers (RFC 8288), leniently and in linear time, as its appendix B.2 does.

What cannot be read is skipped up to the next comma outside of quotes, and the links around it stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

MAX_LINKS: Final = 100
"""Links that are read: WebSub needs two, and WordPress sends five."""

MAX_LENGTH: Final = 64 * 1024
"""Characters that are read of all headers together: what HTTP servers allow for a whole head."""

_BETWEEN: Final = re.compile(r"[\s,]*+")
_TARGET: Final = re.compile(r"<([^<>]*+)>")
_SEPARATOR: Final = re.compile(r"\s*+;")
_NAME: Final = re.compile(r"[\s;]*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)\s*+")
_QUOTED: Final = re.compile(r'=\s*+"((?:[^"\\]|\\.)*+)"\s*+', re.DOTALL)
_BARE: Final = re.compile(r"=\s*+([^\s;,\"]*+)\s*+")
_TO_THE_NEXT: Final = re.compile(r'(?:[^",]++|"(?:[^"\\]|\\.)*+")*+', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


class Link(msgspec.Struct, frozen=True):
    """One link."""

    target: str
    """A URI reference as it is written, perhaps relative."""
    rels: tuple[str, ...] = ()
    """Its relations in lower case, each once."""
    anchor: str | None = None
    """What the link is from, where it is not the document itself; perhaps relative."""


def parse(values: Iterable[str]) -> list[Link]:
    """Return the links of the values of all `Link` headers, at most `MAX_LINKS`. Never raises."""
    text = ",".join(values)[:MAX_LENGTH]
    found: list[Link] = []
    at, is_open = 0, False
    while at < len(text) and len(found) < MAX_LINKS:
        link, at = _link(text, _end(_BETWEEN, text, at))
        if link is not None:
            found.append(link)
        if not is_open:
            at = _end(_TO_THE_NEXT, text, at)
            is_open = text.startswith('"', at)
        if is_open:  # a quote that is never closed counts for nothing, nor do others after it
            comma = text.find(",", at)
            at = len(text) if comma == -1 else comma
        at += 1
    return found


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where something ends that may be empty."""
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _link(text: str, at: int) -> tuple[Link | None, int]:
    """Read a link and its parameters; return where it ends."""
    target = _TARGET.match(text, at)
    if target is None:
        return None, at
    parameters, at = _parameters(text, target.end())
    rels = dict.fromkeys(parameters.get("rel", "").lower().split())
    return Link(target[1].strip(), tuple(rels), parameters.get("anchor")), at


def _parameters(text: str, at: int) -> tuple[dict[str, str], int]:
    """Read parameters; of a name that is there twice the first counts (section 3.3)."""
    found: dict[str, str] = {}
    while (separator := _SEPARATOR.match(text, at)) is not None:
        at = separator.end()
        name = _NAME.match(text, at)
        if name is None:
            continue
        at = name.end()
        value = ""
        if (quoted := _QUOTED.match(text, at)) is not None:
            value, at = _ESCAPED.sub(r"\1", quoted[1]), quoted.end()
        elif (bare := _BARE.match(text, at)) is not None:
            value, at = bare[1], bare.end()
        found.setdefault(name[1].lower(), value)
    return found, at
