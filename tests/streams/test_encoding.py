"""What a record looks like in every dialect, read back by the parser of the other side."""

from __future__ import annotations

import json

import pytest

from hubbub.core.errors import Gap
from hubbub.core.event import Record, record_json
from hubbub.streams.encoding import encoding
from hubbub.wire import cloudevents, sse
from hubbub.wire.framing import chunk, deflated_frame, text_frame

EPOCH = "k3f9x2ab"


def record(data: bytes | None, content_type: str | None, offset: int = 7) -> Record:
    given = {"id": "1", "type": "t"}
    if content_type is not None:
        given["datacontenttype"] = content_type
    event = cloudevents.from_attributes(
        given, "a/b", data, cloudevents.Defaults(lambda: "never", "x")
    )
    body = record_json(event.json, event.recorded, f"{EPOCH}-{offset}", 0) if offset else event.json
    return Record(offset, "a/b", "t", 0, body)


def dispatched(piece: bytes) -> list[sse.ServerSentEvent]:
    return sse.Parser().feed(piece)


def test_an_event_is_one_line_with_its_position() -> None:
    pretty = record(b'{\r\n "a": 1\n}', "application/json")
    (event,) = dispatched(encoding("sse", "plain", EPOCH).piece(pretty))
    assert (event.type, event.last_event_id) == ("message", f"{EPOCH}-7")
    assert "\n" not in event.data
    assert json.loads(event.data)["data"] == {"a": 1}


def test_types_are_named_on_request() -> None:
    (event,) = dispatched(encoding("sse", "plain", EPOCH, types=True).piece(record(b"1", None)))
    assert event.type == "t"


def test_an_ephemeral_event_has_no_id() -> None:
    (event,) = dispatched(encoding("sse", "plain", EPOCH).piece(record(b"1", None, offset=0)))
    assert event.last_event_id == ""


@pytest.mark.parametrize(
    ("data", "content_type", "shown"),
    [
        (b'{"a":1}', "application/json", '{"a":1}'),
        (b"one\r\ntwo\rthree\n", "text/plain", "one\ntwo\nthree\n"),
        (None, None, ""),
    ],
)
def test_the_data_alone(data: bytes | None, content_type: str | None, shown: str) -> None:
    piece = encoding("sse-data", "plain", EPOCH).piece(record(data, content_type))
    (event,) = dispatched(piece)
    assert (event.data, event.last_event_id) == (shown, f"{EPOCH}-7")


def test_binary_data_alone_is_refused_with_a_comment() -> None:
    piece = encoding("sse-data", "plain", EPOCH).piece(record(b"\xff\x00", "image/png"))
    assert dispatched(piece) == []
    assert piece.startswith(b":")
    assert b"image/png" in piece


def test_each_framing_frames() -> None:
    one = record(b"1", "application/json")
    plain = encoding("sse", "plain", EPOCH).piece(one)
    chunked = encoding("sse", "chunked", EPOCH)
    assert chunked.join([chunked.piece(one), chunked.piece(one)]) == chunk(plain * 2)
    assert encoding("events", "ws", EPOCH).piece(one) == text_frame(one.json)
    assert encoding("events", "ws-deflate", EPOCH).piece(one) == deflated_frame(one.json)
    assert encoding("events", "messages", EPOCH).piece(one) == one.json + b"\n"
    assert encoding("ops", "messages", EPOCH).piece(one) == (
        b'{"op":"event","event":' + one.json + b"}\n"
    )


def test_readers_of_one_kind_share_one_encoding() -> None:
    assert encoding("sse", "plain", EPOCH) is encoding("sse", "plain", EPOCH)


def test_a_gap_is_told_in_every_dialect() -> None:
    gap = Gap("old-3", f"{EPOCH}-9")
    members = {"requested": "old-3", "resumes_at": f"{EPOCH}-9"}
    (event,) = dispatched(encoding("sse", "plain", EPOCH).gap(gap))
    assert (event.type, event.last_event_id) == ("hubbub.gap", f"{EPOCH}-9")
    assert json.loads(event.data) == members
    assert json.loads(encoding("ops", "messages", EPOCH).gap(gap)) == {"op": "gap"} | members
    told = json.loads(encoding("events", "messages", EPOCH).gap(gap))
    assert (told["type"], told["data"]) == ("hubbub.gap", members)
    cloudevents.from_json(json.dumps(told).encode(), cloudevents.Address("a"))
