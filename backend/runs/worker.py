"""Whoever does the runs: claims them from the bus, has the sandbox do them, and publishes what comes out."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Final

from backend.errors import SandboxError, WireError
from backend.runs.bus import Claim, Publication, RunBus
from backend.runs.endings import ending
from backend.runs.verdict import Evidence, judge, malformed, unavailable
from backend.schema import Problem, Timings
from backend.schema.answer import Status
from backend.wire.stream import kind_of
from backend.wire.unpack import Unpacker

if TYPE_CHECKING:
    from backend.sandbox import Run, Sandbox

_log: Final = logging.getLogger("backend")

HEAVY: Final = 64 * 1024
"""Frames above this many bytes are unpacked in a thread, so that other runs' messages are not kept waiting."""


class Workers:
    """So many runs at once."""

    def __init__(self, bus: RunBus, sandbox: Sandbox, *, places: int, message_bytes: int) -> None:
        self._bus = bus
        self._sandbox = sandbox
        self._message_bytes = message_bytes
        self._tasks = [asyncio.create_task(self._work()) for _ in range(places)]

    async def close(self) -> None:
        """Stop; whatever is under way is ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            claim = await self._bus.claim()
            try:
                await Execution(self._bus, self._sandbox, claim, self._message_bytes).run()
            except Exception:
                _log.exception("run %s failed in the server", claim.run_id)
                for publication in ending("crashed", unavailable("the server failed"), Timings()):
                    await self._bus.publish(claim, publication)


class Execution:
    """One run inside the sandbox, its messages checked and published as they come."""

    def __init__(self, bus: RunBus, sandbox: Sandbox, claim: Claim, message_bytes: int) -> None:
        self._bus = bus
        self._sandbox = sandbox
        self._claim = claim
        self._unpacker = Unpacker(message_bytes=message_bytes)
        self._evidence = Evidence()
        self._check_ms = 0.0
        self._sandbox_ms = 0.0

    async def run(self) -> None:
        """Do the run and publish everything, `done` included. The next frame is read when this one is published."""
        started = perf_counter()
        status, problem = await self._do()
        self._sandbox_ms = _since(started)
        for publication in ending(status, problem, self._timings()):
            await self._bus.publish(self._claim, publication)

    async def _do(self) -> tuple[Status, Problem | None]:
        """Status and problem at the end. Whatever ends this call also ends the process in the sandbox."""
        run = self._sandbox.run(self._claim.job)
        watcher = asyncio.create_task(self._cancel_when_told(run))
        try:
            async for frame in run:
                await self._take(frame)
            return judge(self._evidence, await run.outcome())
        except WireError as error:
            await run.cancel()
            return "crashed", malformed(error.message, line=self._evidence.last_line)
        except SandboxError as error:
            _log.error("a run could not begin: %s", error)
            return "crashed", unavailable(error.message)
        finally:
            watcher.cancel()
            run.close()

    async def _cancel_when_told(self, run: Run) -> None:
        await self._claim.cancelled.wait()
        await run.cancel()

    async def _take(self, frame: bytes) -> None:
        started = perf_counter()
        read = self._unpacker.read
        message = await asyncio.to_thread(read, frame) if len(frame) > HEAVY else read(frame)
        self._check_ms += _since(started)
        if not self._evidence.hear(message):
            kept = message if self._claim.keeps_messages else None
            await self._bus.publish(self._claim, Publication(kind_of(message), frame, kept))

    def _timings(self) -> Timings:
        """Where the time went. The tracer's own figures are claims, so they are cut to what was seen here."""
        done, seen = self._evidence.done, self._sandbox_ms
        run = seen if done is None else min(done.run_ms, seen)
        trace = 0.0 if done is None else min(done.trace_ms, seen - run)
        queue = self._claim.waited_ms
        return Timings(queue=queue, run=run, trace=trace, encode=self._check_ms, total=queue + seen)


def _since(start: float) -> float:
    """Milliseconds since `start`."""
    return (perf_counter() - start) * 1000
