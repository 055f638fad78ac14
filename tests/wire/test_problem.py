"""Problem documents: every error of the tree, and nothing that was not meant to be said."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from hubbub.core import errors
from hubbub.core.errors import Gap, HubbubError, InvalidEvent, InvalidFilter, TooMany
from hubbub.wire import problem
from hubbub.wire.cloudevents import InvalidBatch


def tree(kind: type[HubbubError]) -> Iterator[type[HubbubError]]:
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield below
            yield from tree(below)


@pytest.mark.parametrize("kind", [k for k in tree(HubbubError) if k is not Gap])
def test_every_error_has_a_document(kind: type[HubbubError]) -> None:
    document = json.loads(problem.encode(kind("do this next")))
    assert document == {
        "type": f"{errors.PROBLEMS}{kind.kind}",
        "title": kind.title,
        "status": kind.status,
        "detail": "do this next",
    }


def test_kinds_and_titles_tell_errors_apart() -> None:
    kinds = list(tree(HubbubError))
    assert len({kind.kind for kind in kinds}) == len(kinds)
    assert len({kind.title for kind in kinds}) == len(kinds)


def test_a_gap_says_where_to_go_on() -> None:
    document = json.loads(problem.encode(Gap("old-1", "new-41")))
    assert document["status"] == 410
    assert (document["requested"], document["resumes_at"]) == ("old-1", "new-41")
    assert "since=new-41" in document["detail"]


def test_the_place_of_a_mistake() -> None:
    document = json.loads(problem.encode(InvalidEvent("not empty", pointer="/id")))
    assert document["errors"] == [{"detail": "not empty", "pointer": "/id"}]
    document = json.loads(problem.encode(InvalidFilter("what is this?", position=0)))
    assert document["errors"] == [{"detail": "what is this?", "position": 0}]


def test_every_mistake_of_a_batch() -> None:
    found = [InvalidEvent("a", pointer="/0/id"), InvalidEvent("b", pointer="/7")]
    document = json.loads(problem.encode(InvalidBatch(found, 9)))
    assert document["detail"] == "2 of 9 events are invalid, so none was published"
    assert document["errors"] == [
        {"detail": "a", "pointer": "/0/id"},
        {"detail": "b", "pointer": "/7"},
    ]


@pytest.mark.parametrize(("seconds", "said"), [(None, None), (0, b"1"), (0.2, b"1"), (2.1, b"3")])
def test_retry_after_is_whole_seconds_and_never_at_once(
    seconds: float | None, said: bytes | None
) -> None:
    assert problem.retry_after(TooMany("slower", retry_after=seconds)) == said


def test_a_fault_of_ours_says_nothing_about_itself() -> None:
    document = json.loads(problem.encode(problem.INTERNAL))
    assert document["status"] == 500
    assert set(document) == {"type", "title", "status", "detail"}
