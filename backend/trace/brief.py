"""Which numbers of a large graph's later steps are sent: all statistics, and the values that tell most."""

from __future__ import annotations

from backend.trace.records import AFTER, VALUE
from backend.wire.layout import slot_length
from backend.wire.messages import STATISTICS, BriefLayout, GraphMessage, Slot


def brief_layout(graph: GraphMessage, *, step_bytes: int, loss: int | None) -> BriefLayout | None:
    """The layout of brief steps; None where whole ones take no more than `step_bytes`, or that is 0."""
    if not step_bytes or graph.floats * 4 + graph.doubles * 8 <= step_bytes:
        return None
    own = _own_slots(graph)
    room = step_bytes - sum(STATISTICS * _width(graph.slots[place]) for place in own)
    whole: set[int] = set()
    for place in sorted(own, key=lambda place: (_rank(graph, graph.slots[place], loss), place)):
        extra = _extra(graph.slots[place])
        if 0 < extra <= room:
            room -= extra
            whole.add(place)
    return _laid_out(graph, own, whole)


def _laid_out(graph: GraphMessage, own: list[int], whole: set[int]) -> BriefLayout:
    ends = [0, 0]
    offsets = [0] * len(graph.slots)
    below: dict[tuple[bool, int], int] = {}
    for place in own:
        slot = graph.slots[place]
        offsets[place] = ends[slot.wide]
        below[slot.wide, slot.offset] = place
        ends[slot.wide] += slot_length(slot) if place in whole else STATISTICS
    shared = set(whole)
    for place in sorted(set(range(len(graph.slots))) - set(own)):
        first = below[graph.slots[place].wide, graph.slots[place].offset]
        offsets[place] = offsets[first]
        if first in whole:
            shared.add(place)
    return BriefLayout(ends[0], ends[1], offsets, sorted(shared))


def _own_slots(graph: GraphMessage) -> list[int]:
    """Slots with numbers of their own, in order; the others lie on one of them."""
    seen: set[tuple[bool, int]] = set()
    own: list[int] = []
    for place, slot in enumerate(graph.slots):
        if (slot.wide, slot.offset) not in seen:
            seen.add((slot.wide, slot.offset))
            own.append(place)
    return own


def _rank(graph: GraphMessage, slot: Slot, loss: int | None) -> int:
    """The loss, what the learner named, parameters, other values, gradients."""
    if slot.kind not in (VALUE, AFTER):
        return 4
    node = graph.nodes[slot.target]
    if slot.target == loss:
        return 0
    if node.is_parameter:
        return 2
    return 1 if node.names else 3


def _extra(slot: Slot) -> int:
    """Bytes beyond the statistics."""
    return (slot_length(slot) - STATISTICS) * _width(slot)


def _width(slot: Slot) -> int:
    return 8 if slot.wide else 4
