"""What a channel wants done before the first delivery, such as asking for consent: once for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hubbub.core.contracts import Target
from hubbub.core.outcome import Exchange


class Consent:
    """That of one target."""

    def __init__(self, target: Target, given: Callable[[Consent], object]) -> None:
        """`given` is called once it is there."""
        self.is_given = False
        self._target = target
        self._given = given
        self._asking: asyncio.Future[Exchange | None] | None = None

    async def ask(self) -> Exchange | None:
        """Ask for it, together with whoever else asks; return why it is not given."""
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._target.prepare())
            self._asking.add_done_callback(self._asked)
        return await asyncio.shield(self._asking)

    def _asked(self, asking: asyncio.Future[Exchange | None]) -> None:
        if asking.cancelled() or asking.exception() is not None or asking.result() is not None:
            self._asking = None  # to be asked again the next time
        else:
            self.is_given = True
            self._given(self)
