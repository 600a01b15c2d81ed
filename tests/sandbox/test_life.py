"""The life of runs and processes: nothing leaks, a dead zygote is replaced, a cancelled run ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import SandboxGone
from backend.sandbox import Sandbox, pool
from tests.sandbox.conftest import PLAIN
from tests.sandbox.driving import BRIEF, LIMITS, PATIENT, drive, follow

pytestmark = pytest.mark.anyio


@pytest.fixture
async def own(anyio_backend: str) -> AsyncIterator[Sandbox]:
    """A sandbox that the test may break. Its limits are out of reach, on a busy machine too."""
    sandbox = Sandbox(entry=PLAIN, warm_children=2, limits=PATIENT)
    await sandbox.start()
    yield sandbox
    await sandbox.close()


def _descriptors() -> set[str]:
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(f"{link.name} {link.readlink()}")
    return found


def _boxes() -> dict[int, int]:
    """Zygotes and children of this process, zombies included, each with its parent."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            head, _, tail = stat.read_text().rpartition(")")
            if "(chainrule-" in head:
                parents[int(stat.parent.name)] = int(tail.split()[1])
    ours = os.getpid()
    return {pid: parent for pid, parent in parents.items() if ours in (parent, parents.get(parent))}


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_two_hundred_runs_leak_nothing(own: Sandbox) -> None:
    for _ in range(5):
        await drive(own, "result = 1")
    await _until(lambda: own.pool is not None and len(own.pool.idle) == 2)
    descriptors, boxes = len(_descriptors()), len(_boxes())
    for number in range(200):
        assert (await drive(own, f"result = {number}")).result == number
    await _until(lambda: len(_descriptors()) <= descriptors and len(_boxes()) <= boxes)


async def test_more_runs_than_warm_children(own: Sandbox) -> None:
    runs = [own.run(f"import time\ntime.sleep(0.05)\nresult = {number}".encode()) for number in range(12)]
    assert [ran.result for ran in await asyncio.gather(*map(follow, runs))] == list(range(12))


async def test_closing_ends_every_process() -> None:
    descriptors, boxes = _descriptors(), _boxes()
    sandbox = Sandbox(entry=PLAIN, warm_children=3, limits=PATIENT)
    await sandbox.start()
    assert len(_boxes()) > len(boxes)
    run = sandbox.run(b"send(b'on')\nwhile True: pass")
    assert await anext(run) == b"on"
    await sandbox.close()
    assert (await run.outcome()).status == "crashed"
    run.close()
    assert _boxes().keys() <= boxes.keys()
    assert _descriptors() <= descriptors
    with pytest.raises(SandboxGone, match="closed"):
        await sandbox.run(b"").outcome()


async def test_closing_ends_children_that_are_just_being_forked() -> None:
    descriptors, boxes = _descriptors(), _boxes()
    sandbox = Sandbox(entry=PLAIN, warm_children=1, limits=PATIENT)
    await sandbox.start()
    assert sandbox.zygote is not None
    for _ in range(30):
        sandbox.zygote.fork()
    await sandbox.close()
    assert _boxes().keys() <= boxes.keys()
    assert _descriptors() <= descriptors


async def test_a_dead_zygote_is_replaced(own: Sandbox) -> None:
    run = own.run(b"import time\nsend(b'on')\ntime.sleep(99)")
    assert await anext(run) == b"on"
    await _until(lambda: own.pool is not None and len(own.pool.idle) == 2)
    before = len(_boxes()) - 1
    zygote = own.zygote
    assert zygote is not None
    assert zygote.pid is not None
    os.kill(zygote.pid, signal.SIGKILL)
    ran = await follow(run)
    assert ran.outcome.status == "crashed"
    assert "run it again" in ran.outcome.detail
    assert (await drive(own, "result = 'again'")).result == "again"
    await _until(lambda: zygote.pid not in _boxes() and len(_boxes()) <= before)


async def test_a_dead_idle_child_is_replaced(own: Sandbox) -> None:
    assert own.pool is not None
    await _until(lambda: own.pool is not None and len(own.pool.idle) == 2)
    dead = list(own.pool.idle)
    for child in dead:
        child.signal(signal.SIGKILL)
    await asyncio.gather(*(child.exit for child in dead))
    await _until(lambda: own.pool is not None and len(own.pool.idle) == 2)
    assert (await drive(own, "result = 1")).result == 1


@pytest.mark.parametrize(
    "source",
    [
        "send(b'on')\nwhile True: pass",
        "import time\nsend(b'on')\ntime.sleep(99)",
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nsend(b'on')\nwhile True: pass",
        "send(b'on')\nwhile True:\n    try:\n        while True: x = 1\n    except BaseException: pass",
        "send(b'on')\nwhile True: send(b'x' * 100_000)",
    ],
    ids=["spin", "sleep", "deaf", "swallow", "send"],
)
async def test_cancel(source: str, own: Sandbox) -> None:
    run = own.run(source.encode())
    assert await anext(run) == b"on"
    await run.cancel()
    assert (await run.outcome()).status == "cancelled"
    run.close()


