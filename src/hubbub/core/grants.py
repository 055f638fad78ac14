"""Who may do what: the grants of a token, as patterns (api.md, Who may do what)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from hubbub.core.errors import Forbidden
from hubbub.core.topic import covers, is_pattern


class Grants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Patterns under which the holder may publish, subscribe and manage."""

    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    manage: bool | tuple[str, ...] = False


ANONYMOUS: Final = "anonymous"
"""Name of those without a token where `auth.anonymous` grants something."""


class Principal(msgspec.Struct, frozen=True):
    """Whoever is asking, after the token was verified."""

    name: str
    """A key's name or a token's subject: for logs, limits and idempotency scopes; never a secret."""
    grants: Grants
    expires: float | None = None
    """When the token ends, in seconds since the Unix epoch: long connections end with it."""

    @property
    def is_stranger(self) -> bool:
        """Whether nobody has said who this is: it may do what it is granted, and nothing by being here."""
        return self.name == ANONYMOUS

    def require_publish(self, topic: str) -> None:
        """Raise `Forbidden` unless the holder may publish to a topic."""
        self._require("publish", self.grants.publish, topic)

    def require_subscribe(self, patterns: Iterable[str]) -> None:
        """Raise `Forbidden` unless the holder may read every topic under each pattern."""
        for pattern in patterns:
            self._require("subscribe", self.grants.subscribe, pattern)

    def may_publish(self, topic: str) -> bool:
        """Tell whether the holder may publish to a topic."""
        return any(covers(granted, topic) for granted in self.grants.publish)

    def may_manage(self) -> bool:
        """Tell whether the holder may see and change how the gateway runs."""
        return self.grants.manage is True

    def _require(self, action: str, granted: tuple[str, ...], wanted: str) -> None:
        if "**" not in granted and not any(covers(pattern, wanted) for pattern in granted):
            what = "pattern" if is_pattern(wanted) else "topic"
            having = ", ".join(granted) or "nothing"
            raise Forbidden(f"this token may {action} {having}; the {what} {wanted} is not in it")


EVERYONE: Final = Principal("anyone", Grants(("**",), ("**",), manage=True))
"""Who asks where no keys are set: the server then listens on loopback only."""
