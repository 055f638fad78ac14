"""Event loops count timers in milliseconds, so they come a little early: nothing may hang on that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deliveries.rig import OK, Rig, rig

pytestmark = pytest.mark.anyio

EARLY = 0.0005


def come_early(r: Rig) -> None:
    """Have every timer that is not short come early."""
    call_later = r.time.call_later

    def early(delay: float, call: Callable[[], None]) -> Callable[[], None]:
        return call_later(delay - EARLY if delay > 2 * EARLY else delay, call)

    r.time.call_later = early  # type: ignore[method-assign]


async def test_a_batch_that_waits_for_others_goes() -> None:
    async with rig() as r:
        come_early(r)
        await r.subscribe("t", batch_size=10, batch_wait=1, concurrency=1)
        await r.append(1)
        await r.time.advance(2)
        assert r.receiver.offsets == [1]


async def test_what_is_tried_again_is_tried_again() -> None:
    async with rig() as r:
        come_early(r)
        await r.subscribe("t")
        r.receiver.fails(1)
        await r.append(1)
        r.receiver.answer = lambda _: OK
        await r.time.advance(60)
        assert r.receiver.offsets == [1]
