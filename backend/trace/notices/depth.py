"""Gradients that vanish or explode on their way to the first layers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from backend.trace.notices.caution import Caution, Told, called, origin
from backend.trace.records import EDGE_GRAD, GRAD, Op, Step, Value
from backend.trace.reduction import Summary

VANISHING: Final = 1e-4
"""The gradient of the first layer's weight over the last one's (root mean squares): below this, it has vanished."""

EXPLODING: Final = 1e3
"""The same of the layers' outputs, above which it has exploded."""

LAYERS: Final = 4
"""Fewest layers for which depth can be blamed."""

_PRODUCTS: Final = frozenset({"addmm", "mm", "matmul", "bmm", "linear", "convolution", "_convolution"})

_MOMENTS: Final = {False: (struct.Struct("<2f"), 8), True: (struct.Struct("<2d"), 16)}


def depth(told: Told) -> Iterator[Caution]:
    """Compare the gradients of the first and the last layer that a step used.

    Vanishing shows in the weights' gradients, which are what learns. Exploding shows in those of the layers'
    outputs: in the weights' it is hidden, because the inputs of the later layers have exploded as well.
    """
    layers = _layers(told.step)
    if len(layers) < LAYERS:
        return
    sizes = _sizes(told)
    known = [(w, sizes[id(w)], sizes[id(op)]) for w, op in layers if id(w) in sizes and id(op) in sizes]
    if len(known) < LAYERS:
        return
    (first, first_weight, first_output), (last, last_weight, last_output) = known[0], known[-1]
    if not min(first_weight, last_weight, first_output, last_output) > 0:
        return  # a layer that starts at zero sends nothing back, on purpose
    names = called(first, "the first weight"), called(last, "the last weight")
    if first_weight / last_weight < VANISHING:
        yield Caution(
            "vanishing_gradients",
            f"Gradients vanish along the depth: {names[0]}, the first of {len(known)} layers, gets {first_weight:.2g} "
            f"(root mean square), {names[1]}, the last, {last_weight:.2g}: {last_weight / first_weight:.2g} times as "
            "much. "
            "The first layers hardly learn.",
            "Use ReLU or GELU instead of sigmoid or tanh, normalisation (LayerNorm, BatchNorm), or residual "
            "connections.",
            about=first,
        )
    elif first_output / last_output > EXPLODING:
        yield Caution(
            "exploding_gradients",
            f"Gradients explode along the depth: at the output of the first of {len(known)} layers (that of "
            f"{names[0]}) they "
            f"are {first_output:.2g} (root mean square), at the last ({names[1]}) {last_output:.2g}: "
            f"{first_output / last_output:.2g} times less.",
            "Use smaller initial weights (nn.Linear's own are), normalisation, or clip_grad_norm_.",
            about=first,
        )


def _layers(step: Step) -> list[tuple[Value, Op]]:
    """The matrices and kernels that the step multiplied with and the product, in the order of the forward pass."""
    found: dict[int, tuple[Value, Op]] = {}
    for op in step.ops:
        if op.info.packet in _PRODUCTS and op.grad_enabled:
            for value in map(origin, op.inputs):
                if value.op is None and value.is_leaf and value.requires_grad and len(value.shape) >= 2:
                    found.setdefault(id(value), (value, op))
    return list(found.values())


def _sizes(told: Told) -> dict[int, float]:
    """Leaf or op -> the root mean square of the gradient that came to it."""
    sizes: dict[int, float] = {}
    for (kind, owner, place), summary in told.summaries:
        if kind == EDGE_GRAD:
            node = owner.nexts[place][0]
            node = node if node is not None and node.arrivals == 1 else None
        else:
            node = owner if kind == GRAD else None
        if node is not None:
            sizes[id(node.leaf if node.leaf is not None else node.op)] = _size(summary)
    return sizes


def _size(summary: Summary) -> float:
    """sqrt(mean**2 + std**2): nearly the root mean square, but for Bessel's correction."""
    code, offset = _MOMENTS[summary.wide]
    mean, std = code.unpack_from(summary.payload, offset)
    square = mean * mean + (std * std if std == std else 0.0)
    return float(square**0.5) if square == square else 0.0
