"""What the filter says to every call, on both machines, by running it."""

from __future__ import annotations

import errno

import pytest

from backend.sandbox import bpf, policy
from backend.sandbox.syscalls import MACHINES, Machine
from tests.sandbox.bpf_machine import call_data, run

PID = 4711
EPERM = bpf.errno(errno.EPERM)

# fmt: off
PATHS = (
    "open", "openat", "openat2", "creat", "stat", "lstat", "newfstatat", "statx", "access", "faccessat",
    "faccessat2", "readlink", "readlinkat", "getcwd", "chdir", "fchdir", "mkdir", "mkdirat", "rmdir", "unlink",
    "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "chmod", "fchmod",
    "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "truncate", "ftruncate", "utimensat",
    "getdents", "getdents64", "statfs", "fstatfs", "inotify_init", "inotify_init1", "inotify_add_watch",
)
MAKERS = (
    "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "recvfrom", "sendmsg",
    "recvmsg", "sendmmsg", "recvmmsg", "memfd_create", "memfd_secret", "pipe", "pipe2", "epoll_create1",
    "eventfd2", "timerfd_create", "signalfd4", "shmget", "shmat", "semget", "msgget", "mq_open", "execve",
    "execveat", "fork", "vfork", "setrlimit", "setuid", "setgid", "setresuid", "capset", "prctl", "personality",
    "sched_setaffinity", "setsid", "wait4", "waitid", "timer_create", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
    "tkill", "close_range", "dup2", "dup3", "landlock_create_ruleset", "arch_prctl",
)
# fmt: on


@pytest.fixture(params=MACHINES, ids=str)
def machine(request: pytest.FixtureRequest) -> Machine:
    return MACHINES[request.param]


def verdict(machine: Machine, name: str, *arguments: int) -> int:
    return run(policy.build(machine, PID), call_data(machine.audit, machine.calls[name], arguments))


def test_every_call_that_the_policy_names_exists_somewhere() -> None:
    known = set().union(*(machine.calls for machine in MACHINES.values()))
    assert set(policy.FREE) | set(policy.HOSTILE) <= known
    assert len(set(policy.FREE)) == len(policy.FREE)
    assert not set(policy.FREE) & (set(policy.HOSTILE) | set(PATHS) | set(MAKERS))


def test_free_calls_pass_hostile_ones_kill_and_all_others_are_refused(machine: Machine) -> None:
    guarded = {"clone", "clone3", "ioctl", "fcntl", "kill", "tgkill", "prlimit64"}
    for name in machine.calls:
        if name in policy.FREE:
            assert verdict(machine, name) == bpf.ALLOW, name
        elif name in policy.HOSTILE:
            assert verdict(machine, name) == bpf.KILL_PROCESS, name
        elif name not in guarded:
            assert verdict(machine, name) == EPERM, name


def test_paths_and_new_descriptors_are_refused(machine: Machine) -> None:
    for name in PATHS + MAKERS:
        if name in machine.calls:
            assert verdict(machine, name, 1, 2, 3) == EPERM, name


def test_numbers_that_nobody_knows_are_refused(machine: Machine) -> None:
    program = policy.build(machine, PID)
    known = set(machine.calls.values())
    for number in range(1000):
        if number not in known:
            assert run(program, call_data(machine.audit, number)) == EPERM, number


def test_another_machine_is_killed(machine: Machine) -> None:
    program = policy.build(machine, PID)
    for audit in (0x40000003, 0x40000028, *(m.audit for m in MACHINES.values() if m is not machine)):
        assert run(program, call_data(audit, machine.calls["read"])) == bpf.KILL_PROCESS


def test_x32_is_killed() -> None:
    machine = MACHINES["x86_64"]
    program = policy.build(machine, PID)
    for number in (0x40000000, 0x40000000 | machine.calls["read"], 0xFFFFFFFF):
        assert run(program, call_data(machine.audit, number)) == bpf.KILL_PROCESS


@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("clone", (0x003D0F00,), True),
        ("clone", (0x007D0F00,), True),
        ("clone", (0x003D0F00 | 1 << 32,), False),
        ("clone", (0x003D0F00 | 0x10000000,), False),
        ("clone", (0x01200011,), False),
        ("clone", (17,), False),
        ("kill", (PID, 9), True),
        ("kill", (PID + 1, 0), False),
        ("kill", (0, 9), False),
        ("kill", (-1, 9), False),
        ("kill", (-PID, 9), False),
        ("tgkill", (PID, PID + 7, 6), True),
        ("tgkill", (PID - 1, PID, 6), False),
        ("prlimit64", (0, 7, 0, 4096), True),
        ("prlimit64", (0, 7, 4096, 0), False),
        ("prlimit64", (0, 7, 1 << 40, 0), False),
        ("prlimit64", (PID, 7, 0, 4096), False),
        ("ioctl", (0, 0x5401), True),
        ("ioctl", (0, 0x5401 | 1 << 40), True),  # the kernel reads 32 bits
        ("ioctl", (0, 0x5412), False),
        ("fcntl", (3, 1), True),
        ("fcntl", (3, 1030, 0), True),
        ("fcntl", (3, 4, 0o4000), False),
        ("fcntl", (3, 8, 1), False),
    ],
)
def test_guarded_calls_depend_on_their_arguments(
    name: str, arguments: tuple[int, ...], allowed: bool, machine: Machine
) -> None:
    assert verdict(machine, name, *arguments) == (bpf.ALLOW if allowed else EPERM)


def test_clone3_is_unknown_so_that_libc_falls_back(machine: Machine) -> None:
    assert verdict(machine, "clone3") == bpf.errno(errno.ENOSYS)


def test_the_assembler_refuses_what_the_kernel_would() -> None:
    with pytest.raises(ValueError, match="past the end"):
        bpf.assemble([bpf.if_equal(1, 0, 1), bpf.verdict(bpf.ALLOW)])
    with pytest.raises(ValueError, match=r"jumps by 256, out of 0\.\.255"):
        bpf.assemble([bpf.if_equal(1, 256, 0)] + [bpf.verdict(bpf.ALLOW)] * 300)
    with pytest.raises(ValueError, match="1 to 4096 instructions, not 0"):
        bpf.assemble([])


def test_the_bytes_are_those_of_sock_filter() -> None:
    assert bpf.assemble([bpf.verdict(bpf.ALLOW)]) == b"\x06\x00\x00\x00\x00\x00\xff\x7f"
