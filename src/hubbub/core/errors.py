"""Everything hubbub says no with: one tree, one table.

    HubbubError
    ├── Malformed              400  what was sent cannot be read
    │   ├── InvalidTopic       400
    │   ├── InvalidPosition    400
    │   ├── InvalidEvent       400
    │   └── InvalidFilter      400
    ├── Unauthenticated        401  no token, or one that does not hold (web/auth has details)
    ├── Forbidden              403  a good token without the right
    ├── NotFound               404
    ├── NotAllowed             405
    ├── NotAcceptable          406
    ├── InProgress             409  the same Idempotency-Key is being worked on
    ├── Conflict               409  it is not what the caller thinks it is
    ├── TooLarge               413
    ├── Unsupported            415  encoding or format not understood
    │   ├── UpgradeRequired        426  the address speaks WebSocket only
    │   └── VersionNotSupported    505  this version of HTTP cannot carry it
    ├── KeyReused              422  the same Idempotency-Key with another body
    ├── TooMany                429  a rate or a count; come back after `retry_after`
    ├── Unavailable            503  not durable now; come back after `retry_after`
    │   └── Closing            503  this server is stopping
    ├── Gap                    410  the events after a position are gone
    ├── Corrupt                 -   the data on disk is not what was written
    └── Misconfigured           -   settings that cannot work

HTTP problem documents (RFC 9457), WebSocket close codes and exit codes of the command line are
all read from the class attributes here. `detail` always says what to do next and never holds a
secret, because it is shown to whoever asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

PROBLEMS = "https://hubbub.dev/problems/"
"""Prefix of the `type` URI of every problem; docs/problems.md describes each."""


class HubbubError(Exception):
    """Base of everything hubbub raises on purpose."""

    kind: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"
    status: ClassVar[int] = 500
    close_code: ClassVar[int] = 1011
    exit_code: ClassVar[int] = 1
    errors: Sequence[HubbubError] = ()
    """Where several things are wrong at once: each of them."""

    def __init__(
        self,
        detail: str,
        *,
        pointer: str = "",
        position: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        """JSON pointer (RFC 6901) to the offending part of what was sent, if it was JSON."""
        self.position = position
        """0-based place of the mistake in an expression, if there is one."""
        self.retry_after = retry_after
        """Seconds after which the same request may succeed, if that is known."""

    @property
    def type(self) -> str:
        """Stable URI of this kind of problem."""
        return PROBLEMS + self.kind


class Malformed(HubbubError):
    """What was sent cannot be understood."""

    kind = "malformed"
    title = "The request cannot be understood"
    status = 400
    close_code = 1007


class InvalidTopic(Malformed):
    """A topic or pattern breaks the grammar of names."""

    kind = "invalid-topic"
    title = "Not a valid topic"


class InvalidPosition(Malformed):
    """A position, `since` or `last` cannot be read."""

    kind = "invalid-position"
    title = "Not a valid start"


class InvalidEvent(Malformed):
    """An event breaks the rules of CloudEvents 1.0."""

    kind = "invalid-event"
    title = "Not a valid CloudEvent"


class InvalidFilter(Malformed):
    """A filter or SQL expression cannot be used."""

    kind = "invalid-filter"
    title = "Not a valid filter"


class Unauthenticated(HubbubError):
    """No token where one is needed, or one that does not hold."""

    kind = "unauthenticated"
    title = "A valid token is needed"
    status = 401
    close_code = 1008


class Forbidden(HubbubError):
    """A good token without the right to do this."""

    kind = "forbidden"
    title = "Not allowed with this token"
    status = 403
    close_code = 1008


class NotFound(HubbubError):
    """There is nothing at this address."""

    kind = "not-found"
    title = "Nothing here"
    status = 404
    close_code = 1008


class NotAllowed(HubbubError):
    """The address exists, the method does not."""

    kind = "method-not-allowed"
    title = "Method not allowed"
    status = 405
    close_code = 1008


class NotAcceptable(HubbubError):
    """None of the asked media types can be produced."""

    kind = "not-acceptable"
    title = "No such representation"
    status = 406
    close_code = 1003


class InProgress(HubbubError):
    """The same Idempotency-Key is being worked on right now."""

    kind = "in-progress"
    title = "A request with this Idempotency-Key is in progress"
    status = 409
    close_code = 1013


class Conflict(HubbubError):
    """The state of the resource does not allow it, or changed meanwhile."""

    kind = "conflict"
    title = "Not in this state"
    status = 409
    close_code = 1008


class Gap(HubbubError):
    """The events after `requested` are gone; reading can go on after `resumes_at`.

    Both are positions in their printed form; `resumes_at` is exclusive like every start.
    """

    kind = "gap"
    title = "Events after this position are gone"
    status = 410

    def __init__(self, requested: str, resumes_at: str) -> None:
        super().__init__(
            f"events after {requested} are no longer in the log; continue with since={resumes_at}"
        )
        self.requested = requested
        self.resumes_at = resumes_at


class TooLarge(HubbubError):
    """More bytes or items than the bound allows."""

    kind = "too-large"
    title = "Too large"
    status = 413
    close_code = 1009


class Unsupported(HubbubError):
    """A media type, encoding or protocol version that is not understood."""

    kind = "unsupported"
    title = "Format not understood"
    status = 415
    close_code = 1003


class UpgradeRequired(Unsupported):
    """The address speaks WebSocket only."""

    kind = "upgrade-required"
    title = "This is a WebSocket"
    status = 426


class VersionNotSupported(Unsupported):
    """The version of HTTP cannot carry what was asked for."""

    kind = "http-version"
    title = "Not over this version of HTTP"
    status = 505


class KeyReused(HubbubError):
    """The same Idempotency-Key came with another body."""

    kind = "key-reused"
    title = "This Idempotency-Key was used for another request"
    status = 422
    close_code = 1008


class TooMany(HubbubError):
    """A rate or a count is exceeded."""

    kind = "too-many"
    title = "Too many"
    status = 429
    close_code = 1013


class Unavailable(HubbubError):
    """The log cannot promise durability now; nothing was appended."""

    kind = "unavailable"
    title = "Not durable now"
    status = 503
    close_code = 1013


class Closing(Unavailable):
    """This server is stopping."""

    kind = "closing"
    title = "Shutting down"
    close_code = 1012


class Corrupt(HubbubError):
    """The data on disk is not what was written."""

    kind = "corrupt"
    title = "The log is damaged"
    exit_code = 1


class Misconfigured(HubbubError):
    """Settings that cannot work, or not together."""

    kind = "misconfigured"
    title = "The settings cannot work"
    exit_code = 2
