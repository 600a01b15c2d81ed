"""Checks of a graph's slot table and of the steps laid out by it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from backend.errors import WireError
from backend.wire.messages import PHASES, SLOT_KINDS, STATISTICS

if TYPE_CHECKING:
    from backend.wire.messages import GraphMessage, Slot, StepMessage

NDIM_LIMIT: Final = 64
"""torch's own limit on the number of dimensions."""

NUMEL_LIMIT: Final = 2**63 - 1
COUNT_LIMIT: Final = 4096
"""The largest `Options.preview`."""

THUMB_SIDE: Final = 32
GRAD: Final = SLOT_KINDS.index("grad")
EDGE_GRAD: Final = SLOT_KINDS.index("edge_grad")
DTYPE: Final = re.compile(r"torch\.[a-z0-9_]{1,40}")


def numel(shape: Sequence[int]) -> int:
    """Product of the dimensions: 1 for a scalar."""
    return math.prod(shape)


def slot_length(slot: Slot) -> int:
    """How many numbers of its buffer the slot takes."""
    if slot.thumb is not None:
        return STATISTICS + slot.thumb[0] * slot.thumb[1]
    return STATISTICS + slot.count * (2 if slot.dtype.startswith("torch.complex") else 1)


def check_slots(graph: GraphMessage) -> None:
    """Raise `WireError` unless the slots lie one behind the other, fill both buffers, and say possible things.

    A `grad` slot may lie on an earlier `edge_grad` slot of the same length instead.

    Errors:
        WireError: names the slot and what is wrong with it.
    """
    ends = [0, 0]
    seen: set[tuple[int, int, int]] = set()
    dtypes: set[str] = set()
    contributions: set[tuple[bool, int, int]] = set()
    for place, slot in enumerate(graph.slots):
        _check_target(place, slot, graph)
        key = (slot.kind, slot.target, slot.output)
        if key in seen:
            raise WireError(f"slot {place} is there twice")
        seen.add(key)
        if slot.dtype not in dtypes:
            if DTYPE.fullmatch(slot.dtype) is None:
                raise WireError(f"slot {place} has dtype {slot.dtype[:40]!r}")
            dtypes.add(slot.dtype)
        _check_shape(place, slot)
        length = slot_length(slot)
        if slot.kind == GRAD and (slot.wide, slot.offset, length) in contributions:
            continue  # the same numbers as the one edge that brought them
        if slot.offset != ends[slot.wide]:
            raise WireError(f"slot {place} starts at {slot.offset}, not where the one before ends: {ends[slot.wide]}")
        if slot.kind == EDGE_GRAD:
            contributions.add((slot.wide, slot.offset, length))
        ends[slot.wide] += length
    if ends != [graph.floats, graph.doubles]:
        raise WireError(f"slots fill {ends} numbers, the buffers have {[graph.floats, graph.doubles]}")


def _check_target(place: int, slot: Slot, graph: GraphMessage) -> None:
    """What the slot is about exists."""
    if not 0 <= slot.kind < len(SLOT_KINDS):
        raise WireError(f"slot {place} has kind {slot.kind}, not 0 to {len(SLOT_KINDS) - 1}")
    if slot.kind == EDGE_GRAD:
        if not 0 <= slot.target < len(graph.edges) or slot.output != 0:
            raise WireError(f"slot {place} is of edge {slot.target}, output {slot.output}, which does not exist")
        return
    if not 0 <= slot.target < len(graph.nodes):
        raise WireError(f"slot {place} is of node {slot.target}, which does not exist")
    if not 0 <= slot.output < graph.nodes[slot.target].outputs:
        raise WireError(f"slot {place} is of output {slot.output} of n{slot.target}, which does not exist")


def _check_shape(place: int, slot: Slot) -> None:
    """Shape, count and thumb agree with each other."""
    shape = slot.shape
    if len(shape) > NDIM_LIMIT or (shape and min(shape) < 0) or (shape and max(shape) > NUMEL_LIMIT):
        raise WireError(f"slot {place} has an impossible shape of {len(shape)} dimensions: {shape[:8]}")
    elements = numel(shape)
    if elements > NUMEL_LIMIT:
        raise WireError(f"slot {place} has more elements than torch can count: {elements}")
    if slot.count not in (0, elements) or slot.count > COUNT_LIMIT:
        raise WireError(f"slot {place} sends {slot.count} of {elements} values; all or none, at most {COUNT_LIMIT}")
    if len(slot.device) > THUMB_SIDE:
        raise WireError(f"slot {place} has a device of {len(slot.device)} characters")
    if slot.thumb is not None:
        height, width = slot.thumb
        if slot.count or not (1 <= height <= THUMB_SIDE and 1 <= width <= THUMB_SIDE):
            raise WireError(f"slot {place} has a thumb of {height}x{width} beside {slot.count} values")


def check_step(step: StepMessage, graph: GraphMessage) -> None:
    """Raise `WireError` unless buffers, events and updates fit the step's graph.

    Errors:
        WireError: names the entry and what is wrong with it.
    """
    if len(step.floats) != graph.floats * 4 or len(step.doubles) != graph.doubles * 8:
        raise WireError(
            f"step {step.index} has buffers of {len(step.floats)} and {len(step.doubles)} bytes, "
            f"its graph wants {graph.floats * 4} and {graph.doubles * 8}"
        )
    nodes, edges, phases = len(graph.nodes), len(graph.edges), len(PHASES)
    for phase, target, line in step.events:
        if not (0 <= phase < phases and -1 - edges < target < nodes and 0 <= line < 2**31):
            raise WireError(f"step {step.index} has the impossible event [{phase}, {target}, {line}]")
    if step.loss_node is not None and not 0 <= step.loss_node < nodes:
        raise WireError(f"step {step.index} has its loss at node {step.loss_node}, which does not exist")
    for update in step.updates:
        if not 0 <= update.parameter < nodes:
            raise WireError(f"step {step.index} updates node {update.parameter}, which does not exist")
