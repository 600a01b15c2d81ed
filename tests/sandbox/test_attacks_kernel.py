"""Kernel interfaces. A control succeeds when the kernel itself answers, be it that a feature is not compiled in."""

from __future__ import annotations

import platform

import pytest

from backend.sandbox import Sandbox
from backend.sandbox.syscalls import MACHINES
from tests.sandbox.attack import Attack, hold

pytestmark = pytest.mark.anyio

KILLED = "crashed.*SIGSYS"
DENIED = "PermissionError"

CALLS = MACHINES[platform.machine()].calls

RAW = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
memory = ctypes.create_string_buffer(256)
answer = libc.syscall({number}, *map(ctypes.c_long, ({arguments})))
if answer < 0 and ctypes.get_errno() == errno.EPERM:
    raise PermissionError('not permitted')
result = True"""


def raw(call: str, arguments: str, stopped_by: str = KILLED, *, number: int = 0) -> Attack:
    """An attack that is one system call."""
    source = RAW.format(number=number or CALLS[call], arguments=arguments + ("," if arguments else ""))
    return Attack(call, source, stopped_by)


ME = "ctypes.addressof(memory)"

ATTACKS = [
    raw("io_uring_setup", f"1, {ME}"),
    raw("io_uring_enter", "-1, 0, 0, 0, 0, 0"),
    raw("bpf", f"5, {ME}, 128"),
    raw("perf_event_open", f"{ME}, 0, -1, -1, 0"),
    raw("userfaultfd", "0"),
    raw("ptrace", "0x4206, os.getppid(), 0, 0"),
    raw("unshare", "0x10000000"),
    raw("setns", "-1, 0"),
    raw("mount", "0, 0, 0, 0, 0"),
    raw("chroot", "0"),
    raw("pivot_root", "0, 0"),
    raw("keyctl", "0, -3, 0"),
    raw("pidfd_open", "os.getppid(), 0"),
    raw("kexec_load", "0, 0, 0, -1"),
    raw("init_module", "0, 0, 0"),
    raw("open_by_handle_at", "-1, 0, 0"),
    raw("seccomp", f"1, 8, {ME}"),
    raw("memfd_create", f"{ME}, 0", DENIED),
    raw("execve", "0, 0, 0", DENIED),
    raw("execveat", "-1, 0, 0, 0, 0", DENIED),
    raw("clone", "0x10000000 | 17 if os.getpid() < 0 else 0x00010000", DENIED),
    raw("prlimit64", f"0, 7, {ME}, 0", DENIED),
    raw("prlimit64", f"os.getppid(), 7, 0, {ME}", DENIED),
    raw("prctl", "4, 1, 0, 0, 0", DENIED),
    raw("personality", "0xffffffff", DENIED),
    raw("shmget", "0, 4096, 0o1600", DENIED),
    raw("mq_open", "0, 0", DENIED),
    raw("timer_create", f"0, 0, {ME}", DENIED),
    raw("ioctl", "0, 0x5412, 0", DENIED),
    raw("fcntl", "3, 8, os.getppid()", DENIED),
    raw("fcntl", "3, 4, 0o20000 | 2", DENIED),
    raw("kill", "os.getppid(), 0", DENIED),
    raw("kill", "-1, 64 + 1", DENIED),
    raw("tgkill", "os.getppid(), os.getppid(), 0", DENIED),
    raw("tkill", "os.getpid(), 0", DENIED),
    raw("setuid", "0", DENIED),
    raw("sched_setaffinity", f"0, 8, {ME}", DENIED),
    raw("socket", "40, 1, 0", DENIED),
    Attack("fork", "import os\npid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)\nresult = True", DENIED),
    Attack("run a program", "import subprocess\nresult = subprocess.check_output(['/bin/echo', 'x'])", "Error"),
    Attack("a shell", "import os\nresult = os.system('exit 7') == 7 << 8", "ok limit=None None"),
    Attack(
        "a second process",
        "import multiprocessing\np = multiprocessing.get_context('fork').Process(target=int)\n"
        "p.start()\np.join()\nresult = p.exitcode == 0",
        "Error",
    ),
    Attack(
        "raise a limit",
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (200, 250))\nresult = True",
        "ValueError|PermissionError",
    ),
]

X86 = [
    raw("x32 getpid", "", number=0x40000000 | 39),
    raw("modify_ldt", f"0, {ME}, 0", number=154),
    raw("iopl", "0", number=172),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_no_other_way_into_the_kernel(attack: Attack, locked: Sandbox, unlocked: Sandbox) -> None:
    await hold(locked, unlocked, attack)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="these calls exist on x86_64 only")
@pytest.mark.parametrize("attack", X86, ids=str)
async def test_no_way_through_what_only_x86_has(attack: Attack, locked: Sandbox, unlocked: Sandbox) -> None:
    await hold(locked, unlocked, attack)


async def test_code_of_another_instruction_set_kills(locked: Sandbox) -> None:
    """Int 0x80 enters as i386, whose numbers mean other calls."""
    if platform.machine() != "x86_64":
        pytest.skip("int 0x80 exists on x86 only")
    from tests.sandbox.driving import drive

    source = """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes.fromhex('b814000000cd80c3'))  # mov eax, 20 (getpid of i386); int 0x80; ret
result = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()"""
    assert (await drive(locked, source)).outcome.signal in ("SIGSYS", "SIGSEGV")
