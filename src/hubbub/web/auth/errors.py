"""Why somebody was not let in, and what to answer: RFC 6750 section 3 challenges.

    Unauthenticated  (core.errors)
    ├── MissingToken   there was no token at all
    └── InvalidToken   there was one, and it does not hold; `claim` names what failed
    Forbidden        (core.errors)
    └── ForeignOrigin  a page of another origin acts through a browser
    Unavailable      (core.errors)
    └── KeysUnreachable  the token cannot be checked now: the key server does not answer

A message names the claim and never repeats the token or anything that was read out of one whose
signature was not checked. A key that is unknown and a signature that is wrong read the same.
"""

from __future__ import annotations

import re

from hubbub.core.errors import Forbidden, HubbubError, Unauthenticated, Unavailable

_NOT_DESCRIPTION = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")  # RFC 6750 3


class MissingToken(Unauthenticated):
    """There was no token at all."""


class InvalidToken(Unauthenticated):
    """A token that does not hold."""

    def __init__(self, detail: str, *, claim: str = "") -> None:
        super().__init__(f"{claim}: {detail}" if claim else detail)
        self.claim = claim
        """The claim or header parameter that failed, such as `exp`; empty for the signature."""


class ForeignOrigin(Forbidden):
    """A page of another origin acts through a browser, or under a rebound host name."""

    kind = "foreign-origin"
    title = "Not from this page"


class KeysUnreachable(Unavailable):
    """A token cannot be checked now: the server that publishes the keys does not answer."""

    kind = "keys-unreachable"
    title = "The token cannot be checked now"


def www_authenticate(error: HubbubError) -> str | None:
    """Return the `WWW-Authenticate` value of a refusal, None where none belongs (RFC 6750 3)."""
    if isinstance(error, InvalidToken):
        described = _NOT_DESCRIPTION.sub("'", error.detail)
        return f'Bearer realm="hubbub", error="invalid_token", error_description="{described}"'
    if isinstance(error, Unauthenticated):
        return 'Bearer realm="hubbub"'
    if isinstance(error, Forbidden) and not isinstance(error, ForeignOrigin):
        return 'Bearer realm="hubbub", error="insufficient_scope"'
    return None
