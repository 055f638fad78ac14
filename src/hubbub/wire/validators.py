"""Whether a `Last-Modified` can be asked with (RFC 9110, section 8.8.2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final

APART: Final = timedelta(seconds=1)
"""What lies between a change and the next one that has another time."""


def is_strong(headers: Mapping[str, str]) -> bool:
    """Tell whether what changes after this answer has another `Last-Modified`.

    Within one second it may change and keep it. `headers` have lower-case names.
    """
    try:
        seen, changed = (parsedate_to_datetime(headers[name]) for name in ("date", "last-modified"))
        return seen - changed >= APART
    except (KeyError, TypeError, ValueError):
        return False
