"""In which order entries become events when we were away, or a push comes late."""

from __future__ import annotations

from random import Random

import pytest

from hubbub.sources.websub import plan
from hubbub.sources.websub.options import FollowOptions
from hubbub.sources.websub.plan import HELD
from hubbub.sources.websub.state import State, Tally
from sources.websub.test_plan import NOW, A, callback, state
from sources.websub.test_plan import followed as source
from sources.websub.world import DAY, Rig, World, atom, entry

pytestmark = pytest.mark.anyio

OPTIONS = FollowOptions()
SOON = OPTIONS.poll_silent


def version(number: int, text: str, minute: int) -> str:
    """Return a version of an entry, made at a minute of the day."""
    made = entry(number, text)
    before, _, rest = made.partition("<updated>")
    return f"{before}<updated>2026-11-21T00:{minute:02d}:00Z{rest[rest.index('</updated>') :]}"


async def titles(us: Rig) -> list[str]:
    return [
        str(one.data().content).split('"title":"')[1].split('"')[0] for one in await us.records()
    ]


async def pushed(us: Rig, world: World) -> None:
    """Subscribe, and have a first push: the hub is good."""
    await us.subscribed()
    await us.pass_(1000)
    assert await world.push(atom(entry(3))) == [200]
    await us.quiet()


async def away(us: Rig, world: World, *listed: int) -> None:
    """Be away for ten minutes; the document lists these by then."""
    await us.followers.stop()
    world.page(atom(*map(entry, listed)))
    await us.time.advance(600)
    world.fetched.clear()
    await us.restart(crash=True)


async def test_what_the_hub_tries_again_comes_before_what_a_poll_finds(
    us: Rig, world: World
) -> None:
    await pushed(us, world)
    await away(us, world, 7, 6)  # it lists the newest two
    await us.pass_(SOON + 60)
    assert world.fetched == []
    for number in (4, 5, 6, 7):
        assert await world.push(atom(entry(number))) == [200]
    await us.pass_(HELD + SOON)
    assert len(world.fetched) == 1
    assert await us.ids() == [f"urn:e:{number}" for number in (3, 4, 5, 6, 7)]


async def test_what_the_hub_does_not_try_again_is_found(us: Rig, world: World) -> None:
    await pushed(us, world)
    await away(us, world, 5, 4, 3)
    await us.pass_(HELD + SOON + 60)
    assert await us.ids() == ["urn:e:3", "urn:e:4", "urn:e:5"]


async def test_a_hub_that_never_pushed_is_not_waited_for(us: Rig, world: World) -> None:
    await us.subscribed()
    await us.pass_(1000)
    await away(us, world, 4, 3, 2)
    await us.pass_(SOON + 60)
    assert await us.ids() == ["urn:e:3", "urn:e:4"]


def planned(one: State) -> float:
    """Return the seconds until the first poll after a start."""
    plan.after_a_break(one, OPTIONS, NOW, Random(1))
    assert one.poll_at is not None
    return one.poll_at - NOW


def followed(poll_at: float = NOW + 3600, **more: object) -> State:
    given = {"last_poll": NOW - 3600, "poll_at": poll_at, "tallies": {A: Tally(pushes=1)}, **more}
    return state(callback(state="active", until=NOW + DAY), **given)


@pytest.mark.parametrize("poll_at", [NOW - 600, NOW + 60, NOW + 6 * 3600])
def test_the_first_poll_is_held_for_a_good_hub(poll_at: float) -> None:
    assert HELD <= planned(followed(poll_at)) <= HELD + SOON


@pytest.mark.parametrize(
    "more",
    [
        {"tallies": {}},
        {"tallies": {A: Tally()}},
        {"tallies": {A: Tally(pushes=9, in_row=1)}},
        {"position": "p-9"},
        {"callbacks": []},
        {"callbacks": [callback(state="active", until=NOW - 1)]},
        {"callbacks": [callback(state="replaced", until=NOW + DAY)]},
        {"last_poll": NOW - OPTIONS.poll - HELD},
    ],
)
def test_nobody_else_is_waited_for(more: dict[str, object]) -> None:
    one = followed()
    for name, value in more.items():
        setattr(one, name, value)
    assert 0 <= planned(one) <= SOON


def test_a_start_does_not_bring_a_poll_where_none_is_planned() -> None:
    one = followed()
    one.poll_at = None
    plan.after_a_break(one, OPTIONS, NOW, Random(1))
    assert one.poll_at is None


@pytest.mark.parametrize(("left", "waits"), [(DAY, True), (HELD + 60, False)])
def test_a_renewal_that_is_due_waits_if_there_is_time(left: float, waits: bool) -> None:
    """It begins with a look at the document, too (websub 45)."""
    one = followed(subscribe_at=NOW - 60)
    one.callbacks[0].until = NOW + left
    poll_at = NOW + planned(one)
    assert one.subscribe_at == (poll_at if waits else NOW - 60)
    later = followed(subscribe_at=NOW + DAY / 2)
    planned(later)
    assert later.subscribe_at == NOW + DAY / 2


