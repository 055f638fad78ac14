"""Verification of intent: nothing changes before the callback has said that it wants it (5.3).

What is asked for is durable before it is answered with 202, so a crash loses no request. A later
request for the same topic and callback takes the place of an earlier one. Callbacks that do not
answer are asked again on a schedule; those that refuse are not. Few are asked at a time, one after the
other, in turns by host, and what is written goes along with what is published: a storm of a thousand
requests a second must not delay that.
"""

from __future__ import annotations

import base64
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import msgspec

from hubbub.core.calling import Caller
from hubbub.core.clock import Clock, Timers
from hubbub.core.contracts import Registry
from hubbub.core.errors import HubbubError, TooMany
from hubbub.core.subscription import Subscription
from hubbub.core.tasks import Tasks
from hubbub.websub.calling import explain
from hubbub.websub.intent import (
    CHALLENGE_BYTES,
    MAX_ANSWER,
    Intent,
    Unverified,
    Verified,
    judge,
)
from hubbub.websub.options import WebSubOptions

KIND: Final = "websub-intent"
"""Of the registry's documents; their names are the ids of subscriptions."""

STEP: Final = 0.002
"""Seconds between two beginnings of verifications: what is published has its turn between them."""

YIELD: Final = 4
"""A timer of a busy event loop is late: so many times that is added to the next pause. Verifications
have the time that is left over; whoever asked for one can wait, whoever publishes cannot."""

LONGEST_STEP: Final = 0.1
"""Most seconds of such a pause: however busy it is, some are begun."""

WITHIN: Final = 0.03
"""Seconds within which what is asked for, and what comes of it, is written: a sync of the disk is one
that a publish may have to wait for, so it goes along with what is published."""

FORGET_WITHIN: Final = 0.25
"""Seconds within which it is forgotten what need not be asked any more: nobody waits for that."""

TRY_AGAIN: Final = 30.0
"""Seconds after which somebody with too much pending may ask again."""

_log = logging.getLogger("hubbub.websub")


