"""CloudEvents 1.0.2: JSON event format and HTTP binding, in both directions.

Reading keeps the producer's text of every attribute and the bytes of the data. Writing the HTTP
binary mode percent-encodes as section 3.1.3.2 of the binding says. The topic of an event is its
extension `topic`, unless the address it was sent to names one; a `position` that came from
elsewhere is dropped, for it means nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from hubbub.core.attributes import (
    OURS,
    SPECVERSION,
    Value,
    check_name,
    check_required,
    check_value,
    is_json,
    media_type,
    pointer,
)
from hubbub.core.errors import InvalidEvent, InvalidTopic, Malformed, TooLarge, Unsupported
from hubbub.core.event import Data, Event, Record, compose, decode_base64
from hubbub.core.topic import check_topic
from hubbub.wire import json
from hubbub.wire.links import topic_path

CE_JSON = "application/cloudevents+json"
CE_BATCH_JSON = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"
DEFAULT_TYPE = "hubbub.published"

MAX_BATCH = 10_000
"""Events in one request: one commit and one answer, both held in memory."""

MAX_ERRORS = 20
"""Mistakes that are told of one batch: enough to see the pattern, and a short answer."""

Mode = Literal["binary", "structured", "batched"]
NewId = Callable[[], str]
Headers = Iterable[tuple[bytes, bytes]]

_PREFIX: Final = b"ce-"
_UNENCODED: Final = "!#$&'()*+,/:;=?@[\\]^`{|}~"  # visible ASCII but the double quote and percent
_ESCAPED = re.compile(r"\\(.)")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_INTEGER = re.compile(rb"-?(?:0|[1-9][0-9]{0,10})")
_QUOTE: Final = ord('"')
_string: Final = msgspec.json.Decoder(str)
_LITERALS: Final[Mapping[bytes, bool | None]] = {b"true": True, b"false": False, b"null": None}


class InvalidBatch(InvalidEvent):
    """Items of a batch are invalid: `errors` has one error for each, with its place."""

    def __init__(self, errors: Sequence[Malformed], count: int) -> None:
        many = f"{len(errors)} or more" if len(errors) >= MAX_ERRORS else f"{len(errors)}"
        super().__init__(f"{many} of {count} events are invalid, so none was published")
        self.errors = errors


class Address(msgspec.Struct, frozen=True):
    """Where events go: `to` whatever they say, else their own `topic`, else `default`."""

    to: str | None = None
    default: str | None = None


class Defaults(msgspec.Struct, frozen=True):
    """What is filled in where a producer left it out."""

    new_id: NewId
    type: str = DEFAULT_TYPE
    repeatable: bool = False
    """Whether the same request gets the same ids, so that they count as the producer's own."""


def mode(content_type: str | None) -> Mode:
    """Tell the content mode by the media type (binding 3). Raises `Unsupported` for other formats."""
    kind = media_type(content_type) if content_type else ""
    if not kind.startswith("application/cloudevents"):
        return "binary"
    if kind == CE_JSON:
        return "structured"
    if kind == CE_BATCH_JSON:
        return "batched"
    raise Unsupported(f"CloudEvents are understood as JSON: send {CE_JSON} or {CE_BATCH_JSON}")


def from_json(body: bytes, address: Address) -> Event:
    """Read one structured event. Raises `InvalidEvent`, `InvalidTopic` or `Malformed`."""
    found = json.members(body)
    data = _data_member(found.pop("data", None), found.pop("data_base64", None))
    values: dict[str, Value] = {}
    kept: list[bytes] = []
    for name, text in found.items():
        check_name(name)
        value = _attribute(name, text)
        if value is not None:
            check_value(name, value)
            values[name] = value
        if name not in OURS:
            kept.append(b'"%b":%b' % (name.encode(), text))
    check_required(values)
    topic = _topic(values.get("topic"), address)
    kept.append(b'"topic":' + msgspec.json.encode(topic))
    if data:
        kept.append(data)
    return Event(
        str(values["id"]),
        str(values["source"]),
        str(values["type"]),
        topic,
        b"{%b}" % b",".join(kept),
        True,
        "recordedtime" in values,
    )


def from_batch(body: bytes, address: Address, max_bytes: int) -> list[Event]:
    """Read a batch; it is valid as a whole or not at all.

    Raises `InvalidBatch` with every item that is wrong, up to `MAX_ERRORS`; `Malformed` if it is no
    array; `TooLarge` above `MAX_BATCH` items or for an item above `max_bytes`.
    """
    return _each(json.items(body), max_bytes, lambda item: from_json(item, address))


def from_ndjson(body: bytes, topic: str, defaults: Defaults, max_bytes: int) -> list[Event]:
    """Read one JSON data item a line, passing over empty lines. Raises as `from_batch` does."""
    if body.count(b"\n") > MAX_BATCH:
        raise _too_many()
    check_value("type", defaults.type)

    def read(line: bytes) -> Event:
        json.check(line)
        return from_data(line, topic, defaults)

    lines = (line.strip(b" \t\r") for line in body.split(b"\n"))
    return _each([line for line in lines if line], max_bytes, read)


def from_data(data: bytes, topic: str, defaults: Defaults) -> Event:
    """Make an event around checked JSON data; `defaults.type` is checked too. Raises nothing."""
    return compose(
        {
            "specversion": SPECVERSION,
            "id": defaults.new_id(),
            "source": topic_path(topic),
            "type": defaults.type,
            "datacontenttype": "application/json",
        },
        topic,
        data,
        named=defaults.repeatable,
    )


