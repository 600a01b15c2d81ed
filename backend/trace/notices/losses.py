"""Losses that are given something else than they expect, and say nothing: softmax twice, shapes that are stretched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backend.trace.notices.caution import Caution, called, origin
from backend.trace.records import Op, Step, Value

_REGRESSIONS: Final = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})


def losses(step: Step) -> Iterator[Caution]:
    """What a step's structure says about its losses."""
    for op in step.ops:
        name = op.call.name if op.call is not None else ""
        packet = op.info.packet
        if packet == "_log_softmax" and name == "cross_entropy":
            yield from _before_cross_entropy(op)
        elif packet == "binary_cross_entropy_with_logits":
            yield from _before_logits(op)
        elif packet.startswith("nll_loss") and name == "nll_loss":
            yield from _before_nll(op)
        elif packet == "expand" and name in _REGRESSIONS:
            yield from _stretched_loss(op, step)
        elif packet == "sub" and (op.call is None or op.call.direct) and name not in _REGRESSIONS:
            yield from _stretched_difference(op)


def _made_by(value: Value, packet: str) -> Op | None:
    op = origin(value).op
    return op if op is not None and op.info.packet == packet else None


def _before_cross_entropy(op: Op) -> Iterator[Caution]:
    softmax, log_softmax = _made_by(op.inputs[0], "_softmax"), _made_by(op.inputs[0], "_log_softmax")
    if softmax is not None:
        yield Caution(
            "softmax_twice",
            f"cross_entropy applies softmax itself, and {called(softmax)} has been through softmax already. Twice, the "
            "probabilities are squeezed together: the loss cannot get small, and gradients are weak.",
            "Give cross_entropy the raw scores (logits): leave the softmax out of the model.",
            op.site,
            softmax,
        )
    elif log_softmax is not None:
        yield Caution(
            "log_softmax_twice",
            f"cross_entropy applies log_softmax itself, and {called(log_softmax)} has been through it already. Done "
            "twice "
            "it changes nothing, so the loss is right.",
            "Give cross_entropy the raw scores, or use nll_loss after log_softmax.",
            op.site,
            log_softmax,
            level="info",
        )


def _before_logits(op: Op) -> Iterator[Caution]:
    sigmoid = _made_by(op.inputs[0], "sigmoid")
    if sigmoid is not None:
        yield Caution(
            "sigmoid_twice",
            f"binary_cross_entropy_with_logits applies sigmoid itself, and {called(sigmoid)} has been through sigmoid "
            "already: probabilities below one half cannot come out any more.",
            "Give it the raw scores (logits), or use binary_cross_entropy after the sigmoid.",
            op.site,
            sigmoid,
        )


def _before_nll(op: Op) -> Iterator[Caution]:
    softmax = _made_by(op.inputs[0], "_softmax")
    if softmax is not None:
        yield Caution(
            "softmax_into_nll",
            f"nll_loss expects logarithms of probabilities, and {called(softmax)} are probabilities: the loss becomes "
            "negative, and its gradients are not those of the likelihood.",
            "Use log_softmax instead of softmax, or give the raw scores to cross_entropy.",
            op.site,
            softmax,
        )


def _stretched_loss(op: Op, step: Step) -> Iterator[Caution]:
    """Torch broadcasts inside of these losses. Both sides are expanded there; the first that grows tells it."""
    sides = [o for o in step.ops if o.call is op.call and o.info.packet == "expand"]
    shapes = [list(o.inputs[0].shape) for o in sides if o.inputs]
    if op is sides[0] and len(shapes) == 2 and shapes[0] != shapes[1]:
        result = list(op.values[0].shape) if op.values else []
        first, second = called(sides[0].inputs[0], "the prediction"), called(sides[1].inputs[0], "the target")
        yield _stretched(first, second, shapes[0], shapes[1], result, op)


def _stretched_difference(op: Op) -> Iterator[Caution]:
    """`prediction - y` of [N, 1] and [N]. Who wants all pairs makes them with unsqueeze, or by indexing with None."""
    if len(op.inputs) != 2 or not op.values:
        return
    a, b = op.inputs
    for column, row in ((a, b), (b, a)):
        n = row.shape[0] if len(row.shape) == 1 else 0
        meant = column.op is None or column.op.info.packet in ("unsqueeze", "view", "reshape", "_unsafe_view")
        if n > 1 and list(column.shape) == [n, 1] and not meant and column.requires_grad and not row.requires_grad:
            sides = called(a, "one side"), called(b, "the other")
            yield _stretched(*sides, list(a.shape), list(b.shape), list(op.values[0].shape), op)


def _stretched(first: str, second: str, left: list[int], right: list[int], result: list[int], op: Op) -> Caution:
    return Caution(
        "loss_broadcast",
        f"{first} is {left} and {second} is {right}: torch stretches both to {result} and compares every prediction "
        "with "
        "every target, not each with its own.",
        "Bring both to one shape: `.squeeze(-1)` on the one that ends in 1, or `.unsqueeze(-1)` on the other.",
        op.site,
        op,
    )
