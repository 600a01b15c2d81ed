"""What happened in one step, in order, and which parameters it wrote."""

from __future__ import annotations

from backend.trace.records import EngineNode, Step
from backend.trace.source import Source
from backend.trace.structure import Structure
from backend.wire.layout import EVENTS_EACH
from backend.wire.messages import Event, UpdateRecord


def events_of(step: Step, structure: Structure, source: Source) -> list[Event]:
    """Everything that happened, in order; absurdly many are cut."""
    told: list[Event] = []
    last, line = None, 0
    for phase, what, site in step.happened():
        if site is not last:
            last, line = site, source.line(site) or 0
        if isinstance(what, tuple):
            _, node, place = what
            edge = structure.edge(node, place)
            target = None if edge is None else -1 - edge
        elif isinstance(what, EngineNode):
            target = structure.engine_place(what)
        else:
            target = structure.place(what)
        if target is not None:
            told.append((phase, target, line))
    return told[: EVENTS_EACH * (len(structure.nodes) + len(structure.edges))]


def updates_of(step: Step, structure: Structure) -> list[UpdateRecord]:
    """Which parameters were written, and by what."""
    told = []
    for update in step.updates.values():
        place = structure.place(update.leaf)
        if place is not None:
            names, kept = update.leaf.names, [name for name, _ in update.kept]
            told.append(UpdateRecord(place, names[0] if names else None, update.optimizer, kept))
    return told
