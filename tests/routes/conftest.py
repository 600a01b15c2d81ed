"""One server for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving import Served, serve


@pytest.fixture(scope="session")
def server() -> Iterator[Served]:
    """A real server with the settings that it has by itself."""
    with serve() as served:
        yield served
