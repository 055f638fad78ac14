"""One source that is followed, running: it does what is due, and waits for the next thing.

What is due says plan.py; how it stands is in a `State`, kept whenever it changes. The one loop here
does everything that asks others; what hubs say comes in between (followers.py) and wakes it. A source
that is no more stays until its hubs know that and its callbacks are forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from hubbub.core.errors import HubbubError
from hubbub.sources.websub import measure, plan
from hubbub.sources.websub.documents import Documents, hubs_of
from hubbub.sources.websub.feeds import Followed
from hubbub.sources.websub.fetching import Failed
from hubbub.sources.websub.intake import Intake
from hubbub.sources.websub.shared import Shared
from hubbub.sources.websub.state import State

AGAIN: Final = 60.0
"""Seconds after which something is tried again that failed on our side, such as on a full disk."""

_log = logging.getLogger("hubbub.sources")


class Follower:
    """One source and its subscription."""

    def __init__(self, name: str, state: State, followed: Followed | None, shared: Shared) -> None:
        """`followed` is None for a source that is no more."""
        self.name = name
        self.state = state
        self.followed = followed
        self.intake = Intake(name, shared.publisher, shared.log, shared.kept, shared.options)
        self._documents = Documents(self.intake, shared)
        self._shared = shared
        self._clock = shared.clock
        self._saving = asyncio.Lock()
        self._woken = asyncio.Event()
        self._tokens: set[str] = set()
        self._left: list[str] = []
        """Hubs that are still to be asked in this round."""

    @property
    def is_current(self) -> bool:
        """Whether the state is that of the feed that is to be followed now."""
        if self.followed is None:
            return False
        options = self.followed.options
        return (self.state.url, self.state.split) == (options.url, options.split)

    def follow(self, followed: Followed | None) -> None:
        """Follow something else from now on, or, with None, nothing; begin with a subscription."""
        self.followed = followed
        state = self.state
        state.ended, state.failures, state.subscribe_at = False, 0, self._clock.now()
        state.refusals.clear()
        self.wake()

    def wake(self) -> None:
        """Have another look at what is due."""
        self._woken.set()

    async def save(self) -> None:
        """Make the state durable, and its callbacks known. Raises `Unavailable`."""
        self.make_known()
        async with self._saving:  # what is written last is the newest
            await self._shared.kept.put_state(self.name, self.state)

    def make_known(self) -> None:
        """Have our callbacks lead here, and those that are forgotten nowhere."""
        tokens, owners = {one.token for one in self.state.callbacks}, self._shared.owners
        for token in self._tokens - tokens:
            owners.pop(token, None)
        owners.update(dict.fromkeys(tokens, self.name))
        self._tokens = tokens

    async def run(self) -> None:
        """Do what is due, for ever; for a source that is no more until nobody needs to know of it.

        Call it again if the source is back by then.
        """
        while self.followed is not None or self.state.callbacks:
            self._woken.clear()
            try:
                wait = await self._step()
            except HubbubError as error:
                _log.warning("the source %s must wait: %s", self.name, error.detail)
                self.state.trouble = error.detail
                wait = error.retry_after or AGAIN
            except Exception:  # noqa: BLE001  whatever it is, this source goes on
                _log.exception("following the source %s failed", self.name)
                wait = AGAIN
            if wait != 0:
                await self._rest(wait)
        self.make_known()
        await self._shared.kept.forget(self.name)

    async def _rest(self, seconds: float | None) -> None:
        woken = self._woken.set
        cancel = None if seconds is None else self._shared.timers.call_later(seconds, woken)
        try:
            await self._woken.wait()
        finally:
            if cancel is not None:
                cancel()

    async def _step(self) -> float | None:
        """Do one thing; return the seconds until the next, None: until somebody calls."""
        followed, now = self.followed, self._clock.now()
        if not self.is_current and (followed is not None or self.state.url):
            await self._begin_anew()
            return 0
        due = plan.due(self.state, is_followed=followed is not None)
        if due is None:
            return None
        if due.at > now:
            return due.at - now
        await self._do(due.step, followed)
        return 0

    async def _do(self, step: plan.Step, followed: Followed | None) -> None:
        match step:
            case "tidy":
                await self._tidy()
            case "leave":
                await self._leave()
            case "judge":
                await self._judge()
            case "subscribe" if followed is not None:
                await self._subscribe(followed)
            case "unverified" if followed is not None:
                await self._unverified(followed)
            case "poll" if followed is not None:
                await self._poll(followed)
            case _:
                raise AssertionError(step)

    async def _begin_anew(self) -> None:
        """Leave what was followed, and forget what was seen of it."""
        followed, now = self.followed, self._clock.now()
        for one in self.state.callbacks:
            if one.state in ("active", "replaced"):
                plan.abandon(one, now)
        left = [one for one in self.state.callbacks if one.state == "gone"]
        await self.intake.forget()
        settings = followed and followed.options
        self.state = State(
            url=settings.url if settings else "",
            split=settings.split if settings else True,
            callbacks=left,
        )
        await self.save()

    async def _tidy(self) -> None:
        if plan.tidy(self.state, self._clock.now()):
            _log.warning("the subscription of the source %s ran out", self.name)
            self.poll_soon()
        await self.save()

    async def _leave(self) -> None:
        now = self._clock.now()
        one = next(x for x in self.state.callbacks if x.leave_at is not None and x.leave_at <= now)
        try:
            async with self._shared.turns:
                await self._shared.dialogue.unsubscribe(one, self.save)
        except Failed as error:
            _log.info("the source %s could not unsubscribe: %s", self.name, error.detail)

    async def _judge(self) -> None:
        state = self.state
        for hub in measure.judge(state, self._clock.now()):
            host = plan.host_of(hub)
            _log.warning("%s does not push to the source %s any more: polling", host, self.name)
            self.poll_soon()
        await self.save()

    def poll_soon(self) -> None:
        """Poll in the interval that holds now, if that is earlier than planned."""
        state, followed = self.state, self.followed
        if followed is not None and state.poll_at is not None:
            within = plan.interval(state, followed, self._shared.options)
            state.poll_at = min(state.poll_at, self._clock.now() + within)

    async def _subscribe(self, followed: Followed) -> None:
        """Discover, take what is there, and ask the hubs (websub 36, 37, 45)."""
        state, shared = self.state, self._shared
        try:
            document = await self._documents.fetch(state, followed)
        except Failed as error:
            if not state.ended:
                plan.failed(state, self._clock.now(), shared.rng, error.retry_after)
            await self.save()
            return
        found = await hubs_of(document)
        state.topic = found.topic or document.url
        state.hubs = plan.usable(found.hubs)
        await self._documents.take_in(state, followed, document)
        self._documents.polled(state, followed)
        now = self._clock.now()
        if (
            state.position
        ):  # it was not the document that matters, but what comes after our position
            state.poll_at = now
        hubs = plan.candidates(state, followed.options.hub, found.hubs, now)
        state.is_waiting = not shared.dialogue.base
        if not found.hubs and not followed.options.hub:
            plan.drop_subscription(state, now)
        if hubs and not state.is_waiting:
            self._left = hubs
            await self._ask(followed)
            return
        plan.look_again(state, now)
        await self.save()

    async def _ask(self, followed: Followed) -> None:
        """Ask the hubs that are left until one takes us (websub 39)."""
        shared, asked = self._shared, None
        while self._left:
            hub = self._left.pop(0)
            try:
                async with shared.turns:
                    await shared.dialogue.subscribe(self.state, followed, hub, self.save)
            except Failed as error:
                if self.state.verify_by is None:
                    return  # a hub that was asked before has come back meanwhile
                self.state.error = error.detail
                asked = max(asked or 0.0, error.retry_after or 0.0) or None
            else:
                await self.save()
                return
        plan.failed(self.state, self._clock.now(), shared.rng, asked)
        await self.save()

    async def _unverified(self, followed: Followed) -> None:
        """Go on to the next hub: this one took our request and did not come back."""
        pending = self.state.pending
        host = plan.host_of(pending.hub) if pending else "the hub"
        self.state.error = f"{host} took the request, but has not verified it: can it reach us?"
        self.state.verify_by = None
        await self._ask(followed)

    async def _poll(self, followed: Followed) -> None:
        """See whether there is something that nobody has pushed."""
        state = self.state
        try:
            document = await self._documents.poll(state, followed)
        except Failed:
            await self.save()
            return
        if state.active is None and document is not None:
            hubs = plan.usable((await hubs_of(document)).hubs)
            if set(hubs) - set(state.hubs):
                state.subscribe_at = self._clock.now()
        await self.save()
