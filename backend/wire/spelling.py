"""Checked messages -> the JSON of the contract, one at a time: for the answer of a whole run and for its stream."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from backend.schema import Totals
from backend.wire.layout import STATE
from backend.wire.messages import PHASES, SLOT_KINDS, GraphMessage, Message, ScalarsMessage, Slot, StepMessage
from backend.wire.summary import Reader, Summary, spell

encode: Final = msgspec.json.Encoder().encode

Summaries = dict[str, Summary]


class Layout:
    """Where the numbers of each slot lie: in whole steps, or in brief ones."""

    def __init__(self, slots: Sequence[Slot], floats: int, doubles: int) -> None:
        self._floats = struct.Struct(f"<{floats}f")
        self._doubles = struct.Struct(f"<{doubles}d")
        self._readers: list[tuple[bool, Reader]] = []
        self._places: list[int] = []
        """Slot -> its reader: slots on the same numbers are read once."""
        known: dict[tuple[Any, ...], int] = {}
        for slot in slots:
            place = known.setdefault(
                (slot.wide, slot.offset, *slot.shape, slot.dtype, slot.device, slot.count, slot.thumb), len(known)
            )
            if place == len(self._readers):
                self._readers.append((slot.wide, Reader(slot)))
            self._places.append(place)

    def read(self, step: StepMessage) -> list[Summary | None]:
        """The summary of each slot."""
        buffers = (self._floats.unpack(step.floats), self._doubles.unpack(step.doubles))
        summaries = [reader.read(buffers[wide]) for wide, reader in self._readers]
        return [summaries[place] for place in self._places]


class Plan:
    """What is the same in every step of one graph: where each slot's summary goes."""

    def __init__(self, graph: GraphMessage) -> None:
        self.nodes = [node.id for node in graph.nodes]
        self.edges = [edge.id for edge in graph.edges]
        self.outputs = {node.id: node.outputs for node in graph.nodes if node.outputs > 1}
        self.slots: list[tuple[int, str, int]] = []
        """Kind, node or edge, output."""
        for slot in graph.slots:
            names = self.edges if SLOT_KINDS[slot.kind] == "edge_grad" else self.nodes
            self.slots.append((slot.kind, names[slot.target], slot.output))
        self.updates = graph.updates
        self._graph = graph
        self._whole: Layout | None = None
        self._brief: Layout | None = None
        self._events: list[dict[str, Any]] | None = None

    def read(self, step: StepMessage) -> list[Summary | None]:
        """The summary of each slot in this step."""
        graph, brief = self._graph, self._graph.brief
        if not step.brief or brief is None:
            if self._whole is None:
                self._whole = Layout(graph.slots, graph.floats, graph.doubles)
            return self._whole.read(step)
        if self._brief is None:
            whole = set(brief.whole)
            slots = [
                replace(slot, offset=offset, **({} if place in whole else {"count": 0, "thumb": None}))
                for place, (slot, offset) in enumerate(zip(graph.slots, brief.offsets, strict=True))
            ]
            self._brief = Layout(slots, brief.floats, brief.doubles)
        return self._brief.read(step)

    def events(self, step: StepMessage) -> list[dict[str, Any]]:
        """The step's events as the contract spells them."""
        if step.events is not None:
            return [self._event(*event) for event in step.events]
        if self._events is None:
            self._events = [self._event(*event) for event in self._graph.events]
        return self._events

    def _event(self, phase: int, target: int, line: int) -> dict[str, Any]:
        return {
            "phase": PHASES[phase],
            "node": self.nodes[target] if target >= 0 else None,
            "edge": None if target >= 0 else self.edges[-1 - target],
            "line": line or None,
        }


