"""The shapes an event has here: `Event` on its way in, `Record` once it is in the log.

`Published` is what its producer is told. The first two carry the event as the bytes of its CloudEvents JSON form, made once at the door. Attribute
text and data inside are those of the producer, byte for byte; hubbub adds `topic` at the door and
`position` and `recordedtime` when the log hands the record out. The order of members is ours:

    {attributes, "topic":..., "data":<the producer's bytes>, "position":..., "recordedtime":...}

so that the data of a record is a slice of it, white space around a JSON text included: whoever
verifies a signature over the body that came in gets that body.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import msgspec

from hubbub.core.attributes import Value, is_json
from hubbub.core.clock import rfc3339
from hubbub.core.errors import InvalidEvent


class Event(msgspec.Struct, frozen=True, gc=False):
    """A valid CloudEvent with its topic, not yet in a log."""

    id: str
    source: str
    type: str
    topic: str
    json: bytes
    """The JSON form as one object, with `topic` and without `position`."""
    named: bool = True
    """Whether the producer chose the id: only then can there be a duplicate."""
    recorded: bool = False
    """Whether `recordedtime` came with the event; then it is kept (CloudEvents extension)."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """An event at its place in the log."""

    offset: int
    """From 1 in commit order; 0 for an ephemeral event, which has no place and no `position`."""
    topic: str
    type: str
    recorded: int
    """When it was appended, in milliseconds since the Unix epoch, by this server's clock."""
    json: bytes
    """The JSON form that every reader gets, with `position` and `recordedtime`."""

    def attributes(self) -> dict[str, Value]:
        """Return the context attributes, hubbub's extensions included, unset ones left out."""
        return attributes(self.json)

    def data(self) -> Data:
        """Return the payload as the producer's bytes."""
        return payload(self.json, stored=self.offset > 0)


class Published(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a producer is told once its event is durable: the body of the answer."""

    id: str
    position: str | None = None
    """Where it is in the log, printed; None for an ephemeral event, which has no place."""
    topic: str = ""
    duplicate: bool = False
    """The same `source` and `id` was there already, at `position`; nothing was written."""


class Data(msgspec.Struct, frozen=True):
    """A payload: `content` is None where the event has none at all."""

    content_type: str | None
    content: bytes | None


class _Payload(msgspec.Struct):
    datacontenttype: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | None = None


DATA: Final = b',"data":'
POSITION: Final = b',"position":"'
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_payload: Final = msgspec.json.Decoder(_Payload)
_value: Final = msgspec.json.Decoder(str | int | bool | None)
_text: Final = msgspec.json.Decoder(str)
_QUOTE = ord('"')


def record_json(event: bytes, recorded: bool, position: str, now: int) -> bytes:
    """Complete an event's JSON with its place in the log: what readers get.

    `recorded` tells whether the event brought a `recordedtime`; `now` is milliseconds.
    """
    if recorded:
        return b'%b%b%b"}' % (event[:-1], POSITION, position.encode())
    return b'%b%b%b","recordedtime":"%b"}' % (
        event[:-1],
        POSITION,
        position.encode(),
        rfc3339(now).encode(),
    )


def attributes(json: bytes) -> dict[str, Value]:
    """Read the context attributes out of the JSON form of a valid event."""
    decode = _value.decode
    return {
        name: value
        for name, raw in _members.decode(json).items()
        if name not in ("data", "data_base64") and (value := decode(raw)) is not None
    }


def payload(json: bytes, *, stored: bool = True) -> Data:
    """Read the payload out of the JSON form of a record, as the producer's bytes.

    JSON data comes back as its very text; other text as UTF-8 (JSON format 3.1).
    """
    found = _payload.decode(json)
    if found.data_base64 is not None:
        return Data(found.datacontenttype, base64.b64decode(found.data_base64))
    if found.data is msgspec.UNSET:
        return Data(found.datacontenttype, None)
    content_type = found.datacontenttype or "application/json"
    # Quotes inside strings are escaped, so the first `,"data":` and the last `,"position":"` are
    # the members themselves.
    end = json.rindex(POSITION) if stored else len(json) - 1
    raw = json[json.index(DATA) + len(DATA) : end]
    if raw[0] == _QUOTE and not is_json(content_type):
        return Data(content_type, _text.decode(raw).encode())
    return Data(content_type, raw)


def compose(
    attributes: Mapping[str, Value], topic: str, data: bytes | None, *, named: bool
) -> Event:
    """Make an event of checked attributes and the producer's bytes.

    `attributes` hold at least id, source, type and specversion. Data of a JSON media type must be
    JSON that was checked before and is put in as it is; other text becomes a JSON string where its
    bytes come back from that unchanged, anything else base64: the JSON form of data is never more
    than about twice as long as the data. Raises nothing.
    """
    content_type = attributes.get("datacontenttype")
    encode = msgspec.json.encode
    members = b'%b,"topic":%b' % (encode(attributes)[:-1], encode(topic))
    if data is not None:
        members += _data_member(content_type if isinstance(content_type, str) else None, data)
    return Event(
        str(attributes["id"]),
        str(attributes["source"]),
        str(attributes["type"]),
        topic,
        members + b"}",
        named,
        "recordedtime" in attributes,
    )


def decode_base64(text: str) -> bytes:
    """Decode strict base64. Raises `InvalidEvent`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidEvent("data_base64 is not base64", pointer="/data_base64") from None


def _data_member(content_type: str | None, data: bytes) -> bytes:
    if content_type is not None:
        if is_json(content_type):
            return DATA + data
        with suppress(UnicodeDecodeError):
            text = msgspec.json.encode(data.decode())
            if len(text) <= 2 * len(data) + 2:  # not mostly control characters, six bytes each
                return DATA + text
    return b',"data_base64":"%b"' % base64.b64encode(data)
