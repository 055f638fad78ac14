from __future__ import annotations

from hubbub.log.sqlite.topics import Topics


def test_numbers_and_names() -> None:
    topics = Topics([(3, "a"), (5, "b")], head=10)
    assert (topics.use("a"), topics.use("new"), topics.find("b")) == (3, None, 5)
    assert topics.add("new") == topics.use("new") == topics.find("new") == topics.newest == 6
    assert topics.names == {3: "a", 5: "b", 6: "new"}
    topics.withdraw(6)
    assert (topics.find("new"), 6 in topics.names) == (None, False)
    assert topics.add("newer") == 7, "a number is never given twice"


def test_what_was_not_used_since_the_last_turn_has_no_records() -> None:
    topics = Topics([(1, "old"), (2, "used")], head=10)
    assert topics.use("used") == 2
    topics.add("fresh")
    assert topics.turn(tail=10, head=20) == [], "records from before the turn are still kept"
    assert topics.turn(tail=11, head=20) == [1]
    assert topics.names.keys() == {2, 3}
    assert topics.use("fresh") == 3
    assert topics.turn(tail=20, head=30) == []
    assert topics.turn(tail=21, head=30) == [2]
    assert topics.find("fresh") == 3
    assert len(topics) == 1


def test_all_topics_can_go() -> None:
    topics = Topics([(1, "a")], head=5)
    assert topics.turn(tail=6, head=5) == [1]
    assert topics.turn(tail=7, head=5) == []
    assert (topics.use("a"), topics.names) == (None, {})
