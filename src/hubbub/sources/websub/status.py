"""How a source that is followed stands, for people: `status` of `GET /sources/{name}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from hubbub.core.clock import rfc3339
from hubbub.sources.websub.measure import is_silent
from hubbub.sources.websub.state import State

Standing = Literal["pushed", "silent", "pending", "denied", "waiting", "polled", "gone"]
"""How news come: the hub pushes; it should, but does not; it was asked; it said no; our public URL is
not known; there is no hub, or it cannot be had; the publisher said that there will be none."""


def standing(state: State, now: float) -> Standing:
    """Tell in a word how news of a source come."""
    active = state.active
    if state.ended:
        return "gone"
    if active is not None:
        return "silent" if is_silent(state.tallies.get(active.hub)) else "pushed"
    if state.is_waiting:
        return "waiting"
    if state.verify_by is not None:
        return "pending"
    if any(one.until > now for one in state.refusals.values()):
        return "denied"
    return "polled"


def status(state: State, now: float) -> Mapping[str, Any]:
    """Tell all of it, without a token or secret; what there is nothing to say of is left out."""
    active, pending = state.active, state.pending
    in_force = active or pending
    tally = state.tallies.get(in_force.hub) if in_force else None
    told = {
        "state": standing(state, now),
        "topic": state.topic,
        "moved": state.moved,
        "hub": in_force.hub if in_force else "",
        "hubs": state.hubs,
        "signed": bool(active.secret) if active else None,
        "since": _time(active and active.verified),
        "lease_end": _time(active and active.lease_end),
        "renews": _time(state.subscribe_at),
        "last_push": _time(tally and tally.last_push),
        "last_poll": _time(state.last_poll),
        "next_poll": _time(state.poll_at),
        "entries": state.entries,
        "unsigned": state.unsigned,
        "measured": {
            hub: {"pushes": one.pushes, "missed": one.missed, "silent": is_silent(one)}
            for hub, one in state.tallies.items()
        },
        "denied": {
            hub: {"reason": one.reason, "until": _time(one.until)}
            for hub, one in state.refusals.items()
            if one.until > now
        },
        "error": state.trouble or state.error,
        "note": state.note,
    }
    return {name: value for name, value in told.items() if value not in (None, "", [], {})}


def _time(seconds: float | None) -> str | None:
    return rfc3339(int(seconds * 1000)) if seconds else None
