"""One request to a hub on its way: what the callback is asked, and what its answer means. Pure."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from hubbub.core.calling import Reply
from hubbub.core.subscription import Subscription
from hubbub.wire.websub import with_parameters

CHALLENGE_BYTES: Final = 32
"""Random bytes of a challenge: as many as of a secret."""

MAX_ANSWER: Final = 1024
"""Bytes read of an answer; a challenge has 43."""

NOT_FOUND: Final = 404
TEMPORARY: Final = frozenset((408, 425, 429))
"""Refusals that may be different soon; so may be all of 500 and above."""

Mode = Literal["subscribe", "unsubscribe", "denied"]


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for and not verified yet; the state that there is holds until then (5.2)."""

    mode: Mode
    subscription: Subscription
    """As it will be, but for its end."""
    lease: int = 0
    """Seconds that are granted, from the verification on."""
    after: str = ""
    """Position after which a new subscription begins: the callback wants what comes from the question
    on."""
    reason: str = ""
    """Why it is denied."""
    address: str = ""
    """Who asked, for the bounds."""
    asked: int = 0
    """When, in milliseconds."""
    attempts: int = 0
    """Verifications made so far."""
    due: int = 0
    """When the next one is, in milliseconds."""
    problem: str = ""
    """Why the last one failed."""

    @property
    def id(self) -> str:
        """Id of the subscription: one for each topic and callback."""
        return self.subscription.id

    @property
    def topic(self) -> str:
        """URL of the topic."""
        return self.subscription.protocolsettings["topic"]

    @property
    def is_foreign(self) -> bool:
        """Whether the topic is somebody else's."""
        return bool(self.subscription.protocolsettings["is_foreign"])

    def url(self, challenge: str, token: str = "") -> str:
        """Return what the callback is asked with (5.3, and 5.2 for a denial).

        `token` is what an old client wants to see again.
        """
        parameters = [("hub.mode", self.mode), ("hub.topic", self.topic)]
        if self.mode == "denied":
            parameters.append(("hub.reason", self.reason))
        else:
            parameters.append(("hub.challenge", challenge))
        if self.mode == "subscribe":
            parameters.append(("hub.lease_seconds", str(self.lease)))
        if token:
            parameters.append(("hub.verify_token", token))
        return with_parameters(self.subscription.sink, parameters)


class Verified(msgspec.Struct, frozen=True):
    """The callback wants it; or it took note of the denial."""


class Unverified(msgspec.Struct, frozen=True):
    """The callback does not want it, or has not answered."""

    reason: str
    is_final: bool


def judge(intent: Intent, challenge: str, answer: Reply) -> Verified | Unverified:
    """Tell what an answer means (5.3.1): 2xx and the challenge, nothing more; no redirect."""
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004
        if intent.mode == "denied" or answer.body == challenge.encode():
            return Verified()
        return Unverified("the callback did not echo the challenge, exactly and alone", True)
    reason = f"the callback answered the verification with status {status}"
    if 300 <= status < 400:  # noqa: PLR2004
        return Unverified(f"{reason}: redirects are not followed", True)
    if status == NOT_FOUND:
        return Unverified(f"{reason}: it does not know of this subscription", True)
    return Unverified(reason, status < 500 and status not in TEMPORARY)  # noqa: PLR2004
