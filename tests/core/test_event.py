"""Events on their way in and records on their way out: the producer's bytes, whatever they are."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import InvalidEvent
from hubbub.core.event import (
    Event,
    Published,
    Record,
    attributes,
    compose,
    decode_base64,
    payload,
    record_json,
)

REQUIRED = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
NOW = 1_700_000_000_125
PLACE = "k3f9x2ab-1042"


def make(content_type: str | None, data: bytes | None, **more: Any) -> Event:
    typed = {} if content_type is None else {"datacontenttype": content_type}
    return compose({**REQUIRED, **typed, **more}, "a/b", data, named=True)


def record(event: Event) -> Record:
    whole = record_json(event.json, event.recorded, PLACE, NOW)
    return Record(1042, event.topic, event.type, NOW, whole)


def test_a_record_is_the_event_and_its_place() -> None:
    event = make("application/json", b'{"b": 1}', subject="é")
    assert json.loads(event.json) == {
        **REQUIRED,
        "datacontenttype": "application/json",
        "subject": "é",
        "topic": "a/b",
        "data": {"b": 1},
    }
    assert json.loads(record(event).json) == {
        **json.loads(event.json),
        "position": PLACE,
        "recordedtime": "2023-11-14T22:13:20.125Z",
    }


def test_a_recorded_time_of_its_own_is_kept() -> None:
    event = make(None, None, recordedtime="2001-01-01T00:00:00Z")
    assert event.recorded
    found = json.loads(record(event).json)
    assert found["recordedtime"] == "2001-01-01T00:00:00Z"
    assert found["position"] == PLACE


def test_attributes_are_all_but_data_and_what_is_unset() -> None:
    body = b'{"id":"1","n":7,"b":true,"x":null,"data":{"id":2},"position":"p-1"}'
    assert attributes(body) == {"id": "1", "n": 7, "b": True, "position": "p-1"}
    assert attributes(b'{"id":"1","data_base64":"AA=="}') == {"id": "1"}


TRAPS = [
    b'{"data":1,"position":"x","recordedtime":"y"}',
    b'[{"a":1,"position":"zzz-1"}]',
    b'",\\"position\\":\\""',
    b'",\\"data\\":"',
    b'{"x": {"data": {"data": []}}}',
    b' \n{"pretty" :\t[ 1.50 , 2 ]}\r\n ',
    b"null",
    b"false",
    b'"text"',
    b"12345678901234567890.000",
]


@pytest.mark.parametrize("data", TRAPS)
def test_json_data_comes_back_byte_for_byte(data: bytes) -> None:
    found = record(make("application/json", data, subject=',"data":"'))
    assert found.data().content == data
    assert found.data().content_type == "application/json"


@pytest.mark.parametrize("data", TRAPS)
def test_also_from_an_ephemeral_event(data: bytes) -> None:
    event = make("application/json", data)
    assert Record(0, "a/b", "t", NOW, event.json).data().content == data
    assert payload(event.json, stored=False).content == data


@pytest.mark.parametrize(
    ("content_type", "data", "member"),
    [
        ("text/plain", b'say "hi"\n', "data"),
        ("text/plain", b"\xff\x00", "data_base64"),
        ("text/plain", b"\x00" * 100, "data_base64"),  # six times as long as text
        (None, b"plain", "data_base64"),  # no type may be assumed
        ("application/xml", "<ä/>".encode(), "data"),
        ("application/octet-stream", b"\x80", "data_base64"),
    ],
)
def test_other_data_comes_back_byte_for_byte(
    content_type: str | None, data: bytes, member: str
) -> None:
    event = make(content_type, data)
    assert member in json.loads(event.json)
    found = record(event).data()
    assert (found.content_type, found.content) == (content_type, data)


def test_no_data_is_not_null() -> None:
    assert record(make("application/json", None)).data().content is None
    assert record(make("application/json", b"null")).data().content == b"null"


def test_structured_data_without_a_type_is_json() -> None:
    found = payload(b'{"id":"1","data":"x","position":"p"}')
    assert (found.content_type, found.content) == ("application/json", b'"x"')


@given(st.binary(max_size=300), st.sampled_from([None, "text/plain", "image/png"]))
def test_any_bytes_come_back(data: bytes, content_type: str | None) -> None:
    event = make(content_type, data)
    assert record(event).data().content == data
    assert len(event.json) <= 2 * len(data) + 400


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["data", "position", "a", ""]), x),
    ),
    st.booleans(),
)
def test_any_json_comes_back(value: object, pretty: bool) -> None:
    try:
        data = json.dumps(value, indent=1 if pretty else None, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate
    found = record(make("application/json", data))
    assert found.data().content == data
    assert json.loads(found.json)["data"] == value


def test_base64_is_strict() -> None:
    assert decode_base64(base64.b64encode(b"\x00\xff").decode()) == b"\x00\xff"
    for text in ("@@", "A", "AA=", "AA==\n", "A A=", "é", "-_8="):
        with pytest.raises(InvalidEvent):
            decode_base64(text)


def test_what_a_producer_is_told() -> None:
    encode = msgspec.json.encode
    assert encode(Published("1", "p-1", "a")) == b'{"id":"1","position":"p-1","topic":"a"}'
    assert encode(Published("1", topic="a")) == b'{"id":"1","topic":"a"}'
    assert json.loads(encode(Published("1", "p-1", "a", True)))["duplicate"] is True
