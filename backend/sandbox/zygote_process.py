"""The server's side of the zygote: starts it, hears it, and sweeps up after it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from backend.errors import SandboxGone
from backend.sandbox.child import NAME as CHILD
from backend.sandbox.child_process import ChildProcess
from backend.sandbox.config import Config
from backend.sandbox.control import Control, Inbox, Kind, send
from backend.sandbox.limits import Limits
from backend.sandbox.outcome import Exit

ENVIRONMENT: Final = {
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",  # every further arena reserves 64 MiB of the learner's address space
    "MKL_NUM_THREADS": "1",  # a thread pool does not survive fork: the child would wait for it for ever
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
"""The whole environment of the zygote. None of it comes from the server's own."""

ROOT: Final = str(Path(__file__).resolve().parents[2])
BOOT: Final = (
    "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=False)"
)
"""`-I` ignores the working directory and PYTHONPATH, so the way to this package is an argument."""

WARM_UP_SECONDS: Final = 120.0
END_SECONDS: Final = 5.0
STDERR_KEPT: Final = 16384


class ZygoteProcess:
    """One zygote and its children, from `start` until `gone` is set."""

    def __init__(self, module: str, entry: str, limits: Limits, *, unsafe_local: bool) -> None:
        self._module = module
        self._config = Config(entry, limits, -1, unsafe_local)
        self._inbox = Inbox()
        self._children: dict[int, ChildProcess] = {}
        self._stderr = bytearray()
        self._control: socket.socket | None = None
        self._errors = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._hello: asyncio.Future[Control] | None = None
        self.gone = asyncio.Event()
        self.versions: dict[str, str] = {}
        self.threads = 0
        self.environment: dict[str, str] = {}
        """What its own imports put into it: torch notes where it would keep compiled code."""
        self.on_child: Callable[[ChildProcess, bool], None] = lambda *_: None
        self.on_failure: Callable[[str, bool], None] = lambda *_: None

    @property
    def pid(self) -> int | None:
        """Its process id, None before the start."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start it and wait until it is warm. Raises SandboxGone with its last words when it is not."""
        loop = asyncio.get_running_loop()
        self._hello = loop.create_future()
        self._hello.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._launch()
        try:
            hello = await asyncio.wait_for(asyncio.shield(self._hello), WARM_UP_SECONDS)
        except TimeoutError:
            await self.stop()
            raise SandboxGone(f"the zygote was not warm after {WARM_UP_SECONDS:g} s") from None
        self.versions = hello.fields["versions"]
        self.threads = hello.fields["threads"]
        self.environment = hello.fields["environment"]

    def fork(self, *, attack: bool = False, settle: bool = False) -> bool:
        """Ask for one more child; `on_child` or `on_failure` gets the answer, unless the zygote dies first.

        `settle` lets it prepare for its job, which takes longer than a job and so is for when nobody waits. False when
        it could not be asked: it is dying, as the end of its socket will say, or has hundreds of requests to do.
        """
        if self._control is None:
            return False
        try:
            send(self._control, Control(Kind.FORK, {"attack": attack, "settle": settle}))
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End it by force; `gone` follows."""
        if self._process is not None:
            self._process.kill()

    async def stop(self) -> None:
        """End the zygote and all its children, and wait until they are gone."""
        for child in self._children.values():
            child.close()
        ends = [child.exit for child in self._children.values()]
        if ends and not self.gone.is_set():
            await asyncio.wait(ends, timeout=END_SECONDS)
        self._lost()
        await self.ended()

    async def ended(self) -> None:
        """Wait until the process is reaped; kill it if closing its control socket does not end it."""
        process = self._process
        if process is None:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, process.wait, END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            await loop.run_in_executor(None, process.wait)
        await self._sweep()

    def _launch(self) -> None:
        ours, theirs = socket.socketpair()
        errors, errors_write = os.pipe()
        with theirs:
            config = Config(self._config.entry, self._config.limits, theirs.fileno(), self._config.unsafe_local)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", BOOT, ROOT, self._module, config.to_json()],
                env=ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=errors_write,
                stderr=errors_write,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        os.close(errors_write)
        ours.setblocking(False)
        os.set_blocking(errors, False)
        self._control, self._errors = ours, errors
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, self._hear)
        loop.add_reader(errors, self._read_errors)

    def _hear(self) -> None:
        assert self._control is not None
        try:
            alive = self._inbox.receive(self._control)
        except BlockingIOError:
            return
        except OSError:
            alive = False
        for message in self._inbox.messages():
            self._obey(message)
        if not alive:
            self._lost()

    def _obey(self, message: Control) -> None:
        if message.kind is Kind.HELLO and self._hello is not None:
            self._hello.set_result(message)
        elif message.kind is Kind.FORKED:
            child = ChildProcess(message.fields["pid"], message.descriptors)
            self._children[child.pid] = child
            self.on_child(child, message.fields["attack"])
        elif message.kind is Kind.EXITED:
            gone = self._children.pop(message.fields["pid"], None)
            if gone is not None:
                gone.ended(Exit(message.fields["status"], message.fields["cpu"]))
        elif message.kind is Kind.FAILED:
            self.on_failure(message.fields["reason"], message.fields["attack"])

    def _read_errors(self) -> None:
        try:
            text = os.read(self._errors, 65536)
        except BlockingIOError:
            return
        self._stderr += text
        del self._stderr[:-STDERR_KEPT]
        if not text:
            asyncio.get_running_loop().remove_reader(self._errors)

    def _lost(self) -> None:
        """The control socket ended: so has the zygote, and the kernel kills its children."""
        if self.gone.is_set() or self._control is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._control)
        self._control.close()
        self._control = None
        self._read_errors()
        loop.remove_reader(self._errors)
        os.close(self._errors)
        for child in self._children.values():
            child.signal(signal.SIGKILL)
            child.ended(Exit(None))
        if self._hello is not None and not self._hello.done():
            words = self._stderr.decode(errors="replace").strip()
            self._hello.set_exception(SandboxGone(f"the zygote did not start: {words or 'it said nothing'}"))
        self.gone.set()

    async def _sweep(self) -> None:
        """Reap the children that the zygote left: as its subreaper the server is their parent now."""
        children, self._children = self._children, {}
        loop = asyncio.get_running_loop()
        for pid in children.keys() | await loop.run_in_executor(None, _orphans):
            with contextlib.suppress(ChildProcessError):
                await loop.run_in_executor(None, os.waitpid, pid, 0)


def _orphans() -> set[int]:
    """Children of dead zygotes, also such as were forked and not yet told of. The kernel has killed them already."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            head, _, tail = stat.read_text("ascii", "replace").rpartition(")")
            if head.endswith(f"({CHILD}") and int(tail.split()[1]) == os.getpid():
                found.add(int(stat.parent.name))
    return found
