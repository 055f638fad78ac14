"""What is done again and again: old attempts forgotten, terms and graces ended, cursors written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from hubbub.core.contracts import Ledger
from hubbub.core.errors import Unavailable
from hubbub.deliveries.lane import Lane
from hubbub.deliveries.options import DeliveryOptions
from hubbub.deliveries.shared import Shared

CHECKPOINT = 600.0
"""Seconds between two writes of all cursors that moved without a delivery: what a restart after a
crash looks at again of topics that nobody delivers."""

TEND = 60.0
"""Seconds between two rounds. A term is looked at before every attempt as well."""

AT_ONCE = 500
"""Subscriptions looked at before everything else gets its turn: there may be 100,000."""

_log = logging.getLogger("hubbub.deliveries")


class Chores:
    """Those of all subscriptions."""

    def __init__(
        self,
        shared: Shared,
        ledger: Ledger,
        options: DeliveryOptions,
        lanes: Mapping[str, Lane],
        refresh: Callable[[Lane], object],
    ) -> None:
        """Look after `lanes`; `refresh` lets go of secrets of one whose grace is over."""
        self._shared = shared
        self._ledger = ledger
        self._options = options
        self._lanes = lanes
        self._refresh = refresh

    async def run(self) -> None:
        """Do them for ever, whatever goes wrong with one of them."""
        now = self._shared.clock.monotonic
        next_checkpoint = now() + CHECKPOINT
        while True:
            try:
                await self._forget_attempts()
                await self._look_after_all()
            except Exception:  # noqa: BLE001  the next round is due all the same
                _log.exception("tending to subscriptions failed")
            if now() >= next_checkpoint:
                next_checkpoint += CHECKPOINT
                for lane in self._lanes.values():
                    self._shared.recorder.moved(lane)
            await asyncio.sleep(TEND)

    async def _look_after_all(self) -> None:
        for number, lane in enumerate(list(self._lanes.values())):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            self._refresh(lane)
            if lane.state != "expired":
                lane.ended()

    async def _forget_attempts(self) -> None:
        before = self._shared.now() - int(self._options.attempts_max_age * 1000)
        try:
            await self._ledger.trim_attempts(before, self._options.attempts_max_count)
        except Unavailable as error:
            _log.info("no attempts were trimmed: %s", error)
