"""The frames around what streams write: HTTP/1.1 chunks (RFC 9112 7.1), WebSocket frames (RFC 6455 5.2).

A server's frames are not masked, and a compressed one made without context takeover (RFC 7692 7.1.1)
is valid for every connection that negotiated so: made once, written to all.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

WINDOW_BITS: Final = 12
"""LZ77 window of shared compressed frames: 4 KiB holds most events, and inflating needs that much."""

MEMORY_LEVEL: Final = 5
"""zlib's memory for making them; a higher level gains little below 4 KiB."""

_TEXT: Final = 0x81  # FIN and opcode 1
_COMPRESSED: Final = 0x40  # RSV1
_SHORT: Final = 126
_MEDIUM: Final = 65536


def chunk(data: bytes) -> bytes:
    """Frame one HTTP/1.1 chunk; `data` must not be empty, for that would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def text_frame(payload: bytes, first: int = _TEXT) -> bytes:
    """Frame one unfragmented text message of UTF-8 `payload`."""
    size = len(payload)
    if size < _SHORT:
        return bytes((first, size)) + payload
    if size < _MEDIUM:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def deflated_frame(payload: bytes) -> bytes:
    """Frame one text message compressed with permessage-deflate, without context takeover."""
    deflate = zlib.compressobj(wbits=-WINDOW_BITS, memLevel=MEMORY_LEVEL)
    squeezed = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return text_frame(squeezed[:-4], _TEXT | _COMPRESSED)  # RFC 7692 7.2.1: drop 00 00 ff ff
