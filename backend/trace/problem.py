"""An exception in the learner's code, or a limit that stopped it, as a Problem: what, where, why, and what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple

import torch

from backend.errors import Stopped
from backend.trace.advice.failure import Advice, Failure, Named, failure_of
from backend.trace.advice.families import advise
from backend.trace.iterations import OWN_CODE
from backend.trace.recorder import Recorder
from backend.trace.source import Source, Span, learner_steps, spread
from backend.wire.messages import Job, OperandRecord, ProblemMessage, TraceFrame

_ALLOCATION: Final = re.compile(r"tried to allocate (\d+) bytes|alloc(?:ate)? (\d+) bytes", re.IGNORECASE)
_FRAMES: Final = 30


class Explained(NamedTuple):
    """A problem, and the tensor that each of its operands is (None for what is no tensor)."""

    problem: Any
    tensors: list[torch.Tensor | None]


def explain(
    error: BaseException, source: Source, job: Job, namespace: Mapping[str, Any], recorder: Recorder
) -> Explained:
    """The problem message of an exception that left the learner's code.

    Which node each operand is, is known only when the last step has been told: the caller fills it in.
    """
    if isinstance(error, RecursionError):
        _end_at_call(error.__traceback__)
    spans = _spans(error.__traceback__, source)
    place = spans[-1][0] if spans else None
    if isinstance(error, Stopped):
        return Explained(stopped(error.reason, place.line if place is not None else None, job), [])
    if _is_memory(error):
        return Explained(_memory(error, place, job), [])
    failure = failure_of(error, source, job.code, namespace, recorder)
    family, advice = _advice(failure)
    problem = ProblemMessage(
        kind=type(error).__name__,
        status="error",
        message=_first_lines(str(error)) or type(error).__name__,
        explanation=advice.explanation,
        suggestion=advice.suggestion,
        **spread(_narrow(place, failure)),
        traceback=[
            TraceFrame(line=span.line, function=function, code=source.text(span.line))
            for span, function in spans[-_FRAMES:]
        ],
        family=family,
        operands=[_operand(named, failure) for named in advice.operands],
        fixes=list(advice.fixes),
    )
    return Explained(problem, [n.what if isinstance(n.what, torch.Tensor) else None for n in advice.operands])


def _advice(failure: Failure) -> tuple[str | None, Advice]:
    try:
        return advise(failure)
    except Exception:  # a learner's objects answer questions as they like; the error itself is told in any case
        return None, Advice()


def _operand(named: Named, failure: Failure) -> Any:
    tensor = named.what if isinstance(named.what, torch.Tensor) else None
    return OperandRecord(
        name=named.name,
        type_name=type(named.what).__name__,
        shape=None if tensor is None else list(tensor.shape),
        dtype=None if tensor is None else str(tensor.dtype),
        clash=list(named.clash),
        text=named.text,
        line=failure.made_at(named.what),
    )


def _narrow(place: Span | None, failure: Failure) -> Span | None:
    """`if x:` fails in x; Python says the whole statement."""
    node = failure.node
    if place is None or not isinstance(node, ast.expr) or place.end_line == place.line:
        return place
    span = failure.source.around(node)
    return span if span.line == place.line else place


def stopped(reason: str, line: int | None, job: Job) -> Any:
    """The problem of a run that reached a limit or was cancelled."""
    where = "" if line is None else f", at line {line}"
    if reason == "cancelled":
        return ProblemMessage(kind="cancelled", status="cancelled", message=f"the run was cancelled{where}", line=line)
    seconds = job.cpu_seconds if reason == "cpu" else job.wall_seconds
    spent = "CPU time" if reason == "cpu" else "waiting and computing"
    return ProblemMessage(
        kind="timeout",
        status="timeout",
        message=f"stopped after {seconds:g} s of {spent}{where}",
        family="timeout",
        explanation="A snippet may compute for a limited time, so that everybody gets a turn."
        if reason == "cpu"
        else "A snippet may take a limited time, sleeping included.",
        suggestion="Check that every loop comes to an end, or use fewer iterations or smaller tensors."
        if reason == "cpu"
        else "Remove the sleep, or do less.",
        line=line,
        limit=reason,
    )


def _is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error) or "bad_alloc" in str(error)


def _memory(error: BaseException, place: Span | None, job: Job) -> Any:
    has = _size(job.memory_bytes)
    found = _ALLOCATION.search(str(error))
    wanted = int(found.group(1) or found.group(2)) if found else None
    message = (
        f"not enough memory: the sandbox has {has}"
        if wanted is None
        else f"not enough memory: this tensor would need {_size(wanted)}, the sandbox has {has}"
    )
    return ProblemMessage(
        kind="MemoryError",
        status="memory",
        message=message,
        family="memory",
        explanation="All tensors that are alive count, and those that the graph saved for backward.",
        suggestion='Use smaller sizes, or make the tensors on device="meta": shapes and a graph, and no values.',
        **spread(place),
        limit="memory",
    )


def _size(count: int) -> str:
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


def _spans(traceback: TracebackType | None, source: Source) -> list[tuple[Span, str]]:
    """The learner's own frames, outermost first."""
    found: list[tuple[Span, str]] = []
    for step in learner_steps(traceback):
        code = step.tb_frame.f_code
        found.append((source.span((code, step.tb_lasti)) or Span(step.tb_lineno), code.co_name))
    return found


def _end_at_call(traceback: TracebackType | None) -> None:
    """Recursion may meet its limit in what the tracer does first in a function: it failed where that was called."""
    caller: TracebackType | None = None
    while traceback is not None and traceback.tb_next is not None:
        if caller is not None and traceback.tb_next.tb_frame.f_code in OWN_CODE:
            caller.tb_next = None
            return
        caller, traceback = traceback, traceback.tb_next


def _first_lines(text: str) -> str:
    """Torch appends C++ frames and hints about debug builds to some messages: not for a learner."""
    kept = text.split("\nException raised from")[0].split("\nCUDA kernel errors")[0].strip()
    return kept if len(kept) <= 4000 else kept[:4000] + " …"
