"""Checked messages -> the JSON of the contract, one at a time: for the answer of a whole run and for its stream."""

from __future__ import annotations

import math
import struct
from typing import Any, Final

import msgspec

from backend.wire.messages import PHASES, SLOT_KINDS, GraphMessage, Message, ScalarsMessage, StepMessage
from backend.wire.summary import Reader, Summary, spell

encode: Final = msgspec.json.Encoder().encode

Summaries = dict[str, Summary]


class Plan:
    """What is the same in every step of one graph: where each slot's summary goes."""

    def __init__(self, graph: GraphMessage) -> None:
        self.nodes = [node.id for node in graph.nodes]
        self.edges = [edge.id for edge in graph.edges]
        self.floats = struct.Struct(f"<{graph.floats}f")
        self.doubles = struct.Struct(f"<{graph.doubles}d")
        self.outputs = {node.id: node.outputs for node in graph.nodes if node.outputs > 1}
        self.readers: list[tuple[bool, Reader]] = []
        self.slots: list[tuple[int, str, int, int]] = []
        """Kind, node or edge, output, and the place of its reader: slots on the same numbers are read once."""
        known: dict[tuple[Any, ...], int] = {}
        for slot in graph.slots:
            names = self.edges if SLOT_KINDS[slot.kind] == "edge_grad" else self.nodes
            place = known.setdefault(
                (slot.wide, slot.offset, *slot.shape, slot.dtype, slot.device, slot.count, slot.thumb), len(known)
            )
            if place == len(self.readers):
                self.readers.append((slot.wide, Reader(slot)))
            self.slots.append((slot.kind, names[slot.target], slot.output, place))

    def event(self, phase: int, target: int, line: int) -> dict[str, Any]:
        """The event as the contract spells it."""
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
        buffers = (plan.floats.unpack(step.floats), plan.doubles.unpack(step.doubles))
        kinds: tuple[Summaries, ...] = tuple({} for _ in SLOT_KINDS)
        several: tuple[dict[str, list[Summary | None]], ...] = tuple({} for _ in SLOT_KINDS)
        summaries = [reader.read(buffers[wide]) for wide, reader in plan.readers]
        for kind, name, output, place in plan.slots:
            summary = summaries[place]
            if summary is None:
                continue
            if name in plan.outputs and SLOT_KINDS[kind] != "edge_grad":
                several[kind].setdefault(name, [None] * plan.outputs[name])[output] = summary
            kinds[kind].setdefault(name, summary)
        value, grad, edge_grad, leaf_grad, after = kinds
        return {
            "index": step.index,
            "graph": step.graph,
            "events": [plan.event(*event) for event in step.events],
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
                    "optimizer": update.optimizer,
                }
                for update in step.updates
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
    return encode({"id": graph.id, "nodes": graph.nodes, "edges": graph.edges, "groups": graph.groups})


def _spell_attribute(value: Any) -> Any:
    if isinstance(value, list):
        return [_spell_attribute(item) for item in value]
    return spell(value) if isinstance(value, float) else value
