"""Every case of the CESQL conformance kit that is at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import vectors
from hubbub.core.filters import cesql, compile_sql
from hubbub.core.filters.cesql import ParseError

EVENT = {"specversion": "1.0", "id": "1", "source": "http://localhost/source", "type": "a.type"}


class TypedLoader(yaml.SafeLoader):
    """Knows booleans and integers; everything else, times included, is text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012


TypedLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("(?:true|false)$", re.IGNORECASE), list("tTfF")
)
TypedLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile("[-+]?[0-9]+$"), list("-+0123456789")
)


def read_cases() -> Iterator[Any]:
    for file in sorted(vectors.path("cesql-tck").glob("*.yaml")):
        content = file.read_text(encoding="utf-8")
        typed = yaml.load(content, TypedLoader)["tests"]
        texts = yaml.load(content, yaml.BaseLoader)["tests"]
        for case, text in zip(typed, texts, strict=True):
            case["expression"] = text["expression"]  # TRUE, -10 and the like must stay text
            yield pytest.param(case, id=f"{file.stem}: {text['name']}")


CASES = list(read_cases())


@pytest.mark.parametrize("case", CASES)
def test_conformance(case: dict[str, Any]):
    event = case.get("event") or EVENT | case.get("eventOverrides", {})
    value, error = cesql.evaluate(case["expression"], event)
    assert (error.kind if error else None) == case.get("error")
    if "result" in case:
        assert value == case["result"]
        assert type(value) is type(case["result"])


@pytest.mark.parametrize("case", CASES)
def test_conformance_as_a_filter(case: dict[str, Any]):
    event = case.get("event") or EVENT | case.get("eventOverrides", {})
    _, error = cesql.evaluate(case["expression"], event)
    if isinstance(error, ParseError | cesql.MissingFunction):
        return  # refused by compile_sql; test_sql.py tells how
    expected = error is None and case["result"] is True
    assert compile_sql(case["expression"])(event) is expected
