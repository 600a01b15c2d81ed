"""What all tests share: nothing of the environment that would change a server under test."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def _plain_settings() -> None:
    """Forget the operator's own settings, here and in the servers that tests start."""
    for name in [name for name in os.environ if name.startswith("CHAINRULE_")]:
        del os.environ[name]
