"""Strict JSON: what is refused, what is kept, and that checking never takes long or raises else."""

from __future__ import annotations

import contextlib
import json as reference
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import Malformed
from hubbub.wire import json

REFUSED = {
    "nothing": b"",
    "white space": b" \n",
    "NaN": b"NaN",
    "Infinity": b"[Infinity]",
    "minus Infinity": b"-Infinity",
    "trailing comma in an array": b"[1,]",
    "trailing comma in an object": b'{"a":1,}',
    "leading zero": b"01",
    "no digits after the point": b"1.",
    "no digits before the point": b".5",
    "plus sign": b"+1",
    "hexadecimal": b"0x10",
    "exponent without digits": b"1e",
    "single quotes": b"'a'",
    "NUL in a string": b'"\x00"',
    "tab in a string": b'"\t"',
    "line feed in a name": b'{"\n":1}',
    "unknown escape": b'"\\x41"',
    "short escape": b'"\\u12"',
    "lone high surrogate": b'"\\ud800"',
    "lone low surrogate": b'"\\udc00"',
    "surrogates the wrong way round": b'"\\udc00\\ud800"',
    "lone surrogate in a name": b'{"\\ud800":1}',
    "byte order mark": b"\xef\xbb\xbf1",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-32": "[1]".encode("utf-32-le"),
    "Latin-1": b'"\xe9"',
    "overlong UTF-8": b'"\xc0\x80"',
    "encoded surrogate": b'"\xed\xa0\x80"',
    "beyond Unicode": b'"\xf5\x80\x80\x80"',
    "two texts": b"1 2",
    "comment": b"/* */1",
    "form feed": b"\x0c1",
    "no-break space": b"[\xc2\xa01]",
    "unclosed": b"[",
    "unclosed string": b'"abc',
    "NUL behind": b"[1]\x00",
    "name without quotes": b"{a:1}",
    "number as a name": b"{1:2}",
    "no colon": b'{"a" 1}',
    "129 levels": b"[" * 129 + b"]" * 129,
    "129 levels of objects": b'{"a":' * 129 + b"1" + b"}" * 129,
    "100,000 levels": b"[" * 100_000,
}
KEPT = {
    "128 levels": b"[" * 128 + b"]" * 128,
    "brackets in strings": b'["' + b"[" * 500 + b'\\"{{"]',
    "escaped backslashes": b'["\\\\", ["\\\\\\"[["]]' + b" " * 200,
    "a number too big for a double": b"1e400",
    "5000 digits": b"1" * 5000,
    "surrogate pair": b'"\\ud83d\\ude00"',
    "escaped NUL": b'"\\u0000"',
    "DEL": b'"\x7f"',
    "white space around": b" \t\r\n1\n",
    "a duplicate inside": b'{"a":{"b":1,"b":2}}',
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_refuses(body: bytes) -> None:
    with pytest.raises(Malformed):
        json.check(body)


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_keeps(body: bytes) -> None:
    json.check(body)


def nested(depth: int, filler: bytes) -> bytes:
    return b"[" + filler + b"[" * (depth - 1) + b"]" * (depth - 1) + b"]"


@pytest.mark.parametrize(
    "filler", [b'"[\\\\",' * 201, b'"[\\"[",' * 201, b"[[[]]]," * 100, b'{"[":"]"},' * 200]
)
def test_depth_is_counted_outside_strings_only(filler: bytes) -> None:
    json.check(nested(128, filler))
    with pytest.raises(Malformed, match="128"):
        json.check(nested(129, filler))


MIB = 1 << 20
HEAVY = {
    "unclosed escaped quotes": b"[" * 200 + b'"' + b'\\"' * (MIB // 2),
    "deep many times": b"[" + b",".join([b"[" * 126 + b"]" * 126] * (MIB // 253)) + b"]",
    "empty arrays": b"[" + b"[]," * (MIB // 3) + b"1]",
    "backslashes": b'["' + b"\\\\" * (MIB // 2) + b'",' + b"[]," * 200 + b"1]",
    "many short strings": b"[" + b'"[",' * (MIB // 4) + b"1]",
}


@pytest.mark.parametrize("body", HEAVY.values(), ids=HEAVY)
def test_a_mebibyte_of_anything_is_checked_in_linear_time(body: bytes) -> None:
    begun = time.process_time()
    with contextlib.suppress(Malformed):
        json.check(body)
    assert time.process_time() - begun < 2  # measured: 1 to 50 ms; quadratic would be minutes


def test_members_are_untouched() -> None:
    found = json.members(b'{ "a" : [1, 2] ,\n"b":"x\\u00e9", "c":1.50 }')
    assert found == {"a": b"[1, 2]", "b": b'"x\\u00e9"', "c": b"1.50"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{"a":1, "b":2, "a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"":1,"":2}',
        b'{"b":{"a":1},"a":"}","a":"{"}',
    ],
)
def test_a_member_that_is_there_twice_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed, match="twice"):
        json.members(body)


def test_a_duplicate_is_pointed_at() -> None:
    with pytest.raises(Malformed) as raised:
        json.members(b'{"a/b":1,"a/b":2}')
    assert raised.value.pointer == "/a~1b"


@pytest.mark.parametrize("body", [b"{}", b" { } ", b'{"\\u0061":1,"b":2}', b'{"a b":" ","a":1}'])
def test_no_duplicates(body: bytes) -> None:
    assert json.members(body).keys() == reference.loads(body).keys()


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
def test_only_an_object_has_members(body: bytes) -> None:
    with pytest.raises(Malformed, match="object"):
        json.members(body)


def test_items_are_untouched() -> None:
    assert json.items(b' [1.0, {"a": 2} ,"x"]') == [b"1.0", b'{"a": 2}', b'"x"']


def test_one_line() -> None:
    text = b'{\r\n "a": "x\\ny",\n\r "b": 1}'
    assert json.one_line(text) == b'{  "a": "x\\ny",   "b": 1}'
    assert reference.loads(json.one_line(text)) == reference.loads(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_whatever_is_json_is_taken(value: object, indent: int | None, plain: bool) -> None:
    try:
        body = reference.dumps(value, indent=indent, ensure_ascii=plain).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate
    json.check(body)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES), st.booleans())
def test_members_are_those_of_any_object(value: dict[str, object], compact: bool) -> None:
    try:
        body = reference.dumps(value, separators=(",", ":") if compact else None).encode()
        body.decode()
        json.check(body)
    except Malformed:
        return  # a lone surrogate inside
    assert {k: reference.loads(v) for k, v in json.members(body).items()} == value


@given(st.binary(max_size=200) | st.text('[]{}",:\\ \n0aeE+-.u', max_size=60).map(str.encode))
def test_nothing_else_is_ever_raised(body: bytes) -> None:
    for read in (json.check, json.members, json.items):
        with contextlib.suppress(Malformed):
            read(body)
