"""The hub of WebSub (W3C Recommendation 2018-01-23): who is told of what, for how long.

    POST /hub ──> Intent, durable ──> 202        verifier.py asks the callback; only then
                     │                           the subscription changes (two phases, 5.2)
                     └──> Subscription of protocol WEBSUB, with the end of its lease
                              │
    the log ──> deliveries ───┴──> channels/websub.py ──> callback

A subscription is a cursor over the log like any other: one that was away gets what it missed, in
order. Topics of our own are what their URL selects of the log (own.py); topics of others are fetched
when they are pinged and become events of the log themselves (foreign.py).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple, Protocol
from weakref import WeakValueDictionary

import msgspec

from hubbub.core.calling import Caller
from hubbub.core.clock import Clock, Timers
from hubbub.core.contracts import Registry
from hubbub.core.errors import HubbubError, NotFound, Unavailable
from hubbub.core.grants import Principal
from hubbub.core.position import Position
from hubbub.core.start import LATEST, After, Start
from hubbub.core.subscription import State, Subscription
from hubbub.core.tasks import Tasks
from hubbub.websub import own
from hubbub.websub.admission import PROTOCOL, Admission, id_of, settings_of
from hubbub.websub.intent import Intent
from hubbub.websub.leases import Leases, is_to_renew
from hubbub.websub.options import WebSubOptions
from hubbub.websub.pace import Pace
from hubbub.websub.verifier import WITHIN, Verifier
from hubbub.wire.websub import Publishing, Subscribing

MAX_FAILURES: Final = 1000
"""Refused requests and ends that are remembered for whoever asks why nothing comes."""

FULL: Final = 3600.0
"""Seconds after which somebody may ask again whether there is room."""


class Engine(Protocol):
    """The running subscriptions: `deliveries.engine.Engine`."""

    @property
    def subscriptions(self) -> Mapping[str, Subscription]:
        """As they are now, by id."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether there may be one more."""
        ...

    async def put(
        self, subscription: Subscription, start: Start | None, *, within: float = 0
    ) -> None:
        """Add or update one; `start` places its cursor, None keeps it."""
        ...

    async def change(self, id: str, state: State, reason: str) -> Subscription:  # noqa: A002
        """Put one into another state."""
        ...

    def hurry(self, id: str) -> None:  # noqa: A002
        """Try now what waits for another attempt."""
        ...

    async def remove(self, id: str) -> None:  # noqa: A002
        """Delete one."""
        ...


class Foreign(Protocol):
    """Topics of others: `websub.foreign.Foreign`."""

    async def follow(self, url: str) -> None:
        """Begin with a topic. Raises `Refused` for one that cannot be followed."""
        ...

    async def forget(self, url: str) -> None:
        """End with it."""
        ...

    async def ping(self, urls: Sequence[str]) -> None:
        """Fetch topics soon; that is durable when this returns."""
        ...

    async def keep(self, urls: Collection[str]) -> None:
        """End with all topics but these."""
        ...


class Failure(NamedTuple):
    """Why a request came to nothing, or a subscription to its end."""

    at: int
    reason: str
    is_end: bool = False


