"""Whether a hub pushes what there is: pushes seen are weighed against what the polls find.

Entries that a poll finds first are suspects for a while, in which the hub may push them yet; then they
are misses. Two polls in a row with misses, and no push in between, make a hub silent. Pure.
"""

from __future__ import annotations

from typing import Final

from hubbub.sources.websub.state import State, Tally

PATIENCE: Final = 300.0
"""Seconds after a poll in which a hub may still push what the poll found."""
SILENT: Final = 2
"""Polls in a row with entries that were not pushed that make a hub silent."""


def is_silent(tally: Tally | None) -> bool:
    """Tell whether a hub has stopped to push what there is."""
    return tally is not None and tally.in_row >= SILENT


def found_by_poll(state: State, entries: int, now: float) -> None:
    """Take note of entries that a poll found: the hub has some patience's time to push them yet.

    They count only if the subscription held when they appeared, that is since the poll before, and
    not right after a push: a hub that is about it is not silent, and some only say that there is news.
    """
    active = state.active
    if active is None or not entries or not 0 < active.verified <= state.last_poll:
        return
    tally = state.tally(active.hub)
    if tally.last_push + PATIENCE > now:
        return
    tally.suspects += entries
    tally.since = tally.since or now


def pushed(state: State, hub: str, now: float) -> bool:
    """Count a push; tell whether the hub was silent before."""
    tally = state.tally(hub)
    was_silent = is_silent(tally)
    tally.pushes += 1
    tally.last_push = now
    tally.in_row, tally.suspects, tally.since = 0, 0, None
    return was_silent


def judge(state: State, now: float) -> list[str]:
    """Count as missed what a hub has not pushed in its time; return the hubs that are silent by that.

    Where it is the one that we are subscribed at, another is looked for, and polled meanwhile.
    """
    silent: list[str] = []
    for hub, tally in state.tallies.items():
        if tally.since is None or tally.since + PATIENCE > now:
            continue
        tally.missed += tally.suspects
        tally.in_row += 1
        tally.suspects, tally.since = 0, None
        if tally.in_row == SILENT:
            silent.append(hub)
    if state.active is not None and state.active.hub in silent:
        state.subscribe_at = now
    return silent
