"""Fetches a topic of others, through redirects, from the hosts that the hub is for.

Every hop has to be on a host of `websub.topic_hosts`, and goes through the egress guard besides. All
hops together have one deadline. Never raises: whatever goes wrong is a `Problem`.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from hubbub.core.calling import Caller
from hubbub.core.clock import Clock
from hubbub.websub import fetching
from hubbub.websub.calling import explain
from hubbub.websub.fetching import Content, Problem, Topic
from hubbub.websub.foreign_options import ForeignOptions
from hubbub.websub.options import is_listed

MAX_HOPS: Final = 5
"""Redirects that are followed: more are a mistake of the publisher."""

AT_LEAST: Final = 0.001
"""Seconds that a hop is given when the deadline is there: 0 would mean none."""


class Fetcher:
    """The way to topics of others."""

    def __init__(
        self, caller: Caller, clock: Clock, options: ForeignOptions, hosts: tuple[str, ...]
    ) -> None:
        """Fetch with `caller` from `hosts`, which are those of `websub.topic_hosts`."""
        self._caller = caller
        self._clock = clock
        self._options = options
        self._hosts = hosts

    async def fetch(self, topic: Topic, agent: str) -> Content | Problem | None:
        """Fetch a topic; None: nothing is new."""
        options, url = self._options, topic.url
        end = self._clock.monotonic() + options.timeout
        try:
            for _ in range(MAX_HOPS + 1):
                if (refusal := self._refusal(topic, url)) is not None:
                    return refusal
                conditions = fetching.conditions(topic, url)
                reply = await self._caller.request(
                    "GET",
                    url,
                    headers=[("user-agent", agent), ("accept", "*/*"), *conditions],
                    timeout=max(end - self._clock.monotonic(), AT_LEAST),
                    max_body=options.max_bytes,
                )
                there = fetching.redirected(reply, url)
                if there is None:
                    break
                url = there
            else:
                return Problem(f"it redirects more than {MAX_HOPS} times", is_final=True)
        except Exception as error:  # noqa: BLE001  whatever it is, there is no content
            detail, is_final = explain(error)
            return Problem(f"it cannot be fetched: {detail}", is_final)
        now = self._clock.now()
        asked = bool(conditions)
        return fetching.read(reply, options.max_bytes, now, url=url, is_conditional=asked)

    def _refusal(self, topic: Topic, url: str) -> Problem | None:
        """Tell why a hop is not taken: what is listed is all that others may have this hub fetch."""
        if is_listed(_name_of(url), self._hosts):
            return None
        what = "its host is" if url == topic.url else "it redirects to a host that is"
        return Problem(f"{what} not one that this hub is for (websub.topic_hosts)", is_final=True)


def _name_of(url: str) -> str:
    """Return the host of a URL as the guard calls it; what the guard would refuse has any or none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