class Speller:
    """Spells the messages of one run, in any order in which each graph comes before its steps."""

    def __init__(self) -> None:
        self._plans: dict[str, Plan] = {}

    def knows(self, graph_id: str) -> bool:
        """Whether that graph has been spelled, so that its steps can be."""
        return graph_id in self._plans

    def spell(self, message: Message) -> bytes:
        """The message as a JSON object without `type`, which only the wire needs.

        Errors:
            WireError: numbers in a step that cannot be what they say they are.
        """
        if isinstance(message, StepMessage):
            return encode(self._step(message))
        if isinstance(message, GraphMessage):
            self._plans[message.id] = Plan(message)
            return _encode_graph(message)
        if isinstance(message, ScalarsMessage):
            return encode(spell_scalars(message))
        return encode(untagged(message))

    def _step(self, step: StepMessage) -> dict[str, Any]:
        """One step: each slot read once and put where the contract wants it."""
        plan = self._plans[step.graph]
        kinds: tuple[Summaries, ...] = tuple({} for _ in SLOT_KINDS)
        several: tuple[dict[str, list[Summary | None]], ...] = tuple({} for _ in SLOT_KINDS)
        states: dict[tuple[str, int], Summary] = {}
        for (kind, name, output), summary in zip(plan.slots, plan.read(step), strict=True):
            if summary is None:
                continue
            if kind == STATE:
                states[name, output] = summary
                continue
            if name in plan.outputs and SLOT_KINDS[kind] != "edge_grad":
                several[kind].setdefault(name, [None] * plan.outputs[name])[output] = summary
            kinds[kind].setdefault(name, summary)
        value, grad, edge_grad, leaf_grad, after, _ = kinds
        optimizers = [
            (optimizer.name, {name: _spell_attribute(held) for name, held in optimizer.hyperparameters.items()})
            for optimizer in step.optimizers
        ]
        return {
            "index": step.index,
            "graph": step.graph,
            "brief": step.brief,
            "events": plan.events(step),
            "values": value,
            "outputs": several[0],
            "grads": grad,
            "output_grads": several[1],
            "edge_grads": edge_grad,
            "leaf_grads": leaf_grad,
            "loss": None if step.loss is None else spell(step.loss),
            "loss_node": None if step.loss_node is None else plan.nodes[step.loss_node],
            "updates": [
                {
                    "parameter": (name := plan.nodes[update.parameter]),
                    "name": update.name,
                    "before": value.get(name),
                    "after": after.get(name),
                    "gradient": leaf_grad.get(name) or grad.get(name),
                    "optimizer": None if update.optimizer is None else optimizers[update.optimizer][0],
                    "hyperparameters": {} if update.optimizer is None else optimizers[update.optimizer][1],
                    "state": {
                        kept: states[name, place] for place, kept in enumerate(update.state) if (name, place) in states
                    },
                }
                for update in (plan.updates if step.updates is None else step.updates)
            ],
        }


def untagged(message: Any) -> dict[str, Any]:
    """The fields of a message whose numbers JSON has all."""
    return {name: getattr(message, name) for name in message.__struct_fields__}


def spell_scalars(message: Any) -> dict[str, Any]:
    """The numbers of one iteration, those that JSON lacks as words."""
    return {
        "index": message.index,
        "loss": _spell(message.loss),
        "values": {name: _spell(number) for name, number in message.values.items()},
        "traced": message.traced,
        "loops": {name: _spell(place) for name, place in message.loops.items()},
    }


def _spell(number: Any) -> Any:
    return spell(number) if isinstance(number, float) else number


def _encode_graph(graph: GraphMessage) -> bytes:
    """The structure alone; attributes such as `value=-inf` are spelled."""
    for node in graph.nodes:
        for name, value in node.attributes.items():
            if isinstance(value, list) or (isinstance(value, float) and not math.isfinite(value)):
                node.attributes[name] = _spell_attribute(value)
    totals = {name: getattr(graph, name) for name in Totals.model_fields}
    return encode({"id": graph.id, "nodes": graph.nodes, "edges": graph.edges, "groups": graph.groups, **totals})


def _spell_attribute(value: Any) -> Any:
    if isinstance(value, list):
        return [_spell_attribute(item) for item in value]
    return spell(value) if isinstance(value, float) else value
