"""Turns: bounded in all and for each host, in order, and none is lost."""

from __future__ import annotations

from collections import Counter
from random import Random

from hubbub.websub.turns import Turns


def test_bounds_hold_and_everybody_gets_a_turn() -> None:
    rng = Random(5)
    for _ in range(50):
        total, per_host = rng.randint(1, 6), rng.randint(1, 4)
        turns, active, begun = Turns(total, per_host), list[str](), 0

        def go(host: str, active: list[str] = active) -> bool:
            active.append(host)
            return True

        asked = 0
        while begun < 200 or active:
            if asked < 200 and (not active or rng.random() < 0.6):
                host = f"h{rng.randint(0, 5)}"
                turns.ask(host, lambda host=host: go(host))
                asked += 1
            elif active:
                turns.done(active.pop(rng.randrange(len(active))))
                begun += 1
            assert len(active) <= total
            assert not active or max(Counter(active).values()) <= per_host
        assert begun == asked == 200


def test_hosts_take_turns_and_each_keeps_its_order() -> None:
    turns, seen = Turns(1, 1), list[str]()
    for name in ("a1", "a2", "a3", "b1", "b2"):
        turns.ask(name[0], lambda name=name: seen.append(name) is None)
    for host in "aabab":
        assert seen[-1][0] == host
        turns.done(host)
    assert seen == ["a1", "a2", "b1", "a3", "b2"]


def test_who_does_not_want_a_turn_any_more_takes_none() -> None:
    turns, seen = Turns(1, 1), list[str]()
    turns.ask("a", lambda: True)
    for _ in range(5000):
        turns.ask("a", lambda: False)
    turns.ask("a", lambda: seen.append("last") is None)
    turns.done("a")
    assert seen == ["last"]


def test_who_is_called_may_ask() -> None:
    turns, seen = Turns(2, 2), list[str]()

    def first() -> bool:
        turns.ask("b", lambda: seen.append("second") is None)
        return True

    turns.ask("a", first)
    assert seen == ["second"]
