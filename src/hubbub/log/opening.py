"""Opening the log that the settings name."""

from __future__ import annotations

from hubbub.core.clock import Clock
from hubbub.log.engines import Entropy, open_engine
from hubbub.log.options import LogOptions
from hubbub.log.tail import Tail


async def open_log(options: LogOptions, *, clock: Clock, entropy: Entropy) -> Tail:
    """Open the log at `options.store`, with its newest records in memory, and keep it trimmed.

    Raises `Misconfigured`, `Corrupt`, or `Unavailable` where the disk fails.
    """
    engine = await open_engine(options, clock=clock, entropy=entropy)
    try:
        log = await Tail.open(engine, options.ring_bytes)
    except BaseException:
        await engine.close()
        raise
    policy = options.retention
    if policy.max_age or policy.max_bytes or policy.max_count:
        log.keep(policy, options.trim_interval)
    return log