def from_http(headers: Headers, body: bytes, address: Address, defaults: Defaults) -> Event:
    """Read a binary-mode message: every `ce-*` header is optional, what is missing is filled in.

    `headers` are lower-case names with values; an empty body is no data. Raises `InvalidEvent`,
    `InvalidTopic`, or `Malformed` if a JSON body is none.
    """
    given: dict[str, Value] = {}
    for key, value in headers:
        if key.startswith(_PREFIX):
            name = key[3:].decode("latin-1")
            if name == "datacontenttype":
                raise InvalidEvent("the type of the data goes into Content-Type, not into ce-")
            _give(given, name, decode_header(name, value))
        elif key == b"content-type" and value:
            _give(given, "datacontenttype", value.decode("latin-1"))
    topic = _topic(given.pop("topic", None), address)
    given.pop("position", None)
    return from_attributes(given, topic, body or None, defaults)


def from_attributes(
    given: Mapping[str, Value], topic: str, data: bytes | None, defaults: Defaults
) -> Event:
    """Make an event of a producer's attributes and data, filling in what is missing.

    Raises `InvalidEvent`, or `Malformed` if data of a JSON type is none.
    """
    for name, value in given.items():
        check_name(name)
        check_value(name, value)
    if defaults.type != DEFAULT_TYPE:
        check_value("type", defaults.type)
    named = "id" in given
    values: dict[str, Value] = {
        "specversion": SPECVERSION,
        "id": given["id"] if named else defaults.new_id(),
        "source": topic_path(topic),
        "type": defaults.type,
        **given,
    }
    content_type = values.get("datacontenttype")
    if data is not None and isinstance(content_type, str) and is_json(content_type):
        json.check(data)
    return compose(values, topic, data, named=named or defaults.repeatable)


def encode_header(value: Value) -> str:
    """Percent-encode an attribute for a header (binding 3.1.3.2)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(str(value), safe=_UNENCODED)


def decode_header(name: str, value: bytes) -> str:
    """Decode a header value: quotes, then one round of percent-decoding. Raises `InvalidEvent`."""
    if value.isalnum():
        return value.decode()
    text = value.strip(b" \t")
    if len(text) > 1 and text[:1] == text[-1:] == b'"':
        text = _ESCAPED.sub(r"\1", text[1:-1].decode("latin-1")).encode("latin-1")
    try:
        return _PERCENT.sub(lambda found: bytes((int(found[1], 16),)), text).decode()
    except UnicodeDecodeError:
        raise InvalidEvent(f"ce-{name[:40]} is not percent-encoded UTF-8 (RFC 3629)") from None


def to_http(record: Record) -> tuple[list[tuple[str, str]], bytes]:
    """Write a record in binary mode: headers and body."""
    values = record.attributes()
    data: Data = record.data()
    headers = [
        ("ce-" + name, encode_header(value))
        for name, value in values.items()
        if name != "datacontenttype"
    ]
    if data.content_type is not None:
        headers.append(("content-type", data.content_type))
    return headers, data.content or b""


def batch(records: Sequence[Record]) -> bytes:
    """Write records as a JSON batch (JSON format 4)."""
    return b"[%b]" % b",\n".join([record.json for record in records])


def _each(parts: list[bytes], max_bytes: int, read: Callable[[bytes], Event]) -> list[Event]:
    if len(parts) > MAX_BATCH:
        raise _too_many()
    events: list[Event] = []
    errors: list[Malformed] = []
    for place, part in enumerate(parts):
        if len(part) > max_bytes:
            detail = f"an event has at most {max_bytes} bytes"
            raise TooLarge(detail, pointer=f"/{place}")
        try:
            events.append(read(part))
        except Malformed as error:
            errors.append(type(error)(error.detail, pointer=f"/{place}{error.pointer}"))
            if len(errors) == MAX_ERRORS:
                break
    if errors:
        raise InvalidBatch(errors, len(parts))
    return events


def _too_many() -> TooLarge:
    return TooLarge(f"one request carries at most {MAX_BATCH} events; send several requests")


def _give(given: dict[str, Value], name: str, value: str) -> None:
    if name in given:
        raise InvalidEvent(f"the header of {name[:40]} is there twice", pointer=pointer(name[:40]))
    given[name] = value


def _topic(own: Value | None, address: Address) -> str:
    if address.to is not None:
        return address.to
    if own is None:
        if address.default is None:
            raise InvalidTopic("no topic: name it in the URL or in the attribute topic")
        return address.default
    if not isinstance(own, str):
        raise InvalidEvent("topic is a string", pointer="/topic")
    try:
        return check_topic(own)
    except InvalidTopic as error:
        raise InvalidTopic(error.detail, pointer="/topic") from None


def _data_member(data: bytes | None, data_base64: bytes | None) -> bytes:
    if data_base64 is not None and data_base64 != b"null":
        if data is not None:
            raise InvalidEvent("an event has data or data_base64, not both", pointer="/data_base64")
        decode_base64(_text("data_base64", data_base64))
        return b'"data_base64":' + data_base64
    return b"" if data is None else b'"data":' + data


def _attribute(name: str, raw: bytes) -> Value | None:
    if raw[0] == _QUOTE:
        return _string.decode(raw)
    if raw in _LITERALS:
        return _LITERALS[raw]
    if _INTEGER.fullmatch(raw):
        return int(raw)
    raise InvalidEvent(f"{name} is a string, a boolean or an integer", pointer=pointer(name))


def _text(name: str, raw: bytes) -> str:
    if raw[0] != _QUOTE:
        raise InvalidEvent(f"{name} is a string", pointer=pointer(name))
    return _string.decode(raw)
