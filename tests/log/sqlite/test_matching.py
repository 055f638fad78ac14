from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hubbub.core.selection import EVERYTHING, Selection
from hubbub.core.topic import matches
from hubbub.log.sqlite import matching
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.matching import Matching
from hubbub.log.sqlite.migrations import migrate
from hubbub.log.sqlite.sql import SQL
from hubbub.log.sqlite.topics import Topics

NAMES = ["a", "a/b", "a/b/c", "a0", "a-", "ab/c", "ä/b", "z", "a/\U0010ffff", "a/z"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "topics.db"
    path.touch()
    database = Database(path, write=True)
    migrate(database)
    yield database
    database.close()


def add(database: Database, topics: Topics, *names: str) -> None:
    database.run_many(SQL["add_topic"], [(topics.add(name), name) for name in names])


@pytest.mark.parametrize(
    "pattern", ["a", "a/*", "a/**", "*", "*/b", "**", "*/*/c", "none/*", "ä/*"]
)
def test_patterns_find_their_topics(database: Database, pattern: str) -> None:
    topics = Topics([], 0)
    add(database, topics, *NAMES)
    found = Matching(topics).wanted(Selection.of([pattern, "z"]), database)
    if pattern == "**":
        assert found is None
        return
    assert found is not None
    wanted = {name for name in NAMES if matches(pattern, name) or name == "z"}
    assert {topics.names[number] for number in found.numbers} == wanted


def test_everything_is_no_search(database: Database) -> None:
    assert Matching(Topics([], 0)).wanted(EVERYTHING, database) is None


def test_new_topics_are_looked_at_once(database: Database) -> None:
    topics = Topics([], 0)
    known = Matching(topics)
    selection = Selection.of(["a/*", "b"])
    add(database, topics, "a/1", "c")
    first = known.wanted(selection, database)
    assert known.wanted(selection, database) is first
    add(database, topics, "a/2", "b", "c/1")
    second = known.wanted(selection, database)
    assert second is not None
    assert {topics.names[number] for number in second.numbers} == {"a/1", "a/2", "b"}


def test_what_is_remembered_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MAX_REMEMBERED", 25)
    topics = Topics([], 0)
    add(database, topics, *(f"{letter}/{n}" for letter in "abcdef" for n in range(10)))
    known = Matching(topics)
    for letter in "abcdefa":
        found = known.wanted(Selection.of([f"{letter}/*"]), database)
        assert found is not None
        assert len(found) == 10
    assert list(known._remembered) == [("f/*",), ("a/*",)]
