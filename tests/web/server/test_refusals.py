"""Every refusal is a valid answer that says what to do."""

from __future__ import annotations

import msgspec
import pytest

from hubbub.core.errors import PROBLEMS
from hubbub.web.server import refusals
from hubbub.web.server.refusals import Refusal

ALL = {name: value for name, value in vars(refusals).items() if isinstance(value, Refusal)}


@pytest.mark.parametrize("refusal", ALL.values(), ids=ALL)
def test_a_refusal_is_a_problem_document(refusal):
    head, _, body = refusal.response([(b"date", b"now")]).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert first == f"HTTP/1.1 {refusal.status} {refusal.title}"
    assert fields["content-length"] == str(len(body))
    assert fields["content-type"] == "application/problem+json"
    assert "close" in fields["connection"]
    assert fields["date"] == "now"
    problem = msgspec.json.decode(body)
    assert problem["status"] == refusal.status
    assert problem["type"].startswith(PROBLEMS)
    assert problem["detail"].endswith(".")
    assert len(body) < 400
