"""Resources: time, memory, threads, messages, text. The control has room for all of it."""

from __future__ import annotations

import pytest

from backend.sandbox import Sandbox
from tests.sandbox.attack import Attack, hold
from tests.sandbox.driving import BRIEF, drive

pytestmark = pytest.mark.anyio

SPIN = """
import time
def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
"""
C_SPIN = """
import hashlib, time
def hash_for(seconds):  # in one call, however fast the machine is
    start = time.process_time()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 20_000)
    rounds = 20_000 * seconds / (time.process_time() - start)
    hashlib.pbkdf2_hmac("sha256", b"", b"", int(rounds))
"""
DEAF = """
import signal, time
for number in (signal.SIGPROF, signal.SIGALRM, signal.SIGXCPU, signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, signal.SIG_IGN)
for clock in (signal.ITIMER_PROF, signal.ITIMER_REAL, signal.ITIMER_VIRTUAL):
    signal.setitimer(clock, 0)
signal.set_wakeup_fd(-1)
"""

SPINNERS = [
    Attack("spin", SPIN + "spin(0.8)\nresult = True", "timeout limit=cpu"),
    Attack(
        "spin in C without the GIL",
        C_SPIN + "hash_for(1.5)\nresult = True",
        "timeout limit=cpu",
    ),
    Attack(
        "spin in a thread",
        SPIN + "import threading\nt = threading.Thread(target=spin, args=(0.8,))\nt.start()\nt.join()\nresult = True",
        "timeout limit=cpu",
    ),
    Attack(
        "swallow the stop",
        SPIN + "end = time.process_time() + 1.5\nwhile time.process_time() < end:\n"
        "    try:\n        spin(1)\n    except BaseException:\n        pass\nresult = True",
        "timeout limit=cpu",
    ),
    Attack("switch the timers off and spin", DEAF + SPIN + "spin(3.5)\nresult = True", "timeout limit=cpu"),
]


ATTACKS = [
    Attack("a large block", "result = len(bytearray(300 << 20))", "MemoryError"),
    Attack(
        "many small blocks",
        "blocks = []\nfor _ in range(300): blocks.append(bytes(1 << 20))\nresult = len(blocks)",
        "MemoryError",
    ),
    Attack("anonymous shared memory", "import mmap\nresult = len(mmap.mmap(-1, 300 << 20))", "OSError|MemoryError"),
    Attack(
        "a large block from C",
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.malloc.restype = ctypes.c_void_p\n"
        "result = libc.malloc(ctypes.c_size_t(300 << 20))",
        "ok limit=None None",
    ),
    Attack(
        "a thousand threads",
        "import threading\nthreading.stack_size(32768)\nstop = threading.Event()\n"
        "for _ in range(1000): threading.Thread(target=stop.wait, daemon=True).start()\nstop.set()\nresult = True",
        "can't start new thread|memory",
    ),
    Attack("a thousand descriptors", "import os\nresult = len([os.dup(0) for _ in range(100)])", "OSError"),
    Attack(
        "a core file",
        "import resource\nresult = resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 0",
        "ok limit=None None",
    ),
    Attack("messages without end", "for _ in range(20): send(b'x' * (1 << 19))\nresult = True", "error limit=messages"),
    Attack("one message too long", "send(b'x' * (2 << 20))\nresult = True", "exceeds the 1048576"),
    Attack(
        "text without end",
        "import os\nfor _ in range(200): os.write(1, b'x' * 65536)\nresult = True",
        "error limit=messages",
    ),
]


SLEEPERS = [
    Attack("sleep", "import time\ntime.sleep(2)\nresult = True", "timeout limit=wall"),
    Attack(
        "sleep and swallow the stop",
        "import time\nend = time.monotonic() + 5\nwhile time.monotonic() < end:\n"
        "    try:\n        time.sleep(5)\n    except BaseException:\n        time.sleep(0.1)\nresult = True",
        "timeout limit=wall",
    ),
    Attack("switch the timers off and sleep", DEAF + "time.sleep(9)\nresult = True", "timeout limit=wall"),
]


@pytest.mark.parametrize("attack", SLEEPERS, ids=str)
async def test_wall_time_is_bounded(attack: Attack, hasty: Sandbox, unlocked: Sandbox) -> None:
    await hold(hasty, unlocked, attack)


@pytest.mark.parametrize("attack", SPINNERS, ids=str)
async def test_cpu_time_is_bounded(attack: Attack, brief: Sandbox, unlocked: Sandbox) -> None:
    await hold(brief, unlocked, attack)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_resources_are_bounded(attack: Attack, locked: Sandbox, unlocked: Sandbox) -> None:
    await hold(locked, unlocked, attack)


async def test_a_stop_names_the_limit_and_the_line(brief: Sandbox) -> None:
    outcome = (await drive(brief, "x = 1\n\nwhile True:\n    pass")).outcome
    assert (outcome.status, outcome.limit) == ("timeout", "cpu")
    assert outcome.line in (3, 4)
    assert f"{BRIEF.cpu_seconds:g} s of CPU time" in outcome.detail


async def test_what_cannot_be_stopped_is_rescued_with_its_line(brief: Sandbox) -> None:
    ran = await drive(brief, SPIN + "while True:\n    try: spin(1)\n    except BaseException: pass")
    assert (ran.done["type"], ran.done["reason"]) == ("rescued", "cpu")
    assert ran.done["line"] in range(4, 9)
    assert ran.outcome.line == ran.done["line"]


async def test_code_that_never_lets_python_run_is_killed_with_its_line(brief: Sandbox) -> None:
    """The sum neither looks for signals nor lets go of the GIL: no handler and no watchdog runs, the kernel does."""
    ran = await drive(brief, "x = 3\nx = sum(range(10**12))")
    assert (ran.outcome.status, ran.outcome.limit, ran.outcome.line) == ("timeout", "cpu", 2)
