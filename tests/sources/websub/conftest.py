"""A gateway that follows a feed with two entries, and the hub of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sources.websub.world import HubScript, Rig, World, atom, entry, rig


@pytest.fixture
async def us() -> AsyncIterator[Rig]:
    async with rig() as made:
        made.world.page(atom(entry(2), entry(1)))
        yield made


@pytest.fixture
def world(us: Rig) -> World:
    return us.world


@pytest.fixture
def hub(us: Rig) -> HubScript:
    return us.world.hub()
