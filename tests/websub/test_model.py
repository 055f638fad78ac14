"""A subscriber of the hub under random weather: what it was subscribed for comes, in order, and no more.

Requests that are confirmed or refused, events, a callback that is away or broken, restarts and kills
in any order; then the callback heals. What was published while it was subscribed has come, first
things first, once unless the process was killed; what was published meanwhile has not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from websub.rig import BASE, Reader, World, reading, world

TOPIC = f"{BASE}/topics/t"
STEPS = st.one_of(
    st.tuples(st.sampled_from(["subscribe", "unsubscribe"]), st.booleans()),
    st.tuples(st.just("publish"), st.integers(1, 3)),
    st.tuples(st.just("answer"), st.sampled_from([204, 500, 503, 0])),
    st.tuples(st.just("wait"), st.sampled_from([1, 40, 4000])),
    st.tuples(st.just("restart"), st.booleans()),
)


class Life:
    """One subscriber, and what it is to get."""

    def __init__(self, hub: World, reader: Reader) -> None:
        self.hub = hub
        self.reader = reader
        self.is_subscribed = False
        self.was_killed = False
        self.count = 0
        self.wanted: list[int] = []
        """What has to come."""
        self.got: list[int] = []
        """What came and was taken."""
        self.status = 204
        reader.answer = self.answer

    def answer(self, request: object) -> bytes:
        if request.method == "GET":  # type: ignore[attr-defined]
            return self.reader.respond(request)  # type: ignore[arg-type]
        if not self.status:
            raise ConnectionResetError
        if self.status == 204:
            self.got += [one["data"] for one in json.loads(request.body)]  # type: ignore[attr-defined]
        return b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % self.status

    async def do(self, what: str, with_: int | bool) -> None:
        if what in ("subscribe", "unsubscribe"):
            self.reader.wants = lambda _: bool(with_)
            await self.hub.subscribe(self.reader, TOPIC, mode=what)
            if with_:
                await self.changed(is_subscribed=what == "subscribe")
        elif what == "publish":
            for _ in range(with_):
                self.count += 1
                await self.hub.publish("t", b"%d" % self.count)
                if self.is_subscribed:
                    self.wanted.append(self.count)
            await self.hub.time.advance(0.05)
        elif what == "answer":
            self.status = with_
        elif what == "wait":
            await self.hub.time.advance(with_)
        else:
            self.was_killed = self.was_killed or bool(with_)
            await self.hub.restart(kill=bool(with_))

    async def changed(self, *, is_subscribed: bool) -> None:
        if self.is_subscribed and not is_subscribed:  # what is outstanding comes no more
            self.wanted = [one for one in self.wanted if one in self.got]
        self.is_subscribed = is_subscribed

    async def heal(self) -> None:
        self.status = 204
        for _ in range(12):
            await self.hub.time.advance(1200)
            await self.hub.quiet()


async def _live(steps: Sequence[tuple[str, int | bool]]) -> None:
    """Live through the steps; a failure tells them."""
    async with reading() as reader, world() as hub:
        life = Life(hub, reader)
        await life.do("subscribe", True)
        for what, with_ in steps:
            await life.do(what, with_)
        await life.heal()
        first = list(dict.fromkeys(life.got))
        assert first == sorted(first), ("out of order", first, steps)
        assert set(life.wanted) <= set(first), ("lost", first, life.wanted, steps)
        assert set(first) <= set(life.wanted), ("not asked for", first, steps)
        if not life.was_killed:
            assert first == life.got, ("twice", life.got, steps)
        assert not hub.hub.verifier.pending
        assert bool(hub.engine.subscriptions) == life.is_subscribed
        assert len(hub.hub._leases._when) <= 1


@settings(max_examples=10, deadline=None)
@given(st.lists(STEPS, min_size=2, max_size=10))
def test_after_any_weather_a_subscriber_has_what_it_asked_for(
    steps: list[tuple[str, int | bool]],
) -> None:
    asyncio.run(_live(steps))
