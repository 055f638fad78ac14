"""What the client says no with.

    HubbubError
    └── ClientError
        ├── Refused       the server said no, or not now: `status`, `title`, `detail`, `problem`
        ├── Unreachable   no answer: nobody there, the connection broke, or it took too long
        ├── Unexpected    an answer that no hubbub gives: another server, or a proxy between
        └── Gap           events were lost before they were read; reading can go on after it

What is wrong with an argument, such as a topic, raises the error of `hubbub.core.errors` that the
server would answer with. No error holds the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubbub.core import errors

_TEMPORARY = frozenset((408, 425, 429, 500, 502, 503, 504))


class ClientError(errors.HubbubError):
    """Base of what the client raises on purpose."""

    @property
    def temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return False


class Refused(ClientError):
    """The server answered, but not with what was asked for (RFC 9457)."""

    kind = "refused"

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        problem: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail, retry_after=retry_after)
        # Elsewhere the class decides these two; here the server did.
        self.status = status  # pyright: ignore[reportAttributeAccessIssue]
        """HTTP status, or what it would have been where a WebSocket said no."""
        self.title = title  # pyright: ignore[reportAttributeAccessIssue]
        self.problem: Mapping[str, Any] = problem or {}
        """The problem document as it came, empty if there was none."""

    def __str__(self) -> str:
        return f"{self.status} {self.title}: {self.detail}"

    @property
    def temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _TEMPORARY


class Unreachable(ClientError):
    """There was no answer."""

    kind = "unreachable"
    title = "The server cannot be reached"
    status = 503
    exit_code = 3

    def __init__(self, detail: str, *, sent: bool = True, for_good: bool = False) -> None:
        super().__init__(detail)
        self.sent = sent
        """Whether the request may have arrived all the same."""
        self._for_good = for_good

    @property
    def temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return not self._for_good


class Unexpected(ClientError):
    """What answers there does not speak hubbub."""

    kind = "unexpected"
    title = "Not an answer of hubbub"
    status = 502


class Gap(errors.Gap, ClientError):
    """Events after `requested` are gone; the iterator that raised it goes on after `resumes_at`.

    It is the same error that a listener in the server's own process gets.
    """
