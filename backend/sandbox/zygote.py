"""The zygote: a process with everything imported and nothing secret, that forks children when asked.

One thread, one loop: requests from the server, and the ends of its children. Started by `zygote_process`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from backend.sandbox import huge_pages, kernel
from backend.sandbox.child import MOST_DESCRIPTORS, live
from backend.sandbox.config import Config
from backend.sandbox.control import Control, Inbox, Kind, send
from backend.sandbox.entry import Entry, load
from backend.sandbox.lockdown import NOBODY, Held, lock, prepare

NAME: Final = "chainrule-zyg"
"""How `ps` shows the zygote."""

MORE_TASKS = 1024
"""Threads that all children together may have beyond those that the user had when the zygote started."""


class Zygote:
    """Serves one server until that closes the control socket."""

    def __init__(
        self, config: Config, entry: Entry, lock: Callable[[], list[Held]], environment: dict[str, str]
    ) -> None:
        self._config = config
        self._environment = environment
        self._entry = entry
        self._lock = lock
        self._control = socket.socket(fileno=config.control)
        self._children: set[int] = set()
        self._wake, wake_write = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Say hello, then fork and reap until the server goes."""
        hello = {"versions": self._entry.versions(), "threads": _threads(), "environment": self._environment}
        self._say(Kind.HELLO, hello)
        inbox = Inbox()
        while True:
            ready, _, _ = select.select([self._control.fileno(), self._wake], [], [])
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._control.fileno() in ready:
                if not inbox.receive(self._control):
                    return
                for message in inbox.messages():
                    self._fork(attack=message.fields["attack"], settle=message.fields["settle"])

    def _say(self, kind: Kind, fields: dict[str, object], descriptors: tuple[int, ...] = ()) -> None:
        send(self._control, Control(kind, {**fields, "descriptors": len(descriptors)}, descriptors))

    def _fork(self, *, attack: bool, settle: bool) -> None:
        ours, theirs = socket.socketpair()
        text_read, text_write = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            for number in (ours.detach(), theirs.detach(), text_read, text_write):
                os.close(number)
            self._say(Kind.FAILED, {"reason": str(error), "attack": attack})
            return
        if pid == 0:
            live(self._entry, self._config, theirs.fileno(), text_write, self._lock, attack=attack, settle=settle)
        self._children.add(pid)
        handles = [ours.fileno(), text_read]
        with contextlib.suppress(OSError, AttributeError):  # before Linux 5.3, and not on macOS
            handles.append(os.pidfd_open(pid))
        self._say(Kind.FORKED, {"pid": pid, "attack": attack}, tuple(handles))
        for number in (*handles[1:], ours.detach(), theirs.detach(), text_write):
            os.close(number)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._children.discard(pid)
                self._say(Kind.EXITED, {"pid": pid, "status": status, "cpu": usage.ru_utime + usage.ru_stime})

    def end_children(self) -> None:
        """Kill and reap those that are left. The youngest may not yet be set to die with this process."""
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)


def _threads() -> int:
    """Threads of this process, 0 where it cannot be read."""
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    return 0


def _tasks_of_user() -> int:
    """Threads that the user, as whom the children will run, has on the machine."""
    user = os.getuid() or NOBODY
    count = 0
    for task in Path("/proc").glob("[0-9]*/task/[0-9]*"):
        with contextlib.suppress(OSError):
            count += task.stat().st_uid == user
    return count


def main(lock_child: Callable[[Config, int], list[Held]] | None = None) -> None:
    """Warm up, then serve. The only argument is a `Config`."""
    config = Config.from_json(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_DESCRIPTORS, MOST_DESCRIPTORS))
    with contextlib.suppress(OSError, AttributeError):
        kernel.set_name(NAME)
    born_with = dict(os.environ)
    entry = load(config.entry)
    entry.warm_up()
    made = dict(os.environ.items() - born_with.items())
    tasks = _tasks_of_user() + MORE_TASKS
    prepare()
    faulthandler.enable(file=2, all_threads=False)
    gc.collect()
    gc.freeze()
    huge_pages.collapse()
    zygote = Zygote(config, entry, lambda: (lock_child or _lock)(config, tasks), made)
    try:
        with contextlib.suppress(KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
            zygote.serve()
    finally:
        zygote.end_children()


def _lock(config: Config, tasks: int) -> list[Held]:
    return lock(config.limits, tasks)


if __name__ == "__main__":
    main()
