"""The public face: complete, sorted, documented, and the twins alike."""

from __future__ import annotations

import inspect
import types

from hubbub import client
from hubbub.client import AsyncClient, Client, errors


def public(module: types.ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }


def test_all_is_complete_and_sorted():
    assert sorted(client.__all__) == client.__all__
    assert set(client.__all__) == public(client)


def test_everything_public_has_a_docstring():
    for name in client.__all__:
        value = getattr(client, name)
        if inspect.isclass(value):
            assert value.__doc__, name
            for member, found in vars(value).items():
                if inspect.isfunction(found) and not member.startswith("_"):
                    assert found.__doc__, f"{name}.{member}"


def test_the_twins_are_alike():
    def methods(kind: type) -> dict[str, list[inspect.Parameter]]:
        return {
            name: list(inspect.signature(found).parameters.values())
            for name, found in vars(kind).items()
            if inspect.isfunction(found) and (not name.startswith("_") or name == "__init__")
        }

    assert methods(AsyncClient) == methods(Client)


def test_the_tree_of_errors_is_the_one_that_is_drawn():
    drawn = {word for word in errors.__doc__.split() if word.isalnum() and word[0].isupper()}
    for name in public(errors):
        found = getattr(errors, name)
        if inspect.isclass(found) and issubclass(found, errors.ClientError):
            assert name in drawn