def test_however_often_we_start_there_is_a_poll() -> None:
    """One that is killed every half an hour still looks at its feeds."""
    one, now = followed(), NOW
    one.callbacks[0].until = NOW + 30 * DAY
    assert one.poll_at is not None
    while one.poll_at > now:
        plan.after_a_break(one, OPTIONS, now, Random(1))
        now += 1800
    assert now <= one.last_poll + OPTIONS.poll + HELD + 1800


async def test_a_push_that_comes_late_brings_no_older_version(us: Rig, world: World) -> None:
    await us.subscribed()
    world.page(atom(version(3, "third", 30), entry(2), entry(1)))
    await us.pass_(1000)
    assert await titles(us) == ["third"]
    for text, minute in (("first", 10), ("second", 20), ("third", 30)):
        assert await world.push(atom(version(3, text, minute))) == [200]
    assert await titles(us) == ["third"]
    assert await world.push(atom(version(3, "fourth", 40), entry(4, "other"))) == [200]
    assert await titles(us) == ["third", "other", "fourth"]


async def test_pushes_that_pass_each_other_end_with_the_newest(us: Rig, world: World) -> None:
    await us.subscribed()
    for text, minute in (("first", 10), ("third", 30), ("second", 20)):
        assert await world.push(atom(version(3, text, minute))) == [200]
    assert await titles(us) == ["first", "third"]


async def test_a_version_of_the_same_time_is_news(us: Rig, world: World) -> None:
    """Many publishers edit without touching the time."""
    await us.subscribed()
    for text in ("first", "second"):
        assert await world.push(atom(version(3, text, 10))) == [200]
    assert await titles(us) == ["first", "second"]


async def test_what_the_publisher_has_is_the_newest_whatever_time_it_bears(
    us: Rig, world: World
) -> None:
    """Somebody corrects a date in the future: nothing of it is lost."""
    await us.subscribed()
    await us.pass_(1000)
    assert await world.push(atom(version(3, "wrong", 59))) == [200]
    corrected = atom(version(3, "right", 10), entry(2), entry(1))
    world.page(corrected)
    assert await world.push(corrected) == [200]
    assert await titles(us) == ["wrong"]
    await us.pass_(7 * 3600)
    assert await titles(us) == ["wrong", "right"]
    assert await world.push(atom(version(3, "right still", 11))) == [200]
    assert await titles(us) == ["wrong", "right", "right still"]


async def test_what_has_no_time_is_taken_as_it_comes(us: Rig, world: World) -> None:
    await us.subscribed()
    for text in ("first", "second"):
        one = f"<entry><id>urn:e:9</id><title>{text}</title></entry>"
        assert await world.push(atom(one)) == [200]
    assert await titles(us) == ["first", "second"]


async def test_how_new_entries_are_is_known_of_so_many(
    us: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubbub.sources.websub.intake.MAX_DATED", 3)
    await us.subscribed()
    for number in range(3, 9):
        assert await us.world.push(atom(version(number, "x", 10))) == [200]
    assert list(us.follower().intake._dated) == ["urn:e:6", "urn:e:7", "urn:e:8"]


async def test_a_late_push_that_nobody_has_seen_is_looked_at(us: Rig, world: World) -> None:
    """It may be what the publisher has after all, with a time that was corrected."""
    await pushed(us, world)
    assert await world.push(atom(version(4, "wrong", 30))) == [200]
    world.page(atom(version(4, "right", 10)))
    assert await world.push(atom(version(4, "right", 10))) == [200]
    assert (await titles(us))[-1] == "wrong"
    await us.pass_(plan.UNSURE + 10)
    assert (await titles(us))[-1] == "right"


async def test_one_that_was_seen_costs_no_look(us: Rig, world: World) -> None:
    await pushed(us, world)
    old, new = version(4, "old", 10), version(4, "new", 30)
    for one in (old, new, old):
        assert await world.push(atom(one)) == [200]
    world.fetched.clear()
    await us.pass_(plan.UNSURE + 10)
    assert world.fetched == []


def test_news_that_a_hub_told_of_waits_for_nobody() -> None:
    """It does not say again what it has said."""
    one = followed(NOW)
    plan.look_soon(one, NOW)
    plan.after_a_break(one, OPTIONS, NOW, Random(1))
    assert one.poll_at is not None
    assert one.poll_at <= NOW + SOON
    plan.poll_later(one, source(), OPTIONS, NOW, Random(1))
    assert not one.is_told


def test_what_is_polled_more_often_anyway_is_not_held() -> None:
    one = followed(NOW)
    plan.after_a_break(one, OPTIONS, NOW, Random(1), source(poll=300))
    assert one.poll_at is not None
    assert one.poll_at <= NOW + SOON
