"""hubbub: publish an event once; everyone who cares hears it, over the channel they prefer.

`Hub` is the gateway in this process; `hubbub.client` talks to one over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubbub.hub import Hub

    __version__: str

__all__ = ["Hub", "__version__"]


def __getattr__(name: str) -> object:
    """Import the gateway when it is asked for: the client and the command line start without it."""
    if name == "Hub":
        from hubbub.hub import Hub  # noqa: PLC0415

        return Hub
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("hubbub")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