class Verifier:
    """What waits to be verified, and the asking."""

    def __init__(  # noqa: PLR0913  what it stands on
        self,
        *,
        registry: Registry,
        caller: Caller,
        validate: Callable[[Intent], Awaitable[str]],
        verified: Callable[[Intent], Awaitable[None]],
        failed: Callable[[Intent, str], Awaitable[None]],
        token: Callable[[Subscription], str],
        head: Callable[[], str],
        options: WebSubOptions,
        clock: Clock,
        timers: Timers,
        entropy: Callable[[int], bytes],
        tasks: Tasks,
    ) -> None:
        """Ask with `caller`.

        `validate` returns why a subscription to a topic of others is denied, or nothing; `verified` makes
        it so; `token` is what an old client wants to see again, `head` the position of the newest event.
        """
        self.pending: dict[str, Intent] = {}
        """By the id of their subscription."""
        self.outcomes: Counter[str] = Counter()
        """What came of the questions, for the metrics."""
        self._registry = registry
        self._caller = caller
        self._validate = validate
        self._verified = verified
        self._failed = failed
        self._token = token
        self._head = head
        self._options = options
        self._clock = clock
        self._timers = timers
        self._entropy = entropy
        self._tasks = tasks
        self._ready: dict[str, deque[Intent]] = {}
        """Due, by host; the host whose turn it is comes first."""
        self._active: Counter[str] = Counter()
        self._is_pausing = False
        """Whether the next ones are begun by a timer."""
        self._late = 0.0
        """How late that timer was the last time, in seconds."""
        self._by_address: Counter[str] = Counter()
        self._by_host: Counter[str] = Counter()
        self._is_stopping = False

    async def start(self) -> None:
        """Take up what an earlier process left. Raises `Unavailable`."""
        for document in await self._registry.all(KIND):
            intent = msgspec.json.decode(document.body, type=Intent)
            self._enter(intent)
            self._admit(intent)

    def stop(self) -> None:
        """Ask nobody any more."""
        self._is_stopping = True

    def check_room(self, intent: Intent) -> None:
        """Raise `TooMany` if too much is pending, in all, for an address or for a host."""
        options, host = self._options, host_of(intent)
        if len(self.pending) >= options.max_pending:
            raise _too_many("this hub")
        if self._by_address[network_of(intent.address)] >= options.max_pending_per_address:
            raise _too_many("your address")
        waiting = max(self._by_host[host], len(self._ready.get(host, ())))
        if waiting >= options.max_pending_per_host:
            raise _too_many("the host of the callback")

    async def add(self, intent: Intent) -> None:
        """Have something verified; it is durable when this returns. Raises `Unavailable`."""
        before = self._enter(intent)
        try:
            await self._write(intent, WITHIN)
        except HubbubError:
            self._leave(intent)
            if before is not None and intent.id not in self.pending:
                self._enter(before)
                self._queue(before)
            raise
        self._admit(intent)

    def _admit(self, intent: Intent) -> None:
        """Have it asked, once a topic of others was looked at: that takes the time of others."""
        if intent.mode == "subscribe" and intent.is_foreign:
            self._tasks.spawn(self._look(intent), "look")
        else:
            self._queue(intent)

    async def _look(self, intent: Intent) -> None:
        after = self._head()
        reason = await self._validate(intent)
        if self.pending.get(intent.id) is not intent:
            return  # somebody asked for something else meanwhile
        if reason:
            await self._failed(intent, f"denied: {reason}")
            await self.add(msgspec.structs.replace(intent, mode="denied", reason=reason))
            return
        self.pending[intent.id] = looked = msgspec.structs.replace(intent, after=after)
        self._queue(looked)

    def _enter(self, intent: Intent) -> Intent | None:
        """Note what is pending; return what it takes the place of."""
        if (before := self.pending.get(intent.id)) is not None:
            self._leave(before)
        self.pending[intent.id] = intent
        self._by_address[network_of(intent.address)] += 1
        self._by_host[host_of(intent)] += 1
        return before

    def _leave(self, intent: Intent) -> None:
        if self.pending.get(intent.id) is intent:
            del self.pending[intent.id]
            for counter, key in (
                (self._by_address, network_of(intent.address)),
                (self._by_host, host_of(intent)),
            ):
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]

    def _queue(self, intent: Intent) -> None:
        """Have it asked when it is due."""
        if self._is_stopping:
            return
        wait = intent.due / 1000 - self._clock.now()
        if wait > 0:
            self._timers.call_later(wait, lambda: self._queue(intent))
        elif self.pending.get(intent.id) is intent:
            self._ready.setdefault(host_of(intent), deque()).append(intent)
            self._kick()

    def _kick(self) -> None:
        """Ask one more, if as many as may be asked at a time are not asked already, and the next soon."""
        if self._is_pausing or self._is_stopping:
            return
        if self._active.total() >= self._options.verify_concurrency:
            return
        intent = self._next()
        if intent is None:
            return
        self._active[host_of(intent)] += 1
        self._tasks.spawn(self._work(intent), "verification")
        self._is_pausing = True
        pause = min(STEP + YIELD * self._late, LONGEST_STEP)
        due = self._clock.monotonic() + pause
        self._timers.call_later(pause, lambda: self._go_on(due))

    def _go_on(self, due: float) -> None:
        self._late = max(0.0, self._clock.monotonic() - due)
        self._is_pausing = False
        self._kick()

    def _next(self) -> Intent | None:
        """Return the next one, of the host that has waited longest."""
        for host in self._ready:
            if self._active[host] < self._options.verify_per_host:
                break
        else:
            return None
        queue = self._ready.pop(host)
        intent = queue.popleft()
        if queue:
            self._ready[host] = queue
        return intent

    async def _work(self, intent: Intent) -> None:
        host, after = host_of(intent), intent.after or self._head()
        try:
            if self.pending.get(intent.id) is not intent:
                return
            began = int(self._clock.now() * 1000)
            outcome = await self._ask(intent)
        finally:
            self._active[host] -= 1
            if not self._active[host]:
                del self._active[host]
            self._kick()
        if self.pending.get(intent.id) is intent:  # else something else was asked for meanwhile
            await self._judged(intent, outcome, began, after)

    async def _judged(
        self, intent: Intent, outcome: Verified | Unverified, began: int, after: str
    ) -> None:
        """Conclude, or ask again later."""
        if isinstance(outcome, Verified):
            self.outcomes["verified"] += 1
            if intent.mode == "subscribe":
                end = began + intent.lease * 1000
                changed = msgspec.structs.replace(intent.subscription, expires=end)
                self.pending[intent.id] = intent = msgspec.structs.replace(
                    intent, subscription=changed, after=after
                )
            await self._conclude(intent, None)
            return
        attempts = intent.attempts + 1
        if outcome.is_final or attempts >= len(self._options.verify_schedule):
            self.outcomes["refused"] += 1
            await self._conclude(intent, outcome.reason)
            return
        self.outcomes["retried"] += 1
        due = int((self._clock.now() + self._options.verify_schedule[attempts]) * 1000)
        again = msgspec.structs.replace(intent, attempts=attempts, due=due, problem=outcome.reason)
        self.pending[intent.id] = again
        self._queue(again)
        with suppress(HubbubError):  # nothing but the count of attempts would be lost by a crash
            await self._write(again, FORGET_WITHIN)

    async def _write(self, intent: Intent, within: float) -> None:
        await self._registry.put(KIND, intent.id, msgspec.json.encode(intent), within=within)

    async def _ask(self, intent: Intent) -> Verified | Unverified:
        challenge = base64.urlsafe_b64encode(self._entropy(CHALLENGE_BYTES)).rstrip(b"=").decode()
        hub = intent.subscription.protocolsettings["hub"]
        try:
            answer = await self._caller.request(
                "GET",
                intent.url(challenge, self._token(intent.subscription)),
                headers=[("user-agent", f"hubbub (+{hub})"), ("accept", "text/plain, */*")],
                timeout=self._options.verify_timeout,
                max_body=MAX_ANSWER,
            )
        except Exception as error:  # noqa: BLE001  whatever it is, nothing is verified
            detail, is_final = explain(error)
            return Unverified(f"the callback could not be asked: {detail}", is_final)
        return judge(intent, challenge, answer)

    async def _conclude(self, intent: Intent, reason: str | None) -> None:
        """Make it so, or note why not; where that cannot be written, ask once more later."""
        try:
            if reason is None:
                await self._verified(intent)
            else:
                await self._failed(intent, reason)
        except Exception as error:  # noqa: BLE001  it is to be tried again, whatever it was
            _log.warning("what a verification changes could not be kept: %r", error)
            self._timers.call_later(TRY_AGAIN, lambda: self._queue(intent))
        else:
            self._leave(intent)
            await self._forget(intent.id)

    async def _forget(self, id_: str) -> None:
        """Forget what need not be asked any more: a later process would ask, and begin it anew."""
        if id_ in self.pending or self._is_stopping:
            return  # what was asked for anew is written in its place
        try:
            await self._registry.delete(KIND, id_, within=FORGET_WITHIN)
        except HubbubError as error:
            _log.warning("what was verified could not be forgotten: %s", error.detail)
            self._timers.call_later(TRY_AGAIN, lambda: self._forget_later(id_))

    def _forget_later(self, id_: str) -> None:
        self._tasks.spawn(self._forget(id_), "forgetting")


def host_of(intent: Intent) -> str:
    """Return the host of the callback; it is asked for again and again until the verification ends."""
    return _host(intent.subscription.sink)


@lru_cache(maxsize=4096)
def _host(callback: str) -> str:
    return urlsplit(callback).hostname or ""


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """Return what counts as one asker: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        found = ip_address(address)
    except ValueError:
        return address  # a Unix socket has none
    return address if found.version == 4 else str(int(found) >> 64)  # noqa: PLR2004


def _too_many(what: str) -> TooMany:
    return TooMany(
        f"too many subscriptions of {what} wait for their verification", retry_after=TRY_AGAIN
    )
