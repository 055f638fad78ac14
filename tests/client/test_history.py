"""Pages of the past, followed to the end."""

from __future__ import annotations

import pytest

from hubbub.client import Gap, Refused, Unexpected
from hubbub.core.errors import InvalidTopic

from .gateway import answer, hang_up, refuse

pytestmark = pytest.mark.anyio


@pytest.fixture
async def positions(gateway):
    return [await gateway.say(n) for n in range(250)]


async def test_pages_are_followed_to_the_end(client, gateway, positions):
    assert [event.data async for event in client.history("t")] == list(range(250))
    assert len(gateway.requests) == 3


async def test_the_next_page_is_asked_of_the_same_server(client, gateway, positions):
    """The gateway names itself by another host in its links, as behind a proxy."""
    assert len([event async for event in client.history("t", limit=150)]) == 150
    assert gateway.requests[1].query["since"] == positions[99]


@pytest.mark.parametrize("limit", [0, 1, 99, 100, 101, 200, 250, 1000])
async def test_never_more_than_asked_for(client, gateway, positions, limit):
    history = client.history("t", limit=limit)
    assert [event.data async for event in history] == list(range(min(limit, 250)))
    assert len(gateway.requests) == -(-min(limit, 250) // 100)


async def test_newest_first(client, positions):
    history = client.history("t", order="desc", limit=120)
    assert [event.data async for event in history] == list(range(249, 129, -1))


async def test_the_position_says_where_to_go_on(client, positions):
    history = client.history("t")
    for _ in range(120):
        await anext(history)
    assert history.position == positions[119]
    resumed = client.history("t", since=history.position)
    assert [event.data async for event in resumed] == list(range(120, 250))


async def test_a_broken_page_is_asked_for_again(client, gateway, positions):
    gateway.faults += [refuse(503, retry_after="1"), hang_up]
    assert len([event async for event in client.history("t")]) == 250


async def test_everything_asked_for_is_said(client, gateway):
    history = client.history("a", "b/*", since="2h", filter="x = 1", types=["k"], limit=7)
    assert [event async for event in history] == []
    assert list(gateway.requests[0].query.items()) == [
        ("topic", "a"),
        ("topic", "b/*"),
        ("type", "k"),
        ("since", "2h"),
        ("filter", "x = 1"),
        ("limit", "7"),
        ("order", "asc"),
    ]


async def test_a_gap_is_raised_and_reading_goes_on_after_it(client, gateway, positions):
    gateway.forget_all()
    await gateway.say("new")
    history = client.history("t", since=positions[3])
    with pytest.raises(Gap) as caught:
        await anext(history)
    assert caught.value.requested == positions[3]
    assert [event.data async for event in history] == ["new"]


async def test_a_gap_told_to_whoever_wants_to_know(client, gateway, positions):
    gateway.forget_all()
    await gateway.say("new")
    gaps: list[Gap] = []
    history = client.history("t", since=positions[3], on_gap=gaps.append)
    assert [event.data async for event in history] == ["new"]
    assert len(gaps) == 1


async def test_refusals_and_nonsense(client, gateway):
    gateway.faults += [refuse(400), answer(200, b"{}"), answer(200, b"[{}]")]
    with pytest.raises(Refused):
        await anext(client.history("t"))
    for _ in range(2):
        with pytest.raises(Unexpected):
            await anext(client.history("t"))
    with pytest.raises(InvalidTopic):
        client.history("a//b")


async def test_an_answer_beyond_the_bound_is_not_held(client, gateway, monkeypatch):
    from hubbub.client import caller

    monkeypatch.setattr(caller, "MAX_ANSWER_BYTES", 1000)
    gateway.faults.append(answer(200, b"[" + b" " * 5000 + b"]", "application/json"))
    with pytest.raises(Unexpected, match="more than 1000 bytes"):
        await anext(client.history("t"))


async def test_closing_ends_it(client, positions):
    async with client.history("t") as history:
        await anext(history)
        await history.aclose()
        assert len([event async for event in history]) == 99
