"""The JSON dialects of the Subscriptions API."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vectors
from hubbub.core.errors import InvalidFilter
from hubbub.core.filters import Predicate, compile_filters, warnings
from hubbub.core.filters.dialects import MAX_DEPTH, MAX_FILTERS, MAX_SQL

VECTORS = vectors.load("cloudevents", "subscription-filters.json")
EVENT = {"specversion": "1.0", "id": "42", "source": "/s", "type": "com.example", "n": 7, "f": True}


@pytest.mark.parametrize("case", VECTORS["match"], ids=lambda case: case["name"])
def test_match(case: dict[str, Any]):
    assert compile_filters(case["filters"])(case["event"]) is case["match"]


@pytest.mark.parametrize("case", VECTORS["must_reject"], ids=lambda case: case["name"])
def test_must_reject(case: dict[str, Any]):
    with pytest.raises(InvalidFilter) as caught:
        compile_filters(case["filters"])
    resolve(case["filters"], caught.value.pointer)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([{"exact": {"type": "com.example", "n": "7", "f": "true"}}], True),
        ([{"exact": {"f": "True"}}], False),
        ([{"prefix": {"n": "7", "f": "tr"}}], True),
        ([{"suffix": {"type": ".example", "f": "rue"}}], True),
        ([{"suffix": {"nosuch": "x"}}], False),
        ([{"any": [{"exact": {"id": "1"}}, {"exact": {"id": "2"}}, {"sql": "n = 7"}]}], True),
        ([{"any": [{"exact": {"id": "1"}}, {"exact": {"id": "2"}}, {"sql": "n = 8"}]}], False),
        ([{"all": [{"sql": "TRUE"}, {"sql": "f"}, {"exact": {"id": "42"}}]}], True),
        ([{"all": [{"sql": "TRUE"}, {"sql": "n"}, {"exact": {"id": "42"}}]}], False),
        ([{"not": {"any": [{"sql": "nosuch"}]}}], True),
        (({"exact": {"id": "42"}},), True),
    ],
)
def test_combinations(filters: list[object], expected: bool):
    assert compile_filters(filters)(EVENT) is expected


@pytest.mark.parametrize(
    ("filters", "pointer", "says"),
    [
        ("sql", "", "expected an array of filters, not a string"),
        ({"sql": "TRUE"}, "", "expected an array of filters, not an object"),
        ([7], "/0", "expected an object, not a number"),
        ([None], "/0", "expected an object, not null"),
        ([{}], "/0", "exactly one member, its dialect; this one has 0"),
        ([{"sql": "f"}, {"exact": {"id": "1"}, "sql": "f"}], "/1", "this one has 2"),
        ([{"EXACT": {"id": "1"}}], "/0", "no filter dialect 'EXACT'; use one of exact, prefix"),
        ([{"x" * 1000: {}}], "/0", "no filter dialect"),
        ([{"exact": []}], "/0/exact", "expected an object, not an array"),
        ([{"exact": {}}], "/0/exact", "at least one attribute"),
        ([{"exact": {"id": True}}], "/0/exact/id", "expected a string, not a boolean"),
        ([{"exact": {"id": 1.5}}], "/0/exact/id", "expected a string, not a number"),
        ([{"suffix": {"id": ""}}], "/0/suffix/id", "EXISTS"),
        ([{"prefix": {"id": "x" * 8193}}], "/0/prefix/id", "longer than 8192"),
        ([{"exact": {"": "x"}}], "/0/exact/", "lower-case letters and digits"),
        ([{"exact": {"a/b~": "x"}}], "/0/exact/a~1b~0", "lower-case letters and digits"),
        ([{"exact": {"data": "x"}}], "/0/exact/data", "attribute name"),
        ([{"exact": {"x" * 65: "x"}}], "/0/exact/" + "x" * 65, "at most 64"),
        ([{"all": [{"any": []}]}], "/0/all/0/any", "'any' needs at least one filter"),
        ([{"all": "x"}], "/0/all", "expected an array of filters, not a string"),
        ([{"not": {"not": {"sql": ""}}}], "/0/not/not/sql", "at character 0"),
        ([{"sql": None}], "/0/sql", "expected a CESQL expression, not null"),
        ([{1: "x"}], "/0", "expected an object"),
        ([{"exact": {1: "x"}}], "/0/exact", "expected an object"),
    ],
)
def test_refusals_point_at_the_place(filters: Any, pointer: str, says: str):
    with pytest.raises(InvalidFilter) as caught:
        compile_filters(filters)
    assert caught.value.pointer == pointer
    assert says in caught.value.detail
    assert len(caught.value.detail) < 250


def test_sql_errors_carry_pointer_and_position():
    with pytest.raises(InvalidFilter) as caught:
        compile_filters([{"sql": "TRUE"}, {"all": [{"sql": "type = 'x' AND"}]}])
    assert (caught.value.pointer, caught.value.position) == ("/1/all/0/sql", 14)


def test_nesting_is_bounded():
    def nested(levels: int) -> object:
        document: object = {"sql": "TRUE"}
        for _ in range(levels - 1):
            document = {"not": document}
        return document

    assert compile_filters([nested(MAX_DEPTH)])(EVENT) is (MAX_DEPTH % 2 == 1)
    for levels in (MAX_DEPTH + 1, 900):
        with pytest.raises(InvalidFilter) as caught:
            compile_filters([nested(levels)])
        assert caught.value.pointer == "/0" + "/not" * MAX_DEPTH


def test_size_is_bounded():
    attributes = {f"a{n}": "x" for n in range(MAX_FILTERS - 1)}
    assert compile_filters([{"exact": attributes}])(attributes)
    assert compile_filters([{"sql": "TRUE"}] * MAX_FILTERS)(EVENT)
    for filters in ([{"exact": attributes | {"b": "x"}}], [{"sql": "TRUE"}] * (MAX_FILTERS + 1)):
        with pytest.raises(InvalidFilter, match="more than 256 filters"):
            compile_filters(filters)


def test_sql_is_bounded():
    sql = "TRUE" + " " * (4096 - 4)
    assert compile_filters([{"sql": sql}] * (MAX_SQL // 4096))(EVENT)
    with pytest.raises(InvalidFilter, match="more than 16384 characters of sql"):
        compile_filters([{"sql": sql}] * (MAX_SQL // 4096) + [{"sql": "f"}])


def test_warnings_point_into_the_document():
    filters = [
        {"sql": "f AND f OR f"},
        {"exact": {"sql": "x"}},
        {"any": [{"not": {"sql": "f = f"}}, {"not": {"sql": "NOT f = f"}}]},
    ]
    assert compile_filters(filters)
    assert [(notice.pointer, notice.position) for notice in warnings(filters)] == [
        ("/0/sql", 8),
        ("/2/any/1/not/sql", 0),
    ]
    assert warnings(None) == warnings([]) == []


def resolve(document: Any, pointer: str) -> Any:
    """Follow a JSON pointer (RFC 6901); fails if there is nothing."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("f AND TRUE")
keys = st.sampled_from(["exact", "prefix", "suffix", "all", "any", "not", "sql", "id", "n"])
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keys | st.text(max_size=3), inner, max_size=2)
        | st.builds(lambda key, value: {key: value}, keys, inner)
    ),
    max_leaves=20,
)


@given(documents | st.lists(documents, max_size=3))
def test_any_document_is_a_predicate_or_an_invalid_filter(document: Any):
    result = compiled(document)
    if isinstance(result, InvalidFilter):
        resolve(document, result.pointer)
        return
    assert result(EVENT) in (True, False)
    assert result({}) in (True, False)
    for notice in warnings(document):
        assert isinstance(resolve(document, notice.pointer), str)


def compiled(document: Any) -> Predicate | InvalidFilter:
    try:
        return compile_filters(document)
    except InvalidFilter as error:
        return error
