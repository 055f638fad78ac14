"""Idempotency-Key: the same request twice does its work once (draft-ietf-httpapi-idempotency-key-header-07).

Two mechanisms, the second of which is there already:

- *The answers of this process.* A key that is being worked on is refused (409); one that was
  finished gets the same status and body again; one that comes with another request is refused
  (422). Only answers that say something was done are kept: after any other the caller may try
  again. Keys belong to the caller, they are bounded in number, bytes and time, and they end with
  the process.
- *The log's own dedupe.* An event without an id gets one that follows from the caller, the key
  and the event's place in the request, and counts as named by its producer. So when the process
  died between the commit and the answer, or after it, the repeated request makes the very same
  events, and the log answers that it has them (200, `duplicate`) for as long as its window lasts.
  No second store, and nothing to write beside the events themselves.

An id of this kind is a UUIDv8 (RFC 9562 5.8) cut from a SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from hubbub.core.clock import Clock
from hubbub.core.errors import InProgress, KeyReused
from hubbub.sources.options import PublishOptions

_ENTRY = 400  # bytes of bookkeeping for a key, as measured


class Answer(NamedTuple):
    """What a finished request was answered with."""

    status: int
    body: bytes


class _Entry:
    __slots__ = ("answer", "expires", "fingerprint")

    def __init__(self, fingerprint: bytes) -> None:
        self.fingerprint = fingerprint
        self.answer: Answer | None = None
        self.expires = 0.0


class Claim:
    """The hold of one request on its key. End it with `finish` or `release`."""

    def __init__(self, answer: Answer | None, ids: Callable[[int], str], keep: _Keep) -> None:
        self.answer = answer
        """What this request was answered with before, if it was: then there is nothing to do."""
        self._ids = ids
        self._made = 0
        self._keep = keep

    def new_id(self) -> str:
        """Return the id of the request's next event that has none."""
        self._made += 1
        return self._ids(self._made - 1)

    def finish(self, status: int, body: bytes) -> None:
        """Keep the answer for whoever repeats the request."""
        self._keep(Answer(status, body))

    def release(self) -> None:
        """Let go without an answer: nothing was done, the request may be tried again."""
        self._keep(None)


_Keep = Callable[[Answer | None], None]
_Name = tuple[str, str]


class IdempotencyKeys:
    """The keys that were seen lately, of all callers."""

    def __init__(self, options: PublishOptions, clock: Clock) -> None:
        self._options = options
        self._now = clock.monotonic
        self._running: dict[_Name, _Entry] = {}
        self._finished: dict[_Name, _Entry] = {}  # oldest first
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._running) + len(self._finished)

    def claim(self, principal: str, key: str, fingerprint: bytes) -> Claim:
        """Take a key for one request; `fingerprint` is a hash of what makes two requests the same.

        Raises `InProgress` or `KeyReused`.
        """
        self._expire()
        name = principal, key
        entry = self._running.get(name)
        if entry is not None:
            self._check(entry, fingerprint)
            raise InProgress(
                "the first request with this key is still running; wait", retry_after=1
            )
        if (entry := self._finished.get(name)) is not None:
            self._check(entry, fingerprint)
            return Claim(entry.answer, _ids(name), _forget)
        entry = self._running[name] = _Entry(fingerprint)
        return Claim(None, _ids(name), lambda answer: self._end(name, entry, answer))

    def _check(self, entry: _Entry, fingerprint: bytes) -> None:
        if entry.fingerprint != fingerprint:
            raise KeyReused("this Idempotency-Key came with another request; make a new key")

    def _end(self, name: _Name, entry: _Entry, answer: Answer | None) -> None:
        if self._running.pop(name, None) is None or answer is None:
            return
        entry.answer = answer
        entry.expires = self._now() + self._options.idempotency_ttl
        self._finished[name] = entry
        self._bytes += _ENTRY + len(answer.body)
        self._expire()

    def _expire(self) -> None:
        finished, options, now = self._finished, self._options, self._now()
        while finished:
            name, entry = next(iter(finished.items()))
            if (
                entry.expires > now
                and len(finished) <= options.idempotency_keys
                and self._bytes <= options.idempotency_bytes
            ):
                return
            del finished[name]
            self._bytes -= _ENTRY + (len(entry.answer.body) if entry.answer else 0)


def _forget(_: Answer | None) -> None:
    """Keep nothing: this request is a repeat."""


def _ids(name: _Name) -> Callable[[int], str]:
    """Return the ids that follow from a key, by place."""
    principal, key = (part.encode() for part in name)
    seed = b"hubbub idempotency\0%d\0%b\0%b\0" % (len(principal), principal, key)

    def at(place: int) -> str:
        bits = int.from_bytes(hashlib.sha256(b"%b%d" % (seed, place)).digest()[:16], "big")
        version, variant = 8 << 76, 2 << 62
        return str(UUID(int=bits & ~(0xF << 76) & ~(3 << 62) | version | variant))

    return at
