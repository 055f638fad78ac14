"""Our hub, our subscriber and strict others, for the tests of conformance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from websub_peers.outside import outside
from websub_peers.rig import Gateway, gateway
from websub_peers.strict import Subscriber
from websub_peers.strict_hub import World

SOON = json.dumps([0.0] + 60 * [0.5])


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    env = {
        "HUBBUB_WEBSUB__SCHEDULE": SOON,
        "HUBBUB_WEBSUB__MIN_LEASE": "1",
        "HUBBUB_WEBSUB__VERIFY_SCHEDULE": "[0, 0.5, 0.5]",
    }
    with gateway(tmp_path_factory.mktemp("hub"), **env) as made:
        yield made


@pytest.fixture
def reader() -> Iterator[Subscriber]:
    with outside() as server:
        yield Subscriber(server)


@pytest.fixture
def topic(hub: Gateway, request: pytest.FixtureRequest) -> str:
    """A topic that no other test has, with one event."""
    name = "c/" + re.sub(r"\W+", "-", request.node.name).strip("-")
    hub.publish(name, {"n": 0})
    return f"{hub.url}/topics/{name}"


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("news")) as made:
        yield made


@pytest.fixture
def world() -> Iterator[World]:
    with outside() as server:
        yield World(server)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The name of the test's own source."""
    return re.sub(r"\W+", "-", request.node.name).strip("-")[:60]
