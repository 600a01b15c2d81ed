"""The supervisor: forged, truncated and endless messages, a fake `done`, a reader that stops reading."""

from __future__ import annotations

import asyncio
import resource

import msgspec
import pytest

from backend.sandbox import Sandbox
from tests.sandbox.driving import LIMITS, drive, follow

pytestmark = pytest.mark.anyio

SEND_RAW = "import os, struct, time\ndef raw(data):\n    while data: data = data[os.write(3, data):]\n"


async def test_a_forged_length_ends_the_run(locked: Sandbox, unlocked: Sandbox) -> None:
    source = SEND_RAW + "raw(struct.pack('!I', 2 << 20) + bytes(2 << 20))\nresult = True"
    assert len((await drive(unlocked, source)).frames[0]) == 2 << 20
    ran = await drive(locked, source)
    assert ran.frames == []
    assert (ran.outcome.status, ran.outcome.limit) == ("error", "messages")
    assert str(2 << 20) in ran.outcome.detail


async def test_a_forged_length_reserves_no_memory(unlocked: Sandbox) -> None:
    """The length is a claim: what is kept is what has come."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await drive(unlocked, SEND_RAW + "raw(struct.pack('!I', 60 << 20) + b'x')\nos._exit(0)")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 << 10


@pytest.mark.parametrize("cut", ["b'\\0\\0'", "struct.pack('!I', 100) + b'x' * 99"])
async def test_a_truncated_message_is_dropped(cut: str, locked: Sandbox) -> None:
    ran = await drive(locked, SEND_RAW + f"send(b'whole')\nraw({cut})\nos._exit(0)")
    assert ran.frames == [b"whole"]
    assert ran.outcome.status == "crashed"


async def test_a_message_within_a_message_is_only_bytes(locked: Sandbox) -> None:
    """Deep nesting is for whoever decodes; the sandbox does not."""
    nested = b"\x91" * 100_000
    ran = await drive(locked, "send(b'\\x91' * 100_000)\nresult = 1")
    assert ran.frames[0] == nested
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        msgspec.msgpack.decode(nested)


async def test_a_fake_done_does_not_let_a_run_live_on(locked: Sandbox) -> None:
    """Whoever forges the end is at its end: nothing more is read, and the process is killed."""
    fake = msgspec.msgpack.encode({"type": "done", "status": "ok", "error": None, "result": "fake"})
    source = SEND_RAW + f"send({fake!r})\nraw(bytes(4))\nwhile True:\n    try: send(b'more')\n    except: pass"
    run = locked.run(source.encode())
    ran = await follow(run)
    assert ran.frames == [fake]
    assert ran.outcome.status == "ok"
    assert run.child is not None
    assert (await asyncio.wait_for(asyncio.shield(run.child.exit), 60)).status == 9


async def test_a_fake_done_hides_no_crash(locked: Sandbox) -> None:
    ran = await drive(locked, "send(b'done')\nimport ctypes\nctypes.string_at(0)")
    assert ran.outcome.status == "crashed"


async def test_small_messages_without_end_are_counted(locked: Sandbox) -> None:
    ran = await drive(locked, "while True: send(b'x' * 1000)")
    assert (ran.outcome.status, ran.outcome.limit) == ("error", "messages")
    assert sum(map(len, ran.frames)) <= LIMITS.run_bytes


async def test_empty_text_and_closed_descriptors_do_no_harm(locked: Sandbox) -> None:
    ran = await drive(locked, "import os\nos.close(1)\nos.close(2)\nos.close(0)\nresult = 1")
    assert ran.result == 1
    ran = await drive(locked, "import os\nos.close(3)\nresult = 1")
    assert ran.frames == []
    assert ran.outcome.status == "error"


async def test_a_reader_that_stops_makes_the_child_wait(hasty: Sandbox) -> None:
    """No memory grows here, and the run's clock goes on."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run = hasty.run(b"for _ in range(15): send(b'x' * (1 << 19))")
    assert len(await anext(run)) == 1 << 19
    outcome = await run.outcome()
    assert (outcome.status, outcome.limit) == ("timeout", "wall")
    rest = [frame async for frame in run]
    assert len(rest) < 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10


async def test_the_zygote_does_not_take_orders_from_a_child(locked: Sandbox) -> None:
    """The control socket is not there, and no other descriptor is."""
    source = """
import fcntl
result = []
for number in range(300):
    try:
        fcntl.fcntl(number, fcntl.F_GETFD)
    except OSError:
        continue
    result.append(number)"""
    assert (await drive(locked, source)).result == [0, 1, 2, 3, 4, 5]
