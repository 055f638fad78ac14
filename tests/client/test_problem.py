"""Refusals, from whatever the server or somebody between said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.client import ClientError, Gap, Refused, Unexpected, Unreachable
from hubbub.client.problem import refusal
from hubbub.core import errors


def test_a_problem_document():
    body = {"title": "Not allowed", "detail": "ask for x", "status": 418, "errors": [{"a": 1}]}
    error = refusal(403, {"Retry-After": "5"}, json.dumps(body).encode(), 0.0)
    assert isinstance(error, Refused)
    assert str(error) == "403 Not allowed: ask for x"
    assert (error.status, error.retry_after, error.problem) == (403, 5.0, body)


def test_a_gap():
    error = refusal(410, {}, b'{"requested":"a-1","resumes_at":"b-0","title":"gone"}', 0.0)
    assert isinstance(error, Gap)
    assert (error.requested, error.resumes_at) == ("a-1", "b-0")
    assert isinstance(error, errors.Gap)
    assert isinstance(error, ClientError)
    assert isinstance(refusal(410, {}, b"{}", 0.0), Refused)


@given(st.integers(100, 999), st.binary() | st.sampled_from([b'{"title":1,"detail":[]}', b"[]"]))
def test_anything_else_is_a_refusal_with_a_reason(status, body):
    error = refusal(status, {}, body, 0.0)
    assert isinstance(error, Refused)
    assert error.status == status
    assert error.title
    assert error.detail


@pytest.mark.parametrize(
    ("error", "temporary"),
    [
        (Refused(503, "", ""), True),
        (Refused(429, "", ""), True),
        (Refused(500, "", ""), True),
        (Refused(501, "", ""), False),
        (Refused(404, "", ""), False),
        (Unreachable(""), True),
        (Unreachable("", for_good=True), False),
        (Unexpected(""), False),
        (Gap("a-1", "b-0"), False),
    ],
)
def test_what_may_succeed_later(error, temporary):
    assert error.temporary is temporary


def test_exit_codes():
    assert (Refused(400, "", "").exit_code, Unreachable("").exit_code) == (1, 3)
