"""What the routes ask for: a run to its end, or one that goes on by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from backend.errors import SandboxGone, WireError
from backend.runs.bus import Cursor, Entry, RunBus, Submission
from backend.runs.embedded import Bounds, EmbeddedBus
from backend.runs.endings import ending
from backend.runs.telling import Telling
from backend.runs.verdict import Evidence, malformed, overflowing
from backend.runs.worker import HEAVY, Workers
from backend.schema import Done, GraphRequest, Problem, RunLimits, Timings
from backend.schema.answer import Status
from backend.snippet import Snippet, parse
from backend.wire.fold import AnswerTooLarge, Fold
from backend.wire.messages import Job

if TYPE_CHECKING:
    from backend.sandbox import Sandbox
    from backend.settings import Settings


@dataclass(frozen=True)
class Answer:
    """A finished run: the JSON of `schema.GraphAnswer`, and what a caller wants to know without reading it."""

    body: bytes
    status: Status
    problem: Problem | None


class Runs:
    """Runs snippets in the sandbox, a bounded number at a time."""

    def __init__(self, sandbox: Sandbox, settings: Settings) -> None:
        self._settings = settings
        self._bus = EmbeddedBus(
            Bounds(
                places=settings.concurrent_runs,
                queue_length=settings.queue_length,
                run_bytes=settings.run_log_bytes,
                all_bytes=settings.log_bytes,
                kept_seconds=settings.run_log_minutes * 60,
                grace_seconds=settings.grace_seconds,
                behind_bytes=settings.viewer_bytes,
            )
        )
        self._workers = Workers(
            self._bus, sandbox, places=settings.concurrent_runs, message_bytes=settings.message_bytes
        )
        self.limits = RunLimits(**{name: getattr(settings, name) for name in RunLimits.model_fields})

    def stop(self) -> None:
        """Cancel all runs; whoever follows one is told its end."""
        self._bus.close()

    async def close(self) -> None:
        """Stop, and let the workers go."""
        self.stop()
        await self._workers.close()

    @property
    def counts(self) -> dict[str, int]:
        """How many runs are running, queued and finished since the start."""
        bus = self._bus
        return {"running": bus.running, "queued": bus.queued, "finished": bus.finished}

    async def run(self, request: GraphRequest) -> Answer:
        """Run the snippet to its end. Cancelling this call ends the run.

        Errors:
            SnippetTooLarge: the code is longer than the settings allow.
            BusyError: every place is taken.
            SandboxError: the sandbox cannot take a run.
        """
        arrived = perf_counter()
        snippet = self._parse(request)
        if snippet.problem is not None:
            return _answer(Fold(answer_bytes=0), "error", snippet.problem, Timings(), arrived, 0.0)
        return await Graphing(self._bus, self._settings.answer_bytes).run(self._job(request))

    async def start(self, request: GraphRequest, *, attended: bool) -> str:
        """Start a run that goes on by itself; its id. An `attended` one ends when nobody follows it.

        Errors:
            SnippetTooLarge: the code is longer than the settings allow.
            BusyError: every place is taken.
        """
        snippet = self._parse(request)
        job = self._job(request, step_bytes=self._settings.step_bytes)
        end = ending("error", snippet.problem, Timings()) if snippet.problem is not None else ()
        return await self._bus.submit(Submission(job, attended=attended, end=end))

    async def follow(
        self, run_id: str, *, after: int = 0, attempt: int = 1, as_json: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """The run's messages after `after`, as they come, up to `done`; `hello` first.

        Errors (of the first step):
            UnknownRun: there is no such run, or no longer.
            AheadOfRun: `after` is past the newest message.
        """
        telling = Telling(run_id, self.limits, after=after, as_json=as_json)
        async with contextlib.aclosing(self._bus.follow(run_id, Cursor(attempt, after), graphs=as_json)) as deliveries:
            async for delivery in deliveries:
                message = await telling.tell(delivery)
                if message is not None:
                    yield message

    async def cancel(self, run_id: str) -> None:
        """Stop the run; its last messages say so.

        Errors:
            UnknownRun: there is no such run, or no longer.
        """
        await self._bus.cancel(run_id)

    def _parse(self, request: GraphRequest) -> Snippet:
        return parse(request.code, limit=self._settings.code_bytes)

    def _job(self, request: GraphRequest, *, step_bytes: int = 0) -> bytes:
        settings, options = self._settings, request.options
        return msgspec.msgpack.encode(
            Job(
                code=request.code,
                backward=options.backward,
                seed=options.seed,
                preview=options.preview,
                trace=options.trace,
                gradcheck=options.gradcheck,
                cpu_seconds=settings.cpu_seconds,
                wall_seconds=settings.wall_seconds,
                memory_bytes=settings.memory_bytes,
                output_bytes=settings.output_bytes,
                message_bytes=settings.message_bytes,
                step_bytes=step_bytes,
            )
        )


class Graphing:
    """One run whose messages are folded into an answer as they come."""

    def __init__(self, bus: RunBus, answer_bytes: int) -> None:
        self._bus = bus
        self._answer_bytes = answer_bytes
        self._fold = Fold(answer_bytes=answer_bytes)
        self._evidence = Evidence()
        self._fold_ms = 0.0
        self._failure: tuple[Status, Problem] | None = None
        """What is wrong with the messages, where something is."""

    async def run(self, job: bytes) -> Answer:
        """The answer; leaving early ends the run.

        Errors:
            BusyError: every place is taken.
            SandboxGone: the sandbox cannot take a run.
        """
        arrived = perf_counter()
        run_id = await self._bus.submit(Submission(job, paced=True))
        problem: Problem | None = None
        done = Done(status="crashed", timings=Timings())
        async with contextlib.aclosing(self._bus.follow(run_id)) as deliveries:
            async for delivery in deliveries:
                if not isinstance(delivery, Entry):
                    continue
                if delivery.kind == "done":
                    done = Done.model_validate(_fields(delivery))
                elif delivery.kind == "problem":
                    problem = Problem.model_validate(_fields(delivery))
                elif self._failure is None:
                    await self._take(run_id, delivery)
        if problem is not None and problem.kind == SandboxGone.code:
            raise SandboxGone(problem.message)
        status: Status = done.status
        if self._failure is not None:
            status, problem = self._failure
        return _answer(self._fold, status, problem, done.timings, arrived, self._fold_ms)

    async def _take(self, run_id: str, entry: Entry) -> None:
        started = perf_counter()
        message = entry.message
        assert message is not None, "a paced run's messages come decoded"
        self._evidence.hear(message)
        line = self._evidence.last_line
        try:
            if len(entry.frame) > HEAVY:
                await asyncio.to_thread(self._fold.add, message)
            else:
                self._fold.add(message)
        except WireError as error:
            self._failure = "crashed", malformed(error.message, line=line)
        except AnswerTooLarge:
            self._failure = "memory", overflowing(self._answer_bytes, line=line)
        if self._failure is not None:
            await self._bus.cancel(run_id)
        self._fold_ms += _since(started)


def _answer(
    fold: Fold, status: Status, problem: Problem | None, timings: Timings, arrived: float, fold_ms: float
) -> Answer:
    whole = timings.model_copy(update={"encode": timings.encode + fold_ms, "total": _since(arrived)})
    return Answer(fold.answer(status=status, problem=problem, timings=whole), status, problem)


def _fields(entry: Entry) -> dict[str, Any]:
    """What one of the server's own messages says."""
    fields = msgspec.msgpack.decode(entry.frame)
    return {name: value for name, value in fields.items() if name not in ("type", "seq")}


def _since(start: float) -> float:
    """Milliseconds since `start`."""
    return (perf_counter() - start) * 1000
