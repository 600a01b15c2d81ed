"""A request becomes a run, and the run an answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final

import msgspec

from backend.errors import WireError
from backend.runs.admission import Admission
from backend.runs.verdict import judge, malformed, overflowing
from backend.schema import GraphRequest, Problem, Timings
from backend.schema.answer import Status
from backend.snippet import parse
from backend.wire.fold import AnswerTooLarge, Fold
from backend.wire.messages import Job
from backend.wire.unpack import Unpacker

if TYPE_CHECKING:
    from backend.sandbox import Sandbox
    from backend.settings import Settings

HEAVY: Final = 64 * 1024
"""Frames above this many bytes are unpacked in a thread, so that other runs' messages are not kept waiting."""


@dataclass(frozen=True)
class Answer:
    """A finished run: the JSON of `schema.GraphAnswer`, and what a caller wants to know without reading it."""

    body: bytes
    status: Status
    problem: Problem | None


class Runs:
    """Runs snippets in the sandbox, a bounded number at a time."""

    def __init__(self, sandbox: Sandbox, settings: Settings) -> None:
        self._sandbox = sandbox
        self._settings = settings
        self._admission = Admission(places=settings.concurrent_runs, queue_length=settings.queue_length)

    @property
    def counts(self) -> dict[str, int]:
        """How many runs are running, queued and finished since the start."""
        admission = self._admission
        return {"running": admission.running, "queued": admission.queued, "finished": admission.finished}

    async def run(self, request: GraphRequest) -> Answer:
        """Run the snippet to its end. Cancelling this call ends the run.

        Errors:
            SnippetTooLarge: the code is longer than the settings allow.
            BusyError: every place is taken.
            SandboxError: the sandbox cannot take a run.
        """
        arrived = perf_counter()
        fold = Fold(answer_bytes=self._settings.answer_bytes)
        snippet = parse(request.code, limit=self._settings.code_bytes)
        if snippet.problem is not None:
            return _answer(fold, "error", snippet.problem, Timings(total=_since(arrived)))
        async with self._admission.place() as waited:
            execution = Execution(self._sandbox, fold, self._settings)
            status, problem = await execution.run(self._job(request))
            timings = execution.timings()
        return _answer(fold, status, problem, timings.model_copy(update={"queue": waited, "total": _since(arrived)}))

    def _job(self, request: GraphRequest) -> bytes:
        settings, options = self._settings, request.options
        return msgspec.msgpack.encode(
            Job(
                code=request.code,
                backward=options.backward,
                seed=options.seed,
                preview=options.preview,
                trace=options.trace,
                cpu_seconds=settings.cpu_seconds,
                wall_seconds=settings.wall_seconds,
                memory_bytes=settings.memory_bytes,
                output_bytes=settings.output_bytes,
                message_bytes=settings.message_bytes,
            )
        )


class Execution:
    """One run inside the sandbox, its messages checked and folded as they come."""

    def __init__(self, sandbox: Sandbox, fold: Fold, settings: Settings) -> None:
        self._sandbox = sandbox
        self._fold = fold
        self._answer_bytes = settings.answer_bytes
        self._unpacker = Unpacker(message_bytes=settings.message_bytes)
        self._encode_ms = 0.0
        self._sandbox_ms = 0.0

    async def run(self, job: bytes) -> tuple[Status, Problem | None]:
        """Status and problem at the end. Whatever ends this call also ends the process in the sandbox.

        Errors:
            SandboxError: the sandbox cannot take a run.
        """
        started = perf_counter()
        run = self._sandbox.run(job)
        try:
            async for frame in run:
                await self._take(frame)
            outcome = await run.outcome()
        except WireError as error:
            await run.cancel()
            return "crashed", malformed(error.message, line=self._fold.last_line)
        except AnswerTooLarge:
            await run.cancel()
            return "memory", overflowing(self._answer_bytes, line=self._fold.last_line)
        except asyncio.CancelledError:
            await run.cancel()
            raise
        finally:
            run.close()
            self._sandbox_ms = _since(started)
        return judge(self._fold, outcome)

    def timings(self) -> Timings:
        """Where the time went. The tracer's own figures are claims, so they are cut to what was seen here."""
        done = self._fold.done
        if done is None:
            return Timings(run=self._sandbox_ms, encode=self._encode_ms)
        run = min(done.run_ms, self._sandbox_ms)
        return Timings(run=run, trace=min(done.trace_ms, self._sandbox_ms - run), encode=self._encode_ms)

    async def _take(self, frame: bytes) -> None:
        started = perf_counter()
        if len(frame) > HEAVY:
            await asyncio.to_thread(self._fold_in, frame)
        else:
            self._fold_in(frame)
        self._encode_ms += _since(started)

    def _fold_in(self, frame: bytes) -> None:
        self._fold.add(self._unpacker.read(frame))


def _answer(fold: Fold, status: Status, problem: Problem | None, timings: Timings) -> Answer:
    return Answer(fold.answer(status=status, problem=problem, timings=timings), status, problem)


def _since(start: float) -> float:
    """Milliseconds since `start`."""
    return (perf_counter() - start) * 1000
