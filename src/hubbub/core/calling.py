"""The guarded HTTP client (net/) as the rooms see it that call others: handed in by hub.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Reply(Protocol):
    """An answer, whatever its status."""

    @property
    def status(self) -> int:
        """Its status code."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        """Its headers, in the peer's spelling."""
        ...

    @property
    def body(self) -> bytes:
        """Its body, up to what was asked for."""
        ...

    @property
    def truncated(self) -> bool:
        """Whether there was more of it."""
        ...

    @property
    def timings(self) -> Any:
        """Where the time went, as `core.outcome.Timings`."""
        ...


class Caller(Protocol):
    """The client: `net.Egress`."""

    async def request(  # noqa: PLR0913  the parts of a request
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
        timeout: float,  # noqa: ASYNC109
        max_body: int,
    ) -> Reply:
        """Send a request and read the answer, within `timeout` seconds and up to `max_body` bytes.

        Raises something with `cause`, `detail` and `timings` if there is no answer.
        """
        ...
