"""Very many subscriptions in a data folder, as a server before this one would have left them there.

The documents are what the hub makes of a verified request and what the API makes of a webhook, sealed
secrets included; they are written without asking a hundred thousand callbacks first.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from hubbub.core.clock import SystemClock
from hubbub.core.grants import EVERYONE
from hubbub.core.subscription import Subscription
from hubbub.deliveries.keeper import KIND
from hubbub.deliveries.secrets import Vault, new_secret
from hubbub.log import LogOptions, open_log
from hubbub.log.secrets import secrets_key
from hubbub.websub.admission import Admission
from hubbub.websub.options import WebSubOptions
from hubbub.wire.websub import Subscribing

BASE = "http://127.0.0.1:80"
"""Of the hub as subscribers knew it; what is delivered does not depend on it."""

SECRET = "bench-" * 5
TOGETHER = 1000
LEASE = 10 * 86_400_000


class Crowd(NamedTuple):
    """Subscriptions of the same kind."""

    topic: str
    """Of the log; a number is put in for `{}`."""
    count: int
    form: str = ""
    """`format` of the topic; empty: they are webhooks."""
    is_signed: bool = False
    """Whether they have a secret. Webhooks always do."""


def prepare(data: Path, sink: str, crowds: Iterable[Crowd]) -> None:
    """Write subscriptions into a folder that has no server now."""
    asyncio.run(_prepare(data, sink, crowds))


async def _prepare(data: Path, sink: str, crowds: Iterable[Crowd]) -> None:
    options, clock = LogOptions(store=f"sqlite:{data / 'hubbub.db'}"), SystemClock()
    log = await open_log(options, clock=clock, entropy=os.urandom)
    try:
        vault = Vault([secrets_key(options, os.urandom)], clock, os.urandom)
        made = (one for crowd in crowds for one in _made(crowd, sink, vault))
        waiting: list[asyncio.Future[int]] = []
        for one in made:
            put = log.registry.put(KIND, one.id, msgspec.json.encode(one))
            waiting.append(asyncio.ensure_future(put))
            if len(waiting) == TOGETHER:
                await asyncio.gather(*waiting)
                waiting.clear()
        await asyncio.gather(*waiting)
    finally:
        await log.close()


def _made(crowd: Crowd, sink: str, vault: Vault) -> Iterator[Subscription]:
    admission = Admission(
        subscriptions=dict[str, Subscription],
        log_topic=str,
        check=str,
        vault=vault,
        options=WebSubOptions(),
        clock=SystemClock(),
    )
    now = int(time.time() * 1000)
    for number in range(crowd.count):
        topic = crowd.topic.format(number)
        callback = f"{sink}/{crowd.form or 'hook'}/{int(crowd.is_signed)}/{topic}/{number}"
        if not crowd.form:
            hook = Subscription(id=f"{topic}-{number}", sink=callback, topics=(topic,), created=now)
            yield vault.with_secret(hook, new_secret(os.urandom))
            continue
        asked = Subscribing(
            mode="subscribe",
            callback=callback,
            topic=f"{BASE}/topics/{topic}?format={crowd.form}",
            secret=SECRET if crowd.is_signed else "",
        )
        intent = admission.intent(asked, base=BASE, address="127.0.0.1", principal=EVERYONE)
        yield msgspec.structs.replace(intent.subscription, expires=now + LEASE)
