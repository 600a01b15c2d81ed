"""One sandbox and one unlocked control for the attacks of a module; those with torch start only where they are used.

Not one for all modules: an event loop that is still there when the browser's tests begin keeps their own from running.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from backend.sandbox import Sandbox
from tests.sandbox.driving import BRIEF, HASTY, LIMITS, PATIENT, Unlocked

PLAIN = "tests.sandbox.entry:Entry"
TORCH = "tests.sandbox.torch_entry:Entry"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def locked(anyio_backend: str) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(entry=PLAIN, warm_children=2, limits=LIMITS)
    await sandbox.start()
    yield sandbox
    await sandbox.close()


@pytest.fixture(scope="module")
async def brief(anyio_backend: str) -> AsyncIterator[Sandbox]:
    """Little CPU time, much wall time."""
    sandbox = Sandbox(entry=PLAIN, warm_children=1, limits=BRIEF)
    await sandbox.start()
    yield sandbox
    await sandbox.close()


@pytest.fixture(scope="module")
async def hasty(anyio_backend: str) -> AsyncIterator[Sandbox]:
    """Little wall time, much CPU time."""
    sandbox = Sandbox(entry=PLAIN, warm_children=1, limits=HASTY)
    await sandbox.start()
    yield sandbox
    await sandbox.close()


@pytest.fixture(scope="module")
async def unlocked(anyio_backend: str) -> AsyncIterator[Sandbox]:
    sandbox = Unlocked(entry=PLAIN, warm_children=2, limits=PATIENT, unsafe_local=True)
    await sandbox.start()
    yield sandbox
    await sandbox.close()


@pytest.fixture(scope="module")
async def torch_pair(anyio_backend: str) -> AsyncIterator[tuple[Sandbox, Sandbox]]:
    """Started together, since each imports torch."""
    locked = Sandbox(entry=TORCH, warm_children=1, limits=PATIENT)
    unlocked = Unlocked(entry=TORCH, warm_children=1, limits=PATIENT, unsafe_local=True)
    await asyncio.gather(locked.start(), unlocked.start())
    yield locked, unlocked
    await asyncio.gather(locked.close(), unlocked.close())


@pytest.fixture
def torch_locked(torch_pair: tuple[Sandbox, Sandbox]) -> Sandbox:
    return torch_pair[0]


@pytest.fixture
def torch_unlocked(torch_pair: tuple[Sandbox, Sandbox]) -> Sandbox:
    return torch_pair[1]
