"""Content negotiation: which of the media types on offer an `Accept` header likes best (RFC 9110 12.5.1).

For each offer the most specific range decides (`a/b`, then `a/*`, then `*/*`); parameters other than
`q` do not tell our offers apart and are passed over. Among equals the earlier offer wins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def best(accept: str, offers: Sequence[str]) -> str | None:
    """Return the offer to send, None if none will do; an empty header takes anything."""
    if not accept.strip() or accept == "*/*":
        return offers[0]
    ranges = _ranges(accept)
    quality, place = max(
        ((_quality(ranges, offer), -place) for place, offer in enumerate(offers)),
        default=(0.0, 0),
    )
    return offers[-place] if quality > 0 else None


def _quality(ranges: dict[str, float], offer: str) -> float:
    for wanted in (offer, offer.partition("/")[0] + "/*", "*/*"):
        if wanted in ranges:
            return ranges[wanted]
    return 0.0


def _ranges(accept: str) -> dict[str, float]:
    """Return the quality of each media range; one that is said twice counts as its best."""
    found: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = part.split(";")
        media = name.strip().lower()
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.strip().partition("=")
            if key.strip().lower() == "q":
                value = value.strip()
                quality = float(value) if _QUALITY.fullmatch(value) else 0.0
        if media:
            found[media] = max(quality, found.get(media, 0.0))
    return found
