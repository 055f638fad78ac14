"""`WEBSUB-PING`: other people's WebSub hubs, told when a topic of ours has news.

Guarantees: a hub that is away is told when it is back (it is a durable subscription like any other);
each topic that changed is named once, whatever the number of its events; one request names one URL,
because hubs in PHP keep only the last of several equal names; a hub that does not take a topic has
been told all the same, and the others are not told again for it.

The Recommendation leaves open how a publisher notifies its hub (section 6); the form is the one that
all hubs understand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from hubbub.channels.calling import USER_AGENT, answered, failed, judge
from hubbub.core.calling import Caller
from hubbub.core.clock import Clock
from hubbub.core.contracts import Order, Rewritten
from hubbub.core.errors import Malformed
from hubbub.core.event import Record
from hubbub.core.outcome import Delivered, Exchange, Failed, Gone
from hubbub.core.subscription import Attempt, Subscription
from hubbub.wire.links import topic_path
from hubbub.wire.websub import FORM, PLAIN, Form, publish_form

AT_ONCE: Final = 8
"""Requests to one hub at a time."""

MAX_ANSWER: Final = 4096
"""Bytes kept of an answer."""

LATE: Final = Exchange(Failed("timeout", detail="there was no time left for all topics"))
"""What came of a topic whose turn did not come within the timeout."""

NEVER: Final = Rewritten(None, "nothing was sent")
"""Of an attempt that never came to it."""

TOLD: Final = Exchange(Delivered())
"""What came of having nothing to tell."""


class PingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`protocolsettings` of `WEBSUB-PING`, made from the settings of the gateway."""

    base: str
    """URL under which the topics are reached."""
    representations: tuple[Form, ...] = ("json",)
    """Values of `format` of the URLs that are named for each topic; `json` is the plain one."""


class PingChannel:
    """Makes targets of subscriptions."""

    def __init__(self, caller: Caller, clock: Clock) -> None:
        self._caller = caller
        self._clock = clock

    def check(self, subscription: Subscription) -> None:
        """Check that we know who we are. Raises `Malformed`."""
        if not subscription.protocolsettings.get("base"):
            raise Malformed("set web.public_url: a hub is told under which URL our topics are")

    def target(
        self, subscription: Subscription, secrets: Sequence[str], credential: str
    ) -> PingTarget:
        """Make a subscription ready."""
        del secrets, credential  # a ping is neither signed nor authorised
        settings = msgspec.convert(subscription.protocolsettings, PingSettings)
        return PingTarget(self._caller, self._clock, subscription.sink, settings)


class PingTarget:
    """One hub, ready."""

    rate = 0.0

    def __init__(self, caller: Caller, clock: Clock, hub: str, settings: PingSettings) -> None:
        self._caller = caller
        self._clock = clock
        self._hub = hub
        self._settings = settings
        self._headers = [("user-agent", USER_AGENT), ("content-type", FORM)]

    async def prepare(self) -> Exchange | None:
        """Do nothing."""
        return None

    async def deliver(self, order: Order, timeout: float) -> Exchange:  # noqa: ASYNC109
        """Name every topic that changed; what came of it is the first failure, if there is one."""
        slots = asyncio.Semaphore(AT_ONCE)

        began, urls = self._clock.monotonic(), self._urls(order.records)

        async def tell(topic: str) -> Exchange:
            async with slots:
                left = timeout - (self._clock.monotonic() - began)
                return LATE if left <= 0 else await self._tell(topic, left)

        made = await asyncio.gather(*map(tell, urls))
        failures = [one for one in made if not isinstance(one.outcome, Delivered)]
        return (failures or list(made) or [TOLD])[0]

    async def rewrite(self, attempt: Attempt, records: Sequence[Record]) -> Rewritten:
        """Write the body of an attempt once more: of its requests, the first."""
        urls = self._urls(records)
        if not urls or attempt.request_headers != self._headers:
            return NEVER
        note = "" if len(urls) == 1 else f"the first of {len(urls)} requests, each with one URL"
        return Rewritten(publish_form(urls[0]), note)

    def _urls(self, records: Sequence[Record]) -> list[str]:
        topics = dict.fromkeys(record.topic for record in records)
        return [
            f"{self._settings.base}{topic_path(topic)}"
            + ("" if form == PLAIN else f"?format={form}")
            for topic in topics
            for form in self._settings.representations
        ]

    async def _tell(self, topic: str, timeout: float) -> Exchange:  # noqa: ASYNC109
        try:
            answer = await self._caller.request(
                "POST",
                self._hub,
                headers=self._headers,
                body=publish_form(topic),
                timeout=timeout,
                max_body=MAX_ANSWER,
            )
        except Exception as error:  # noqa: BLE001  whatever goes wrong is an outcome
            return failed(error, self._headers)
        outcome = judge(answer, self._clock.now())
        if isinstance(outcome, Gone) or _is_refusal(answer.status):
            outcome = Delivered()  # it was told; that it does not want this topic is its affair
        return answered(answer, outcome, self._headers)


def _is_refusal(status: int) -> bool:
    """Tell whether a hub would refuse the same ping again."""
    return 400 <= status < 500 and status not in (401, 403, 408, 425, 429)  # noqa: PLR2004
