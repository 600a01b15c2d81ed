"""Crashes. A crash is as deadly without the sandbox: what it must not do is reach beyond its own process."""

from __future__ import annotations

import pytest

from backend.sandbox import Sandbox
from tests.sandbox.driving import drive

pytestmark = pytest.mark.anyio

CRASHES = {
    "SIGSEGV": "import ctypes\nctypes.string_at(0)",
    "SIGABRT": "import os\nos.abort()",
    "SIGFPE": "import os, signal\nos.kill(os.getpid(), signal.SIGFPE)",
    "SIGBUS": "import os, signal\nos.kill(os.getpid(), signal.SIGBUS)",
    "SIGKILL": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "SIGILL": "import os, signal\nos.kill(os.getpid(), signal.SIGILL)",
}


@pytest.mark.parametrize("name", CRASHES)
async def test_a_crash_is_named_and_stays_inside(name: str, locked: Sandbox, unlocked: Sandbox) -> None:
    control = await drive(unlocked, CRASHES[name])
    assert control.outcome.signal == name
    ran = await drive(locked, CRASHES[name])
    assert ran.outcome.signal == name
    assert ran.outcome.status == ("memory" if name == "SIGKILL" else "crashed")
    assert (await drive(locked, "result = 1")).result == 1


async def test_a_crash_tells_its_line(locked: Sandbox) -> None:
    outcome = (await drive(locked, "import ctypes\n\n\nctypes.string_at(0)")).outcome
    assert (outcome.status, outcome.signal, outcome.line) == ("crashed", "SIGSEGV", 4)


async def test_an_overflow_of_the_c_stack_tells_its_line(locked: Sandbox) -> None:
    """The handler runs on a stack of its own."""
    source = "x = ()\nfor _ in range(10**6):\n    x = (x,)\nhash(x)"
    outcome = (await drive(locked, source)).outcome
    assert (outcome.status, outcome.signal, outcome.line) == ("crashed", "SIGSEGV", 4)


async def test_leaving_by_the_back_door_is_a_crash(locked: Sandbox) -> None:
    outcome = (await drive(locked, "import os\nos._exit(0)")).outcome
    assert (outcome.status, outcome.signal) == ("crashed", None)
    assert "code 0" in outcome.detail


async def test_a_failure_of_the_entry_itself_is_an_error(locked: Sandbox) -> None:
    """A signal handler of the learner's can raise where the entry does not expect it."""
    outcome = (await drive(locked, "import msgspec\nmsgspec.msgpack.encode = None")).outcome
    assert outcome.status == "error"
    assert "TypeError" in outcome.detail