class WebSubHub:
    """Takes what subscribers and publishers say."""

    def __init__(  # noqa: PLR0913  what it stands on
        self,
        *,
        engine: Engine,
        registry: Registry,
        caller: Caller,
        foreign: Foreign,
        admission: Admission,
        head: Callable[[], str],
        options: WebSubOptions,
        clock: Clock,
        timers: Timers,
        entropy: Callable[[int], bytes],
    ) -> None:
        self.options = options
        self.failures: OrderedDict[str, Failure] = OrderedDict()
        """What came to nothing or to its end last, by the id of the subscription that there would be."""
        self._of: dict[str, set[str]] = {}
        """Ids of subscriptions by topic."""
        self._count = 0
        """Of them all."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Held while a subscription changes: what is asked of one goes one by one, in its order."""
        self._engine = engine
        self._foreign = foreign
        self._admission = admission
        self._clock = clock
        self._timers = timers
        self._tasks = Tasks("websub")
        self._pace = Pace(options.rate, options.burst, clock, timers)
        self._leases = Leases(self._tend, options.keep_ended, clock, timers, self._tasks)
        self.verifier = Verifier(
            registry=registry,
            caller=caller,
            validate=self._validate,
            verified=self._verified,
            failed=self._failed,
            token=admission.token,
            head=head,
            options=options,
            clock=clock,
            timers=timers,
            entropy=entropy,
            tasks=self._tasks,
        )

    async def start(self) -> None:
        """Take up the subscriptions that there are, and what waits for its verification."""
        for subscription in self._engine.subscriptions.values():
            if subscription.protocol == PROTOCOL:
                self._note(subscription)
        await self.verifier.start()
        pending = {intent.topic for intent in self.verifier.pending.values()}
        left = self._foreign.keep(pending | self._of.keys())  # a crash may have been in between
        self._tasks.spawn(left, "forgetting")

    async def stop(self) -> None:
        """Ask nobody any more; what is pending is asked by the next process."""
        self._leases.stop()
        self.verifier.stop()
        await self._tasks.stop()

    # What is asked of it.

    async def subscribe(
        self, asked: Subscribing, *, base: str, address: str, principal: Principal | None
    ) -> None:
        """Take a request to subscribe or unsubscribe; it is durable when this returns (5.1).

        `base` is our URL as the subscriber knows it, `principal` None for a stranger. Raises
        `Malformed`, `Forbidden`, `Unauthenticated`, `TooMany` or `Unavailable`.
        """
        self._require_enabled()
        await self._pace.turn()
        intent = self._admission.intent(asked, base=base, address=address, principal=principal)
        is_new = intent.id not in self._engine.subscriptions
        if asked.mode == "subscribe" and is_new and not self._has_room:
            raise Unavailable("this hub takes no more subscriptions", retry_after=FULL)
        is_unknown = is_new and intent.id not in self.verifier.pending
        is_stranger = principal is None or principal.is_stranger
        if asked.mode == "unsubscribe" and is_unknown and is_stranger:
            return  # there is nothing to end, and nobody need be asked
        self.verifier.check_room(intent)
        await self.verifier.add(intent)

    async def publish(self, ping: Publishing, *, base: str) -> None:
        """Take a ping; durable when it returns. Our own topics need none: the log knows.

        Topics that nobody is subscribed to are no mistake of the publisher: nothing happens.
        """
        self._require_enabled()
        await self._foreign.ping([url for url in ping.topics if not own.is_below(url, base)])

    @property
    def _has_room(self) -> bool:
        return self._engine.has_room and self._count < self.options.max_subscriptions

    def _require_enabled(self) -> None:
        if not self.options.enabled:
            raise NotFound("this gateway is no WebSub hub (websub.enabled)")

    def deny(self, subscription: Subscription, reason: str) -> None:
        """Tell a callback that its subscription is over (5.2): somebody here has ended it."""
        self._forget(subscription)
        self._remember(subscription.id, f"it was ended here: {reason}", is_end=True)
        intent = Intent(mode="denied", subscription=subscription, reason=reason, asked=self._now())
        self._tasks.spawn(self.verifier.add(intent), "denial")

    def find(self, topic: str, callback: str) -> tuple[Subscription | None, Intent | None]:
        """Return the subscription of a topic and a callback, and what is pending for it."""
        id_ = id_of(topic, callback)
        return self._engine.subscriptions.get(id_), self.verifier.pending.get(id_)

    def of(self, topic: str) -> list[Subscription]:
        """Return the subscriptions of a topic."""
        found = (self._engine.subscriptions.get(id_) for id_ in self._of.get(topic, ()))
        return [one for one in found if one is not None]

    # What comes of it.

    async def _validate(self, intent: Intent) -> str:
        """Return why a subscription is denied; empty: it is not. The topic is looked at first."""
        settings = settings_of(intent.subscription)
        if not settings.is_foreign or settings.topic in self._of:
            return ""
        try:
            await self._foreign.follow(settings.topic)
        except Unavailable:
            return ""  # it may be better by the first ping
        except HubbubError as error:
            return error.detail
        return ""

    async def _verified(self, intent: Intent) -> None:
        """Make it so. Raises `Unavailable`."""
        if intent.mode == "denied":
            return  # why is remembered
        async with self._locks.setdefault(intent.id, asyncio.Lock()):
            self.failures.pop(intent.id, None)
            try:
                if intent.mode == "subscribe":
                    await self._begin(intent)
                elif (known := self._engine.subscriptions.get(intent.id)) is not None:
                    await self._end(known)
                    self._remember(intent.id, "it has unsubscribed", is_end=True)
            except Unavailable:
                raise
            except HubbubError as error:
                await self._failed(intent, error.detail)

    async def _begin(self, intent: Intent) -> None:
        engine, subscription = self._engine, intent.subscription
        before = engine.subscriptions.get(intent.id)
        has_ended = before is not None and (
            before.state in ("disabled", "expired") or before.is_over(self._now())
        )
        start = After(Position.parse(intent.after)) if intent.after else LATEST
        if before is not None:  # one that is paused stays so
            subscription = msgspec.structs.replace(
                subscription, state=before.state, reason=before.reason, changed=before.changed
            )
        start = start if before is None or has_ended else None
        await engine.put(subscription, start, within=WITHIN)
        if before is not None and before.state in ("outage", "disabled", "expired"):
            await engine.change(intent.id, "active", "")
        elif before is not None:  # its callback is there
            engine.hurry(intent.id)
        self._note(subscription)

    async def _end(self, subscription: Subscription) -> None:
        await self._engine.remove(subscription.id)
        self._forget(subscription)

    async def _failed(self, intent: Intent, reason: str) -> None:
        """Remember why, and let go of a topic that nobody is subscribed to after all.

        Of a denial it stays remembered why there was one, not how the callback took it.
        """
        if intent.mode != "denied":
            self._remember(intent.id, reason)
        self._leave(intent.subscription)

    def _remember(self, id_: str, reason: str, *, is_end: bool = False) -> None:
        self.failures[id_] = Failure(self._now(), reason, is_end)
        if len(self.failures) > MAX_FAILURES:
            self.failures.popitem(last=False)

    def _note(self, subscription: Subscription) -> None:
        """Remember when to look at a subscription, and which topic it is of."""
        settings = settings_of(subscription)
        ids = self._of.setdefault(settings.topic, set())
        self._count += subscription.id not in ids
        ids.add(subscription.id)
        self._leases.note(subscription, settings)

    def _forget(self, subscription: Subscription) -> None:
        ids = self._of.get(settings_of(subscription).topic, set())
        self._count -= subscription.id in ids
        ids.discard(subscription.id)
        self._leave(subscription)

    def _leave(self, subscription: Subscription) -> None:
        """End with a topic that nobody is subscribed to any more."""
        settings = settings_of(subscription)
        if self._of.get(settings.topic):
            return
        self._of.pop(settings.topic, None)
        if settings.is_foreign:
            self._tasks.spawn(self._foreign.forget(settings.topic), "forgetting")

    # What is due.

    async def _tend(self, id_: str) -> None:
        """Ask an old client whether it goes on, or forget what ended long ago."""
        subscription = self._engine.subscriptions.get(id_)
        if subscription is None:
            return
        now, settings = self._now(), settings_of(subscription)
        if subscription.expires + self.options.keep_ended * 1000 <= now:
            async with self._locks.setdefault(id_, asyncio.Lock()):
                if self._engine.subscriptions.get(id_) is subscription:  # else it was renewed
                    await self._end(subscription)
            return
        if is_to_renew(subscription, settings, now) and id_ not in self.verifier.pending:
            await self.verifier.add(self._admission.renewal(subscription, settings))
        self._leases.note(subscription, settings)

    def _now(self) -> int:
        return int(self._clock.now() * 1000)
