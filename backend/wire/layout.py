"""Checks of a graph's slot table and of the steps laid out by it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from backend.errors import WireError
from backend.wire.messages import PHASES, SLOT_KINDS, STATISTICS

if TYPE_CHECKING:
    from backend.wire.messages import (
        BriefLayout,
        Event,
        GraphMessage,
        OptimizerRecord,
        Slot,
        StepMessage,
        UpdateRecord,
    )

NDIM_LIMIT: Final = 64
"""torch's own limit on the number of dimensions."""

NUMEL_LIMIT: Final = 2**63 - 1
COUNT_LIMIT: Final = 4096
"""The largest `Options.preview`."""

THUMB_SIDE: Final = 32
EVENTS_EACH: Final = 8
"""Events per node and edge of one step, on average; a parameter may be emptied several times. The rest is not sent."""

STATE_LIMIT: Final = 16
"""Tensors that an optimizer keeps for one parameter."""

OPTIMIZERS_LIMIT: Final = 256
"""Parameter groups that step in one step."""

HYPERPARAMETERS_LIMIT: Final = 24
WORD_LIMIT: Final = 60
"""Characters of a name, or numbers in a list of them: each update of a step repeats its optimizer's."""

STATE: Final = SLOT_KINDS.index("state")
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
    seen: set[tuple[int, int, int]] = set()
    looks: dict[tuple[object, ...], int] = {}
    lengths: list[int] = []
    for place, slot in enumerate(graph.slots):
        _check_target(place, slot, graph)
        key = (slot.kind, slot.target, slot.output)
        if key in seen:
            raise WireError(f"slot {place} is there twice")
        seen.add(key)
        # most slots of a graph look like one before them
        look = (slot.dtype, slot.device, slot.count, slot.thumb, *slot.shape)
        length = looks.get(look)
        if length is None:
            if DTYPE.fullmatch(slot.dtype) is None:
                raise WireError(f"slot {place} has dtype {slot.dtype[:40]!r}")
            _check_shape(place, slot)
            length = looks[look] = slot_length(slot)
        lengths.append(length)
    aliases = _check_offsets(graph, [slot.offset for slot in graph.slots], lengths, (graph.floats, graph.doubles))
    if graph.brief is not None:
        _check_brief(graph, graph.brief, lengths, aliases)


def _check_offsets(
    graph: GraphMessage, offsets: list[int], lengths: list[int], full: tuple[int, int]
) -> dict[int, int]:
    """One behind the other, filling both buffers. Returns which `grad` slot lies on which `edge_grad` slot."""
    ends = [0, 0]
    contributions: dict[tuple[bool, int, int], int] = {}
    aliases: dict[int, int] = {}
    for place, (slot, offset, length) in enumerate(zip(graph.slots, offsets, lengths, strict=True)):
        below = contributions.get((slot.wide, offset, length)) if slot.kind == GRAD else None
        if below is not None:
            aliases[place] = below  # the same numbers as the one edge that brought them
            continue
        if offset != ends[slot.wide]:
            raise WireError(f"slot {place} starts at {offset}, not where the one before ends: {ends[slot.wide]}")
        if slot.kind == EDGE_GRAD:
            contributions[slot.wide, offset, length] = place
        ends[slot.wide] += length
    if ends != [*full]:
        raise WireError(f"slots fill {ends} numbers, the buffers have {[*full]}")
    return aliases


