"""A recorded step into the messages of the wire: nodes, edges, groups, slots, and the step's numbers."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from backend.trace.bindings import Shown, shown_value
from backend.trace.brief import brief_layout
from backend.trace.groups import Calls, Groups
from backend.trace.names import Names
from backend.trace.nodes import describe_op, describe_source, describe_unseen
from backend.trace.recorder import BACKWARD, EDGE_GRAD, GRAD, VALUE
from backend.trace.records import EngineNode, Op, Site, Step, Value
from backend.trace.recurring import key_of
from backend.trace.reduction import Summary
from backend.trace.rules import summed
from backend.trace.source import Source
from backend.trace.summary import Summaries
from backend.wire.layout import EVENTS_EACH
from backend.wire.messages import (
    STATISTICS,
    Edge,
    Event,
    GraphMessage,
    Next,
    OptimizerRecord,
    Slot,
    StepMessage,
    UpdateRecord,
)

WHOLE_EVERY: Final = 100
"""Of the steps of a large graph one in so many is not brief."""

RECURRING_LIMIT: Final = 256
"""Descriptions that are remembered."""

Messages = list[GraphMessage | StepMessage]


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
        self._last: tuple[Step, Summaries] | None = None
        self._recurring: dict[Hashable, Recurring] = {}

    def messages(self, step: Step, summaries: Summaries, *, last: bool = False) -> Messages:
        """The step's graph, if its structure is new, and the step. The `last` step is never brief."""
        self.names.resolve(step)
        self._last = (step, summaries)
        key = key_of(step, summaries, self.calls)
        known = self._recurring.get(key)
        if known is not None:
            return [self._again(known, step, summaries, last=last)]
        layout = _Layout(self, step, summaries)
        graph = layout.graph()
        digest = hashlib.blake2b(msgspec.msgpack.encode(graph), digest_size=8).hexdigest()
        sent = self.sent.get(digest)
        messages: Messages = []
        if sent is None:
            graph.id = digest
            graph.events, graph.updates = layout.events(), layout.updates()
            graph.brief = brief_layout(graph, step_bytes=self.step_bytes, loss=layout.loss_node())
            messages.append(graph)
            sent = self.sent[digest] = Sent(msgspec.structs.replace(graph, nodes=[], edges=[], groups=[], slots=[]))
        if len(self._recurring) >= RECURRING_LIMIT:
            self._recurring.clear()
        known = self._recurring[key] = layout.recurring(sent)
        messages.append(self._again(known, step, summaries, last=last))
        return messages

    def _again(self, known: Recurring, step: Step, summaries: Summaries, *, last: bool) -> StepMessage:
        """The step's numbers, laid out as those of the step that was described."""
        sent = known.sent
        brief = None if last or sent.times % WHOLE_EVERY == 0 else sent.graph.brief
        sent.times += 1
        whole = None if brief is None else set(brief.whole)
        buffers: tuple[list[bytes], list[bytes]] = ([], [])
        for place, taken in enumerate(known.slots):
            summary = summaries[taken][1]
            short = whole is not None and place not in whole
            payload = summary.payload[: STATISTICS * (8 if summary.wide else 4)] if short else summary.payload
            buffers[summary.wide].append(payload)
        for taken, node in known.named:
            (_, owner, output), summary = summaries[taken]
            value = owner.values[output] if isinstance(owner, Op) else owner
            self.shown[id(value)] = shown_value(value, summary, node, step.index)
        step.number = None if known.loss is None else _first(summaries[known.loss][1])
        return StepMessage(
            index=step.index,
            graph=sent.graph.id,
            floats=b"".join(buffers[0]),
            doubles=b"".join(buffers[1]),
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
        layout = _Layout(self, step, summaries)
        layout.graph()
        place = layout.place.get(id(what) if isinstance(what, Op) else layout.key(what))
        return None if place is None else f"n{place}"


@dataclass
class Sent:
    """A graph that has been sent: what later steps are held against, and how many of them there were."""

    graph: GraphMessage
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


class _Layout:
    """One step: which record became which node, edge and slot."""

    def __init__(self, builder: Builder, step: Step, summaries: Summaries) -> None:
        self.builder = builder
        self.step = step
        self.summaries = summaries
        self.nodes: list[Any] = []
        self.edges: list[Any] = []
        self.place: dict[int, int] = {}
        self.edge_place: dict[tuple[int, int], int] = {}
        self.incoming: dict[int, list[int]] = {}
        self.groups = Groups(step.ops, builder.calls)
        self.engine_of = {id(n.op): n for n in step.engine if n.op is not None}
        self._mine = {id(op) for op in step.ops}
        self._loss_taken: int | None = None
        self._taken: list[int] = []
        """Place of the summary of each slot that has numbers of its own."""
        self._named: list[tuple[int, str]] = []
        self.slots: list[Slot] = []
        self._events: list[Event] | None = None

    def graph(self) -> GraphMessage:
        """Build everything; the message's id is filled in by the caller."""
        for op in self.step.ops:
            for value in op.inputs:
                self._producer(value, op)
            self._op_node(op)
        for value in self.step.mentioned:
            self._producer(value, None)
        for op in self.step.ops:
            for position, value in enumerate(op.inputs):
                edge = self._edge(self.place[self.key(value)], self._output(value), self.place[id(op)], position)
                if value.requires_grad:
                    self.edges[edge].summed = summed(op, position)
        self._engine_edges()
        self._next_functions()
        self._count_outputs()
        floats, doubles = self._slots()
        return GraphMessage("", self.nodes, self.edges, self.groups.used(), self.slots, floats, doubles)

    # nodes

    def key(self, value: Value) -> int:
        """By what a value is found in `place`: the op of this step that made it, or itself."""
        return id(value.op) if value.op is not None and id(value.op) in self._mine else id(value)

    def _output(self, value: Value) -> int:
        return value.output if value.op is not None and id(value.op) in self._mine else 0

    def _producer(self, value: Value, user: Op | None) -> int:
        key = self.key(value)
        place = self.place.get(key)
        if place is None:
            place = self.place[key] = len(self.nodes)
            group = self.groups.of_source(value, user)
            self.nodes.append(describe_source(f"n{place}", value, user, group, self.builder.source))
        return place

    def _op_node(self, op: Op) -> None:
        place = self.place[id(op)] = len(self.nodes)
        loss = self.step.loss
        name = loss.names[0] if loss is not None and loss.names else "L"
        group, source = self.groups.of_op(op), self.builder.source
        self.nodes.append(describe_op(f"n{place}", op, group, source, self._saved(op), name))

    def _saved(self, op: Op) -> list[tuple[str, Any, str | None, int]]:
        kept = []
        for name, what in op.saved or ():
            node = self.place.get(self.key(what)) if isinstance(what, Value) else None
            if isinstance(what, Value) and node is None and what.op is op:
                node = len(self.nodes)
            kept.append(
                (name, what, None if node is None else f"n{node}", what.output if isinstance(what, Value) else 0)
            )
        return kept

    def _engine_place(self, node: EngineNode) -> int:
        """The graph node that an autograd node belongs to; made up where the recorder saw no op for it."""
        if node.leaf is not None:
            return self._producer(node.leaf, None)
        if node.op is not None and id(node.op) in self.place:
            return self.place[id(node.op)]
        key = id(node.op) if node.op is not None else id(node)
        place = self.place.get(key)
        if place is None:
            place = self.place[key] = len(self.nodes)
            self.nodes.append(describe_unseen(f"n{place}", node))
        return place

    # edges

    def _edge(self, source: int, source_output: int, target: int, target_input: int) -> int:
        index = len(self.edges)
        self.edges.append(
            Edge(
                id=f"e{index}",
                source=f"n{source}",
                target=f"n{target}",
                source_output=source_output,
                target_input=target_input,
            )
        )
        self.incoming.setdefault(target, []).append(index)
        return index

    def _engine_edges(self) -> None:
        """Each edge of autograd's graph is one use of a tensor: find which, in order, or add it."""
        for node in self.step.engine:
            if node.leaf is not None:
                continue
            target = self._engine_place(node)
            free = list(self.incoming.get(target, ()))
            for index, (following, output) in enumerate(node.nexts):
                if following is None:
                    continue
                source = self._engine_place(following)
                spelled = f"n{source}"
                output = 0 if following.leaf is not None else output
                edge = next((e for e in free if self._is(e, spelled, output)), None)
                if edge is None:
                    edge = next((e for e in free if self.edges[e].source == spelled), None)
                if edge is None:
                    edge = self._edge(source, output, target, len(self.incoming.get(target, ())))
                else:
                    free.remove(edge)
                self.edge_place[id(node), index] = edge

    def _is(self, edge: int, source: str, output: int) -> bool:
        found = self.edges[edge]
        return bool(found.source == source and found.source_output == output)

    def _next_functions(self) -> None:
        for node in self.step.engine:
            if node.leaf is not None:
                continue
            self.nodes[self._engine_place(node)].next_functions = [
                Next(
                    name=None if following is None else following.name.split("::")[-1],
                    node=None if following is None else f"n{self._engine_place(following)}",
                    output=output,
                )
                for following, output in node.nexts
            ]

    def _count_outputs(self) -> None:
        """A node that was not seen has as many outputs as are used of it."""
        for edge in self.edges:
            node = self.nodes[int(edge.source[1:])]
            node.outputs = max(node.outputs, edge.source_output + 1)

    # slots

    def _slots(self) -> tuple[int, int]:
        """The slot table, and the length of the two buffers in elements."""
        offsets = [0, 0]
        single: dict[int, Slot] = {}
        entered: set[tuple[int, int]] = set()
        seen: set[tuple[int, int, int]] = set()
        for taken, ((kind, owner, output), summary) in enumerate(self.summaries):
            target = self._target(kind, owner, output)
            if target is None or (kind, target, output if kind != EDGE_GRAD else 0) in seen:
                continue
            wide = int(summary.wide)
            slot = Slot(
                target,
                kind,
                0 if kind == EDGE_GRAD else output,
                list(summary.shape),
                summary.dtype,
                summary.device,
                summary.wide,
                offsets[wide],
                summary.values,
                summary.thumb,
            )
            seen.add((kind, target, slot.output))
            self.slots.append(slot)
            self._taken.append(taken)
            offsets[wide] += len(summary.payload) // (8 if wide else 4)
            if kind == GRAD:
                entered.add((target, output))
            elif kind == EDGE_GRAD:
                single[target] = slot
            elif kind == VALUE:
                value = owner.values[output] if isinstance(owner, Op) else owner
                if value.names:
                    self._named.append((taken, f"n{target}"))
            if kind == VALUE and owner is self._loss_owner() and output == self._loss_output():
                self._loss_taken = taken
        self._alias(single, entered)
        return offsets[0], offsets[1]

    def _alias(self, single: dict[int, Slot], entered: set[tuple[int, int]]) -> None:
        """Where one edge alone brought the gradient, what entered the node is what came along that edge."""
        for edge, slot in single.items():
            source = int(self.edges[edge].source[1:])
            output = self.edges[edge].source_output
            if (source, output) not in entered:
                entered.add((source, output))
                self.slots.append(msgspec.structs.replace(slot, target=source, kind=GRAD, output=output))

    def _target(self, kind: int, owner: Any, output: int) -> int | None:
        if kind == EDGE_GRAD:
            return self.edge_place.get((id(owner), output))
        if isinstance(owner, EngineNode):
            return self._engine_place(owner)
        if isinstance(owner, Op):
            return self.place.get(id(owner))
        return self.place.get(self.key(owner)) if kind == VALUE else self._producer(owner, None)

    def _loss_owner(self) -> Op | Value | None:
        loss = self.step.loss
        return None if loss is None else (loss.op or loss)

    def _loss_output(self) -> int:
        return 0 if self.step.loss is None else self.step.loss.output

    # the step

    def recurring(self, sent: Sent) -> Recurring:
        """What steps of the same key need not work out again, once the graph has been built."""
        events, updates = self.events(), self.updates()
        return Recurring(
            sent,
            self._taken,
            self._named,
            self._loss_taken,
            self.loss_node(),
            None if events == sent.graph.events else events,
            None if updates == sent.graph.updates else updates,
        )

    def loss_node(self) -> int | None:
        """Where backward started."""
        loss = self.step.loss
        return None if loss is None else self.place.get(self.key(loss))

    def events(self) -> list[Event]:
        """Everything that happened, in order; absurdly many are cut."""
        if self._events is None:
            most = EVENTS_EACH * (len(self.nodes) + len(self.edges))
            self._events = [e for e in map(self._event, self.step.events) if e is not None][:most]
        return self._events

    def updates(self) -> list[UpdateRecord]:
        """Which parameters were written, and by what."""
        return [
            UpdateRecord(
                self.place[self.key(update.leaf)],
                next(iter(update.leaf.names), None),
                update.optimizer,
                [name for name, _ in update.kept],
            )
            for update in self.step.updates.values()
            if self.key(update.leaf) in self.place
        ]

    def _event(self, event: tuple[int, Any, Site | None]) -> tuple[int, int, int] | None:
        phase, what, site = event
        span = self.builder.source.span(site)
        line = 0 if span is None else span.line
        if phase == BACKWARD and isinstance(what, tuple):
            edge = self.edge_place.get((id(what[0]), what[1]))
            return None if edge is None else (phase, -1 - edge, line)
        if isinstance(what, EngineNode):
            return (phase, self._engine_place(what), line)
        place = self.place.get(id(what) if isinstance(what, Op) else self.key(what))
        return None if place is None else (phase, place, line)


def _first(summary: Summary) -> float | None:
    if math.prod(summary.shape) != 1 or not summary.values:
        return None
    code = "<d" if summary.wide else "<f"
    return float(struct.unpack_from(code, summary.payload, 2 * (8 if summary.wide else 4))[0])
