"""NaN and infinity: not where they were noticed, but where they first appeared."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Final

from backend.trace.notices.caution import Caution, Told, called
from backend.trace.records import EDGE_GRAD, GRAD, VALUE, EngineNode, Op, Step, Value
from backend.trace.reduction import Summary

_COUNTS: Final = {False: (struct.Struct("<2f"), 16), True: (struct.Struct("<2d"), 32)}
"""How a summary holds its numbers of NaN and infinite elements, and where, by whether it is wide."""

_SMALLER: Final = (
    "Numbers became too large for their type: use a smaller learning rate, or clip the gradients with "
    "torch.nn.utils.clip_grad_norm_."
)

_EMPTY: Final = (
    "The mean of nothing is 0 / 0, which is NaN: look at where the tensor with a size of 0 comes from, such as a mask "
    "or a slice that takes nothing."
)

_CAUSES: Final = {
    "log": "The logarithm of 0 is -inf, of a negative number NaN: add a small number first, or use log_softmax.",
    "div": "Something was divided by 0: add a small number to the divisor.",
    "sqrt": "The root of a negative number is NaN: clamp it first.",
    "exp": "exp overflows above 88 in float32: subtract the maximum first, as softmax does.",
    "reciprocal": "Something was divided by 0: add a small number to the divisor.",
}
_BACK_CAUSES: Final = {
    "sqrt": "The slope of the root at 0 is infinite: add a small number first.",
    "linalg_vector_norm": "The norm has no slope at 0: add a small number first.",
    "norm": "The norm has no slope at 0: add a small number first.",
    "pow": "The slope of this power at 0 is infinite: add a small number to the base.",
    "div": "The divisor was 0: add a small number to it.",
    "log": "The slope of log at 0 is infinite: add a small number first.",
    "acos": "The slope of acos at 1 is infinite: clamp its input to a little less.",
    "atan2": "atan2 has no slope at (0, 0).",
}

Found = tuple[Caution, Told]


def counts(summary: Summary) -> tuple[int, int]:
    """How many elements are NaN, and how many infinite."""
    code, offset = _COUNTS[summary.wide]
    nan, inf = code.unpack_from(summary.payload, offset)
    return int(nan), int(inf)


def from_loss(told: Told, before: Told | None) -> Iterator[Found]:
    """The loss of a step is not finite: where that began."""
    step = told.step
    loss = step.loss
    if loss is None:
        return
    bad = {_key(owner, output) for (kind, owner, output), s in told.summaries if kind == VALUE and any(counts(s))}
    first = _first(loss, bad, step)
    if first is None:
        return
    if first.op is None or first.step is not step or id(first.op) not in {id(op) for op in step.ops}:
        yield from _was_so_before(first, told, before)
        return
    op = first.op
    name, what = called(first), _what(told, op)
    empty = any(0 in value.shape for value in op.inputs)
    yield (
        Caution(
            "not_finite",
            f"The loss of step {step.index + 1} is not finite. {_big(name)} is the first tensor with {what} in it; "
            + ("it was computed from no elements at all." if empty else "what it was computed from was finite."),
            _EMPTY if empty else _CAUSES.get(op.info.packet.rstrip("_"), _SMALLER),
            op.site,
            op,
        ),
        told,
    )


def _first(loss: Value, bad: set[tuple[int, int]], step: Step) -> Value | None:
    """The earliest value behind the loss that is not finite although all that it was computed from is."""
    origins: list[Value] = []
    seen: set[int] = set()
    stack = [loss]
    mine = {id(op) for op in step.ops}
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        inside = value.op is not None and id(value.op) in mine
        wrong = (
            [v for v in value.op.inputs if _of(v) in bad or (v.op is None and (id(v), 0) in bad)]
            if inside and value.op
            else []
        )
        if wrong:
            stack.extend(wrong)
        elif _of(value) in bad or (id(value), 0) in bad:
            origins.append(value)
    return min(origins, key=lambda v: v.op.number if v.op is not None else -1, default=None)


def _of(value: Value) -> tuple[int, int]:
    return (id(value.op), value.output) if value.op is not None else (id(value), 0)


def _key(owner: Op | Value, output: int) -> tuple[int, int]:
    return (id(owner), output)


def _what(told: Told, op: Op) -> str:
    summary = next((s for (kind, owner, _), s in told.summaries if kind == VALUE and owner is op), None)
    return _words(*counts(summary)) if summary is not None else "NaN or infinity"


def _words(nan: int, inf: int) -> str:
    parts = [f"{nan} NaN"] * bool(nan) + [f"{inf} infinite element{'s' if inf != 1 else ''}"] * bool(inf)
    return " and ".join(parts) or "NaN or infinity"


def _big(text: str) -> str:
    return text[:1].upper() + text[1:]


def _was_so_before(value: Value, told: Told, before: Told | None) -> Iterator[Found]:
    """A parameter was already NaN when the step began: the gradient of the step before did it, or the data is so."""
    name = called(value, "a tensor that it was computed from")
    found = list(from_gradients(before)) if before is not None and value.requires_grad else []
    if found:
        yield from found
        return
    learned = value.requires_grad
    yield (
        Caution(
            "not_finite",
            f"The loss of step {told.step.index + 1} is not finite, because {name} was not: "
            + ("its last update made it so." if learned else "it came so into the computation."),
            _SMALLER
            if learned
            else "Look at where it is made; `torch.isfinite(x).all()` says whether a tensor is clean.",
            value.written or (value.origin.site if value.origin is not None else None),
            value,
        ),
        told,
    )


def from_gradients(told: Told) -> Iterator[Found]:
    """The first gradient on the way back that was not finite, if one reached a leaf."""
    summaries = {
        (kind, id(owner), output): s for (kind, owner, output), s in told.summaries if kind in (GRAD, EDGE_GRAD)
    }
    bad = {key for key, summary in summaries.items() if any(counts(summary))}
    if not bad or not _reached(told.step, bad):
        return
    for node in told.step.events:
        if not isinstance(node, EngineNode):
            continue
        wrong = [place for place in range(len(node.nexts)) if (EDGE_GRAD, id(node), place) in bad]
        if not wrong or node.op is None:
            continue
        op = node.op
        summary = summaries[EDGE_GRAD, id(node), wrong[0]]
        yield (
            Caution(
                "gradient_not_finite",
                f"In step {told.step.index + 1} the gradient became {_words(*counts(summary))} going back through "
                f"{node.name} "
                f"({called(op)}), and it reached the leaves. After the next update the parameters are not finite "
                "either.",
                _BACK_CAUSES.get(op.info.packet, _SMALLER),
                op.site,
                op,
            ),
            told,
        )
        return


def _reached(step: Step, bad: set[tuple[int, int, int]]) -> bool:
    for node in step.engine:
        for place, (following, _) in enumerate(node.nexts):
            if following is not None and following.leaf is not None and (EDGE_GRAD, id(node), place) in bad:
                return True
    return False


def is_bad(loss: float | None) -> bool:
    """Whether a loss is NaN or infinite."""
    return loss is not None and not math.isfinite(loss)
