"""An event taken apart: every part as the producer wrote it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.client import Event
from hubbub.client.event import read_event
from hubbub.core.errors import Malformed
from hubbub.core.event import compose, record_json

FULL = (
    b'{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"sub",'
    b'"time":"2026-11-23T09:30:00.123456789Z","datacontenttype":"application/json",'
    b'"dataschema":"http://x/","level":3,"urgent":true,"gone":null,"topic":"a/b",'
    b'"data":{"b":[1,2.5,null]},"position":"aaaaaaaa-7","recordedtime":"2026-11-23T09:30:01Z"}'
)
BARE = b'{"specversion":"1.0","id":"1","source":"/s","type":"t"'


def test_every_part():
    event = Event(FULL)
    assert (event.id, event.source, event.type, event.subject) == ("1", "/s", "t", "sub")
    assert (event.topic, event.position) == ("a/b", "aaaaaaaa-7")
    assert event.time == "2026-11-23T09:30:00.123456789Z"
    assert event.content_type == "application/json"
    assert event.data == {"b": [1, 2.5, None]}
    assert event.extensions == {
        "level": 3,
        "urgent": True,
        "recordedtime": "2026-11-23T09:30:01Z",
    }
    assert event.json is FULL
    assert repr(event) == "Event(topic='a/b', position='aaaaaaaa-7', id='1')"


def test_what_is_not_there_is_none():
    event = Event(BARE + b"}")
    assert (event.topic, event.position, event.time, event.data) == ("", None, None, None)
    assert event.extensions == {}


def test_it_is_a_value():
    assert Event(FULL) == Event(FULL)
    assert len({Event(FULL), Event(FULL), Event(BARE + b"}")}) == 2
    with pytest.raises(AttributeError):
        Event(FULL).json = b""
    with pytest.raises(TypeError):
        Event(FULL).attributes["id"] = "2"


@pytest.mark.parametrize(
    ("member", "data"),
    [
        (b'"data":"text"', "text"),
        (b'"data":null', None),
        (b'"data":0', 0),
        (b'"data":12345678901234567890123', 12345678901234567890123),
        (b'"data_base64":"/w=="', b"\xff"),
        (b'"data_base64":""', b""),
    ],
)
def test_data(member, data):
    assert Event(BARE + b"," + member + b"}").data == data


def test_a_number_beyond_python_is_told_clearly():
    with pytest.raises(Malformed, match=r"take it from \.json"):
        _ = Event(BARE + b',"data":1e400}').data


@given(st.binary() | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode))
def test_data_comes_back_as_it_went_in(data):
    values = {"specversion": "1.0", "id": "1", "source": "/", "type": "t"}
    made = compose(values | {"datacontenttype": "text/plain"}, "t", data, named=True)
    found = Event(record_json(made.json, recorded=False, position="a-1", now=0)).data
    assert (found if isinstance(found, bytes) else found.encode()) == data


@pytest.mark.parametrize("json", [b"", b"[]", b"{}", b'{"id":"1","source":"/"}', b'{"id":[]}'])
def test_what_is_no_event(json):
    with pytest.raises((ValueError, KeyError)):
        read_event(json)
