"""Recognising duplicates without an index on disk: random ids would cost four times the append.

A fingerprint is a keyed 56-bit hash of `source` and `id`, stored in the row and kept in memory with
the offset. A hit is only a suspicion: the stored event is compared, so a collision costs a read and
never an event. Fingerprints live in a few generations, each dropped whole once it is out of the
window by age or by count; at the start they are read back from the newest rows (0.7 s a million).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from hubbub.core.event import Event

GENERATIONS = 4
"""Parts of the window: what is remembered beyond it is a quarter at most."""


class Fingerprints:
    """Offsets of named events by fingerprint."""

    def __init__(self, secret: bytes, window: float, most: int) -> None:
        """Remember for at least `window` seconds, and at least `most` offsets."""
        self._hash = hashlib.blake2b(digest_size=7, key=secret)
        self._step_age = window * 1000 / GENERATIONS
        self._step_count = max(-(-most // GENERATIONS), 1)
        self._newest: dict[int, int] = {}
        self._generations = [self._newest]
        """Newest first."""
        self._ends: list[tuple[int, int]] = []
        """Newest offset and time of all but the newest generation."""
        self._turn_offset = 0
        self._turn_time = 0.0

    def __len__(self) -> int:
        return sum(map(len, self._generations))

    def of(self, event: Event) -> int:
        """Return the fingerprint of an event."""
        # A copy is 0.3 us cheaper than a new keyed hash; NUL is in no valid attribute.
        keyed = self._hash.copy()
        keyed.update(f"{event.source}\0{event.id}".encode())
        return int.from_bytes(keyed.digest())

    def find(self, fingerprint: int) -> int:
        """Return the newest offset with this fingerprint, 0 if there is none."""
        for places in self._generations:
            if fingerprint in places:
                return places[fingerprint]
        return 0

    def add(self, fingerprint: int, offset: int) -> None:
        """Remember one."""
        self._newest[fingerprint] = offset

    def load(self, found: Iterable[tuple[int, int]]) -> None:
        """Remember many, oldest first."""
        self._newest.update(found)

    def withdraw(self, fingerprint: int, offset: int) -> None:
        """Take back one whose event could not be written."""
        for places in self._generations:
            if places.get(fingerprint) == offset:
                del places[fingerprint]

    def turn(self, newest: int, now: int) -> None:
        """Begin a new generation where the current one is full; `newest` is the newest offset."""
        if newest < self._turn_offset and now < self._turn_time:
            return
        if self._newest:
            self._newest = {}
            self._generations.insert(0, self._newest)
            self._ends.insert(0, (newest, now))
        low, early = newest - self._step_count * GENERATIONS, now - self._step_age * GENERATIONS
        while self._ends and (self._ends[-1][0] <= low or self._ends[-1][1] <= early):
            self._ends.pop()
            self._generations.pop()
        self._turn_offset, self._turn_time = newest + self._step_count, now + self._step_age
