"""The last messages of a run."""

from __future__ import annotations

from backend.runs.bus import Publication
from backend.schema import Done, Problem, Timings
from backend.schema.answer import Status
from backend.wire import stream

CANCELLED = Problem(
    kind="cancelled",
    status="cancelled",
    message="the run was cancelled before it began",
    explanation="Nobody waited for it any more, or it was stopped.",
    suggestion="Run it again.",
)


def ending(status: Status, problem: Problem | None, timings: Timings) -> list[Publication]:
    """The problem, if there is one, and `done`."""
    rounded = Timings(**{name: round(ms, 3) for name, ms in timings})
    done = Publication("done", stream.done(Done(status=status, timings=rounded)))
    return [done] if problem is None else [Publication("problem", stream.problem(problem)), done]


def cancelled(waited_ms: float) -> list[Publication]:
    """The end of a run that never began. Waited for so many milliseconds."""
    return ending("cancelled", CANCELLED, Timings(queue=waited_ms, total=waited_ms))
