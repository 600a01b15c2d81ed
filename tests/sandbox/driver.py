"""Starts a sandbox under other circumstances and prints what it reports, as JSON. Run by `test_circumstances`.

`python driver.py user` drops to a plain user; `no-unshare`, `no-landlock` and `no-seccomp` take those calls away with a
filter of their own, as a container or an old kernel would.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import json
import os
import stat
import sys
from pathlib import Path

from backend.errors import BelowMinimum
from backend.sandbox import Sandbox, bpf, kernel
from backend.sandbox.syscalls import Machine
from tests.sandbox.driving import BRIEF, drive

PLAIN_USER = 12345

MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18


def open_the_way(python: Path) -> None:
    """In mounts of its own, lift an interpreter out of a directory that only root may enter."""
    closed = next((p for p in reversed(python.parents) if not p.stat().st_mode & stat.S_IXOTH), None)
    if closed is None:
        return
    kernel.unshare(kernel.CLONE_NEWNS)
    mount(b"none", b"/", None, MS_REC | MS_PRIVATE)
    prefix = os.open(python, os.O_PATH)
    mount(b"none", bytes(closed), b"tmpfs", 0, b"mode=755")
    python.mkdir(parents=True)
    mount(f"/proc/self/fd/{prefix}".encode(), bytes(python), None, MS_BIND | MS_REC)
    os.close(prefix)


def mount(source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None = None) -> None:
    if kernel.libc().mount(source, target, kind, ctypes.c_ulong(flags), options):
        raise OSError(ctypes.get_errno(), f"mount {target!r}")


def become_plain_user() -> None:
    os.setgroups([])
    os.setresgid(PLAIN_USER, PLAIN_USER, PLAIN_USER)
    os.setresuid(PLAIN_USER, PLAIN_USER, PLAIN_USER)


def take_away(machine: Machine, names: list[str], error: int) -> None:
    """From now on these calls fail with `error`, here and in every process that comes from here."""
    program = [bpf.load(bpf.NUMBER)]
    for name in names:
        program += [bpf.if_equal(machine.calls[name], 0, 1), bpf.verdict(bpf.errno(error))]
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.install_filter(bpf.assemble([*program, bpf.verdict(bpf.ALLOW)]))


def take_filters_away(machine: Machine) -> None:
    """The last filter: none can follow it."""
    program = [
        bpf.load(bpf.NUMBER),
        bpf.if_equal(machine.calls["prctl"], 0, 3),
        bpf.load(bpf.low_half(0)),
        bpf.if_equal(kernel.PR_SET_SECCOMP, 0, 1),
        bpf.verdict(bpf.errno(errno.EINVAL)),
        bpf.verdict(bpf.ALLOW),
    ]
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.install_filter(bpf.assemble(program))


async def main(*, unsafe: bool) -> dict[str, object]:
    sandbox = Sandbox(entry="tests.sandbox.entry:Entry", warm_children=1, limits=BRIEF, unsafe_local=unsafe)
    try:
        report = await sandbox.start()
    except BelowMinimum as error:
        return {"refused": error.message}
    try:
        good = await drive(sandbox, "import os\nresult = os.getuid()")
        memory = await drive(sandbox, "bytearray(300 << 20)")
        threads = await drive(
            sandbox, "import threading\nt = threading.Thread(target=int)\nt.start()\nt.join()\nresult = 1"
        )
        spin = await drive(sandbox, "while True:\n    pass")
        segfault = await drive(sandbox, "import ctypes\nctypes.string_at(0)")
    finally:
        await sandbox.close()
    return {
        "uid": os.getuid(),
        "report": report.model_dump(),
        "child_uid": good.result,
        "memory": memory.done["error"],
        "threads": threads.result,
        "spin": [spin.outcome.status, spin.outcome.limit, spin.outcome.line],
        "segfault": [segfault.outcome.signal, segfault.outcome.line],
    }


if __name__ == "__main__":
    wanted = sys.argv[1:]
    this = kernel.machine()
    assert this is not None
    if "user" in wanted:
        open_the_way(Path(sys.base_prefix))
        become_plain_user()
    if "no-unshare" in wanted:
        take_away(this, ["unshare", "setns"], errno.EPERM)
    if "no-landlock" in wanted:
        take_away(this, [name for name in this.calls if name.startswith("landlock_")], errno.ENOSYS)
    if "no-seccomp" in wanted:
        take_filters_away(this)
    print(json.dumps(asyncio.run(main(unsafe="unsafe" in wanted))))
