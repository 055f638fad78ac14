"""Topics and patterns: the names of the house (api.md, Names).

A topic is 1 to 255 bytes of UTF-8: segments between `/`, none of them empty, `.` or `..`, without
control or format characters and without `*`. A pattern is a topic in which a whole segment may be
`*` (exactly one segment) and the last may be `**` (one or more). Case matters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from hubbub.core.attributes import FORBIDDEN
from hubbub.core.errors import InvalidTopic

MAX_BYTES = 255
"""Longest topic: fits an index page, a header line and every broker's limit."""

MAX_PATTERNS = 100
"""Patterns that one reader may name: keeps the cost of joining the topic index bounded."""

_REFUSED_CATEGORIES = frozenset(("Cc", "Cf", "Cs"))  # controls, format characters, lone surrogates


def check_topic(text: str) -> str:
    """Return `text` if it is a topic. Raises `InvalidTopic`."""
    _check(text)
    if "*" in text:
        raise InvalidTopic("a topic to publish to holds no *; patterns are for reading")
    return text


def check_pattern(text: str) -> str:
    """Return `text` if it is a pattern; every topic is one. Raises `InvalidTopic`."""
    _check(text)
    if "*" in text:
        *before, last = text.split("/")
        if any("*" in part and part != "*" for part in before) or (
            "*" in last and last not in ("*", "**")
        ):
            raise InvalidTopic("* stands for a whole segment, ** for one or more at the end")
    return text


def is_pattern(text: str) -> bool:
    """Tell whether a checked pattern has wildcards."""
    return "*" in text


def matches(pattern: str, topic: str) -> bool:
    """Tell whether `topic` falls under `pattern`; both checked before."""
    if "*" not in pattern:
        return pattern == topic
    if pattern == "**":
        return True
    wanted = pattern.split("/")
    given = topic.split("/")
    if wanted[-1] == "**":
        wanted.pop()
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(
        w in ("*", g) for w, g in zip(wanted, given, strict=True)
    )


def covers(wider: str, narrower: str) -> bool:
    """Tell whether every topic under `narrower` falls under `wider`: the rule of grants."""
    if "*" not in narrower:
        return matches(wider, narrower)
    a, b = wider.split("/"), narrower.split("/")
    for place, want in enumerate(a):
        if want == "**":
            return len(b) > place
        if place >= len(b) or b[place] == "**" or want not in ("*", b[place]):
            return False
    return len(a) == len(b)


def reduce_patterns(patterns: Iterable[str]) -> tuple[str, ...]:
    """Sort patterns and drop those that another one covers. Raises `InvalidTopic` above the bound."""
    unique = sorted(set(patterns))
    if len(unique) > MAX_PATTERNS:
        raise InvalidTopic(f"one reader may name {MAX_PATTERNS} patterns; use wildcards for more")
    if not any("*" in p for p in unique):
        return tuple(unique)
    return tuple(p for p in unique if not any(other != p and covers(other, p) for other in unique))


def literal_prefix(pattern: str) -> str:
    """Return what every topic under the pattern starts with: `orders/` for `orders/*`."""
    return pattern[: pattern.index("*")] if "*" in pattern else pattern


def _check(text: str) -> None:
    if not text:
        raise InvalidTopic("a topic has at least one segment, such as orders/42")
    if not text.isascii():
        _check_unicode(text)
    elif not text.isprintable():
        raise InvalidTopic("a topic holds no control or format characters")
    if len(text) > MAX_BYTES:
        raise InvalidTopic(f"a topic has at most {MAX_BYTES} bytes of UTF-8")
    if "//" in text or text[0] == "/" or text[-1] == "/":
        raise InvalidTopic("a topic has no empty segments: no leading, trailing or double /")
    if "." in text and any(part in (".", "..") for part in text.split("/")):
        raise InvalidTopic("a topic has no segment that is . or ..")


def _check_unicode(text: str) -> None:
    if any(unicodedata.category(c) in _REFUSED_CATEGORIES for c in text):
        raise InvalidTopic("a topic holds no control or format characters")
    if FORBIDDEN.search(text):
        raise InvalidTopic("a topic holds no code points that are no characters")
    if len(text.encode()) > MAX_BYTES:
        raise InvalidTopic(f"a topic has at most {MAX_BYTES} bytes of UTF-8")
