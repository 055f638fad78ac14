"""The Idempotency-Key header, as a structured field and bare."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vectors
from asgi import http_scope
from hubbub.core.errors import Malformed
from hubbub.web.idempotency import MAX_KEY, fingerprint, key_of

STRINGS = [
    case
    for case in vectors.load("structured-fields", "string.json")
    if case["raw"][0].strip().startswith('"') and len(case["raw"]) == 1  # else bare, or two keys
]


def key(value: str) -> str:
    return key_of(http_scope("POST", "/", {"idempotency-key": value}))


@pytest.mark.parametrize("case", STRINGS, ids=[case["name"] for case in STRINGS])
def test_structured_strings(case: dict[str, Any]) -> None:
    raw = [(b"idempotency-key", line.encode()) for line in case["raw"]]
    scope = {"headers": raw}
    wanted = None if case.get("must_fail") else case["expected"][0]
    if wanted is None or not 0 < len(wanted) <= MAX_KEY:
        with pytest.raises(Malformed):
            key_of(scope)
    else:
        assert key_of(scope) == wanted


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('"8e03978e-40d5-43dd"', "8e03978e-40d5-43dd"),
        ("8e03978e-40d5-43dd", "8e03978e-40d5-43dd"),
        ('"a b"', "a b"),
        ('"k";expires=5', "k"),
        ("a;b", "a;b"),
        ("  bare  ", "bare"),
        ("x" * MAX_KEY, "x" * MAX_KEY),
        (f'"{"x" * MAX_KEY}"', "x" * MAX_KEY),
    ],
)
def test_keys(value: str, found: str) -> None:
    assert key(value) == found


@pytest.mark.parametrize(
    "value", ["", " ", '""', '"', '"a', 'a"b c', "a b", "é", '"é"', "x" * (MAX_KEY + 1), "a\tb"]
)
def test_no_keys(value: str) -> None:
    with pytest.raises(Malformed):
        key(value)


def test_two_keys_are_none() -> None:
    with pytest.raises(Malformed, match="one"):
        key_of(http_scope("POST", "/", [("idempotency-key", "a"), ("idempotency-key", "a")]))


@given(st.binary(max_size=300))
def test_nothing_else_is_ever_raised(value: bytes) -> None:
    with suppress(Malformed):
        assert 0 < len(key_of({"headers": [(b"idempotency-key", value)]})) <= MAX_KEY


REQUEST = ("/topics/a?type=t", b"body", {"content-type": "text/plain", "ce-id": "1"})


def printed(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    scope = http_scope("POST", path, headers)
    return fingerprint(scope, scope["raw_path"], body)


@pytest.mark.parametrize(
    "other",
    [
        ("/topics/b?type=t", b"body", REQUEST[2]),
        ("/topics/a?type=u", b"body", REQUEST[2]),
        ("/topics/a", b"type=tbody", REQUEST[2]),
        ("/topics/a?type=t", b"bodY", REQUEST[2]),
        ("/topics/a?type=t", b"body", {"content-type": "text/plain", "ce-id": "2"}),
        ("/topics/a?type=t", b"body", {"content-type": "text/plain", "ce-subject": "1"}),
        ("/topics/a?type=t", b"body", {"content-type": "text/plainc", "ce-id": "1"}),
    ],
)
def test_whatever_decides_what_is_published_makes_another_request(other: Any) -> None:
    assert printed(*REQUEST) != printed(*other)


def test_nothing_else_does() -> None:
    path, body, headers = REQUEST
    reordered = {"user-agent": "x", "ce-id": "1", "date": "now", "content-type": "text/plain"}
    assert printed(path, body, headers) == printed(path, body, reordered)
