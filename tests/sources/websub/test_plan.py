"""What is due when: the pure decisions."""

from __future__ import annotations

from random import Random

import pytest

from hubbub.sources.websub import measure, plan
from hubbub.sources.websub.feeds import FeedSource, Followed
from hubbub.sources.websub.options import FollowOptions
from hubbub.sources.websub.plan import Due
from hubbub.sources.websub.state import Callback, Refusal, State, Tally

NOW = 1_000_000.0
DAY = 86_400.0
A, B = "https://a.example/hub", "https://b.example/hub"
RNG = Random(1)


def callback(token: str = "t", **more: object) -> Callback:
    made = {"base": "b", "hub": A, "topic": "t", "until": NOW + 1000}
    return Callback(token=token, **{**made, **more})  # type: ignore[arg-type]


def state(*callbacks: Callback, **more: object) -> State:
    made = {"subscribe_at": None, "poll_at": None, "callbacks": [*callbacks]}
    return State(url="https://x.example/", **{**made, **more})  # type: ignore[arg-type]


def followed(**options: object) -> Followed:
    return Followed(name="n", topic="t", options=FeedSource(url="https://x.example/", **options))  # type: ignore[arg-type]


def test_the_earliest_is_due() -> None:
    one = state(callback(until=50.0), subscribe_at=40.0, poll_at=30.0, verify_by=60.0)
    assert plan.due(one, is_followed=True) == Due(30.0, "poll")
    assert plan.due(one, is_followed=False) == Due(50.0, "tidy")
    one.callbacks[0].leave_at = 20.0
    assert plan.due(one, is_followed=False) == Due(20.0, "leave")
    one.tallies[A] = Tally(since=15.0 - measure.PATIENCE)
    assert plan.due(one, is_followed=True) == Due(15.0, "judge")
    assert plan.due(state(), is_followed=True) is None


@pytest.mark.parametrize(
    ("advertised", "asked"),
    [
        ([A, B], [A, B]),
        ([B, A, B], [B, A]),
        (["http://a.example/hub", A, B], [A, B]),  # websub 41: https if both are there
        (["http://a.example/hub"], ["http://a.example/hub"]),
        ([], []),
        ([f"https://{n}.example/" for n in range(9)], [f"https://{n}.example/" for n in range(5)]),
    ],
)
def test_hubs_are_asked_in_the_order_of_the_document(
    advertised: list[str], asked: list[str]
) -> None:
    """websub 39."""
    assert plan.candidates(state(), None, advertised, NOW) == asked


def test_silent_hubs_come_last_and_those_that_denied_not_at_all() -> None:
    """websub 44."""
    one = state(tallies={A: Tally(in_row=2)})
    assert plan.candidates(one, None, [A, B], NOW) == [B, A]
    one.refusals[B] = Refusal(NOW + 10)
    assert plan.candidates(one, None, [A, B], NOW) == [A]
    assert plan.candidates(one, None, [A, B], NOW + 10) == [B, A]
    assert plan.candidates(one, "https://c.example/", [A, B], NOW) == ["https://c.example/"]


@pytest.mark.parametrize(
    ("hub", "may"),
    [
        ("https://a.example/", True),
        ("http://a.example/", False),
        ("http://127.0.0.1:80/", True),
        ("http://[::1]/", True),
        ("http://localhost:9/", True),
        ("http://localhost.example/", False),
        ("http://127.0.0.1.example/", False),
        ("http://10.0.0.1/", False),
        ("http:///", False),
    ],
)
def test_secrets_go_over_https_only(hub: str, may: bool) -> None:
    """websub 41."""
    assert plan.may_have_secret(hub) is may


def test_what_is_adopted_replaces_what_was_in_force() -> None:
    old, slow, new = callback("old", state="active"), callback("slow"), callback("new", hub=B)
    one = state(old, slow, new, verify_by=NOW, failures=3, error="e", refusals={B: Refusal(0)})
    plan.adopt(one, new, 1000.0, NOW, RNG)
    assert one.callbacks == [old, new]
    assert (old.state, old.until, old.leave_at) == ("replaced", NOW + plan.GRACE, NOW)
    assert (new.state, new.until, new.verified) == ("active", NOW + 1000, NOW)
    assert (one.verify_by, one.failures, one.error, one.refusals) == (None, 0, "", {})
    assert one.subscribe_at is not None and NOW + 450 <= one.subscribe_at <= NOW + 600


