"""Idempotency-Keys: the same request twice, at the same time, changed, forgotten, and after a crash."""

from __future__ import annotations

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import FakeClock
from hubbub.core.errors import InProgress, KeyReused
from hubbub.sources.idempotency import IdempotencyKeys
from hubbub.sources.options import PublishOptions


def keys(clock: FakeClock | None = None, **options: float) -> IdempotencyKeys:
    return IdempotencyKeys(PublishOptions(**options), clock or FakeClock())  # type: ignore[arg-type]


def test_the_answer_is_given_again() -> None:
    known = keys()
    first = known.claim("anna", "k", b"print")
    assert first.answer is None
    first.finish(201, b"body")
    again = known.claim("anna", "k", b"print")
    assert again.answer == (201, b"body")
    again.finish(500, b"other")
    again.release()
    assert known.claim("anna", "k", b"print").answer == (201, b"body")


def test_while_the_first_runs_others_wait() -> None:
    known = keys()
    known.claim("anna", "k", b"print")
    with pytest.raises(InProgress):
        known.claim("anna", "k", b"print")


def test_another_request_with_the_same_key_is_refused_before_and_after() -> None:
    known = keys()
    claim = known.claim("anna", "k", b"print")
    with pytest.raises(KeyReused):
        known.claim("anna", "k", b"other")
    claim.finish(201, b"")
    with pytest.raises(KeyReused):
        known.claim("anna", "k", b"other")


def test_a_request_that_failed_may_be_tried_again_even_changed() -> None:
    known = keys()
    known.claim("anna", "k", b"print").release()
    assert known.claim("anna", "k", b"other").answer is None


def test_the_first_end_of_a_claim_is_its_end() -> None:
    known = keys()
    claim = known.claim("anna", "k", b"print")
    claim.finish(201, b"body")
    claim.finish(500, b"other")
    claim.release()
    assert known.claim("anna", "k", b"print").answer == (201, b"body")


def test_callers_have_keys_of_their_own() -> None:
    known = keys()
    known.claim("anna", "k", b"1").finish(201, b"anna's")
    claim = known.claim("berta", "k", b"2")
    assert claim.answer is None
    assert claim.new_id() != known.claim("carla", "k", b"2").new_id()


def test_answers_are_forgotten_after_their_time() -> None:
    clock = FakeClock()
    known = keys(clock, idempotency_ttl=60)
    known.claim("anna", "k", b"1").finish(201, b"")
    clock.time += 59
    assert known.claim("anna", "k", b"1").answer is not None
    clock.time += 2
    assert known.claim("anna", "k", b"2").answer is None
    assert len(known) == 1


def test_answers_are_bounded_in_number_and_the_oldest_goes_first() -> None:
    known = keys(idempotency_keys=2)
    for name in "abc":
        known.claim("anna", name, b"1").finish(201, name.encode())
    assert len(known) == 2
    assert known.claim("anna", "c", b"1").answer is not None
    assert known.claim("anna", "b", b"1").answer is not None
    assert known.claim("anna", "a", b"1").answer is None


def test_answers_are_bounded_in_bytes() -> None:
    known = keys(idempotency_bytes=3000)
    for name in "abcd":
        known.claim("anna", name, b"1").finish(201, b"x" * 1000)
    assert len(known) == 2
    known.claim("anna", "e", b"1").finish(201, b"x" * 5000)
    assert len(known) == 0


def test_requests_that_run_are_never_forgotten() -> None:
    known = keys(idempotency_keys=1)
    claims = [known.claim("anna", f"{n}", b"1") for n in range(5)]
    with pytest.raises(InProgress):
        known.claim("anna", "0", b"1")
    for claim in claims:
        claim.finish(201, b"")
    assert len(known) == 1


NAMES = st.text(max_size=20)


@given(NAMES, NAMES)
def test_ids_follow_from_the_key_and_the_place_alone(caller: str, key: str) -> None:
    first = keys().claim(caller, key, b"print")
    after_a_crash = keys().claim(caller, key, b"print")
    ids = [first.new_id() for _ in range(3)]
    assert ids == [after_a_crash.new_id() for _ in range(3)]
    assert len(set(ids)) == 3
    for made in map(UUID, ids):
        assert (made.version, made.variant) == (8, RFC_4122)
    assert [str(UUID(made)) for made in ids] == ids


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_other_keys_give_other_ids(one: tuple[str, str], other: tuple[str, str]) -> None:
    ids = [keys().claim(*name, b"").new_id() for name in (one, other)]
    assert (ids[0] == ids[1]) == (one == other)
