"""Which system calls a locked child may make. Everything that is not named here fails with EPERM.

The file system is closed: no call that takes a path is allowed, and none that makes a descriptor of a new kind.
What Python and torch need once everything is imported is little: memory, time, signals to oneself, threads, and reading
and writing what is already open. Calls that only an attack makes end the process, so that the outcome can be named.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from errno import ENOSYS, EPERM
from functools import cache
from typing import Final

from backend.sandbox import bpf
from backend.sandbox.bpf import Instruction
from backend.sandbox.syscalls import Machine

# fmt: off
FREE: Final = (
    # Most frequent first: the kernel walks the filter from the top where it cannot cache a verdict.
    "futex", "read", "write", "madvise", "mmap", "munmap", "mprotect", "mremap", "brk", "clock_gettime",
    "gettimeofday", "time", "getrandom", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending",
    "rt_sigtimedwait", "rt_sigsuspend", "sigaltstack", "restart_syscall", "readv", "writev", "close", "fstat",
    "lseek", "dup", "poll", "ppoll", "select", "pselect6", "nanosleep", "clock_nanosleep", "clock_getres",
    "setitimer", "getitimer", "alarm", "pause", "times", "getrusage", "getcpu", "membarrier", "getpid", "gettid",
    "getppid", "getuid", "geteuid", "getgid", "getegid", "getpgrp", "getrlimit", "getpriority", "uname",
    "sysinfo", "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler",
    "sched_get_priority_max", "sched_get_priority_min", "set_robust_list", "get_robust_list", "rseq", "exit",
    "exit_group",
)
# fmt: on
"""Allowed whatever the arguments."""

# fmt: off
HOSTILE: Final = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp",
    "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup",
    "io_uring_enter", "io_uring_register", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "unshare", "setns", "add_key", "request_key",
    "keyctl", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module",
    "open_by_handle_at", "name_to_handle_at", "fanotify_init", "quotactl", "acct", "swapon", "swapoff", "reboot",
    "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "iopl",
    "ioperm", "modify_ldt", "syslog", "vhangup", "lookup_dcookie", "nfsservctl", "move_pages", "migrate_pages",
    "vmsplice", "seccomp",
)
# fmt: on
"""No library makes these on a learner's behalf: the process is killed with SIGSYS."""

THREAD: Final = (0x003D0F00, 0x007D0F00)
"""The flags with which glibc and musl start a thread: VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, the tid pair."""

TERMINAL: Final = (0x5401, 0x5413, 0x541B)
"""ioctl: TCGETS (isatty), TIOCGWINSZ (terminal size), FIONREAD."""

DESCRIPTOR: Final = (1, 2, 3, 1030)
"""fcntl: F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC. Not F_SETFL, F_SETOWN: those can send signals to others."""

X32: Final = 0x40000000


ANY_PID: Final = 0xBEEFEED1
"""Stands for the child's process id until that is known. No process id is this large."""


@cache
def template(machine: Machine) -> bytes:
    """The filter with ANY_PID in it: made once in the zygote, since making it takes longer than all the rest."""
    return bpf.assemble(program(machine, ANY_PID))


def build(machine: Machine, pid: int) -> bytes:
    """The filter for a child with process id `pid`, ready for the kernel."""
    return template(machine).replace(struct.pack("=I", ANY_PID), struct.pack("=I", pid))


def program(machine: Machine, pid: int) -> list[Instruction]:
    """The same as instructions, for whoever wants to read or simulate them."""
    lines = [
        bpf.load(bpf.MACHINE),
        bpf.if_equal(machine.audit, 1, 0),
        bpf.verdict(bpf.KILL_PROCESS),
        bpf.load(bpf.NUMBER),
    ]
    if machine.x32:
        lines += [bpf.if_at_least(X32, 0, 1), bpf.verdict(bpf.KILL_PROCESS)]
    lines += _each(machine, FREE, bpf.ALLOW)
    lines += _guarded(machine, pid)
    lines += _each(machine, HOSTILE, bpf.KILL_PROCESS)
    lines += _each(machine, ["clone3"], bpf.errno(ENOSYS))  # glibc then falls back to clone, whose flags can be read
    return [*lines, bpf.verdict(bpf.errno(EPERM))]


def _each(machine: Machine, names: Sequence[str], action: int) -> Iterator[Instruction]:
    for name in names:
        if name in machine.calls:
            yield bpf.if_equal(machine.calls[name], 0, 1)
            yield bpf.verdict(action)


def _guarded(machine: Machine, pid: int) -> Iterator[Instruction]:
    """The calls that are allowed with some arguments only."""
    yield from _one_of(machine, "clone", 0, THREAD, wide=True)
    yield from _one_of(machine, "ioctl", 1, TERMINAL, wide=False)  # the kernel reads 32 bits of it
    yield from _one_of(machine, "fcntl", 1, DESCRIPTOR, wide=False)  # likewise
    yield from _one_of(machine, "tgkill", 0, (pid,), wide=False)  # likewise
    yield from _one_of(machine, "kill", 0, (pid,), wide=False)  # likewise
    yield from _read_own_limits(machine)


def _one_of(machine: Machine, name: str, argument: int, values: Sequence[int], *, wide: bool) -> Iterator[Instruction]:
    """Allow `name` if `argument` is one of `values`; with `wide` its high half must be zero."""
    body: list[Instruction] = []
    if wide:
        body += [bpf.load(bpf.high_half(argument)), bpf.if_equal(0, 1, 0), bpf.verdict(bpf.errno(EPERM))]
    body.append(bpf.load(bpf.low_half(argument)))
    body += [bpf.if_equal(value, len(values) - i, 0) for i, value in enumerate(values)]
    body += [bpf.verdict(bpf.errno(EPERM)), bpf.verdict(bpf.ALLOW)]
    yield bpf.if_equal(machine.calls[name], 0, len(body))
    yield from body


def _read_own_limits(machine: Machine) -> Iterator[Instruction]:
    """prlimit64(0, resource, NULL, old): the process itself, and no new limit."""
    words = [bpf.low_half(0), bpf.high_half(0), bpf.low_half(2), bpf.high_half(2)]
    body: list[Instruction] = []
    for word in words:
        body += [bpf.load(word), bpf.if_equal(0, 1, 0), bpf.verdict(bpf.errno(EPERM))]
    body.append(bpf.verdict(bpf.ALLOW))
    yield bpf.if_equal(machine.calls["prlimit64"], 0, len(body))
    yield from body
