"""Stops a job from inside, so that its trace up to then can still be sent.

Timers and the server's SIGTERM raise `Stopped` in the main thread, again and again, so that a bare `except:` in a loop
does not swallow it. Where the main thread is out of reach, inside C or in such a loop, a watchdog thread asks the
entry for what there is and ends the process. Learner's code can switch all of this off: the boundary is the
server's SIGKILL, and the kernel's at the end of RLIMIT_CPU.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

from backend.errors import Stopped
from backend.sandbox.exits import STOPPED
from backend.sandbox.limits import Limits
from backend.sandbox.sender import Sender, hang_up, tell_failure

SNIPPET: Final = "snippet.py"
"""The file name under which the entry compiles the learner's code."""

AGAIN_SECONDS: Final = 0.2
GRACE_SECONDS: Final = {"cpu": 0.5, "wall": 0.5, "cancelled": 0.05}
"""How long the main thread may take to notice, by reason."""
FINISH_SECONDS: Final = {"cpu": 2.0, "wall": 2.0, "cancelled": 0.05}
"""How long it may then take to send what there is."""
CROWDED: Final = 4
"""A run that is out of CPU time has these seconds in CPU time, and on the clock at most as many times that: where
many share a core, a second on the clock is little."""
GLANCE_SECONDS: Final = 0.01
"""The least that is slept between two looks at the CPU time."""

REASONS: Final = {
    signal.SIGPROF: "cpu",
    signal.SIGXCPU: "cpu",
    signal.SIGALRM: "wall",
    signal.SIGTERM: "cancelled",
}
SHOW_LINE: Final = signal.SIGUSR1
"""Makes the process write where it is to descriptor 2, from C, even where Python does not get to run."""


class Stopper:
    """The timers, the handlers and the watchdog of one job."""

    def __init__(
        self, wake_read: int, wake_write: int, sender: Sender, rescue: Callable[[str, int | None], None]
    ) -> None:
        self._wake_read = wake_read
        self._wake_write = wake_write
        self._sender = sender
        self._rescue = rescue
        self._main = threading.get_ident()
        self._reason: str | None = None
        self.stopped: str | None = None
        """Why the snippet was stopped; a stop that comes when it has run to its end takes nothing away."""

    def prepare(self) -> None:
        """Install the handlers. Before the lock: Python looks at the descriptor with a call that the lock denies."""
        for number in REASONS:
            signal.signal(number, self._on_signal)
        faulthandler.register(signal.SIGXCPU, file=2, all_threads=False, chain=True)
        faulthandler.register(SHOW_LINE, file=2, all_threads=False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def arm(self, limits: Limits) -> None:
        """Start the watchdog and the clocks."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds, AGAIN_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds, AGAIN_SECONDS)

    def disarm(self) -> None:
        """The job is over: no stop comes any more."""
        for number in REASONS:
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        reason = self._reason = self._reason or REASONS[signal.Signals(number)]
        line = line_of(frame)
        if line is None:
            return  # the entry is about to begin, or sends what there is: the watchdog sees to its end
        if self.stopped is None:
            self.stopped = reason
            _tell_line(line)
        if self._sender.busy:
            self._sender.pending = reason
        else:
            raise Stopped(reason)

    def _watch(self) -> None:
        """The watchdog's life."""
        signal.pthread_sigmask(signal.SIG_BLOCK, REASONS)
        reason = self._await_reason()
        self._wait(reason, GRACE_SECONDS[reason])
        if self.line() is None or self._sender.busy:  # it is in the entry's hands, which is sending what there is
            self._wait(reason, FINISH_SECONDS[reason])
        line = self.line()
        _tell_line(line)
        self._sender.take_over()
        try:
            self._rescue(reason, line)
        except BaseException:
            tell_failure()
        finally:
            hang_up()
            os._exit(STOPPED[reason])

    def _await_reason(self) -> str:
        while True:
            for number in os.read(self._wake_read, 64):
                if number in REASONS:
                    self._reason = self._reason or REASONS[signal.Signals(number)]
                    return self._reason

    def _wait(self, reason: str, seconds: float) -> None:
        """Sleep for so long on the clock of the reason, but not on after the server has cancelled the run."""
        of_cpu = reason == "cpu"
        spent = time.process_time() + seconds
        end = time.monotonic() + seconds * (CROWDED if of_cpu else 1)
        while (left := end - time.monotonic()) > 0:
            unspent = spent - time.process_time() if of_cpu else left
            if unspent <= 0:
                return
            woken = select.select([self._wake_read], [], [], min(left, max(unspent, GLANCE_SECONDS)))[0]
            if woken and signal.SIGTERM in os.read(self._wake_read, 64):
                end = min(end, time.monotonic() + GRACE_SECONDS["cancelled"])

    def line(self) -> int | None:
        """Which line of the snippet the main thread is in."""
        return line_of(sys._current_frames().get(self._main))


def line_of(frame: FrameType | None) -> int | None:
    """The line of the innermost frame of the snippet at or below `frame`."""
    while frame is not None and frame.f_code.co_filename != SNIPPET:
        frame = frame.f_back
    return None if frame is None else frame.f_lineno


def _tell_line(line: int | None) -> None:
    """Tell the server where the snippet was, in the words of faulthandler, which tells it of crashes."""
    if line is not None:
        os.write(2, f'Stopped (most recent call first):\n  File "{SNIPPET}", line {line}\n'.encode())
