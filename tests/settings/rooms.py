"""Structs as rooms have them, with every sort of field."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec


class Door(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A door that may be opened."""

    name: str
    """What stands on it."""
    hold: float = 1.0
    """Seconds it stays open."""
    tags: tuple[str, ...] = ()
    """Words about it."""


class Hinges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the doors hang on."""

    count: Annotated[int, msgspec.Meta(ge=1)] = 2
    """How many there are."""


class Hall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first room.

    It has everything.
    """

    host: str = "127.0.0.1"
    """Where it is | and more."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    """Which door
    of the house."""
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    """Seconds until the light goes out."""
    is_open: bool = False
    """Whether anybody may enter."""
    colour: Literal["red", "blue"] = "red"
    """Colour of the walls."""
    path: str | None = None
    """Where the back door is."""
    names: tuple[str, ...] = ()
    """Who lives here."""
    sizes: tuple[int, ...] = (1, 2)
    """Sizes of the windows."""
    doors: tuple[Door, ...] = ()
    """The doors."""
    spare: Door | None = None
    """A door that stands in the cellar."""
    grants: bool | tuple[str, ...] = False
    """Who may paint it."""
    store: str = "sqlite:///hall.db"
    """URL of the cellar."""
    password: Annotated[str, msgspec.Meta(extra={"secret": True})] = ""
    """What to say at the door."""
    hinges: Hinges = Hinges()
    """What the doors hang on."""

    def __post_init__(self) -> None:
        if self.password and len(self.password) < 4:
            raise ValueError("password has at least 4 characters")


class Attic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last room."""

    max_age: float = 604_800.0
    """Seconds that things are kept."""


class House(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it."""

    hall: Hall = Hall()
    attic: Attic = Attic()
