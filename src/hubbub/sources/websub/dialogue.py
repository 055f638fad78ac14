"""What we say to hubs: subscribe, unsubscribe. What they say to us is in callbacks.py."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Final

from hubbub.core.clock import Clock
from hubbub.sources.websub import plan
from hubbub.sources.websub.feeds import Followed
from hubbub.sources.websub.fetching import Failed, Fetcher
from hubbub.sources.websub.options import FollowOptions
from hubbub.sources.websub.state import Callback, State
from hubbub.wire.websub import subscribe_form

TOKEN: Final = 32
"""Random bytes of a token: nobody guesses a callback (websub 41)."""
SECRET: Final = 32
"""Random bytes of a secret: 64 characters in hex, below the 200 bytes that there may be."""

Seal = Callable[[str, str], str]
"""Seals a text for a context."""
Unseal = Callable[[str, str], str]
"""Opens what was sealed for a context. Raises `Misconfigured` or `Corrupt`."""
Save = Callable[[], Awaitable[None]]
"""Makes the state of a source durable. Raises `Unavailable`."""


class Dialogue:
    """Sends requests to hubs. Raises `Failed` where one cannot be asked or says no."""

    def __init__(  # noqa: PLR0913
        self,
        fetcher: Fetcher,
        clock: Clock,
        options: FollowOptions,
        *,
        base: Callable[[], str],
        entropy: Callable[[int], bytes],
        seal: Seal,
        unseal: Unseal,
    ) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._options = options
        self._base = base
        self._entropy = entropy
        self._seal = seal
        self._unseal = unseal

    @property
    def base(self) -> str:
        """Our public URL, empty while it is not known."""
        return self._base()

    @property
    def agent(self) -> str:
        """Who we say we are, so that publishers know whom to ask."""
        return f"hubbub (+{self.base})" if self.base else "hubbub"

    async def subscribe(self, state: State, followed: Followed, hub: str, save: Save) -> None:
        """Ask a hub, with a new callback and a new secret (websub 40, 41).

        What is asked for is kept before it is sent: the hub may verify it while it answers. When this
        returns the hub has taken the request, and may have verified or denied it already.
        """
        now = self._clock.now()
        token = urlsafe_b64encode(self._entropy(TOKEN)).rstrip(b"=").decode()
        secret = ""
        if followed.options.secret and plan.may_have_secret(hub):
            secret = self._entropy(SECRET).hex()
        one = Callback(
            token=token,
            base=self.base,
            hub=hub,
            topic=state.topic,
            until=now + plan.PENDING,
            secret=self._seal(secret, _context(token)) if secret else "",
        )
        state.callbacks.append(one)
        state.subscribe_at, state.verify_by = None, now + plan.verified_within(state, now)
        plan.tidy(state, now)
        await save()
        lease = int(followed.options.lease or self._options.lease)
        form = subscribe_form("subscribe", one.url, one.topic, lease=lease, secret=secret)
        try:
            await self._fetcher.post(hub, self.agent, form, is_secret=bool(secret))
        except Failed as error:
            if one.state != "pending":
                return  # it has verified or denied all the same, which is what counts
            if error.is_final:
                state.callbacks.remove(one)
            raise

    async def unsubscribe(self, one: Callback, save: Save) -> None:
        """Ask the hub of a callback to end it; it will verify that (websub 42)."""
        now = self._clock.now()
        one.tries += 1
        one.leaving = True
        one.leave_at = now + plan.LEAVE_AGAIN if one.tries < plan.LEAVE_TRIES else None
        await save()
        form = subscribe_form("unsubscribe", one.url, one.topic)
        await self._fetcher.post(one.hub, self.agent, form)

    def secret(self, one: Callback) -> str:
        """Return the secret of a callback, empty for none. Raises `Misconfigured` or `Corrupt`."""
        return self._unseal(one.secret, _context(one.token)) if one.secret else ""


def _context(token: str) -> str:
    return f"follow/{token}"
