"""One cursor for every protocol: `Position(epoch, offset)`, printed `epoch-offset`.

It is the `id:` of Server-Sent Events, the resume token of a WebSocket, the cursor of a page and what
a durable subscription stores. Offsets start at 1 and grow by one in commit order; 0 is before the
first event. The epoch names one unbroken past: it changes when the past was lost, so that a cursor
from before is told so instead of being silently misread.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from hubbub.core.errors import InvalidPosition

EPOCH_LENGTH = 8
"""Characters of an epoch: 40 random bits, plenty for pasts that one operator will ever lose."""

MAX_OFFSET = 2**63 - 1
"""The largest offset: SQLite's and PostgreSQL's integers are signed 64 bit."""

_ALPHABET = "0123456789abcdefghijkmnpqrstuvwx"
_PRINTED = re.compile(r"([0-9a-z]{1,16})-(0|[1-9][0-9]{0,18})", re.ASCII)


class Position(NamedTuple):
    """A place in one log: after `offset`, in the past called `epoch`."""

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read the printed form. Raises `InvalidPosition`."""
        found = _PRINTED.fullmatch(text)
        if found is None or (offset := int(found[2])) > MAX_OFFSET:
            raise InvalidPosition("a position looks like k3f9x2ab-1042; pass one that hubbub gave")
        return cls(found[1], offset)


def new_epoch(entropy: bytes) -> str:
    """Make an epoch of 5 random bytes."""
    bits = int.from_bytes(entropy[:5], "big")
    return "".join(_ALPHABET[bits >> shift & 31] for shift in range(35, -1, -5))
