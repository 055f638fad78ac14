"""Why a webhook is turned away: 401 for whatever is not proven, `Malformed` (400) for nonsense."""

from __future__ import annotations

from hubbub.core.errors import Unauthenticated


class Unverified(Unauthenticated):
    """Nothing proves that the provider sent this."""

    title = "The webhook cannot be verified"


def mismatch() -> Unverified:
    """Return the one error for a signature that does not hold, whatever the reason (T9)."""
    return Unverified(
        "the signature does not hold; check the source's secret, and that nothing between the"
        " provider and this server changes the body or the address"
    )
