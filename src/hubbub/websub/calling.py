"""The guarded HTTP client as this room sees it, and what its failures mean."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

_log = logging.getLogger("hubbub.websub")


class Reply(Protocol):
    """An answer."""

    @property
    def status(self) -> int:
        """The status."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        """The headers."""
        ...

    @property
    def body(self) -> bytes:
        """The body, up to what was asked for."""
        ...

    @property
    def truncated(self) -> bool:
        """Whether there was more of it."""
        ...


class Caller(Protocol):
    """The client: `net.Egress`."""

    async def request(  # noqa: PLR0913
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
        timeout: float,  # noqa: ASYNC109
        max_body: int,
    ) -> Reply:
        """Send a request; raises something with `cause` and `detail` if it fails."""
        ...


def explain(error: Exception) -> tuple[str, bool]:
    """Say why a request failed, and whether it always will: the guard does not let it out."""
    cause = getattr(error, "cause", None)
    if cause is None:
        _log.error("a request failed on our side", exc_info=error)
        return f"{type(error).__name__} on our side", False
    return str(getattr(error, "detail", cause)), cause == "refused"