def _check_brief(graph: GraphMessage, brief: BriefLayout, lengths: list[int], aliases: dict[int, int]) -> None:
    """The layout of brief steps: by the same rules, with the same slots on the same numbers."""
    if len(brief.offsets) != len(graph.slots):
        raise WireError(f"the brief layout has {len(brief.offsets)} offsets for {len(graph.slots)} slots")
    if brief.whole != sorted(set(brief.whole)) or (brief.whole and not 0 <= brief.whole[-1] < len(graph.slots)):
        raise WireError("the brief layout names slots out of order, twice, or such as are not there")
    whole = set(brief.whole)
    short = [length if place in whole else STATISTICS for place, length in enumerate(lengths)]
    if _check_offsets(graph, brief.offsets, short, (brief.floats, brief.doubles)) != aliases:
        raise WireError("the brief layout puts other slots on the same numbers than the whole one")


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
    outputs = STATE_LIMIT if slot.kind == STATE else graph.nodes[slot.target].outputs
    if not 0 <= slot.output < outputs:
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
    if step.brief and graph.brief is None:
        raise WireError(f"step {step.index} is brief, and its graph says not how")
    floats, doubles = (graph.floats, graph.doubles)
    if step.brief and graph.brief is not None:
        floats, doubles = graph.brief.floats, graph.brief.doubles
    if len(step.floats) != floats * 4 or len(step.doubles) != doubles * 8:
        raise WireError(
            f"step {step.index} has buffers of {len(step.floats)} and {len(step.doubles)} bytes, "
            f"its graph wants {floats * 4} and {doubles * 8}"
        )
    here = f"step {step.index}"
    if step.loss_node is not None and not 0 <= step.loss_node < len(graph.nodes):
        raise WireError(f"{here} has its loss at node {step.loss_node}, which does not exist")
    if step.events is not None:
        check_events(here, step.events, graph)
    if step.updates is not None:
        check_updates(here, step.updates, graph)
    _check_optimizers(here, step.optimizers)
    for update in graph.updates if step.updates is None else step.updates:
        if update.optimizer is not None and not 0 <= update.optimizer < len(step.optimizers):
            raise WireError(f"{here} has no optimizer {update.optimizer}")


def check_events(where: str, events: Sequence[Event], graph: GraphMessage) -> None:
    """Raise `WireError` unless every event is of something that exists, and there are not absurdly many."""
    nodes, edges, phases = len(graph.nodes), len(graph.edges), len(PHASES)
    if len(events) > EVENTS_EACH * (nodes + edges):
        raise WireError(f"{where} has {len(events)} events of {nodes} nodes and {edges} edges")
    for phase, target, line in events:
        if not (0 <= phase < phases and -1 - edges < target < nodes and 0 <= line < 2**31):
            raise WireError(f"{where} has the impossible event [{phase}, {target}, {line}]")


def check_updates(where: str, updates: Sequence[UpdateRecord], graph: GraphMessage) -> None:
    """Raise `WireError` unless each is of one node, and none twice."""
    seen: set[int] = set()
    for update in updates:
        if not 0 <= update.parameter < len(graph.nodes):
            raise WireError(f"{where} updates node {update.parameter}, which does not exist")
        if update.parameter in seen:
            raise WireError(f"{where} updates node {update.parameter} twice")
        seen.add(update.parameter)
        if len(update.state) > STATE_LIMIT or any(len(name) > WORD_LIMIT for name in update.state):
            raise WireError(f"{where} has a state of {len(update.state)} tensors, at most {STATE_LIMIT} are allowed")


def _check_optimizers(where: str, optimizers: Sequence[OptimizerRecord]) -> None:
    if len(optimizers) > OPTIMIZERS_LIMIT:
        raise WireError(f"{where} has {len(optimizers)} optimizers, at most {OPTIMIZERS_LIMIT} are allowed")
    for optimizer in optimizers:
        if len(optimizer.hyperparameters) > HYPERPARAMETERS_LIMIT or len(optimizer.name) > WORD_LIMIT:
            raise WireError(f"{where} has an optimizer with {len(optimizer.hyperparameters)} hyperparameters")
        for name, value in optimizer.hyperparameters.items():
            if len(name) > WORD_LIMIT or name.startswith("__"):
                raise WireError(f"{where} has a hyperparameter {name[:40]!r}")
            if isinstance(value, str | list) and len(value) > WORD_LIMIT:
                raise WireError(f"{where} has a hyperparameter {name} of length {len(value)}")