@pytest.mark.parametrize("deaf", [True, False], ids=["deaf", "spin"])
async def test_a_cancel_does_not_wait_until_the_process_is_cleared_away(own: Sandbox, deaf: bool) -> None:
    """A zygote that is stopped tells of no exit, as if the kernel took for ever over a large process."""
    assert own.zygote is not None
    assert own.zygote.pid is not None
    ignore = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.set_wakeup_fd(-1)\n" if deaf else ""
    source = "import os\nsend(b'on')\nsend(b'and on')\nos.write(2, b'sent')\nwhile True: pass"
    run = own.run(f"{ignore}{source}".encode())
    assert await anext(run) == b"on"
    await _until(lambda: run.child is not None and len(run.child.text) > 0)
    os.kill(own.zygote.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(60):
            cancelling = asyncio.create_task(run.cancel())
            assert await anext(run) == b"and on"
            rest = [frame async for frame in run]
            await cancelling
            assert len(rest) == (0 if deaf else 1)
            assert (await run.outcome()).status == "cancelled"
    finally:
        os.kill(own.zygote.pid, signal.SIGCONT)
    run.close()
    assert (await drive(own, "result = 'well'")).result == "well"


async def test_cancel_before_it_has_begun(own: Sandbox) -> None:
    run = own.run(b"result = 1")
    await run.cancel()
    assert (await run.outcome()).status == "cancelled"
    assert [frame async for frame in run] == []


async def test_a_run_that_nobody_follows_ends(own: Sandbox) -> None:
    before = len(_descriptors())
    run = own.run(b"while True: send(b'x' * 1000)")
    await asyncio.sleep(0.05)
    run.close()
    assert (await run.outcome()).status == "cancelled"
    await _until(lambda: len(_descriptors()) <= before + 3)


async def test_an_entry_that_does_not_exist_is_told() -> None:
    sandbox = Sandbox(entry="tests.sandbox.nowhere:Entry", warm_children=1, limits=LIMITS)
    with pytest.raises(SandboxGone, match=r"tests\.sandbox\.nowhere"):
        await sandbox.start()


async def test_a_zygote_that_hangs_is_replaced(own: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    zygote = own.zygote
    assert zygote is not None
    assert zygote.pid is not None
    os.kill(zygote.pid, signal.SIGSTOP)
    assert own.pool is not None
    for child in list(own.pool.idle):
        child.close()
        own.pool.idle.remove(child)
    monkeypatch.setattr(pool, "PATIENCE_SECONDS", 0.2)
    waiting = own.run(b"result = 'again'")
    await zygote.gone.wait()
    monkeypatch.undo()
    assert (await follow(waiting)).result == "again"
    assert own.zygote is not zygote


async def test_children_that_came_for_a_cancelled_run_are_used(own: Sandbox) -> None:
    """Whenever the cancel comes, before, while or after the child does, none is lost."""
    await _until(lambda: own.pool is not None and len(own.pool.idle) == 2)
    boxes = len(_boxes())
    for number in range(40):
        runs = [own.run(b"result = 1") for _ in range(6)]
        await asyncio.sleep(number / 2000)
        await asyncio.gather(*(run.cancel() for run in runs))
        for run in runs:
            run.close()
    assert (await drive(own, "result = 1")).result == 1
    await _until(lambda: len(_boxes()) <= boxes)


SENDING = """
import time
began = time.process_time()
while time.process_time() < began + 0.47:
    pass
while True:
    send(b"\\x81\\xa1x\\xc5\\x04\\x00" + bytes(0x400))  # {"x": bytes}
"""
"""Just before its time is over, and little each time: else it is soon more than a run may send."""


@pytest.mark.parametrize("source", [SENDING, "while True:\n    pass"], ids=["while it sends", "at a line"])
@pytest.mark.parametrize("entry", ["Entry", "Crowded"])
async def test_the_last_words_of_a_run_out_of_time_are_heard_to_the_end(source: str, entry: str) -> None:
    """However often it is told to stop meanwhile, and however long it waits for a core."""
    limits = replace(PATIENT, cpu_seconds=BRIEF.cpu_seconds)
    sandbox = Sandbox(entry=f"tests.sandbox.unhurried:{entry}", warm_children=2, limits=limits)
    await sandbox.start()
    try:
        for _ in range(2):
            ran = await drive(sandbox, source)
            assert (ran.outcome.status, ran.outcome.limit) == ("timeout", "cpu")
            assert ran.done.get("status") == "cpu"
            assert any(b"finishing" in frame for frame in ran.frames)
    finally:
        await sandbox.close()


async def test_a_stop_that_comes_after_the_last_line_takes_nothing_away() -> None:
    limits = replace(PATIENT, cpu_seconds=BRIEF.cpu_seconds)
    sandbox = Sandbox(entry="tests.sandbox.unhurried:Entry", warm_children=1, limits=limits)
    await sandbox.start()
    try:
        ran = await drive(sandbox, "result = 'all of it'")
        assert (ran.outcome.status, ran.result) == ("ok", "all of it")
    finally:
        await sandbox.close()


WHOLE = """
import time
with whole:
    while time.process_time() < 1.2:
        pass
    send(b"all of it")
send(b"more")
"""


async def test_a_stop_waits_for_the_end_of_what_belongs_together() -> None:
    sandbox = Sandbox(entry=PLAIN, warm_children=1, limits=BRIEF)
    await sandbox.start()
    try:
        ran = await drive(sandbox, WHOLE)
        assert (ran.outcome.status, ran.outcome.limit) == ("timeout", "cpu")
        assert ran.frames[0] == b"all of it"
        assert b"more" not in ran.frames
        assert (ran.done["type"], ran.done["status"]) == ("done", "cpu")
    finally:
        await sandbox.close()
