"""`Retry-After` (RFC 9110 10.2.3): seconds, or one of the three forms of a date (5.6.7)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
_IMF = "%a, %d %b %Y %H:%M:%S GMT"
_ASCTIME = "%a %b %d %H:%M:%S %Y"
_RFC850 = re.compile(r"[A-Za-z]+, ([0-9]{2}-[A-Za-z]{3})-([0-9]{2}) ([0-9:]{8}) GMT", re.ASCII)

HORIZON = 50
"""A two-digit year that would be more than so many years ahead lies in the past (RFC 9110 5.6.7)."""


def parse(text: str, now: float) -> float | None:
    """Return the seconds from `now`, a Unix time, that a value asks for; None if it says nothing."""
    text = text.strip(" \t")
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = _date(text, now)
    return None if moment is None else max(0.0, moment.timestamp() - now)


def _date(text: str, now: float) -> datetime | None:
    for form in (_IMF, _ASCTIME):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            pass
    if (found := _RFC850.fullmatch(text)) is None:
        return None
    this_year = datetime.fromtimestamp(now, UTC).year
    year = this_year - this_year % 100 + int(found[2])
    if year > this_year + HORIZON:
        year -= 100
    try:
        text = f"{found[1]}-{year} {found[3]} +0000"
        return datetime.strptime(text, "%d-%b-%Y %H:%M:%S %z")
    except ValueError:
        return None
