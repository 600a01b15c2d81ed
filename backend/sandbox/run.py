"""One run: a job given to one child, its frames, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Final

from backend.sandbox.child_process import ChildProcess, FrameTooLong
from backend.sandbox.limits import Limits
from backend.sandbox.outcome import Exit, Outcome, judge, stopped
from backend.sandbox.stopping import SHOW_LINE

LATE_SECONDS: Final = 3.0
"""How long after its wall time a run lives that does not stop by itself."""
SHOW_LINE_SECONDS: Final = 0.05
CANCEL_SECONDS: Final = 0.12
"""How long a cancelled run may take to send what it has."""
END: Final = b""
"""The empty frame: the job ended normally. The child is killed then, so forging it wins nothing over a fake `done`."""


class Run:
    """An async iterator of the run's frames: raw MessagePack, not looked at, not to be trusted.

    The child is read only as fast as this is iterated, and waits otherwise; its clock does not. `outcome` may be
    awaited at any time, by several. Iterating and awaiting raise SandboxGone when no child could be had.
    """

    def __init__(self, job: bytes, limits: Limits, take: Callable[[], Awaitable[ChildProcess]]) -> None:
        self._job = job
        self._limits = limits
        self._take = take
        self.child: ChildProcess | None = None
        self._cause: Outcome | None = None
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()
        self._said_end: asyncio.Future[None] = loop.create_future()
        self._given_up: asyncio.Future[None] = loop.create_future()
        """It was cancelled, and nothing more comes: the kernel may still be taking its memory apart."""
        self._begun = asyncio.create_task(self._begin())
        self._ended = asyncio.create_task(self._watch())
        for task in (self._begun, self._ended):  # whoever awaits gets the error; where nobody does, it is not a bug
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def __aiter__(self) -> Run:
        return self

    async def __anext__(self) -> bytes:
        child = await self._start()
        if child is None:
            raise StopAsyncIteration
        try:
            frame = await child.frame(self._limits.message_bytes)
        except FrameTooLong as error:
            self._flood(f"it sent {error}; one message may have {self._limits.message_bytes:,}")
            frame = None
        if frame == END:
            _settle(self._said_end)
            child.close()
            frame = None
        if frame is not None:
            self._bytes += len(frame)
            if self._bytes > self._limits.run_bytes:
                self._flood(f"its messages exceed {self._limits.run_bytes:,} bytes together: record fewer steps")
                frame = None
        if frame is None:
            child.close_channel()
            if self._cancelled:
                _settle(self._given_up)
            raise StopAsyncIteration
        return frame

    async def outcome(self) -> Outcome:
        """How it ended, once it has. Frames that were not read yet stay readable."""
        return await asyncio.shield(self._ended)

    async def cancel(self) -> None:
        """Stop it, first gently, then by force; returns when it has ended. The frames so far stay readable."""
        self._cause = self._cause or Outcome("cancelled", detail="cancelled")
        if self.child is None:
            self._begun.cancel()
        else:
            self.child.signal(signal.SIGTERM)
            asyncio.get_running_loop().call_later(CANCEL_SECONDS, self._give_up, self.child)
        await asyncio.wait([self._ended])

    @property
    def _cancelled(self) -> bool:
        return self._cause is not None and self._cause.status == "cancelled"

    def _give_up(self, child: ChildProcess) -> None:
        child.kill()
        _settle(self._given_up)

    def close(self) -> None:
        """Kill the child if it lives, and drop the frames that were not read."""
        if self.child is not None:
            self._cause = self._cause or Outcome("cancelled", detail="nobody reads this run any more")
            self.child.close()
        elif not self._begun.done():
            self._begun.cancel()

    async def _start(self) -> ChildProcess | None:
        """The child once it has its job; None if the run was cancelled before."""
        await asyncio.wait([self._begun])
        return None if self._begun.cancelled() else self._begun.result()

    async def _begin(self) -> ChildProcess:
        child = self.child = await self._take()
        child.on_text = self._count_text
        self._timer = asyncio.get_running_loop().call_later(self._limits.wall_seconds + LATE_SECONDS, self._too_late)
        await child.send(self._job)
        return child

    async def _watch(self) -> Outcome:
        child = await self._start()
        if child is None:
            return self._cause or Outcome("cancelled", detail="cancelled before it began")
        ends: list[asyncio.Future[Any]] = [child.exit, self._said_end, self._given_up]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if self._timer is not None:
            self._timer.cancel()
        if self._said_end.done() and (self._cause is None or self._cancelled):
            return Outcome("ok")  # now, not when the kernel has taken its memory apart
        gone = child.exit.done() or not self._given_up.done()
        end = await asyncio.shield(child.exit) if gone else Exit(None)
        if child.killed and self._cause is None:
            self._cause = Outcome("crashed", detail="the sandbox was closed under this run; run it again")
        return judge(end, child.text.decode(errors="replace"), self._limits, self._cause)

    def _too_late(self) -> None:
        """It is far over its time and did not stop by itself: ask where it is, then kill it."""
        if self.child is not None:
            self._cause = self._cause or stopped("wall", self._limits)
            self.child.signal(SHOW_LINE)
            asyncio.get_running_loop().call_later(SHOW_LINE_SECONDS, self.child.signal, signal.SIGKILL)

    def _flood(self, detail: str) -> None:
        self._cause = self._cause or Outcome("error", "messages", detail=f"stopped because {detail}")
        if self.child is not None:
            self.child.signal(signal.SIGKILL)

    def _count_text(self) -> None:
        if self.child is not None and self.child.text_bytes > self._limits.run_bytes:
            self._flood(f"it wrote more than {self._limits.run_bytes:,} bytes past the tracer")

    def __del__(self) -> None:
        if self.child is not None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                self.child.close()


def _settle(event: asyncio.Future[None]) -> None:
    if not event.done():
        event.set_result(None)
