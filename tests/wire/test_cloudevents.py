"""CloudEvents in JSON and over HTTP: both directions, unchanged, and every mistake at its place."""

from __future__ import annotations

import base64
import itertools
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vectors
from hubbub.core.errors import (
    InvalidEvent,
    InvalidTopic,
    Malformed,
    TooLarge,
    Unsupported,
)
from hubbub.core.event import Event, Record, record_json
from hubbub.wire import cloudevents
from hubbub.wire.cloudevents import Address, Defaults, InvalidBatch

HERE = Address(to="orders/42")
EVENT = {"specversion": "1.0", "id": "A1", "source": "/mycontext", "type": "com.example.someevent"}
MIB = 1 << 20


def defaults(**changes: Any) -> Defaults:
    return Defaults(**{"new_id": map("id-{}".format, itertools.count(1)).__next__} | changes)


def structured(event: Any, address: Address = HERE) -> Event:
    return cloudevents.from_json(json.dumps(event).encode(), address)


def binary(
    headers: dict[str, str], body: bytes = b"", address: Address = HERE, **changes: Any
) -> Event:
    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return cloudevents.from_http(lines, body, address, defaults(**changes))


def record(event: Event) -> Record:
    place, now = "k3f9x2ab-7", 1_700_000_000_125
    whole = record_json(event.json, event.recorded, place, now)
    return Record(7, event.topic, event.type, now, whole)


def written(event: Event) -> tuple[dict[str, str], bytes]:
    """Return an event in binary mode, without what hubbub adds."""
    headers, body = cloudevents.to_http(record(event))
    ours = ("ce-topic", "ce-position", "ce-recordedtime")
    return {name: value for name, value in headers if name not in ours}, body


def cases(name: str, key: str) -> Any:
    found = vectors.load("cloudevents", name)[key]
    return pytest.mark.parametrize("case", found, ids=[str(c.get("name", c)) for c in found])


# Vectors


@cases("json-http-equivalence.json", "cases")
def test_structured_becomes_binary(case: dict[str, Any]) -> None:
    headers, body = written(structured(case["structured"]))
    assert headers == case["binary_headers"]
    wanted = base64.b64decode(case["binary_body_b64"])
    assert body == wanted or json.loads(body) == json.loads(wanted)


@cases("json-http-equivalence.json", "cases")
def test_binary_becomes_structured(case: dict[str, Any]) -> None:
    body = base64.b64decode(case["binary_body_b64"])
    event = binary(case["binary_headers"], body)
    found = json.loads(event.json)
    assert found.pop("topic") == "orders/42"
    wanted = {name: value for name, value in case["structured"].items() if value is not None}
    if "just a string" in str(wanted.get("data")):
        wanted["datacontenttype"] = "application/json"  # implied, becomes explicit
    if case["structured"].get("data", 1) is None:
        wanted["data"] = None
    for name, value in wanted.items():  # a header carries no type: extensions become strings
        if isinstance(value, bool | int) and name != "data":
            wanted[name] = str(value).lower()
    assert found == wanted
    assert written(event) == (case["binary_headers"], body)


@cases("validity.json", "valid")
def test_valid(case: dict[str, Any]) -> None:
    event = structured(case["event"])
    assert json.loads(event.json) == {**case["event"], "topic": "orders/42"}


