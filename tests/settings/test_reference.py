"""The reference is written from the structs, and every setting has a sentence."""

from __future__ import annotations

import msgspec
import pytest

from hubbub.settings.reference import reference

from .rooms import House


def test_every_key_is_there_with_type_default_name_and_sentence():
    text = reference(House)
    assert (
        "| `port`<br>`HUBBUB_HALL__PORT` | whole number | `8080` | Which door of the house. |"
        in text
    )
    assert (
        '| `colour`<br>`HUBBUB_HALL__COLOUR` | `blue` or `red` | `"red"` | Colour of the walls. |'
        in text
    )
    assert "| `path`<br>`HUBBUB_HALL__PATH` | text | unset | Where the back door is. |" in text
    assert "| `names`<br>`HUBBUB_HALL__NAMES` | list of texts | empty | Who lives here. |" in text
    assert "list of whole numbers | `[1, 2]`" in text
    assert "list of tables | empty | The doors. |" in text
    assert "true or false or list of texts | `false`" in text
    assert "Where it is \\| and more." in text
    assert "## `[hall]`\n\nThe first room.\n\nIt has everything.\n" in text
    assert "## `[hall.hinges]`" in text
    assert "`hall.doors`: A door that may be opened." in text
    assert "| `name` | text | must be set | What stands on it. |" in text


class Silent(msgspec.Struct):
    """A room."""

    name: str = ""
    other: str = ""
    """Has one."""


class SilentHouse(msgspec.Struct):
    """All of it."""

    hall: Silent = msgspec.field(default_factory=Silent)


def test_a_setting_without_a_sentence_is_a_mistake():
    with pytest.raises(LookupError, match=r"Silent\.name"):
        reference(SilentHouse)
