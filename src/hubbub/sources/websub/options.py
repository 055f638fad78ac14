"""The settings of what is followed with WebSub, section `[follow]`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

MIN_LEASE = 60
"""Seconds: a shorter lease would be renewed more often than a hub can be asked to bear."""
MAX_LEASE = 30 * 86_400
"""Seconds: what a hub grants beyond is not waited for, because hubs forget (websub 24)."""
MIN_POLL = 60
"""Seconds: nobody's feed is asked for more often."""
MAX_POLL = 7 * 86_400
"""Seconds: a source that is looked at less often than once a week is not followed."""

Lease = Annotated[float, Meta(ge=MIN_LEASE, le=MAX_LEASE)]
Poll = Annotated[float, Meta(ge=MIN_POLL, le=MAX_POLL)]


class FollowOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How other people's topics are subscribed to and, where no hub pushes them, polled."""

    lease: Lease = 10 * 86_400.0
    """Seconds that a hub is asked for; what it grants rules. 10 days is what the Recommendation
    advises (8.2)."""
    poll: Poll = 6 * 3600.0
    """Seconds between two looks at a topic whose hub pushes: they find what the hub forgot."""
    poll_silent: Poll = 15 * 60.0
    """Seconds between two looks where nothing is pushed: no hub, one that refuses, or a silent one."""
    timeout: Annotated[float, Meta(gt=0, le=300)] = 20.0
    """Seconds that one request to a publisher or hub may take; hubs may verify us meanwhile."""
    max_bytes: Annotated[int, Meta(ge=64 * 1024, le=64 * 1024 * 1024)] = 4 * 1024 * 1024
    """Bytes of a document, fetched or pushed: feeds with a hundred whole articles have one or two
    million. A larger push is answered 413."""
    max_seen: Annotated[int, Meta(ge=100, le=100_000)] = 5000
    """Entries that are remembered of a source, so that none becomes an event twice; they take 200
    bytes each. Those in its latest document are never forgotten."""
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 8
    """Sources that are fetched, or whose hubs are asked, at once: after a start many are due."""