@cases("validity.json", "invalid")
def test_invalid(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        structured(case["event"])


@cases("http-header-values.json", "encode")
def test_header_values_are_encoded(case: dict[str, str]) -> None:
    assert cloudevents.encode_header(case["value"]) == case["header"]
    assert cloudevents.decode_header("x", case["header"].encode()) == case["value"]


@cases("http-header-values.json", "decode")
def test_header_values_are_decoded(case: dict[str, str]) -> None:
    assert cloudevents.decode_header("x", case["header"].encode()) == case["value"]


@cases("http-header-values.json", "decode_must_be_rejected")
def test_header_values_that_are_no_utf_8(case: dict[str, str]) -> None:
    with pytest.raises(InvalidEvent, match="ce-subject"):
        cloudevents.decode_header("subject", case["header"].encode())


@cases("content-modes.json", "cases")
def test_content_modes(case: dict[str, Any]) -> None:
    if "415" in case["mode"]:
        with pytest.raises(Unsupported, match=r"application/cloudevents\+json"):
            cloudevents.mode(case["content_type"])
    else:
        assert cloudevents.mode(case["content_type"]) == case["mode"]


@cases("batch.json", "valid")
def test_valid_batches(case: dict[str, Any]) -> None:
    events = cloudevents.from_batch(json.dumps(case["body"]).encode(), HERE, MIB)
    assert [event.id for event in events] == [item["id"] for item in case["body"]]


@cases("batch.json", "invalid")
def test_invalid_batches(case: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        cloudevents.from_batch(json.dumps(case["body"]).encode(), HERE, MIB)


EXAMPLES = sorted(vectors.path("cloudevents", "google-examples", "structured").rglob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_real_events_go_through_unchanged(path: Any) -> None:
    body = path.read_bytes()
    if any(name != name.lower() for name in json.loads(body)):
        with pytest.raises(InvalidEvent, match="lower-case"):  # a sample that breaks the standard
            cloudevents.from_json(body, HERE)
        return
    event = cloudevents.from_json(body, HERE)
    assert json.loads(event.json) == {**json.loads(body), "topic": "orders/42"}
    headers, data = written(event)
    again = binary(headers, data)
    assert json.loads(again.json)["data"] == json.loads(body)["data"]


PAYLOADS = sorted(vectors.path("cloudevents", "google-examples", "data").rglob("*.json"))


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_real_payloads_are_kept_byte_for_byte(path: Any) -> None:
    body = path.read_bytes()
    event = binary({"content-type": "application/json"}, body)
    assert record(event).data().content == body
    assert body in event.json


def feature(name: str) -> list[tuple[dict[str, str], bytes, dict[str, str]]]:
    """Read the scenarios of the conformance kit: request headers, body, expected attributes."""
    found: list[tuple[dict[str, str], bytes, dict[str, str]]] = []
    text = vectors.path("cloudevents", "conformance", name).read_text(encoding="utf-8")
    for scenario in text.split("Scenario Outline:")[1:]:
        request = scenario.split('"""')[1].strip("\n")
        head, _, body = request.partition("\n\n")
        lines = [line.strip() for line in head.splitlines()[1:]]
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
        table = scenario.split("Then the attributes are:")[1].split("And the data")[0]
        rows = [[c.strip() for c in line.split("|")[1:3]] for line in table.strip().splitlines()]
        attributes = {row[0]: row[1] for row in rows[1:]}
        examples = scenario.split("Examples:")[1].strip().splitlines()[1:]
        for example in (line.strip().strip("|").strip() for line in examples):
            fill = {"<contentType>": example}
            found.append(
                (
                    {k: fill.get(v, v) for k, v in headers.items()},
                    body.encode(),
                    {k: fill.get(v, v) for k, v in attributes.items()},
                )
            )
    return found


@pytest.mark.parametrize("case", feature("http-protocol-binding.feature"))
def test_conformance_of_the_http_binding(case: Any) -> None:
    headers, body, attributes = case
    mode = cloudevents.mode(headers["content-type"])
    event = cloudevents.from_json(body, HERE) if mode == "structured" else binary(headers, body)
    found = record(event).attributes()
    assert {name: found[name] for name in attributes} == attributes
    assert json.loads(record(event).data().content or b"") == {"message": "Hello World!"}


# Own rules


def test_what_is_missing_in_binary_mode_is_filled_in() -> None:
    event = binary({"content-type": "application/json"}, b'{"a": 1}')
    assert json.loads(event.json) == {
        "specversion": "1.0",
        "id": "id-1",
        "source": "/topics/orders/42",
        "type": "hubbub.published",
        "datacontenttype": "application/json",
        "topic": "orders/42",
        "data": {"a": 1},
    }
    assert not event.named


def test_nothing_that_is_present_is_changed_or_added() -> None:
    headers = {f"ce-{name}": value for name, value in EVENT.items()} | {"ce-n": "007"}
    event = binary(headers)
    assert json.loads(event.json) == {**EVENT, "n": "007", "topic": "orders/42"}
    assert event.named


def test_ids_that_follow_from_the_request_count_as_the_producers() -> None:
    assert binary({}, repeatable=True).named


def test_white_space_around_json_data_is_kept() -> None:
    body = b'\n {"a": 1.00}\r\n\t'
    assert record(binary({"content-type": "application/json"}, body)).data().content == body


@pytest.mark.parametrize("body", [b'{"a":1', b"", b'"\xff"', b"NaN"])
def test_json_data_is_checked(body: bytes) -> None:
    if not body:
        assert record(binary({"content-type": "application/json"})).data().content is None
        return
    with pytest.raises(Malformed):
        binary({"content-type": "application/json"}, body)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", 'Grüße, "you"\r\n\x7f'.encode()),
        ("text/plain", b"\xff\xfe"),
        ("text/plain", b"\x00\x01" * 50),
        ("application/octet-stream", bytes(range(256))),
        ("text/csv", b'"a","b"\n' * 100),
        ("application/xml", b"<a/>"),
    ],
)
def test_other_data_comes_back_as_it_was(content_type: str, body: bytes) -> None:
    event = binary({"content-type": content_type}, body)
    data = record(event).data()
    assert (data.content_type, data.content) == (content_type, body)
    assert len(event.json) <= 2 * len(body) + 400


def test_data_without_a_type_gets_none() -> None:
    event = binary({}, b"{}")
    assert "datacontenttype" not in json.loads(event.json)
    assert record(event).data().content == b"{}"


def test_the_address_rules_over_the_topic_that_came_along() -> None:
    travelled = {**EVENT, "topic": "elsewhere", "position": "zzzzzzzz-9"}
    found = structured(travelled)
    assert found.topic == "orders/42"
    assert json.loads(found.json) == {**EVENT, "topic": "orders/42"}
    headers = {f"ce-{name}": value for name, value in travelled.items()}
    assert json.loads(binary(headers).json) == {**EVENT, "topic": "orders/42"}


def test_an_event_names_its_topic_where_the_address_does_not() -> None:
    named = {**EVENT, "topic": "a/b"}
    assert structured(named, Address()).topic == "a/b"
    assert structured(named, Address(default="c")).topic == "a/b"
    assert structured(EVENT, Address(default="c")).topic == "c"
    assert binary({"ce-topic": "a%2Fb"}, address=Address()).topic == "a/b"


@pytest.mark.parametrize("topic", [None, "", "a//b", "a/*", "a\u200bb", 7, True])
def test_no_topic_or_a_bad_one(topic: Any) -> None:
    with pytest.raises((InvalidTopic, InvalidEvent)) as raised:
        structured({**EVENT, "topic": topic}, Address())
    assert raised.value.pointer == ("" if topic is None else "/topic")


def test_a_recorded_time_that_came_along_is_kept() -> None:
    event = structured({**EVENT, "recordedtime": "2020-01-01T00:00:00Z"})
    assert event.recorded
    assert json.loads(record(event).json)["recordedtime"] == "2020-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "headers",
    [
        [(b"ce-id", b"1"), (b"ce-id", b"1")],
        [(b"content-type", b"text/plain"), (b"content-type", b"text/plain")],
        [(b"ce-datacontenttype", b"text/plain")],
        [(b"ce-", b"1")],
        [(b"ce-my_ext", b"1")],
        [(b"ce-data", b"1")],
        [(b"ce-id", b"")],
        [(b"ce-id", b"a%0d%0ab")],
        [(b"ce-id", b"a%E2%80%8Bb")],
        [(b"ce-type", b"a%00b")],
        [(b"ce-source", b"a b")],
        [(b"ce-specversion", b"0.3")],
        [(b"ce-" + b"x" * 65, b"1")],
        [(b"ce-subject", b"x" * 9000)],
        [(b"content-type", b"json")],
        [(b"content-type", b"text/plain\x0b")],
    ],
)
def test_headers_that_are_refused(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(InvalidEvent):
        cloudevents.from_http(headers, b"", HERE, defaults())


@pytest.mark.parametrize(
    "body",
    [
        b'{"specversion":"1.0","id":"1","source":"a","type":"t","id":"2"}',
        b'{"specversion":"1.0","id":"1","source":"a","type":"t","x":"\xed\xa0\x80"}',
        b'{"specversion":"1.0","id":"1","source":"a","type":"t","x":NaN}',
        b'\xef\xbb\xbf{"specversion":"1.0","id":"1","source":"a","type":"t"}',
        b'{"specversion":"1.0","id":"1","source":"a","type":"t","data":[' + b"[" * 200 + b"]}",
        b'{"specversion":"1.0","id":"a\\u0000b","source":"a","type":"t"}',
        b'{"specversion":"1.0","id":"a\\u202eb","source":"a","type":"t"}',
        b'{"specversion":"1.0","id":"1","source":"a","type":"t\\r\\nid: 7"}',
        b'{"specversion":"1.0","id":"1","source":"a","type":"t","data_base64":1}',
        b"[]",
        b"",
    ],
)
def test_structured_events_that_are_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        cloudevents.from_json(body, HERE)


def test_every_bad_item_of_a_batch_is_told_with_its_place() -> None:
    bad = [{**EVENT, "id": ""}, EVENT, {**EVENT, "Ext": 1}, "x", {**EVENT, "topic": "*"}]
    with pytest.raises(InvalidBatch, match="5 of 5") as raised:
        cloudevents.from_batch(json.dumps(bad).encode(), Address(), MIB)
    places = [error.pointer for error in raised.value.errors]
    assert places == ["/0/id", "/1", "/2/Ext", "/3", "/4/topic"]
    with pytest.raises(InvalidBatch, match="4 of 5") as raised:
        cloudevents.from_batch(json.dumps(bad).encode(), Address(default="a"), MIB)
    places = [error.pointer for error in raised.value.errors]
    assert places == ["/0/id", "/2/Ext", "/3", "/4/topic"]


def test_mistakes_are_told_up_to_a_bound() -> None:
    with pytest.raises(InvalidBatch, match="20 or more of 500") as raised:
        cloudevents.from_batch(b"[" + b",".join([b"1"] * 500) + b"]", HERE, MIB)
    assert len(raised.value.errors) == cloudevents.MAX_ERRORS


def test_a_batch_is_bounded_in_number_and_each_item_in_bytes() -> None:
    many = b"[" + b",".join([b"1"] * (cloudevents.MAX_BATCH + 1)) + b"]"
    with pytest.raises(TooLarge, match="10000"):
        cloudevents.from_batch(many, HERE, MIB)
    with pytest.raises(TooLarge) as raised:
        cloudevents.from_batch(
            json.dumps([EVENT, {**EVENT, "data": "x" * 999}]).encode(), HERE, 500
        )
    assert raised.value.pointer == "/1"


def test_lines() -> None:
    body = b'{"a": 1}\r\n\n  "x"  \n7'
    events = cloudevents.from_ndjson(body, "a/b", defaults(type="t"), MIB)
    assert [record(event).data().content for event in events] == [b'{"a": 1}', b'"x"', b"7"]
    assert [event.id for event in events] == ["id-1", "id-2", "id-3"]
    assert {event.type for event in events} == {"t"}
    assert {event.source for event in events} == {"/topics/a/b"}


def test_bad_lines_are_told_with_their_place() -> None:
    with pytest.raises(InvalidBatch) as raised:
        cloudevents.from_ndjson(b'1\n\n{"a"\n2\nNaN\n', "a", defaults(), MIB)
    assert [error.pointer for error in raised.value.errors] == ["/1", "/3"]


def test_lines_are_bounded() -> None:
    with pytest.raises(TooLarge):
        cloudevents.from_ndjson(b"1\n" * (cloudevents.MAX_BATCH + 1), "a", defaults(), MIB)
    with pytest.raises(TooLarge):
        cloudevents.from_ndjson(b"\n" * 100_000, "a", defaults(), MIB)
    with pytest.raises(InvalidEvent):
        cloudevents.from_ndjson(b"1", "a", defaults(type=""), MIB)


def test_a_batch_out_can_be_read_back_in() -> None:
    records = [record(structured({**EVENT, "id": f"{n}", "data": {"n": n}})) for n in range(3)]
    again = cloudevents.from_batch(cloudevents.batch(records), Address(), MIB)
    assert [event.id for event in again] == ["0", "1", "2"]
    assert all(event.recorded for event in again)


ATTRIBUTE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=50)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9]{0,19}", fullmatch=True), ATTRIBUTE))
def test_any_extension_survives_binary_mode(extensions: dict[str, str]) -> None:
    reserved = {"data", "dataschema", "datacontenttype", "time", "recordedtime", "expirytime"}
    kept = {n: v for n, v in extensions.items() if n not in reserved | {"topic", "position"}}
    try:
        event = structured({**EVENT, **kept, **EVENT})
    except InvalidEvent:
        return
    headers, _ = written(event)
    assert all(value.isascii() and " " not in value for value in headers.values())
    assert json.loads(binary(headers).json) == json.loads(event.json)


@given(
    st.lists(st.tuples(st.binary(max_size=12).map(b"ce-".__add__), st.binary(max_size=30))),
    st.binary(max_size=50),
    st.binary(max_size=30),
)
def test_no_message_raises_anything_else(
    headers: list[tuple[bytes, bytes]], body: bytes, content_type: bytes
) -> None:
    lines = [*headers, (b"content-type", content_type)]
    for read in (
        lambda: cloudevents.from_http(lines, body, HERE, defaults()),
        lambda: cloudevents.from_json(body, Address()),
        lambda: cloudevents.from_batch(body, Address(), MIB),
        lambda: cloudevents.from_ndjson(body, "a", defaults(), MIB),
    ):
        with suppress(Malformed, TooLarge):
            read()
