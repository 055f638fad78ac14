"""The promises of a log, as checks that any engine can be held to: `hubbub.core.contracts.Log`.

An engine passes if every check in `CHECKS` returns. None of them needs a test runner:

    class Mine:                                    # a `Subject`
        keeps = True
        def __init__(self):
            self.clock, self.folder = ManualClock(), tempfile.mkdtemp()
        async def open(self, options):
            return await my_engine.open_engine(
                msgspec.structs.replace(options, store=f"mine:{self.folder}"),
                clock=self.clock, entropy=os.urandom,
            )

    asyncio.run(check_log(Mine))

A failure is an `AssertionError` that names the promise. Crashes and disks that fail are beyond what
can be asked of an engine from outside; hubbub's own tests do that to its own engines.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from hubbub.testing.log import appending, keeping, reading
from hubbub.testing.log.subject import ManualClock, Subject

__all__ = ["CHECKS", "Check", "ManualClock", "Subject", "check_log"]

Check = Callable[[Subject], Awaitable[None]]

CHECKS: Final[tuple[Check, ...]] = (*appending.CHECKS, *reading.CHECKS, *keeping.CHECKS)
"""All checks; each takes a subject of its own."""


async def check_log(make: Callable[[], Subject]) -> None:
    """Run all checks, each on a new subject."""
    for check in CHECKS:
        await check(make())
