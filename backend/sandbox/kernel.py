"""The few calls to Linux that Python's standard library does not offer, through ctypes.

Everything is resolved by `prepare`, in the zygote: after the lock nothing can be loaded.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from functools import cache
from typing import Final

from backend.sandbox.syscalls import MACHINES, Machine

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_NAME: Final = 15
PR_SET_SECCOMP: Final = 22
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38

SECCOMP_MODE_FILTER: Final = 2

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000

AT_EXECFN: Final = 31


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


@cache
def libc() -> ctypes.CDLL:
    """The C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


def machine() -> Machine | None:
    """The instruction set if a policy exists for it: Linux on x86_64 or aarch64, as a 64-bit process."""
    if sys.platform != "linux" or struct.calcsize("P") != 8:
        return None
    return MACHINES.get(platform.machine())


def call(name: str, *arguments: int) -> int:
    """`libc.name(*arguments)` with arguments as C longs. Raises OSError."""
    result: int = getattr(libc(), name)(*map(ctypes.c_long, arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int) -> None:
    """`prctl(option, value, 0, 0, 0)`. Raises OSError."""
    call("prctl", option, value, 0, 0, 0)


def set_name(name: str) -> None:
    """The name of this thread as `ps` shows it: at most 15 bytes, inherited by fork."""
    buffer = ctypes.create_string_buffer(name.encode())
    call("prctl", PR_SET_NAME, ctypes.addressof(buffer), 0, 0, 0)


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags`. Raises OSError."""
    call("unshare", flags)


def drop_capabilities() -> None:
    """Empty the effective, permitted and inheritable sets. Raises OSError."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
    sets = ctypes.create_string_buffer(24)
    call("capset", ctypes.addressof(header), ctypes.addressof(sets))


def install_filter(program: bytes) -> None:
    """Install a seccomp filter for good. Needs no_new_privs. Raises OSError."""
    described = _Program(len(program) // 8, program)
    call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(described), 0, 0)


def auxiliary(kind: int) -> int:
    """A value of the auxiliary vector, 0 where there is none."""
    getauxval = libc().getauxval
    getauxval.restype = ctypes.c_ulong
    return int(getauxval(ctypes.c_ulong(kind)))
