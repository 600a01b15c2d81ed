"""Secrets and files."""

from __future__ import annotations

import pytest

from backend.sandbox import Sandbox
from tests.sandbox.attack import Attack, hold

pytestmark = pytest.mark.anyio

DENIED = "PermissionError"

ATTACKS = [
    Attack("read a file", "result = open('/etc/passwd').read()", DENIED),
    Attack(
        "read a file with openat2",
        "import ctypes, os\nbuf = ctypes.create_string_buffer(24)\n"
        "fd = ctypes.CDLL(None, use_errno=True).syscall(437, -100, b'/etc/passwd', buf, 24)\n"
        "if fd < 0: raise OSError(ctypes.get_errno(), 'openat2')\nresult = os.read(fd, 9)",
        DENIED,
    ),
    Attack("list a directory", "import os\nresult = os.listdir('/')", DENIED),
    Attack("see whether a file exists", "import os\nresult = os.stat('/etc/passwd').st_size", DENIED),
    Attack(
        "see it with AT_EMPTY_PATH",
        "import ctypes\nbuf = ctypes.create_string_buffer(256)\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "if libc.syscall(262, -100, b'/etc/passwd', buf, 0x1000): raise OSError(ctypes.get_errno(), 'newfstatat')\n"
        "result = True",
        DENIED,
    ),
    Attack("follow a link", "import os\nresult = os.readlink('/proc/self/exe')", DENIED),
    Attack("know the working directory", "import os\nresult = os.getcwd()", DENIED),
    Attack("read the memory map", "result = open('/proc/self/maps').read()", DENIED),
    Attack("read the parent's environment", "import os\nresult = open(f'/proc/{os.getppid()}/environ').read()", DENIED),
    Attack("read the server's environment", "result = b'PATH=' in open('/proc/$server/environ', 'rb').read()", DENIED),
    Attack(
        "read the server's memory through /proc",
        "fd = open('/proc/$server/mem', 'rb', 0)\nfd.seek($address)\nresult = fd.read(6) == b'secret'",
        DENIED,
    ),
    Attack(
        "read the server's memory through the kernel",
        """
import ctypes, struct
buffer = ctypes.create_string_buffer(6)
ours = ctypes.create_string_buffer(struct.pack('QQ', ctypes.addressof(buffer), 6))
theirs = ctypes.create_string_buffer(struct.pack('QQ', $address, 6))
ctypes.CDLL(None).process_vm_readv($server, ours, 1, theirs, 1, 0)
result = buffer.raw == b'secret'""",
        "crashed.*SIGSYS",
    ),
    Attack(
        "create a file",
        "import os\nfd = os.open(f'/tmp/chainrule-{os.getpid()}', os.O_CREAT | os.O_WRONLY)\n"
        "os.unlink(f'/tmp/chainrule-{os.getpid()}')\nresult = True",
        DENIED,
    ),
    Attack(
        "make a directory",
        "import os\nos.mkdir(f'/tmp/chainrule-{os.getpid()}')\n"
        "os.rmdir(f'/tmp/chainrule-{os.getpid()}')\nresult = True",
        DENIED,
    ),
    Attack("make a file in memory", "import os\nresult = os.memfd_create('x')", DENIED),
    Attack("use a temporary file", "import tempfile\nresult = tempfile.TemporaryFile().write(b'x')", "Error"),
    Attack("import what was not imported", "import wave\nresult = True", "ModuleNotFoundError|PermissionError"),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_files_and_secrets_are_out_of_reach(attack: Attack, locked: Sandbox, unlocked: Sandbox) -> None:
    import ctypes
    import os

    secret = ctypes.create_string_buffer(b"secret")
    source = attack.source.replace("$server/", f"{os.getpid()}/")
    attack = Attack(attack.name, source, attack.stopped_by)
    await hold(locked, unlocked, attack, server=os.getpid(), address=ctypes.addressof(secret))
