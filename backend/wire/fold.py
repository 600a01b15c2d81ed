"""The checked messages of a run -> the JSON of `schema.GraphAnswer`.

Graphs and steps are encoded as they arrive, while the sandbox still works, so little is left to do at the end.
"""

from __future__ import annotations

import math
import struct
from typing import Any, Final

import msgspec

from backend.schema import Problem, Timings
from backend.wire.messages import (
    PHASES,
    SLOT_KINDS,
    BindingMessage,
    DoneMessage,
    GraphMessage,
    Message,
    NoticeMessage,
    OutputMessage,
    ProblemMessage,
    ResultMessage,
    StepMessage,
)
from backend.wire.struct import struct_for
from backend.wire.summary import Reader, Summary, spell
from backend.wire.unpack import Note

_encode: Final = msgspec.json.Encoder().encode
_TimingsStruct: Final = struct_for(Timings)

Summaries = dict[str, Summary]


class AnswerTooLarge(Exception):
    """The JSON of what was recorded so far is over the limit; `Fold` keeps what fitted."""


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


class Fold:
    """Collects a run's messages. `answer_bytes` bounds the JSON, which is some five times as long as the messages."""

    def __init__(self, *, answer_bytes: int) -> None:
        self._room = answer_bytes
        self._plans: dict[str, Plan] = {}
        self._graphs: list[msgspec.Raw] = []
        self._steps: list[msgspec.Raw] = []
        self._bindings: list[msgspec.Raw] = []
        self._output: list[msgspec.Raw] = []
        self._notices: list[msgspec.Raw] = []
        self._result: msgspec.Raw | None = None
        self.problem: Problem | None = None
        """The learner error that the tracer sent, if it did."""
        self.done: DoneMessage | None = None
        self.last_line: int | None = None
        """The last line that a message was about: where a run that was killed had got to."""

    @property
    def recorded(self) -> bool:
        """Whether there is a graph with at least one node."""
        return bool(self._graphs)

    def add(self, message: Message) -> None:
        """Take in one message that `Unpacker` has passed.

        Errors:
            WireError: numbers in a step that cannot be what they say they are.
            AnswerTooLarge: this message is left out, the answer keeps what came before.
        """
        if isinstance(message, StepMessage):
            self._steps.append(self._keep(self._step(message)))
        elif isinstance(message, GraphMessage):
            self._graphs.append(self._keep(_encode_graph(message)))
            self._plans[message.id] = Plan(message)
        elif isinstance(message, DoneMessage):
            self.done = message
        elif isinstance(message, ProblemMessage):
            self.problem = self.problem or Problem.model_validate_json(_encode(_untagged(message)))
        else:
            self._note(message)

    def answer(self, *, status: str, problem: Problem | None, timings: Timings) -> bytes:
        """The JSON of the whole answer."""
        return _encode(
            {
                "status": status,
                "graphs": self._graphs,
                "steps": self._steps,
                "bindings": self._bindings,
                "output": self._output,
                "result": self._result,
                "problem": problem and msgspec.Raw(problem.model_dump_json().encode()),
                "notices": self._notices,
                "timings": _TimingsStruct(**{name: round(ms, 3) for name, ms in timings}),
            }
        )

    def _note(self, message: Note) -> None:
        """Bindings, output, results and notices: kept as encoded, without the tag that only the wire needs."""
        if message.line:
            self.last_line = message.line
        kept = self._keep(_encode(_untagged(message)))
        if isinstance(message, BindingMessage):
            self._bindings.append(kept)
        elif isinstance(message, OutputMessage):
            self._output.append(kept)
        elif isinstance(message, NoticeMessage):
            self._notices.append(kept)
        elif isinstance(message, ResultMessage):
            self._result = kept

    def _keep(self, encoded: bytes) -> msgspec.Raw:
        if len(encoded) > self._room:
            raise AnswerTooLarge
        self._room -= len(encoded)
        return msgspec.Raw(encoded)

    def _step(self, step: StepMessage) -> bytes:
        """One step's JSON: each slot read once and put where the contract wants it."""
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
        if step.events and step.events[-1][2]:
            self.last_line = step.events[-1][2]
        return _encode(
            {
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
        )


def _encode_graph(graph: GraphMessage) -> bytes:
    """The structure alone; attributes such as `value=-inf` are spelled."""
    for node in graph.nodes:
        for name, value in node.attributes.items():
            if isinstance(value, list) or (isinstance(value, float) and not math.isfinite(value)):
                node.attributes[name] = _spell_attribute(value)
    return _encode({"id": graph.id, "nodes": graph.nodes, "edges": graph.edges, "groups": graph.groups})


def _spell_attribute(value: Any) -> Any:
    if isinstance(value, list):
        return [_spell_attribute(item) for item in value]
    return spell(value) if isinstance(value, float) else value


def _untagged(message: Any) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__struct_fields__}
