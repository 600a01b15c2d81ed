"""The attacks of the self-test: what a hostile snippet would try first. Run in a real locked child at every start.

An attack that succeeds returns what it got; one that is stopped raises OSError or MemoryError, or the process is
killed. Nothing here does harm where it does succeed.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import mmap
import os
import resource
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from backend.sandbox import kernel

Order = Mapping[str, Any]
"""`names` of attacks, `memory_bytes` of the limits, `secrets`: SHA-256 of each `K=V` of the server's environment."""

PTRACE_SEIZE: Final = 0x4206
HIGHEST_DESCRIPTOR: Final = 5
STACK_TOP_BYTES: Final = 16384
"""How far below the end of the stack the environment of a process is looked for."""


def attempt(order: Order) -> Iterator[dict[str, object]]:
    """Try the attacks of `order` one after the other: `name`, `held`, `detail` of each."""
    for name in order["names"]:
        try:
            got = (TOGETHER | ALONE)[name](order)
        except (OSError, MemoryError, ValueError) as error:
            yield {"name": name, "held": True, "detail": str(error) or type(error).__name__}
        else:
            yield {"name": name, "held": got is None, "detail": got or "nothing found"}


def _read_file(_: Order) -> str:
    with open("/etc/passwd", "rb") as file:  # noqa: PTH123  # the call itself is what is tried
        return f"read {len(file.read())} bytes of /etc/passwd"


def _list_directory(_: Order) -> str:
    return f"found {len(os.listdir('/'))} entries in /"  # noqa: PTH208  # likewise


def _create_file(_: Order) -> str:
    path = f"/tmp/chainrule-selftest-{os.getpid()}"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    os.unlink(path)  # noqa: PTH108  # likewise
    return "created a file"


def _connect_tcp(_: Order) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        tcp.settimeout(0.2)
        code = tcp.connect_ex(("127.0.0.1", 1))
    return f"tried to connect over TCP, errno {code}"


def _send_udp(_: Order) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"", ("127.0.0.1", 9))
    return "sent a UDP packet"


def _fork(_: Order) -> str:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "forked"


def _signal_parent(_: Order) -> str:
    os.kill(os.getppid(), 0)
    return "may signal the parent"


def _raise_limit(_: Order) -> str:
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard == resource.RLIM_INFINITY:
        return "there is no limit of CPU time"
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard + 1))
    return "raised the limit of CPU time"


def _allocate(order: Order) -> str:
    size = order["memory_bytes"] + (64 << 20)
    mmap.mmap(-1, size).close()
    return f"mapped {size} bytes"


def _read_environment(order: Order) -> str | None:
    """The stack still has the environment that the process was started with, whatever os.environ says."""
    end = kernel.auxiliary(kernel.AT_EXECFN)
    if not end:
        raise OSError("no auxiliary vector")
    strings = ctypes.string_at(end - STACK_TOP_BYTES, STACK_TOP_BYTES).split(b"\0")
    strings += [f"{key}={value}".encode() for key, value in os.environ.items()]
    found = {hashlib.sha256(entry).hexdigest() for entry in strings} & set(order["secrets"])
    return f"found {len(found)} entries of the server's environment" if found else None


def _find_descriptors(_: Order) -> str | None:
    found = [number for number in range(HIGHEST_DESCRIPTOR + 1, 256) if _is_open(number)]
    return f"descriptors {found} are open" if found else None


def _is_open(number: int) -> bool:
    try:
        fcntl.fcntl(number, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def _execute(_: Order) -> str:
    os.execv("/bin/true", ["true"])


def _trace_parent(_: Order) -> str:
    kernel.call("ptrace", PTRACE_SEIZE, os.getppid(), 0, 0)
    return "traces the parent"


def _read_parent_memory(_: Order) -> str:
    buffer = ctypes.create_string_buffer(16)
    # A fork has the same addresses, so this one is valid in the parent too.
    span = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(buffer), 16))
    where = ctypes.addressof(span)
    read = kernel.call("process_vm_readv", os.getppid(), where, 1, where, 1, 0)
    return f"read {read} bytes of the parent"


def _io_uring(_: Order) -> str:
    parameters = ctypes.create_string_buffer(256)
    os.close(kernel.call("syscall", 425, 1, ctypes.addressof(parameters)))
    return "made an io_uring"


def _user_namespace(_: Order) -> str:
    kernel.unshare(kernel.CLONE_NEWUSER)
    return "made a user namespace"


Attack = Callable[[Order], str | None]

TOGETHER: Final[dict[str, Attack]] = {
    "read a file": _read_file,
    "list a directory": _list_directory,
    "create a file": _create_file,
    "connect over TCP": _connect_tcp,
    "send over UDP": _send_udp,
    "fork": _fork,
    "signal the parent": _signal_parent,
    "raise a limit": _raise_limit,
    "allocate past the limit": _allocate,
    "read the server's environment": _read_environment,
    "use a descriptor of the server": _find_descriptors,
}
"""Attacks that are refused, so that one child can try them all."""

ALONE: Final[dict[str, Attack]] = {
    "run a program": _execute,
    "trace the parent": _trace_parent,
    "read the parent's memory": _read_parent_memory,
    "use io_uring": _io_uring,
    "make a user namespace": _user_namespace,
}
"""Attacks of which a child dies, by the lock or by succeeding."""

LAYERS: Final[Mapping[str, tuple[str, ...]]] = {
    "rlimits": ("allocate past the limit", "raise a limit"),
    "clean_zygote": ("read the server's environment", "use a descriptor of the server"),
}
"""Which attacks tell of which layer; all others tell of seccomp."""
