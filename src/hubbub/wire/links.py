"""Addresses of topics and the `Link` header (RFC 8288, RFC 3986)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from hubbub.core.errors import InvalidTopic

# What a path segment may hold as it is (pchar); `/` separates the segments of a topic.
_PATH: Final = "/:@!$&'()*+,;=~"


def encode_path(path: str) -> str:
    """Percent-encode each segment of a path."""
    return quote(path, safe=_PATH)


@lru_cache(maxsize=4096)  # the source of every event without one
def topic_path(topic: str) -> str:
    """Return the path of a topic or pattern on a server: `/topics/` and its encoded segments."""
    return "/topics/" + quote(topic, safe=_PATH)


def topic_of(path: bytes) -> str:
    """Read a topic or pattern from the encoded path below `/topics/`.

    Each segment is decoded by itself, so an encoded `/` is refused instead of becoming a separator.
    Raises `InvalidTopic`; the grammar of names is the caller's to check.
    """
    if b"%" not in path and path.isascii():
        return path.decode()
    try:
        text = _unquoted(path).decode()
    except UnicodeDecodeError:
        raise InvalidTopic("a topic in a URL is percent-encoded UTF-8") from None
    if text.count("/") != path.count(b"/"):
        raise InvalidTopic("a segment of a topic holds no /, not even as %2F")
    return text


def link(target: str, rel: str) -> str:
    """Return one link of a `Link` header; `target` is a URL, percent-encoded already."""
    return f'<{target}>; rel="{rel}"'


def header(links: Iterable[tuple[str, str]]) -> bytes:
    """Return the value of a `Link` header for (target, relation) pairs."""
    return ", ".join(link(target, rel) for target, rel in links).encode("ascii", "ignore")


def _unquoted(path: bytes) -> bytes:
    """Percent-decode strictly. Raises `InvalidTopic` for a `%` without two hex digits."""
    first, *rest = path.split(b"%")
    parts = [first]
    for part in rest:
        digits = part[:2]
        if len(digits) != 2 or not digits.isalnum():  # noqa: PLR2004
            raise InvalidTopic("a % in a URL is followed by two hexadecimal digits")
        try:
            parts += [bytes.fromhex(digits.decode()), part[2:]]
        except ValueError:
            raise InvalidTopic("a % in a URL is followed by two hexadecimal digits") from None
    return b"".join(parts)
