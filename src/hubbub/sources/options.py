"""The settings of publishing, section `[publish]`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

MIN_BYTES = 64 * 1024
"""Smallest bound on an event: intermediaries must forward 64 KiB (CloudEvents 1.0.2, Size Limits)."""


class PublishOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much may be published, how fast, and how long a repeat is recognised."""

    max_bytes: Annotated[int, Meta(ge=MIN_BYTES)] = 1024 * 1024
    """Bytes of one event as it was sent: bigger data belongs in a store, its address in the event."""
    max_request_bytes: Annotated[int, Meta(ge=MIN_BYTES)] = 4 * 1024 * 1024
    """Bytes of one request with several events: it is read, checked and committed as a whole."""
    rate: Annotated[float, Meta(ge=0)] = 0.0
    """Events per second that one caller may publish in the long run; 0 means no bound."""
    burst: Annotated[int, Meta(ge=0)] = 0
    """Events that a caller may publish at once within `rate`; 0 means ten seconds' worth."""
    idempotency_ttl: Annotated[float, Meta(ge=0)] = 86_400.0
    """Seconds for which the answer to an Idempotency-Key is kept: as long as the log's dedupe."""
    idempotency_keys: Annotated[int, Meta(ge=1)] = 100_000
    """Answers kept; the oldest goes first. A key costs some 400 bytes beside its answer."""
    idempotency_bytes: Annotated[int, Meta(ge=0)] = 64 * 1024 * 1024
    """Bytes of answers kept: those of large batches are large."""
