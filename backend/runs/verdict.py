"""How a run ended: what the tracer claims, weighed against what the supervisor saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, cast

from backend.schema import Problem
from backend.schema.answer import Status

if TYPE_CHECKING:
    from backend.sandbox import Outcome
    from backend.wire.fold import Fold

Failure = Literal["error", "timeout", "memory", "crashed", "cancelled"]

SIGNALS: Final = {
    "SIGSEGV": "The process read or wrote memory that is not its own; this happens inside compiled code.",
    "SIGSYS": "The code asked the operating system for something that no snippet may do.",
    "SIGBUS": "The process touched memory that is not there.",
    "SIGABRT": "A library gave up and ended the process.",
    "SIGFPE": "The processor refused an arithmetic instruction, such as an integer division by zero in compiled code.",
    "SIGILL": "The processor met an instruction that it does not know.",
}


def judge(fold: Fold, outcome: Outcome) -> tuple[Status, Problem | None]:
    """Status and problem of a run whose messages were all sound.

    Everything in `fold` was said by a process that ran the learner's code, so it is a claim: where the supervisor saw
    something else than a quiet end, the supervisor is right. The tracer's words are kept when both agree, because it
    knows the line and the reason better.
    """
    if outcome.status != "ok":
        failure = outcome.status
        if fold.problem is not None and fold.problem.status == failure:
            return failure, fold.problem.model_copy(
                update={
                    "limit": outcome.limit or fold.problem.limit,
                    "signal": outcome.signal or fold.problem.signal,
                    "line": fold.problem.line or outcome.line or fold.last_line,
                }
            )
        return failure, stopped(failure, outcome, line=outcome.line or fold.last_line)
    if fold.problem is not None:
        return fold.problem.status, fold.problem
    if fold.done is None:
        return "crashed", _left(fold.last_line)
    status = cast("Status", fold.done.status)
    return status, None if status == "ok" else stopped(status, outcome, line=fold.last_line)


def stopped(status: Failure, outcome: Outcome, *, line: int | None) -> Problem:
    """The problem of a run that the supervisor ended or found dead. `line` is where it was last heard of."""
    message, explanation, suggestion = _words(status, outcome)
    return Problem(
        kind=status,
        status=status,
        message=outcome.detail or message,
        explanation=explanation,
        suggestion=suggestion,
        line=line,
        limit=outcome.limit,
        signal=outcome.signal,
    )


def malformed(detail: str, *, line: int | None) -> Problem:
    """The problem of a run that sent something which no tracer sends."""
    return Problem(
        kind="crashed",
        status="crashed",
        message=f"the run sent something that cannot be shown: {detail}",
        explanation="What comes out of the sandbox is checked before it is shown, and this did not pass.",
        suggestion="Code that writes to file descriptors or into the interpreter's own memory can cause this.",
        line=line,
        limit="messages",
    )


def overflowing(limit: int, *, line: int | None) -> Problem:
    """The problem of a run whose trace is longer than an answer may be."""
    return Problem(
        kind="memory",
        status="memory",
        message=f"the trace is longer than {limit // (1024 * 1024)} MiB; the steps up to here are shown",
        explanation="Every value of every step is recorded, and this run has very many of them.",
        suggestion='Run fewer steps, take a smaller "preview", or trace a sample of the steps ("trace": "sampled").',
        line=line,
        limit="messages",
    )


def _left(line: int | None) -> Problem:
    return Problem(
        kind="crashed",
        status="crashed",
        message="the process ended before the snippet did",
        explanation="Something in the code ended Python itself, for example os._exit().",
        suggestion="Let the snippet run to its end, or use return or raise to stop earlier.",
        line=line,
    )


def _words(status: Failure, outcome: Outcome) -> tuple[str, str, str]:
    """Message, explanation and suggestion."""
    if status == "timeout":
        clock = "CPU time" if outcome.limit == "cpu" else "time"
        return (
            f"stopped: the run used up its {clock}",
            f"A run may take only so much {clock}, so that everybody gets a turn.",
            "Is there a loop that never ends? Otherwise use fewer steps or smaller tensors.",
        )
    if status == "memory":
        return (
            "not enough memory",
            "The run asked for more memory than one run may have.",
            'Use smaller tensors. To look at a model\'s structure only, build it on device="meta".',
        )
    if status == "cancelled":
        return "the run was cancelled", "Nobody waited for it any more, or it was stopped.", "Run it again."
    explanation = SIGNALS.get(outcome.signal or "", "The process died, and Python had no chance to say why.")
    ended = f"the process was ended by {outcome.signal}" if outcome.signal else "the process died"
    return ended, explanation, "Look at the marked line, or the last one that shows a value."
