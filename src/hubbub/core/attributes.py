"""The type system of CloudEvents 1.0.2: which context attributes and values are valid.

Everything is checked and nothing is changed: an event goes out with the very text it came in with.
Where the specification says MUST, a breach is `InvalidEvent` with a JSON pointer to the attribute.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date

from hubbub.core.errors import InvalidEvent

Value = str | int | bool
"""What a context attribute may hold; timestamps, URIs and binary are strings by their form."""

SPECVERSION = "1.0"
REQUIRED = ("id", "source", "type", "specversion")
OURS = ("topic", "position")
"""Extensions that hubbub writes itself: one is an address, the other a place in this log."""

MAX_NAME = 64
"""Longest attribute name: the specification advises 20 characters, producers go a little beyond."""

MAX_TEXT = 8192
"""Longest attribute text in characters: attributes travel in headers, where 8 KiB is the custom."""

_NAME = re.compile(r"[a-z0-9]+", re.ASCII)
FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
    )
    + "]"
)
"""What no String holds (CloudEvents 1.0.2, Type System): controls and code points that are no characters."""

_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]++|%[0-9A-Fa-f]{2})++")
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:.")
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_MEDIA_TYPE = re.compile(  # possessive, so that white space is never tried in two ways
    rf'{_TOKEN}/{_TOKEN}(?:[ \t]*+;[ \t]*+(?:{_TOKEN}=(?:{_TOKEN}|"(?:[^"\\]|\\.)*+"))?+)*+'
)
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-]([0-9]{2}):([0-9]{2}))"
)


def check_name(name: str) -> None:
    """Raise `InvalidEvent` unless `name` may name a context attribute."""
    if name in _RULES:
        return
    if not _NAME.fullmatch(name) or name in ("data", "data_base64"):
        raise InvalidEvent(
            f"an attribute name has lower-case letters and digits only, not {name[:40]!r}",
            pointer=pointer(name),
        )
    if len(name) > MAX_NAME:
        raise InvalidEvent(
            f"an attribute name has at most {MAX_NAME} characters", pointer=pointer(name[:MAX_NAME])
        )


def check_value(name: str, value: Value) -> None:
    """Raise `InvalidEvent` unless `value` is one that the attribute may have."""
    if isinstance(value, str):
        check_text(name, value)
        if rule := _RULES.get(name):
            rule(name, value)
    elif name in _RULES:
        raise InvalidEvent(f"{name} is a string", pointer=pointer(name))
    elif not isinstance(value, bool) and not -(2**31) <= value < 2**31:
        raise InvalidEvent(f"{name}: an integer has 32 bits, signed", pointer=pointer(name))


def check_text(name: str, value: str) -> None:
    """Raise `InvalidEvent` if the text has characters that a String must not have."""
    if len(value) > MAX_TEXT:
        raise InvalidEvent(f"{name} has at most {MAX_TEXT} characters", pointer=pointer(name))
    if not (value.isascii() and value.isprintable()) and FORBIDDEN.search(value):
        raise InvalidEvent(
            f"{name} holds a control character or a code point that is no character",
            pointer=pointer(name),
        )


def check_required(attributes: Mapping[str, Value]) -> None:
    """Raise `InvalidEvent` if a required attribute is missing."""
    for name in REQUIRED:
        if name not in attributes:
            raise InvalidEvent(f"{name} is missing", pointer=pointer(name))


def is_json(content_type: str | None) -> bool:
    """Tell whether a media type is JSON: `*/json` or `*/*+json`, in any case (JSON format 3.1)."""
    if content_type is None:
        return False
    if content_type == "application/json":
        return True
    _, slash, subtype = media_type(content_type).partition("/")
    return bool(slash) and (subtype == "json" or subtype.endswith("+json"))


def media_type(content_type: str) -> str:
    """Return the media type in lower case, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def pointer(name: str) -> str:
    """Return the JSON pointer (RFC 6901) of a member."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _non_empty(name: str, value: str) -> None:
    if not value:
        raise InvalidEvent(f"{name} is not empty", pointer=pointer(name))


def _visible(name: str, value: str) -> None:
    """Ids and types end up in log lines, headers and consoles: format characters would lie there."""
    _non_empty(name, value)
    if not value.isascii() and any(unicodedata.category(c) == "Cf" for c in value):
        raise InvalidEvent(f"{name} holds an invisible format character", pointer=pointer(name))


def _specversion(name: str, value: str) -> None:
    if value != SPECVERSION:
        raise InvalidEvent('specversion is "1.0", the only one there is', pointer=pointer(name))


def _uri_reference(name: str, value: str) -> None:
    if not _URI_REFERENCE.fullmatch(value):
        raise InvalidEvent(
            f"{name} is a URI reference (RFC 3986): percent-encode other characters",
            pointer=pointer(name),
        )


def _absolute_uri(name: str, value: str) -> None:
    if not (_URI_REFERENCE.fullmatch(value) and _ABSOLUTE_URI.match(value)):
        raise InvalidEvent(f"{name} is an absolute URI (RFC 3986)", pointer=pointer(name))


def _media_type(name: str, value: str) -> None:
    if value != "application/json" and not _MEDIA_TYPE.fullmatch(value):
        raise InvalidEvent(
            f"{name} is a media type such as application/json", pointer=pointer(name)
        )


def _time(name: str, value: str) -> None:
    if (found := _TIME.fullmatch(value)) and _exists(found):
        return
    raise InvalidEvent(
        f"{name} is an RFC 3339 time with its zone, such as 2026-11-23T09:30:00Z",
        pointer=pointer(name),
    )


def _exists(found: re.Match[str]) -> bool:
    year, month, day, hour, minute, second, zone_hour, zone_minute = (
        int(part) if part else 0 for part in found.groups()
    )
    try:
        date(year or 4, month, day)  # RFC 3339 knows a year 0, a leap year; Python does not
    except ValueError:
        return False
    return hour < 24 and minute < 60 and second <= 60 and zone_hour < 24 and zone_minute < 60  # noqa: PLR2004


_RULES = {
    "id": _visible,
    "source": _uri_reference,
    "type": _visible,
    "specversion": _specversion,
    "subject": _non_empty,
    "dataschema": _absolute_uri,
    "datacontenttype": _media_type,
    "time": _time,
    "recordedtime": _time,
    "expirytime": _time,
}
