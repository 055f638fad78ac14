"""All sources that are followed: started, changed and stopped, and what hubs say to their callbacks.

Guarantees:

1. *Only what was asked for.* A verification is answered for a subscription that we want, and every
   other one is 404 (websub 42); a delivery is known by its callback alone (websub 47).
2. *Proof first.* Where a secret was given, a delivery with a missing or wrong signature is 403, and
   nothing of it is read (websub 48, 49).
3. *Durable before 2xx.* A delivery is answered once its events are in the log; what is answered 5xx
   or 429 comes again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

from hubbub.core.calling import Caller
from hubbub.core.clock import Clock, Timers
from hubbub.core.contracts import Log, Registry
from hubbub.core.errors import Forbidden, HubbubError, Malformed, NotFound, TooLarge, Unavailable
from hubbub.sources.websub import callbacks, measure, plan
from hubbub.sources.websub.callbacks import GONE, RECEIVED, UNKNOWN, Reply
from hubbub.sources.websub.dialogue import Dialogue, Seal, Unseal
from hubbub.sources.websub.feeds import Followed
from hubbub.sources.websub.fetching import Fetcher
from hubbub.sources.websub.follower import Follower
from hubbub.sources.websub.intake import Publisher
from hubbub.sources.websub.options import FollowOptions
from hubbub.sources.websub.shared import Shared, Sources
from hubbub.sources.websub.state import Callback, Kept, State
from hubbub.sources.websub.status import standing, status

MAX_HELD: Final = 128 * 1024 * 1024
"""Bytes of all deliveries that are: bodies are in memory meanwhile."""
SOON: Final = 5.0
"""Seconds after which a delivery may come again that there was no room for."""

_log = logging.getLogger("hubbub.sources")


class Followers:
    """Everything that is followed."""

    def __init__(  # noqa: PLR0913  what it stands on
        self,
        *,
        registry: Registry,
        client: Caller,
        publisher: Publisher,
        log: Log,
        base: Callable[[], str],
        clock: Clock,
        timers: Timers,
        rng: Random,
        entropy: Callable[[int], bytes],
        options: FollowOptions,
        seal: Seal,
        unseal: Unseal,
    ) -> None:
        """Follow with `client`, and publish.

        `base` gives our public URL, empty while it is not known: call `wake` when it is.
        """
        self._owners: dict[str, str] = {}
        fetcher = Fetcher(client, clock, timeout=options.timeout, max_bytes=options.max_bytes)
        dialogue = Dialogue(
            fetcher, clock, options, base=base, entropy=entropy, seal=seal, unseal=unseal
        )
        self._shared = Shared(
            publisher=publisher,
            log=log,
            kept=Kept(registry),
            fetcher=fetcher,
            dialogue=dialogue,
            options=options,
            clock=clock,
            timers=timers,
            rng=rng,
            owners=self._owners,
            turns=asyncio.Semaphore(options.concurrency),
        )
        self._now = clock.now
        self._followers: dict[str, Follower] = {}
        self._closed: dict[str, Follower] = {}
        """Those of sources that cannot be opened now, to be taken up when they can be."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._sources: Sources | None = None
        self._held = 0

    async def start(self, sources: Sources) -> None:
        """Take up what is followed, and end what is no more. Raises `Unavailable`."""
        self._sources = sources
        states = await self._shared.kept.states()
        seen = await self._shared.kept.seen()
        shared, opened = self._shared, {one.name: one.opened for one in sources.list()}
        for name in sorted(opened.keys() | states.keys()):
            state, followed = states.get(name), _followed(opened.get(name))
            if state is None and followed is None:
                continue
            follower = Follower(name, state or State(url=""), followed, shared)
            follower.intake.seen = seen.get(name, {})
            follower.make_known()
            plan.after_a_break(follower.state, shared.options, self._now(), shared.rng, followed)
            is_closed = name in opened and opened[name] is None
            (self._closed if is_closed else self._followers)[name] = follower
        self._rebase()
        for name in self._followers:
            self._run(name)

    async def stop(self) -> None:
        """Stop following; subscriptions stay, and what hubs push meanwhile is found by polling."""
        self._sources = None
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        saved = [follower.save() for follower in self._followers.values()]
        for error in await asyncio.gather(*saved, return_exceptions=True):
            if isinstance(error, HubbubError):
                _log.warning("how a source stands was not kept: %s", error.detail)
            elif error is not None:
                raise error
        self._followers.clear()
        self._closed.clear()

    def changed(self, name: str) -> None:
        """Take note that a source was made, replaced or deleted."""
        if self._sources is None:
            return
        try:
            followed = _followed(self._sources.get(name).opened)
        except NotFound:
            followed = None
        known = self._followers.get(name)
        if known is not None:
            known.follow(followed)
            return
        follower = self._closed.pop(name, None) or Follower(name, State(url=""), None, self._shared)
        follower.follow(followed)
        self._followers[name] = follower
        self._run(name)

    def wake(self) -> None:
        """Take note that our public URL became known, or is another one: all callbacks change."""
        for follower in self._rebase():
            follower.wake()

    def status(self, name: str) -> Mapping[str, Any]:
        """Tell how a source stands; of one that is not followed there is nothing to tell."""
        follower = self._followers.get(name)
        if follower is None:
            return {}
        is_new = not follower.is_current
        return {"state": "pending"} if is_new else status(follower.state, self._now())

    def standings(self) -> Mapping[str, int]:
        """Count the sources by how their news come, for the metrics."""
        now, followers = self._now(), self._followers.values()
        return Counter(standing(one.state, now) for one in followers if one.followed is not None)

    def admit(self, token: str) -> Reply | int:
        """Tell how many bytes of a delivery are taken, or what to answer without reading it.

        Raises `NotFound`.
        """
        follower, one = self._find(token)
        if not callbacks.takes(one, self._now()) or not follower.is_current:
            return GONE
        most, sources = self._shared.options.max_bytes, self._sources
        return most if sources is None else min(most, sources.get(follower.name).max_bytes or most)

    async def verify(
        self, token: str, fields: Sequence[tuple[str, str]], *, is_asking: bool = False
    ) -> Reply:
        """Answer the GET of a hub once what it says is durable (websub 42 to 44).

        `is_asking`: a HEAD, which changes nothing. Raises `NotFound` for all that was not asked for,
        and `Unavailable`.
        """
        follower, one = self._find(token)
        state, now = follower.state, self._now()
        said = callbacks.examine(one, fields, now)
        if said.what == "subscribed" and not follower.is_current:
            raise NotFound(UNKNOWN)
        if is_asking:
            return callbacks.echo(said.challenge)
        if said.what == "subscribed":
            assert follower.followed is not None
            wanted = follower.followed.options.lease or self._shared.options.lease
            plan.adopt(state, one, plan.granted(said.lease, wanted), now, self._shared.rng)
        elif said.what == "unsubscribed":
            one.lease_end = now
            plan.end(one, now)
        else:
            plan.refused(state, one, said.reason, now)
            follower.poll_soon()
            _log.warning("the subscription of the source %s was denied", follower.name)
        await follower.save()
        follower.wake()
        return callbacks.echo(said.challenge) if said.challenge else RECEIVED

    async def receive(self, token: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Take a delivery; `headers` have lower-case names.

        Raises `NotFound` for an unknown token, `Forbidden` without the signature that is due,
        `TooMany` or `Unavailable` where it is to come again.
        """
        follower, one = self._find(token)
        if not callbacks.takes(one, self._now()) or not follower.is_current:
            return GONE
        await self._prove(follower, one, headers, body)
        followed = follower.followed
        if followed is None:  # meanwhile
            return GONE
        if follower.intake.is_full or self._held + len(body) > MAX_HELD:
            raise Unavailable("too much is coming in at once; try again", retry_after=SOON)
        self._held += len(body)
        try:
            await self._take(follower, followed, one, headers, body)
        finally:
            self._held -= len(body)
        return RECEIVED

    async def _prove(
        self, follower: Follower, one: Callback, headers: Sequence[tuple[str, str]], body: bytes
    ) -> None:
        try:
            secret = self._shared.dialogue.secret(one)
        except HubbubError:  # the key is another one: the next subscription has a secret of it
            follower.state.subscribe_at = self._now()
            follower.wake()
            raise Unavailable("this cannot be verified at the moment", retry_after=SOON) from None
        if secret and not await callbacks.proves(headers, secret, body):
            follower.state.unsigned += 1
            raise Forbidden("X-Hub-Signature is missing or not that of this body and our secret")

    async def _take(
        self,
        follower: Follower,
        followed: Followed,
        one: Callback,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> None:
        state = follower.state
        content_type = next((value for name, value in headers if name == "content-type"), "")
        if not body:  # only says that there is something new
            plan.look_soon(state, self._now())
        else:
            try:
                await follower.intake.take(state, followed, content_type, body, is_push=True)
            except (Malformed, TooLarge) as error:
                state.note = f"a delivery cannot be read: {error.detail}"
            if follower.intake.is_unsure and state.poll_at is not None:
                follower.intake.is_unsure = False
                state.poll_at = min(state.poll_at, self._now() + plan.UNSURE)
        if measure.pushed(state, one.hub, self._now()):
            state.poll_at = self._now() + plan.interval(state, followed, self._shared.options)
        await follower.save()
        follower.wake()

    def _find(self, token: str) -> tuple[Follower, Callback]:
        owner = self._owners.get(token, "")
        if self._sources is None or owner in self._closed:
            raise Unavailable("nothing is followed at the moment", retry_after=SOON)
        follower = self._followers.get(owner)
        for one in follower.state.callbacks if follower else ():
            if one.token == token:
                assert follower is not None
                return follower, one
        raise NotFound(UNKNOWN)

    def _run(self, name: str) -> None:
        task = self._tasks[name] = asyncio.create_task(self._follow(name))
        task.add_done_callback(lambda done: self._ended(name, done))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:  # not that of a new source of this name
            del self._tasks[name]

    async def _follow(self, name: str) -> None:
        await self._followers[name].run()
        while self._followers[name].followed is not None:  # it came back just now
            await self._followers[name].run()
        del self._followers[name]

    def _rebase(self) -> list[Follower]:
        """Have those subscribe (again) that have no callback at our public URL."""
        base, found = self._shared.dialogue.base, list[Follower]()
        for follower in self._followers.values() if base else ():
            state, active = follower.state, follower.state.active
            if state.is_waiting or (active is not None and active.base != base):
                state.is_waiting, state.subscribe_at = False, self._now()
                found.append(follower)
        return found


def _followed(opened: object) -> Followed | None:
    return opened if isinstance(opened, Followed) else None
