"""Strict JSON at the door (RFC 8259, RFC 7493): payloads are checked, then kept byte for byte.

Refused: bytes that are not UTF-8, lone surrogates, NaN and Infinity, control characters in strings,
trailing commas, a byte order mark, nesting deeper than `MAX_DEPTH` and, where an object is taken
apart, a member that is there twice. Every check takes time linear in the length of the text.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import accumulate
from typing import Any, Final

import msgspec

from hubbub.core.attributes import pointer
from hubbub.core.errors import Malformed

MAX_DEPTH = 128
"""Deepest nesting: no honest payload comes near it, and parsers of readers give up far above."""

_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # 1 and -1 as signed bytes
_OTHERS: Final = bytes(set(range(256)) - set(b'[]{}"'))
_WHITE: Final = b" \t\r\n"
_raw: Final = msgspec.json.Decoder(msgspec.Raw)
_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_array: Final = msgspec.json.Decoder(list[msgspec.Raw])


def check(body: bytes) -> None:
    """Raise `Malformed` unless `body` is one strict JSON text."""
    _decode(_raw, body)


def members(body: bytes) -> dict[str, bytes]:
    """Split an object into its members, values untouched. Raises `Malformed`, also on duplicates."""
    raw: dict[str, msgspec.Raw] = _decode(_object, body)
    found = {name: bytes(value) for name, value in raw.items()}
    if not _adds_up(body, found) and (name := _duplicate(body)) is not None:
        raise Malformed(f"the member {name[:40]!r} is there twice", pointer=pointer(name[:40]))
    return found


def items(body: bytes) -> list[bytes]:
    """Split an array into its items, untouched. Raises `Malformed`."""
    return [bytes(item) for item in _decode(_array, body)]


def one_line(text: bytes) -> bytes:
    """Put a JSON text on one line: breaks stand only between its tokens, where a space will do."""
    if b"\n" in text or b"\r" in text:
        return text.replace(b"\r\n", b" ").replace(b"\n", b" ").replace(b"\r", b" ")
    return text


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        if not body.isascii():
            body.decode()
        found = decoder.decode(body)
    except UnicodeDecodeError as error:
        raise Malformed(f"JSON is UTF-8 (RFC 8259 8.1): byte {error.start} is not") from None
    except RecursionError:
        raise _too_deep() from None
    except msgspec.MsgspecError as error:
        raise Malformed(f"not valid JSON: {_reason(str(error))}") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        raise _too_deep()
    return found


def _reason(text: str) -> str:
    return text.removeprefix("JSON is malformed: ").replace("Input data was", "the text is")


def _too_deep() -> Malformed:
    return Malformed(f"not valid JSON for us: it is nested deeper than {MAX_DEPTH} levels")


def _depth(body: bytes) -> int:
    """Return how deep a valid text is nested."""
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body
    # Brackets and the quotes around strings are left. Of what stands between quotes, every second
    # part is inside a string; dropping two neighbouring quotes does not change which.
    marks = plain.translate(_STEPS, _OTHERS).replace(b'""', b"")
    brackets = b"".join(marks.split(b'"')[::2])
    return max(accumulate(memoryview(brackets).cast("b")), default=0)


def _adds_up(body: bytes, found: dict[str, bytes]) -> bool:
    """Tell whether an object is as long as its parts, `{` and each `"name":value` and a comma.

    If not, a member is there twice or a name is written with escapes.
    """
    compact = 1
    for name, value in found.items():
        compact += len(name.encode()) + len(value) + 4
    return compact == len(body) or 1 + sum(
        len(name.encode().translate(None, _WHITE)) + len(value.translate(None, _WHITE)) + 4
        for name, value in found.items()
    ) == len(body.translate(None, _WHITE))


def _duplicate(body: bytes) -> str | None:
    """Return a name that the outermost object has twice."""
    outermost: list[str] = []

    def see(pairs: list[tuple[str, Any]]) -> None:
        outermost[:] = [name for name, _ in pairs]  # the outermost object is finished last

    json.loads(body, object_pairs_hook=see, parse_int=str, parse_float=str)
    return next((name for name, count in Counter(outermost).items() if count > 1), None)