def test_rounds_that_fail_come_ever_later_and_retry_after_is_obeyed() -> None:
    one, waits = state(), list[float]()
    for _ in range(12):
        plan.failed(one, NOW, RNG)
        assert one.subscribe_at is not None
        waits.append(one.subscribe_at - NOW)
    assert 60 <= waits[0] <= 75
    assert 960 <= waits[4] <= 1200
    assert 6 * 3600 <= waits[-1] <= 7.5 * 3600
    plan.failed(state_one := state(), NOW, RNG, 5000.0)
    assert state_one.subscribe_at == NOW + 5000
    plan.failed(state_one := state(), NOW, RNG, 1e9)
    assert state_one.subscribe_at == NOW + DAY


def test_callbacks_end_and_are_forgotten_in_time() -> None:
    active = callback("a", state="active", lease_end=NOW + 10, until=NOW + 10)
    one = state(
        callback("p", until=NOW + 5), active, callback("r", state="replaced", until=NOW + 7)
    )
    assert not plan.tidy(one, NOW + 4)
    assert len(one.callbacks) == 3
    assert plan.tidy(one, NOW + 10)
    assert [(c.token, c.state) for c in one.callbacks] == [("a", "gone"), ("r", "gone")]
    assert not plan.tidy(one, NOW + 9 + DAY)
    plan.tidy(one, NOW + 10 + DAY)
    assert one.callbacks == []


def test_callbacks_are_bounded_and_those_of_use_stay() -> None:
    kept = callback("active", state="active")
    one = state(kept, *(callback(str(number)) for number in range(50)))
    plan.tidy(one, NOW)
    assert len(one.callbacks) == plan.MAX_CALLBACKS
    assert one.callbacks[0] is kept
    assert one.callbacks[-1].token == "49"


def test_how_often_is_polled() -> None:
    options = FollowOptions()
    assert plan.interval(state(), followed(), options) == 900
    active = state(callback(state="active"))
    assert plan.interval(active, followed(), options) == 6 * 3600
    assert plan.interval(active, followed(poll=DAY), options) == DAY
    active.tallies[A] = Tally(in_row=2)
    assert plan.interval(active, followed(), options) == 900
    assert plan.interval(active, followed(poll=300), options) == 300


def test_misses_are_counted_after_a_while_and_forgiven_by_a_push() -> None:
    one = state(callback(state="active", verified=NOW - 10), last_poll=NOW - 5)
    measure.found_by_poll(one, 2, NOW)
    measure.judge(one, NOW + measure.PATIENCE - 1)
    assert one.tallies[A] == Tally(suspects=2, since=NOW)
    measure.judge(one, NOW + measure.PATIENCE)
    assert one.tallies[A] == Tally(missed=2, in_row=1)
    measure.found_by_poll(one, 1, NOW + 1000)
    measure.judge(one, NOW + 2000)
    assert measure.is_silent(one.tallies[A])
    assert measure.pushed(one, A, NOW + 3000) is True
    assert one.tallies[A] == Tally(missed=3, pushes=1, last_push=NOW + 3000)
    measure.found_by_poll(one, 1, NOW + 3001)
    assert one.tallies[A].since is None


def test_what_came_before_the_subscription_does_not_count() -> None:
    one = state(callback(state="active", verified=NOW - 5), last_poll=NOW - 10)
    measure.found_by_poll(one, 2, NOW)
    measure.found_by_poll(state(), 2, NOW)
    assert one.tallies == {}


@pytest.mark.parametrize(
    ("told", "lease"),
    [
        ("864000", 864000),
        ("1", 60),
        ("9" * 15, 30 * DAY),
        ("9" * 99, 77),
        ("-5", 77),
        ("", 77),
        ("²", 77),
    ],
)
def test_leases_are_believed_within_bounds(told: str, lease: float) -> None:
    """websub 24."""
    assert plan.granted(told, 77) == lease
