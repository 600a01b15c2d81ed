"""How a run ended: what the tracer claims, weighed against what the supervisor saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, cast

from backend.errors import SandboxGone
from backend.schema import Problem
from backend.schema.answer import Status
from backend.wire.messages import (
    DoneMessage,
    GraphMessage,
    Message,
    ProblemMessage,
    ProgressMessage,
    ScalarsMessage,
    StepMessage,
)
from backend.wire.spelling import encode, untagged

if TYPE_CHECKING:
    from backend.sandbox import Outcome

Failure = Literal["error", "timeout", "memory", "crashed", "cancelled"]

SIGNALS: Final = {
    "SIGSEGV": "The process read or wrote memory that is not its own; this happens inside compiled code.",
    "SIGSYS": "The code asked the operating system for something that no snippet may do.",
    "SIGBUS": "The process touched memory that is not there.",
    "SIGABRT": "A library gave up and ended the process.",
    "SIGFPE": "The processor refused an arithmetic instruction, such as an integer division by zero in compiled code.",
    "SIGILL": "The processor met an instruction that it does not know.",
}


class Evidence:
    """What the run's messages say of how it ended, and where it had got to."""

    def __init__(self) -> None:
        self.problem: Problem | None = None
        """The learner error that the tracer sent first, if it did."""
        self.done: DoneMessage | None = None
        self.last_line: int | None = None
        """The last line that a message was about: where a run that was killed had got to."""
        self._lines: dict[str, int] = {}
        """Graph -> the line of the last event of its steps."""

    def hear(self, message: Message) -> bool:
        """Take note of a checked message. True if it is about the end, and so for `judge` to tell."""
        if isinstance(message, DoneMessage):
            self.done = message
            return True
        if isinstance(message, ProblemMessage):
            self.problem = self.problem or Problem.model_validate_json(encode(untagged(message)))
            return True
        line: int | None = None
        if isinstance(message, StepMessage):
            line = message.events[-1][2] if message.events else self._lines.get(message.graph)
        elif isinstance(message, GraphMessage):
            self._lines[message.id] = message.events[-1][2] if message.events else 0
        elif not isinstance(message, ScalarsMessage | ProgressMessage):
            line = message.line
        self.last_line = line or self.last_line
        return False


def judge(evidence: Evidence, outcome: Outcome) -> tuple[Status, Problem | None]:
    """Status and problem of a run whose messages were all sound.

    All `evidence` was given by a process that ran the learner's code, so it is a claim: where the supervisor saw
    something else than a quiet end, the supervisor is right. The tracer's words are kept when both agree, because it
    knows the line and the reason better.
    """
    if outcome.status != "ok":
        failure = outcome.status
        if evidence.problem is not None and evidence.problem.status == failure:
            return failure, evidence.problem.model_copy(
                update={
                    "limit": outcome.limit or evidence.problem.limit,
                    "signal": outcome.signal or evidence.problem.signal,
                    "line": evidence.problem.line or outcome.line or evidence.last_line,
                }
            )
        return failure, stopped(failure, outcome, line=outcome.line or evidence.last_line)
    if evidence.problem is not None:
        return evidence.problem.status, evidence.problem
    if evidence.done is None:
        return "crashed", _left(evidence.last_line)
    status = cast("Status", evidence.done.status)
    return status, None if status == "ok" else stopped(status, outcome, line=evidence.last_line)


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


def unavailable(detail: str) -> Problem:
    """The problem of a run that could not begin, through no fault of the snippet."""
    return Problem(
        kind=SandboxGone.code,
        status="crashed",
        message=f"the run could not begin: {detail}",
        explanation="The server could not start a process for it. The snippet is not to blame.",
        suggestion="Run it again in a moment.",
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
