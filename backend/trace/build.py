"""A recorded step into the messages of the wire: its graph, if that is new, and its numbers."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

import msgspec

from backend.trace.bindings import Shown, shown_value
from backend.trace.brief import brief_layout
from backend.trace.groups import Calls, Groups
from backend.trace.happenings import events_of, updates_of
from backend.trace.names import Names
from backend.trace.nodes import Describer
from backend.trace.records import Op, Step, Value
from backend.trace.recurring import key_of
from backend.trace.reduction import Summary
from backend.trace.sizes import measure
from backend.trace.slots import Slots
from backend.trace.source import Source
from backend.trace.structure import Structure
from backend.trace.subscripts import Subscripts
from backend.trace.summary import Summaries
from backend.trace.tally import Taken
from backend.wire.messages import (
    STATISTICS,
    BriefLayout,
    Event,
    GraphMessage,
    OptimizerRecord,
    StepMessage,
    UpdateRecord,
)

WHOLE_EVERY: Final = 100
"""Of the steps of a large graph one in so many is not brief."""

RECURRING_LIMIT: Final = 256
"""Descriptions that are remembered."""

Messages = list[GraphMessage | StepMessage]

_pack: Final = msgspec.msgpack.Encoder().encode


class Builder:
    """Turns steps into messages; remembers which structures were sent."""

    def __init__(self, source: Source, names: Names, calls: Calls, step_bytes: int = 0) -> None:
        self.source = source
        self.names = names
        self.calls = calls
        self.sent: dict[str, Sent] = {}
        self.step_bytes = step_bytes
        """Above so many bytes of numbers, most steps of a graph are brief; 0 for never."""
        self.shown: dict[int, Shown] = {}
        """id(value) -> where a named value was seen last."""
        self._describer = Describer(source)
        self._subscripts = Subscripts(source)
        self._last: tuple[Step, Summaries] | None = None
        self._recurring: dict[Hashable, Recurring] = {}
        self._outlines: set[tuple[int, ...]] = set()
        """Of the steps that are remembered."""
        self._followed: tuple[Step, Recurring] | None = None
        """A step that others are like, and its description."""

    def known(self, step: Step) -> Recurring | None:
        """The description of a step that was followed, if it is in all like one that was described."""
        like, followed = step.like, self._followed
        if like is None or followed is None or followed[0] is not like or step.events != like.events:
            return None
        return followed[1]

    def messages(self, step: Step, summaries: Summaries, *, last: bool = False) -> Messages:
        """The step's graph, if its structure is new, and the step. The `last` step is never brief."""
        known = self.known(step)
        if known is not None:
            self._last = (step, summaries)
            return [self._again(known, step, summaries, last=last)]
        self.names.resolve(step)
        self._subscripts.tell(step)
        self._last = (step, summaries)
        outline = (len(step.ops), len(step.engine), len(step.events), len(summaries))
        if last and outline not in self._outlines:
            key = None  # nothing like it came before, and nothing comes after it
        else:
            key = key_of(step, summaries, self.calls)
            known = self._recurring.get(key)
            if known is not None:
                self._followed = None if step.like is None else (step.like, known)
                return [self._again(known, step, summaries, last=last)]
        messages, known = self._described(step, summaries)
        if key is not None:
            if len(self._recurring) >= RECURRING_LIMIT:
                self._recurring.clear()
                self._outlines.clear()
            self._recurring[key] = known
            self._outlines.add(outline)
        return [*messages, self._again(known, step, summaries, last=last)]

    def _described(self, step: Step, summaries: Summaries) -> tuple[list[GraphMessage], Recurring]:
        """The graph, if its structure is new, and what the step's own message takes from its description."""
        structure, groups = self._structure(step)
        slots = Slots(structure, summaries, step.loss)
        loss_node = None if step.loss is None else structure.place(step.loss)
        events, updates = events_of(step, structure, self.source), updates_of(step, structure)
        floats, doubles = slots.lengths
        graph = GraphMessage(
            "", structure.nodes, structure.edges, groups.used(), slots.table, floats, doubles, events, updates
        )
        measure(zip(structure.nodes, structure.records, strict=True), graph.groups, groups.modules()).tell(graph)
        # packed here, because the id is told from it, and only once
        parts = [msgspec.Raw(_pack(part)) for part in (graph.nodes, graph.edges, graph.groups, graph.slots)]
        digest = hashlib.blake2b(b"".join(parts), digest_size=8).hexdigest()
        sent = self.sent.get(digest)
        messages = []
        if sent is None:
            graph.id = digest
            graph.brief = brief_layout(graph, step_bytes=self.step_bytes, loss=loss_node)
            # what the checker takes for lists goes out as the bytes that it is already
            graph.nodes, graph.edges, graph.groups, graph.slots = parts  # type: ignore[assignment]
            messages.append(graph)
            sent = self.sent[digest] = Sent(digest, graph.events, graph.updates, graph.brief)
        known = Recurring(
            sent,
            slots.taken,
            slots.named,
            slots.loss,
            loss_node,
            None if events == sent.events else events,
            None if updates == sent.updates else updates,
        )
        return messages, known

    def _structure(self, step: Step) -> tuple[Structure, Groups]:
        groups = Groups(step.ops, self.calls)
        return Structure(step, groups, self._describer), groups

    def _again(self, known: Recurring, step: Step, summaries: Summaries, *, last: bool) -> StepMessage:
        """The step's numbers, laid out as those of the step that was described."""
        sent = known.sent
        brief = None if last or sent.times % WHOLE_EVERY == 0 else sent.brief
        sent.times += 1
        if brief is None and isinstance(summaries, Taken) and len(known.slots) == len(summaries):
            floats, doubles = summaries.floats, summaries.doubles
        else:
            floats, doubles = _laid_out(known.slots, summaries, None if brief is None else set(brief.whole))
        for taken, node in known.named:
            (_, owner, output), summary = summaries[taken]
            value = owner.values[output] if isinstance(owner, Op) else owner
            self.shown[id(value)] = shown_value(value, summary, node, sent.id, step.index)
        step.number = None if known.loss is None else _first(summaries[known.loss][1])
        return StepMessage(
            index=step.index,
            graph=sent.id,
            floats=floats,
            doubles=doubles,
            brief=brief is not None,
            loss=step.number,
            loss_node=known.loss_node,
            optimizers=[OptimizerRecord(*optimizer) for optimizer in step.optimizers],
            events=known.events,
            updates=known.updates,
        )

    def place_of(self, value: Value) -> tuple[str | None, int | None]:
        """The node that a value has in the step that was told last, and that step; None where it has none."""
        if self._last is None:
            return None, None
        step, summaries = self._last
        node = self.node_of(step, summaries, value)
        return (None, None) if node is None else (node, step.index)

    def node_of(self, step: Step, summaries: Summaries, what: Op | Value) -> str | None:
        """The node of an op or a value in the graph of a step that was told, if it has one; described anew."""
        structure, _ = self._structure(step)
        Slots(structure, summaries, step.loss)  # a leaf may be there for its slots alone
        place = structure.place(what)
        return None if place is None else f"n{place}"


