"""Ways through what was recorded: from a result back to what it was computed from."""

from __future__ import annotations

from collections.abc import Iterable

from backend.trace.records import Copy, Op, Value


def cut_behind(value: Value) -> Op | None:
    """The nearest op behind `value` that gradients do not pass: it read what requires grad, and its result does not."""
    return next((op for op in _behind(value) if is_cut(op)), None)


def made_with(value: Value, call: str) -> Op | None:
    """The nearest op behind `value` that belongs to a call of that name."""
    return next((op for op in _behind(value) if op.call is not None and op.call.name == call), None)


def copied_behind(copies: Iterable[Copy], result: Value | None) -> Copy | None:
    """What `torch.tensor` made of other tensors' numbers, if `result` was computed from it."""
    return next((copy for copy in copies if result is not None and way(result, copy.made) is not None), None)


def is_cut(op: Op) -> bool:
    """Whether the gradient stops at this op."""
    return any(v.requires_grad for v in op.inputs) and not any(v.requires_grad for v in op.values)


def way(start: Value, end: Value) -> list[Op] | None:
    """The ops on the shortest way from `end` to what was computed from it, `start`; None where there is none.

    Ways that gradients do not pass count as well.
    """
    if start is end:
        return []
    after: dict[int, Op | None] = {}
    waiting: list[tuple[Op, Op | None]] = [(start.op, None)] if start.op is not None else []
    for op, user in waiting:
        if id(op) in after:
            continue
        after[id(op)] = user
        for value in op.inputs:
            if value is end:
                return _unrolled(op, after)
            if value.op is not None and id(value.op) not in after:
                waiting.append((value.op, op))
    return None


def _unrolled(op: Op, after: dict[int, Op | None]) -> list[Op]:
    ops: list[Op] = []
    here: Op | None = op
    while here is not None:
        ops.append(here)
        here = after[id(here)]
    return ops


def _behind(value: Value) -> list[Op]:
    """All ops that `value` was computed with, the nearest first."""
    seen: set[int] = set()
    found: list[Op] = []
    waiting = [value]
    for one in waiting:
        op = one.op
        if op is not None and id(op) not in seen:
            seen.add(id(op))
            found.append(op)
            waiting.extend(op.inputs)
    return found
