"""Addresses that a request names and that are fetched or visited: only a provider's own (T16, SSRF)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MAX_URL = 2048
"""Characters of an address: SNS confirmation links have about 400."""

_VISIBLE = re.compile(r"[\x21-\x7e]+")


def provider_url(url: str, host: re.Pattern[str], path: re.Pattern[str]) -> bool:
    """Tell whether a URL is plain https to such a host and path: no port, no user, no odd spelling."""
    if len(url) > MAX_URL or not _VISIBLE.fullmatch(url) or "\\" in url or "#" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and host.fullmatch(parts.netloc) is not None
        and path.fullmatch(parts.path) is not None
    )
