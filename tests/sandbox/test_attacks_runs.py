"""Other learners' runs: what one leaves behind or holds, another neither sees nor disturbs."""

from __future__ import annotations

import asyncio
import signal

import msgspec
import pytest

from backend.sandbox import Run, Sandbox
from tests.sandbox.driving import Ran, drive, follow

pytestmark = pytest.mark.anyio

VICTIM = """
import ctypes, os, signal, time
over = []
signal.signal(signal.SIGUSR2, lambda *_: over.append(True))
secret = ctypes.create_string_buffer(b'secret')
import msgspec
send(msgspec.msgpack.encode([os.getpid(), ctypes.addressof(secret)]))
while not over: time.sleep(0.02)
result = secret.value"""

ATTACKS = {
    "signal it": "import os\nos.kill($pid, 0)\nresult = True",
    "read its memory": """
import ctypes, struct
buffer = ctypes.create_string_buffer(6)
ours = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(buffer), 6))
theirs = ctypes.create_string_buffer(struct.pack('QQ', $address, 6))
ctypes.CDLL(None).process_vm_readv($pid, ours, 1, theirs, 1, 0)
result = buffer.raw == b'secret'""",
    "read its memory through /proc": "f = open('/proc/$pid/mem', 'rb', 0)\nf.seek($address)\n"
    "result = f.read(6) == b'secret'",
    "trace it": "import ctypes\nresult = ctypes.CDLL(None).ptrace(0x4206, $pid, None, None) == 0",
    "take its descriptors": "import os, ctypes\nfd = os.pidfd_open($pid)\n"
    "result = ctypes.CDLL(None).syscall(438, fd, 3, 0) >= 0",
    "bound its resources": "import resource\nresource.prlimit($pid, resource.RLIMIT_CORE, (0, 0))\nresult = True",
    "change its priority": "import os\nos.setpriority(os.PRIO_PROCESS, $pid, 5)\nresult = True",
}


async def _beside(sandbox: Sandbox, attack: str) -> tuple[Ran, Ran]:
    """The victim, which lives until the attacker's end, and the attacker."""
    victim: Run = sandbox.run(VICTIM.encode())
    pid, address = msgspec.msgpack.decode(await anext(victim))
    attacker = await drive(sandbox, attack.replace("$pid", str(pid)).replace("$address", str(address)))
    assert victim.child is not None
    victim.child.signal(signal.SIGUSR2)
    return await follow(victim), attacker


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_run_cannot_reach_another(name: str, locked: Sandbox, unlocked: Sandbox) -> None:
    (_, control), (victim, attacker) = await asyncio.gather(
        _beside(unlocked, ATTACKS[name]), _beside(locked, ATTACKS[name])
    )
    assert control.result, control.end
    assert not attacker.result, attacker.result
    assert "PermissionError" in attacker.end or attacker.outcome.signal == "SIGSYS", attacker.end
    assert victim.result == b"secret", victim.end


async def test_a_run_leaves_nothing_behind(locked: Sandbox) -> None:
    """In one process it would: that is the control."""
    leave = "import builtins, sys, json\nbuiltins.left = 'left'\njson.dumps = None\nsys.modules['left'] = 1\n"
    look = "import builtins, sys, json\nresult = [hasattr(builtins, 'left'), json.dumps is None, 'left' in sys.modules]"
    assert (await drive(locked, leave + look)).result == [True, True, True]
    for _ in range(3):
        assert (await drive(locked, look)).result == [False, False, False]


async def test_two_runs_draw_different_system_randomness(locked: Sandbox) -> None:
    """Children are copies; what they draw from the system must not be."""
    source = "import os, random, uuid\nresult = [os.urandom(8), random.random(), uuid.uuid4().hex]"
    first, second = await asyncio.gather(drive(locked, source), drive(locked, source))
    assert all(a != b for a, b in zip(first.result, second.result, strict=True))
