"""Server-Sent Events (WHATWG HTML 9.2): the bytes of a stream, in both directions.

`Parser` dispatches what a browser's EventSource would, however the bytes are cut. Lines end in LF,
CR or CRLF and nothing else; a CR at the end of what has arrived ends its line at once. Bytes that
are no UTF-8 become U+FFFD, one leading byte order mark is dropped.

The encoders write blocks that end in a blank line and are never cut open by what they carry: text
is split over `data:` lines, and an id or type that could not be read back is refused.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from hubbub.core.errors import Malformed, TooLarge

MEDIA_TYPE = "text/event-stream"

MAX_EVENT_BYTES = 16 * 2**20
"""Bytes of one event that a parser holds: 1 MiB with every character escaped fits well."""

MAX_RETRY_DIGITS = 640
"""Longest `retry:` that is read: Python turns as many digits into a number however it is set."""

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"
_NOT_IN_ID: Final = re.compile("[\0\r\n\ud800-\udfff]")
_NOT_IN_TYPE: Final = re.compile("[\r\n\ud800-\udfff]")


class ServerSentEvent(NamedTuple):
    """One dispatched event."""

    type: str
    """`message` if the stream named none."""
    data: str
    last_event_id: str
    """The newest id so far: of this event or of one before it."""


class Parser:
    """Reads one stream after another, as the connections of one reader follow each other.

    `last_event_id` is where the first stream resumes from; it and `retry` outlive `end`.
    """

    def __init__(self, *, last_event_id: str = "", max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.last_event_id = last_event_id
        """What a reconnect sends as `Last-Event-ID`; also moved by a block of an id alone."""
        self.retry: int | None = None
        """Milliseconds to wait before a reconnect, if the stream ever said so."""
        self._max = max_event_bytes
        self.end()

    def end(self) -> None:
        """Tell that the stream is over: an unfinished block is dropped, the next may begin."""
        self._begun = False
        self._after_cr = False
        self._line: list[bytes] = []  # the line that has not ended yet, in pieces
        self._line_bytes = 0
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._type = ""
        self._id = self.last_event_id
        self._broken: TooLarge | None = None

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Take the next bytes, of any length, and return the events that they complete.

        Raises `TooLarge` once an event exceeds the bound, after all events before it were
        returned (if need be by the next call); only `end` makes the parser usable again.
        """
        if self._broken:
            raise self._broken
        if not self._begun:
            data = self._begin(data)
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == 0x0A:  # noqa: PLR2004  the LF of a CRLF that was cut
                data = data[1:]
        if not data:
            return []
        lines = data.split(b"\n") if b"\r" not in data else _LINE_END.split(data)
        self._after_cr = data[-1] == 0x0D  # noqa: PLR2004
        events: list[ServerSentEvent] = []
        try:
            self._read(lines, events)
        except TooLarge as error:
            self._broken = error
            if not events:
                raise
        return events

    def _begin(self, data: bytes) -> bytes:
        """Drop a leading byte order mark; return what can be read already."""
        data = b"".join((*self._line, data))
        self._line.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._line.append(data)
            return b""
        self._begun = True
        return data.removeprefix(_BOM)

    def _read(self, lines: list[bytes], events: list[ServerSentEvent]) -> None:
        rest = lines.pop()
        for line in lines:
            if self._line:
                self._line.append(line)
                line = b"".join(self._line)  # noqa: PLW2901
                self._line.clear()
                self._line_bytes = 0
            if line:
                self._check(len(line))
                self._field(line)
            elif event := self._dispatch():
                events.append(event)
        if rest:
            self._line_bytes += len(rest)
            self._check(self._line_bytes)
            self._line.append(rest)

    def _check(self, line_bytes: int) -> None:
        if self._data_bytes + line_bytes > self._max:
            raise TooLarge(
                f"an event of more than {self._max} bytes; read it from the history instead, "
                "or resume after it"
            )

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
                self._data_bytes += len(line)
            case b"event":
                self._type = value.decode(errors="replace")
            case b"id" if b"\0" not in value:
                self._id = value.decode(errors="replace")
            case b"retry" if value.isdigit() and len(value) <= MAX_RETRY_DIGITS:
                self.retry = int(value)
            case _:
                pass  # a comment, or a field that the standard does not know

    def _dispatch(self) -> ServerSentEvent | None:
        self.last_event_id = self._id
        lines, kind = self._data, self._type
        self._type = ""
        if not lines:
            return None
        self._data, self._data_bytes = [], 0
        # Decoded line by line: bytes of two lines never make one character.
        text = "\n".join([line.decode(errors="replace") for line in lines])
        return ServerSentEvent(kind or "message", text, self._id)


def event(data: bytes, *, id: str | None = None, type: str | None = None) -> bytes:  # noqa: A002
    """Write one event of any UTF-8 text, empty text included; a CR or CRLF in it arrives as LF.

    Raises `Malformed` for an id or type that a line cannot carry.
    """
    head = b""
    if id is not None:
        head = b"id: %b\n" % _line_text("an id", id, _NOT_IN_ID)
    if type is not None:
        head += b"event: %b\n" % _line_text("a type", type, _NOT_IN_TYPE)
    if b"\n" in data or b"\r" in data:
        data = _LINE_END.sub(b"\ndata: ", data)
    return b"%bdata: %b\n\n" % (head, data)


def event_line(json: bytes, position: str) -> bytes:
    """Write one event whose data is on one line already: the hot path of fan-out."""
    return b"id: %b\ndata: %b\n\n" % (position.encode(), json)


def position_only(position: str) -> bytes:
    """Write a block that dispatches nothing and moves the reader's last id to `position`.

    First on a stream, it lets even a browser that is cut off before the first event resume from
    where it began; later, it carries a reader whose filter takes little past what was looked at.
    """
    return b"id: %b\n\n" % position.encode()


def comment(text: str) -> bytes:
    """Write a comment as a block of its own: the keep-alive of a quiet stream."""
    return b": %b\n\n" % _LINE_END.sub(b"\n: ", text.encode(errors="replace"))


def retry(milliseconds: int) -> bytes:
    """Write how long readers wait before they reconnect."""
    return b"retry: %d\n\n" % max(0, milliseconds)


def _line_text(what: str, text: str, forbidden: re.Pattern[str]) -> bytes:
    if forbidden.search(text):
        raise Malformed(f"{what} in an event stream holds no line break, NUL or lone surrogate")
    return text.encode()
