"""Other people's hubs that are told of our news: durable subscriptions that the settings ask for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from hubbub.core.errors import HubbubError
from hubbub.core.start import LATEST, Start
from hubbub.core.subscription import Policy, Subscription
from hubbub.core.topic import is_pattern, matches
from hubbub.websub.options import WebSubOptions
from hubbub.websub.own import OwnTopic
from hubbub.wire.websub import digest

PROTOCOL: Final = "WEBSUB-PING"
"""Of these subscriptions."""

POLICY: Final = Policy(
    schedule=(0.0, 5.0, 60.0, 600.0, *(3600.0,) * 24),
    concurrency=2,
    batch_size=50,
    batch_wait=1.0,
    disable_after=0,
)
"""A hub hears once of all that changed within a second, and for a day of what it was away for."""

SELF: Final = "hubbub/"
"""What topics begin with in which the gateway tells of itself."""

QUIET: Final = ({"not": {"prefix": {"topic": SELF}}},)
"""What the gateway says of itself is nobody's news."""

_log = logging.getLogger("hubbub.websub")


class Engine(Protocol):
    """The running subscriptions: `deliveries.engine.Engine`."""

    @property
    def subscriptions(self) -> Mapping[str, Subscription]:
        """As they are now, by id."""
        ...

    async def put(self, subscription: Subscription, start: Start | None) -> None:
        """Add or update one."""
        ...

    async def remove(self, id: str) -> None:  # noqa: A002
        """Delete one."""
        ...


def wanted(options: WebSubOptions, base: str, now: int) -> dict[str, Subscription]:
    """Return the subscriptions that there should be, by id; `now` is in milliseconds."""
    return {
        f"hub-{digest(hub)}": Subscription(
            id=f"hub-{digest(hub)}",
            sink=hub,
            topics=options.hub_topics,
            filters=QUIET,
            protocol=PROTOCOL,
            protocolsettings={"base": base, "representations": list(options.representations)},
            description="a hub of the settings (websub.hubs)",
            owner="settings",
            created=now,
        )
        for hub in options.hubs
    }


def is_told(options: WebSubOptions, topic: OwnTopic) -> bool:
    """Tell whether those hubs are pinged about a topic of ours, by its URL.

    A ping names the topic of an event and a representation: no pattern, no `type`, no `filter`.
    """
    return (
        topic.form in options.representations
        and not (topic.types or topic.sql or is_pattern(topic.pattern))
        and not topic.pattern.startswith(SELF)
        and any(matches(pattern, topic.pattern) for pattern in options.hub_topics)
    )


async def sync(engine: Engine, options: WebSubOptions, base: str, now: int) -> None:
    """Make the subscriptions what the settings say; those that stay keep their place in the log.

    Raises `Unavailable`; a hub that cannot be told is logged.
    """
    there = {one.id: one for one in engine.subscriptions.values() if one.protocol == PROTOCOL}
    asked = wanted(options, base, now)
    for id_ in there.keys() - asked.keys():
        await engine.remove(id_)
    for id_, one in asked.items():
        known = there.get(id_)
        kept = known and msgspec.structs.replace(
            one,
            created=known.created,
            began=known.began,
            state=known.state,
            reason=known.reason,
            changed=known.changed,
        )
        try:
            await engine.put(kept or one, None if known else LATEST)
        except HubbubError as error:
            _log.error("the hub %s of websub.hubs is not told of news: %s", one.sink, error.detail)
