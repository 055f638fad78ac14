from __future__ import annotations

from hubbub.log.sqlite.fingerprints import Fingerprints
from hubbub.testing.log.subject import event

SECRET = b"s" * 16


def test_source_and_id_make_the_fingerprint() -> None:
    prints = Fingerprints(SECRET, 60, 100)
    one = prints.of(event("a", source="/s"))
    assert one == prints.of(event("a", "other/topic", source="/s", data=None))
    assert 0 <= one < 2**56
    others = [event("b", source="/s"), event("a", source="/t"), event("/sa", source="")]
    assert one not in {prints.of(other) for other in others}
    assert one != Fingerprints(b"t" * 16, 60, 100).of(event("a", source="/s")), "it is keyed"


def test_the_newest_is_found() -> None:
    prints = Fingerprints(SECRET, 60, 100)
    prints.turn(0, 0)
    prints.add(7, 1)
    prints.turn(30, 0)
    prints.add(7, 31)
    assert (prints.find(7), prints.find(8)) == (31, 0)


def test_what_could_not_be_written_is_taken_back() -> None:
    prints = Fingerprints(SECRET, 60, 100)
    prints.add(7, 1)
    prints.add(8, 2)
    prints.turn(30, 0)
    prints.withdraw(7, 5)
    assert prints.find(7) == 1, "that was another one"
    prints.withdraw(7, 1)
    assert (prints.find(7), prints.find(8)) == (0, 2)


def test_at_least_the_window_is_remembered_by_count() -> None:
    prints = Fingerprints(SECRET, 1e9, 100)
    for offset in range(1, 2000):
        prints.turn(offset - 1, 0)
        prints.add(offset, offset)
        assert all(prints.find(n) for n in range(max(offset - 99, 1), offset + 1))
        assert len(prints) <= 126


def test_at_least_the_window_is_remembered_by_age() -> None:
    prints = Fingerprints(SECRET, 100, 10**9)
    for second in range(1, 1000):
        prints.turn(second - 1, second * 1000)
        prints.add(second, second)
        assert all(prints.find(n) for n in range(max(second - 99, 1), second + 1))
        assert len(prints) <= 127


def test_without_a_window_nothing_adds_up() -> None:
    for prints in (Fingerprints(SECRET, 0, 100), Fingerprints(SECRET, 100, 0)):
        for n in range(1, 500):
            prints.turn(n - 1, n * 1000)
            prints.add(n, n)
        assert len(prints) < 30
