"""Queries, paths and headers, read strictly."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi import http_scope
from hubbub.core.errors import Malformed
from hubbub.web.query import MAX_FIELDS, Query, all_of, has_tag, header, query_of, raw_path


def test_fields() -> None:
    query = Query(b"a=1&b=x%20y+z&a=%C3%BC&c=&d&flag=true")
    assert query.all("a") == ["1", "ü"]
    assert query.one("b") == "x y z"
    assert (query.one("c"), query.one("d"), query.one("e")) == ("", "", None)
    assert query.flag("flag")
    assert not query.flag("other")


@pytest.mark.parametrize(("text", "value"), [("true", 1), ("1", 1), ("false", 0), ("0", 0)])
def test_flags(text: str, value: int) -> None:
    assert Query(f"f={text}".encode()).flag("f") == bool(value)


@pytest.mark.parametrize("text", ["", "yes", "TRUE", "2"])
def test_no_flags(text: str) -> None:
    with pytest.raises(Malformed, match="true or false"):
        Query(f"f={text}".encode()).flag("f")


def test_one_is_one() -> None:
    with pytest.raises(Malformed, match="2 times"):
        Query(b"a=1&a=1").one("a")


@pytest.mark.parametrize("text", [b"a=%FF", b"a=%ED%A0%80", b"a=\xff", "a=ü".encode(), b"%C0%AF=1"])
def test_what_is_no_utf_8(text: bytes) -> None:
    with pytest.raises(Malformed, match="UTF-8"):
        Query(text)


def test_fields_are_bounded() -> None:
    Query(b"&".join([b"a=1"] * MAX_FIELDS))
    with pytest.raises(Malformed, match=str(MAX_FIELDS)):
        Query(b"&".join([b"a=1"] * (MAX_FIELDS + 1)))


@given(st.binary(max_size=100))
def test_nothing_else_is_ever_raised(text: bytes) -> None:
    with suppress(Malformed):
        Query(text)


def test_without_a_query() -> None:
    assert query_of({}).fields == []
    assert query_of({"query_string": b""}).all("a") == []


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ({"raw_path": b"/a%20b", "path": "/a b"}, b"/a%20b"),
        ({"path": "/a b/ü%"}, b"/a%20b/%C3%BC%25"),
        ({"raw_path": None, "path": "/topics/*"}, b"/topics/*"),
        ({"raw_path": b"/in/x/a", "path": "/in/x/a", "root_path": "/in/x"}, b"/a"),
        ({"raw_path": b"/in%20x/a", "path": "/in x/a", "root_path": "/in x"}, b"/a"),
        ({"raw_path": b"/a", "path": "/a", "root_path": "/stripped/by/a/proxy"}, b"/a"),
    ],
)
def test_raw_path(scope: dict[str, object], path: bytes) -> None:
    assert raw_path(scope) == path


def test_headers() -> None:
    scope = http_scope("GET", "/", [("accept", "a/b"), ("accept", "c/d"), ("x", "1")])
    assert header(scope, b"x") == b"1"
    assert header(scope, b"y") is None
    assert all_of(scope, b"accept") == "a/b, c/d"
    assert all_of(scope, b"y") == ""


@pytest.mark.parametrize("known", ['"t"', 'W/"t"', '"a", "t"', '"a",W/"t" ', "*"])
def test_a_tag_that_is_known(known: str) -> None:
    assert has_tag(http_scope("GET", "/", {"if-none-match": known}), b'"t"')


@pytest.mark.parametrize("known", ["", '"a"', "t", '"t'])
def test_a_tag_that_is_not(known: str) -> None:
    assert not has_tag(http_scope("GET", "/", {"if-none-match": known}), b'"t"')
    assert not has_tag(http_scope("GET", "/"), b'"t"')
