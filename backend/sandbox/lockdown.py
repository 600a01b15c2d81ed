"""Locks the calling process, layer by layer, for good. Runs in the child, before any of the learner's code.

Each layer is tried; what a kernel or a container refuses is recorded, not guessed. Whether what held is enough is the
caller's business.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from dataclasses import dataclass
from typing import Final

from backend.sandbox import kernel, landlock, policy
from backend.sandbox.limits import Limits

NOBODY: Final = 65534

_APART: Final = {
    "net": kernel.CLONE_NEWNET,
    "ipc": kernel.CLONE_NEWIPC,
    "uts": kernel.CLONE_NEWUTS,
    "mount": kernel.CLONE_NEWNS,
}

SLACK_BYTES: Final = 32 << 20
"""Address space for what is not the learner's: the watchdog's stack, the packing of the last frames."""

DESCRIPTORS: Final = 16
TASKS_APART: Final = 64
"""Threads of a child that counts for itself, in a user namespace of its own."""


@dataclass(frozen=True, slots=True)
class Held:
    """Whether one layer holds in this process, and in which way or why not."""

    name: str
    held: bool
    detail: str


def prepare() -> None:
    """In the zygote: make what the children then only inherit."""
    landlock.abi()
    machine = kernel.machine()
    if machine is not None:
        policy.template(machine)


def lock(limits: Limits, tasks: int) -> list[Held]:
    """Apply every layer. `tasks` bounds the user's threads where the child cannot have a count of its own."""
    root = os.geteuid() == 0
    apart: list[str] = []
    refused: list[str] = []
    with contextlib.suppress(OSError):
        os.setsid()
    base = _address_space()
    if root:
        _unshare_each(apart, refused)
    identity = _become_nobody() if root else Held("setuid", True, f"already a plain user, uid {os.getuid()}")
    _unshare_user(apart, refused)
    bounded = _limit(limits, base, TASKS_APART if "user" in apart else tasks)
    _die_with_parent()
    privileges = _no_new_privileges()
    walled = _landlock()
    own = Held("namespaces", "net" in apart, _apart_detail(apart, refused))
    return [own, bounded, identity, walled, _seccomp(privileges)]


def _unshare_each(apart: list[str], refused: list[str]) -> None:
    for name, flag in _APART.items():
        try:
            kernel.unshare(flag)
        except (OSError, AttributeError) as error:
            refused.append(f"{name} ({error})")
        else:
            apart.append(name)


def _unshare_user(apart: list[str], refused: list[str]) -> None:
    """A user namespace, and with it those that a plain user has no right to leave alone."""
    missing = [name for name in _APART if name not in apart]
    flags = kernel.CLONE_NEWUSER
    for name in missing:
        flags |= _APART[name]
    try:
        kernel.unshare(flags)
    except (OSError, AttributeError) as error:
        refused.append(f"user ({error})")
        return
    apart.extend(["user", *missing])
    refused.clear()
    kernel.drop_capabilities()  # a new user namespace gives all of them, over nothing but itself


def _apart_detail(apart: list[str], refused: list[str]) -> str:
    own = f"own {', '.join(apart)}" if apart else "none"
    return f"{own}; refused: {', '.join(refused)}" if refused else own


def _become_nobody() -> Held:
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except (OSError, AttributeError) as error:
        return Held("setuid", False, f"still root: {error}")
    held = os.getresuid() == (NOBODY, NOBODY, NOBODY)  # now: in a user namespace every user looks like nobody
    return Held("setuid", held, f"root became uid {os.getuid()}")


def _address_space() -> int:
    """Bytes of address space in use, 0 where /proc does not say."""
    try:
        statm = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return 0
    pages = os.read(statm, 256).split()[0]  # not through pathlib, which touches half a megabyte of shared memory
    os.close(statm)
    return int(pages) * resource.getpagesize()


def _limit(limits: Limits, base: int, tasks: int) -> Held:
    seconds = int(limits.cpu_seconds) + 2  # the exact limit is a timer's; this is for code that disarms it
    wanted = {
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NOFILE: (DESCRIPTORS, DESCRIPTORS),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NPROC: (tasks, tasks),
    }
    if base:
        most = base + limits.memory_bytes + SLACK_BYTES
        wanted[resource.RLIMIT_AS] = (most, most)
    failed = [str(error) for kind, pair in wanted.items() if (error := _set_limit(kind, pair))]
    if not base:
        failed.append("memory: the address space in use is not known without /proc")
    return Held("rlimits", not failed, "; ".join(failed) or f"{len(wanted)} limits set")


def _set_limit(kind: int, pair: tuple[int, int]) -> Exception | None:
    _, ceiling = resource.getrlimit(kind)
    if ceiling != resource.RLIM_INFINITY:
        pair = (min(pair[0], ceiling), min(pair[1], ceiling))
    try:
        resource.setrlimit(kind, pair)
    except (OSError, ValueError) as error:
        return error
    return None


def _die_with_parent() -> None:
    """SIGKILL when the zygote dies. After setuid, which clears it; a change of user is a change of who may signal."""
    with contextlib.suppress(OSError, AttributeError):
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def _no_new_privileges() -> Exception | None:
    try:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    except (OSError, AttributeError) as error:
        return error
    return None


def _landlock() -> Held:
    version = landlock.abi()
    if not version:
        return Held("landlock", False, "the kernel does not offer it")
    try:
        landlock.restrict(version)
    except OSError as error:
        return Held("landlock", False, str(error))
    return Held("landlock", True, f"ABI {version}, no rules")


def _seccomp(privileges: Exception | None) -> Held:
    if privileges is not None:
        return Held("seccomp", False, f"no_new_privs: {privileges}")
    machine = kernel.machine()
    if machine is None:
        return Held("seccomp", False, "no policy for this system: it needs Linux on x86_64 or aarch64")
    try:
        kernel.install_filter(policy.build(machine, os.getpid()))
    except OSError as error:
        return Held("seccomp", False, str(error))
    return Held("seccomp", True, f"closed file system, {machine.name}")
