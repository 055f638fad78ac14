"""The command line is run for real, most of the time against one server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serving import Serving, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server for every test that only publishes and listens on topics of its own."""
    with serving("--store", "memory:", cwd=tmp_path_factory.mktemp("server")) as found:
        yield found
