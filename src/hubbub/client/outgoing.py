"""What is sent to publish: headers and bodies (CloudEvents HTTP binding), every event with an id.

An id chosen before the first try is what makes a retry safe: the server answers the second one
with the first one's position.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec

from hubbub.client.event import Event
from hubbub.core.attributes import Value, check_name, check_value, is_json
from hubbub.core.errors import InvalidEvent, Malformed
from hubbub.core.event import compose
from hubbub.wire.cloudevents import encode_header

BATCH_BYTES = 64 * 1024
"""Size of a request with many events: what every server takes, however it is set."""

CloudEvent = Mapping[str, Any] | Event | bytes
"""An event made elsewhere: its attributes with `data`, one that was received, or its JSON."""

_ARGUMENTS: Final = frozenset(
    ("id", "source", "type", "subject", "time", "datacontenttype", "topic", "position")
)


def new_id(now: float, rng: Random) -> str:
    """Make an event id: UUIDv7 (RFC 9562 5.7); `now` is seconds since the Unix epoch."""
    high = int(now * 1000) << 16 | 0x7000 | rng.getrandbits(12)
    return str(UUID(int=high << 64 | 2 << 62 | rng.getrandbits(62)))


def payload(data: Any, content_type: str | None) -> tuple[bytes | None, str | None]:
    """Return the bytes of data and their media type: bytes as they are, all else as JSON.

    Text goes as it is if `content_type` says that it is no JSON. Raises `Malformed`.
    """
    if data is None:
        return None, content_type
    if isinstance(data, bytes | bytearray):
        return bytes(data), content_type or "application/octet-stream"
    if content_type is None or is_json(content_type):
        return _json(data), content_type or "application/json"
    if isinstance(data, str):
        return _utf8(data), content_type
    raise Malformed(f"{type(data).__name__} goes out as JSON, not {content_type}: pass bytes")


def attributes(  # noqa: PLR0913
    *,
    type: str | None = None,  # noqa: A002  the names of CloudEvents
    id: str | None = None,  # noqa: A002
    source: str | None = None,
    subject: str | None = None,
    time: str | datetime | None = None,
    extensions: Mapping[str, Value] | None = None,
) -> dict[str, Value]:
    """Return the attributes that are given, checked as the server checks them.

    Raises `InvalidEvent`.
    """
    moment = time.isoformat() if isinstance(time, datetime) else time
    optional = {"id": id, "source": source, "type": type, "subject": subject, "time": moment}
    given: dict[str, Value] = {n: v for n, v in optional.items() if v is not None}
    for name, value in (extensions or {}).items():
        if name in _ARGUMENTS:
            raise InvalidEvent(f"{name} is no extension; it has an argument of its own")
        given[name] = value
    for name, value in given.items():
        check_name(name)
        check_value(name, value)
    return given


def headers(given: Mapping[str, Value], content_type: str | None) -> dict[str, str]:
    """Write attributes in binary mode. Raises `InvalidEvent` for a media type that is none."""
    fields = {"ce-" + name: encode_header(value) for name, value in given.items()}
    if content_type is not None:
        check_value("datacontenttype", content_type)
        fields["Content-Type"] = content_type
    return fields


def idempotency(key: str) -> str:
    """Write an `Idempotency-Key` as the string that the draft wants. Raises `Malformed`."""
    if not (key.isascii() and key.isprintable() and key):
        raise Malformed("an idempotency key is made of visible ASCII characters")
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def item(
    data: Any, given: Mapping[str, Value], topic: str, content_type: str | None, event_id: str
) -> bytes:
    """Write one event around data in structured mode. Raises `Malformed`."""
    body, kind = payload(data, content_type)
    values: dict[str, Value] = {"specversion": "1.0", "id": event_id, **given}
    if kind is not None:
        values["datacontenttype"] = kind
    return compose(values, topic, body, named=True).json


def structured(event: CloudEvent, event_id: str) -> bytes:
    """Write an event made elsewhere in structured mode; one without an id gets `event_id`.

    Raises `Malformed`.
    """
    if isinstance(event, bytes):
        return event
    if isinstance(event, Event):
        return event.json
    members = {"specversion": "1.0", "id": event_id, **event}
    data = members.get("data")
    if isinstance(data, bytes | bytearray):
        del members["data"]
        members["data_base64"] = base64.b64encode(data).decode()
    return _json(members)


def batches(events: Iterable[bytes], count: int) -> Iterator[bytes]:
    """Put events into JSON batches of at most `count`, none larger than it has to be."""
    batch: list[bytes] = []
    size = 2
    for event in events:
        if batch and (len(batch) >= count or size + len(event) + 1 > BATCH_BYTES):
            yield b"[%b]" % b",".join(batch)
            batch, size = [], 2
        batch.append(event)
        size += len(event) + 1
    if batch:
        yield b"[%b]" % b",".join(batch)


def _json(data: Any) -> bytes:
    try:
        text = json.dumps(
            data,
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
            default=msgspec.to_builtins,
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise Malformed(f"the data cannot be JSON: {error}") from None
    return _utf8(text)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Malformed("the data holds half a surrogate pair, which is no character") from None
