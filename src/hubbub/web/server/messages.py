"""Messages from frames (RFC 6455 5.4, 8.1): sans-I/O, bounded, text checked as it comes."""

from __future__ import annotations

import codecs
import io
from typing import Any

from websockets.frames import Frame, Opcode

_utf8_decoder = codecs.getincrementaldecoder("utf-8")


class TooManyFragmentsError(Exception):
    """A message came in more frames than the bound."""


class Assembler:
    """Joins the frames of one message after the other.

    Frames must be data frames in an order that the protocol allows. The pieces are joined as they
    come, so that a fragment costs its bytes and nothing else.
    """

    __slots__ = ("_count", "_decoder", "_max_fragments", "_pieces")

    def __init__(self, max_fragments: int) -> None:
        self._max_fragments = max_fragments
        self._count = 0
        self._pieces: io.StringIO | bytearray | None = None
        self._decoder: codecs.IncrementalDecoder | None = None

    @property
    def is_partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._pieces is not None

    def add(self, frame: Frame) -> dict[str, Any] | None:
        """Take a frame; return the ASGI message that it completes, if it does.

        Raises UnicodeDecodeError as soon as text cannot become valid any more, and
        `TooManyFragmentsError`.
        """
        data = bytes(frame.data)
        if self._pieces is None:
            if frame.fin:
                return _message(data.decode() if frame.opcode is Opcode.TEXT else data)
            self._begin(frame.opcode is Opcode.TEXT)
        self._count += 1
        if self._count > self._max_fragments:
            raise TooManyFragmentsError
        if isinstance(self._pieces, bytearray):
            self._pieces += data
        elif self._pieces is not None and self._decoder is not None:
            self._pieces.write(self._decoder.decode(data, frame.fin))
        return _message(self._end()) if frame.fin else None

    def _begin(self, is_text: bool) -> None:
        self._count = 0
        self._pieces = io.StringIO() if is_text else bytearray()
        self._decoder = _utf8_decoder() if is_text else None

    def _end(self) -> str | bytes:
        pieces, self._pieces, self._decoder = self._pieces, None, None
        return pieces.getvalue() if isinstance(pieces, io.StringIO) else bytes(pieces or b"")


def _message(data: str | bytes) -> dict[str, Any]:
    if isinstance(data, str):
        return {"type": "websocket.receive", "text": data}
    return {"type": "websocket.receive", "bytes": data}