@dataclass
class Sent:
    """A graph that has been sent: what later steps are held against, and how many of them there were."""

    id: str
    events: list[Event]
    updates: list[UpdateRecord]
    brief: BriefLayout | None
    times: int = 0


@dataclass(frozen=True)
class Recurring:
    """What is the same in all steps of one key. Summaries are told by their place among the step's."""

    sent: Sent
    slots: list[int]
    """The summary of each slot that has numbers of its own."""
    named: list[tuple[int, str]]
    """Those of named values, and the values' nodes."""
    loss: int | None
    loss_node: int | None
    events: list[Event] | None
    updates: list[UpdateRecord] | None
    """As the step message has them: None where the graph has the same."""


def _laid_out(slots: list[int], summaries: Summaries, whole: set[int] | None) -> tuple[bytes, bytes]:
    """The numbers of the slots, float32 and float64. If `whole` is given, of others only the statistics."""
    buffers: tuple[list[bytes], list[bytes]] = ([], [])
    for place, taken in enumerate(slots):
        summary = summaries[taken][1]
        payload = summary.payload
        if whole is not None and place not in whole:
            payload = payload[: STATISTICS * (8 if summary.wide else 4)]
        buffers[summary.wide].append(payload)
    return b"".join(buffers[0]), b"".join(buffers[1])


def _first(summary: Summary) -> float | None:
    if math.prod(summary.shape) != 1 or not summary.values:
        return None
    code = "<d" if summary.wide else "<f"
    return float(struct.unpack_from(code, summary.payload, 2 * (8 if summary.wide else 4))[0])
