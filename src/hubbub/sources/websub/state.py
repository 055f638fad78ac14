"""What is kept of a source that is followed: two documents of the registry, and what they mean.

`follow/NAME` is the subscription, small and written whenever it changes; `follow-seen/NAME` are the
marks of what became events already, written with new ones. All times are Unix seconds; None: never.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from hubbub.core.contracts import Registry

KIND: Final = "follow"
"""Kind of the documents that say how a subscription stands."""
SEEN: Final = "follow-seen"
"""Kind of the documents that say what was seen."""

MARK: Final = 32
"""Hex digits of a mark: 16 bytes."""

CallbackState = Literal["pending", "active", "replaced", "gone"]
"""Asked for; verified; verified and replaced, but in its grace; ended, answered 410."""


class Callback(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One callback URL: a subscription at one hub, from the request to long after its end."""

    token: str
    """The last part of its URL: whoever knows it is taken for the hub."""
    base: str
    """What comes before it: the public URL of then."""
    hub: str
    topic: str
    """`hub.topic`, as it was sent."""
    until: float
    """When its state ends: the wait for a verification, the lease, the grace, the memory of it."""
    secret: str = ""
    """Sealed; empty: none was given, and deliveries are not signed."""
    state: CallbackState = "pending"
    verified: float = 0.0
    """When it became active."""
    lease_end: float = 0.0
    leaving: bool = False
    """Whether the hub is asked to end it, or was: only then its unsubscribe is confirmed."""
    leave_at: float | None = None
    """When the hub is asked (again)."""
    tries: int = 0
    """How often it was asked."""

    @property
    def url(self) -> str:
        """The callback URL as the hub has it."""
        return callback_url(self.base, self.token)

    def __repr__(self) -> str:
        """Show how it stands; the token stays out of logs and tracebacks."""
        return f"Callback({self.hub!r}, {self.state})"


class Tally(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one hub did for this source, measured."""

    pushes: int = 0
    last_push: float = 0.0
    missed: int = 0
    """Entries that a poll found and the hub did not push."""
    in_row: int = 0
    """Polls in a row that found such entries, without a push in between."""
    suspects: int = 0
    """Entries that a poll found lately and the hub may still push."""
    since: float | None = None
    """When the poll found the first of them."""


class Refusal(msgspec.Struct, omit_defaults=True):
    """A hub said `denied`."""

    until: float
    """When it is asked again."""
    reason: str = ""


class State(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a source stands."""

    url: str
    """`options.url` that this is the state of."""
    split: bool = True
    """`options.split` likewise: what was seen of one kind says nothing of the other."""
    moved: str = ""
    """Where the URL has moved for good (301, 308)."""
    topic: str = ""
    """What is subscribed to: `rel=self`, else the final URL."""
    hubs: list[str] = []
    """Those that the document named last, best first."""
    callbacks: list[Callback] = []
    """Oldest first."""
    refusals: dict[str, Refusal] = {}
    tallies: dict[str, Tally] = {}
    is_waiting: bool = False
    """Whether there is no subscription because our public URL is not known."""
    ended: bool = False
    """The publisher said 410: there will be nothing more."""

    subscribe_at: float | None = 0.0
    """When to subscribe, renew, or try again, beginning with discovery."""
    verify_by: float | None = None
    """When a hub that took our request should have verified it."""
    failures: int = 0
    """Rounds of subscribing in a row that came to nothing."""
    poll_at: float | None = 0.0
    poll_failures: int = 0
    last_poll: float = 0.0
    """When a poll succeeded last."""
    is_told: bool = False
    """Whether a hub has said since that there is news which only a poll finds."""

    etag: str = ""
    modified: str = ""
    fetched: str = ""
    """The URL that both belong to."""
    digest: str = ""
    """Of the document that was fetched last."""
    content: str = ""
    """Of the last content that became an event, where documents are taken whole."""
    position: str = ""
    """How far events of another gateway were taken, in its own terms; empty: it is something else."""
    baseline: bool = False
    """Whether a first document was seen."""
    entries: int = 0
    """Events made."""
    unsigned: int = 0
    """Deliveries refused because their signature was missing or wrong."""
    error: str = ""
    """What went wrong last with hubs, empty when it went well again."""
    trouble: str = ""
    """The same with the document, or with ourselves."""
    note: str = ""
    """What was wrong with the document and mended."""

    @property
    def active(self) -> Callback | None:
        """The subscription in force."""
        return next((one for one in reversed(self.callbacks) if one.state == "active"), None)

    @property
    def pending(self) -> Callback | None:
        """The newest that waits for its verification."""
        return next((one for one in reversed(self.callbacks) if one.state == "pending"), None)

    def tally(self, hub: str) -> Tally:
        """Return the tally of a hub, made if there is none."""
        return self.tallies.setdefault(hub, Tally())


class _Marks(msgspec.Struct):
    marks: str
    """One after the other, oldest first."""


_state: Final = msgspec.json.Decoder(State)
_marks: Final = msgspec.json.Decoder(_Marks)


def callback_url(base: str, token: str) -> str:
    """Return the URL of a callback."""
    return f"{base.rstrip('/')}/websub/{token}"


class Kept:
    """The two documents of every source, in the registry. Everything may raise `Unavailable`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def states(self) -> dict[str, State]:
        """Return the states there are; what cannot be read is left out, and begun anew."""
        return await self._all(KIND, _state)

    async def seen(self) -> dict[str, dict[str, None]]:
        """Return the marks of every source, oldest first."""
        found: dict[str, _Marks] = await self._all(SEEN, _marks)
        return {
            name: dict.fromkeys(one.marks[at : at + MARK] for at in range(0, len(one.marks), MARK))
            for name, one in found.items()
        }

    async def _all(self, kind: str, decoder: msgspec.json.Decoder[Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for document in await self._registry.all(kind):
            try:
                found[document.name] = decoder.decode(document.body)
            except msgspec.MsgspecError:
                continue
        return found

    async def put_state(self, name: str, state: State) -> None:
        """Write a state."""
        await self._registry.put(KIND, name, msgspec.json.encode(state))

    async def put_seen(self, name: str, seen: dict[str, None]) -> None:
        """Write marks."""
        await self._registry.put(SEEN, name, msgspec.json.encode(_Marks("".join(seen))))

    async def forget(self, name: str) -> None:
        """Delete the state."""
        await self._registry.delete(KIND, name)

    async def forget_seen(self, name: str) -> None:
        """Delete the marks."""
        await self._registry.delete(SEEN, name)
