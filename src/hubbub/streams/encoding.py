"""How records look on a connection: an `Encoding` makes each record's piece once for all readers.

A piece is what one record becomes; `join` makes of the pieces of one tick the bytes to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from hubbub.core.attributes import is_json, media_type
from hubbub.core.contracts import Framing
from hubbub.core.errors import Gap
from hubbub.core.event import Record
from hubbub.core.position import Position
from hubbub.wire import sse
from hubbub.wire.framing import chunk, deflated_frame, text_frame
from hubbub.wire.json import one_line

Dialect = Literal["sse", "sse-data", "events", "ops"]
"""Server-Sent Events with whole events or the data alone; CloudEvents as messages; hubbub.v1."""


KINDS: Final[dict[Dialect, str]] = {
    "sse": "sse",
    "sse-data": "sse",
    "events": "websocket",
    "ops": "multiplexed",
}
"""The kind of connection that speaks a dialect, as the metrics name it."""


class Encoding:
    """A dialect in a framing. Two of the same kind are the same object: see `encoding`."""

    def __init__(self, dialect: Dialect, framing: Framing, epoch: str, *, types: bool) -> None:
        self.dialect: Dialect = dialect
        self.framing: Framing = framing
        self.kind = KINDS[dialect]
        self._epoch = epoch
        self._types = types

    def piece(self, record: Record) -> Any:
        """Encode one record."""
        return self._frame(self._payload(record))

    def join(self, pieces: Sequence[Any]) -> Any:
        """Make what one write takes of at least one piece."""
        joined = b"".join(pieces)
        return chunk(joined) if self.framing == "chunked" else joined

    def control(self, name: str, members: dict[str, object], position: str | None = None) -> Any:
        """Encode something that hubbub itself has to say: `gap`, `live`, an answer."""
        body = msgspec.json.encode(members)
        if self.dialect in ("sse", "sse-data"):
            return self.join([sse.event(body, id=position, type=f"hubbub.{name}")])
        if self.dialect == "ops":
            said = b'{"op":%b%b' % (msgspec.json.encode(name), b"," if members else b"")
            return self.join([self._frame(said + body[1:])])
        return self.join([self._frame(_as_event(name, body, position))])

    def gap(self, gap: Gap) -> Any:
        """Encode that events between two positions are gone."""
        members: dict[str, object] = {"requested": gap.requested, "resumes_at": gap.resumes_at}
        return self.control("gap", members, gap.resumes_at)

    def _payload(self, record: Record) -> bytes:
        line = one_line(record.json)
        match self.dialect:
            case "events":
                return line
            case "ops":
                return b'{"op":"event","event":%b}' % line
            case "sse":
                position = str(Position(self._epoch, record.offset)) if record.offset else None
                kind = record.type if self._types else None
                if kind is None and position is not None:
                    return sse.event_line(line, position)
                return sse.event(line, id=position, type=kind)
            case "sse-data":
                return self._data(record)

    def _data(self, record: Record) -> bytes:
        position = str(Position(self._epoch, record.offset)) if record.offset else None
        data = record.data()
        content = data.content or b""
        kind = media_type(data.content_type or "application/octet-stream")
        if content and not (is_json(kind) or _is_text(content)):
            return sse.comment(
                f"{position}: binary data of {kind}; read it with format=cloudevents"
            )
        return sse.event(content, id=position, type=record.type if self._types else None)

    def _frame(self, payload: bytes) -> bytes:
        match self.framing:
            case "ws":
                return text_frame(payload)
            case "ws-deflate":
                return deflated_frame(payload)
            case "messages":
                return payload + b"\n"  # payloads are one line: the writer sends line by line
            case _:
                return payload


class LocalEncoding(Encoding):
    """For listeners in this process: records as they are."""

    def __init__(self) -> None:
        super().__init__("events", "messages", "", types=False)
        self.kind = "local"

    def piece(self, record: Record) -> Record:
        """Return the record itself."""
        return record

    def join(self, pieces: Sequence[Any]) -> Sequence[Any]:
        """Return the records themselves."""
        return pieces

    def control(self, name: str, members: dict[str, object], position: str | None = None) -> Any:
        """Say it as a list of one control tuple."""
        return [(name, members, position)]


@lru_cache(maxsize=256)
def encoding(dialect: Dialect, framing: Framing, epoch: str, *, types: bool = False) -> Encoding:
    """Return the one encoding of its kind, so that readers with it share what it makes."""
    return Encoding(dialect, framing, epoch, types=types)


LOCAL: Final = LocalEncoding()


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def _as_event(name: str, body: bytes, position: str | None) -> bytes:
    """Say it as a CloudEvent, the only thing that a `cloudevents.json` connection may carry."""
    identity = msgspec.json.encode(f"{name}-{position or 'now'}")
    return (
        b'{"specversion":"1.0","id":%b,"source":"/hubbub","type":"hubbub.%b",'
        b'"datacontenttype":"application/json","data":%b}' % (identity, name.encode(), body)
    )
