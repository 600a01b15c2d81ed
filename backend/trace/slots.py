"""The slot table of one step: whose numbers lie where in its buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backend.trace.records import EDGE_GRAD, GRAD, VALUE, EngineNode, Op, Value
from backend.wire.messages import Slot

if TYPE_CHECKING:
    from backend.trace.structure import Structure
    from backend.trace.summary import Summaries


class Slots:
    """The slots of one step. Summaries are told by their place among the step's."""

    def __init__(self, structure: Structure, summaries: Summaries, loss: Value | None) -> None:
        self._structure = structure
        self.table: list[Slot] = []
        self.taken: list[int] = []
        """The summary of each slot that has numbers of its own."""
        self.named: list[tuple[int, str]] = []
        """Those of named values, and the values' nodes."""
        self.loss: int | None = None
        """That of the tensor where backward started."""
        self.lengths = [0, 0]
        """Of the float32 and the float64 buffer, in elements."""
        self._fill(summaries, loss)

    def _fill(self, summaries: Summaries, loss: Value | None) -> None:
        lengths, table = self.lengths, self.table
        single: list[Slot] = []
        seen: set[tuple[int, int, int]] = set()
        shapes: dict[tuple[int, ...], list[int]] = {}
        loss_owner, loss_output = (None, 0) if loss is None else (loss.op or loss, loss.output)
        for place, ((kind, owner, output), summary) in enumerate(summaries):
            if kind == GRAD and owner.op is not None:
                output = owner.op.output_at(output)  # autograd's number into the op's own
            target = self._target(kind, owner, output)
            if target is None:
                continue
            told = 0 if kind == EDGE_GRAD else output
            key = (kind, target, told)
            if key in seen:
                continue
            seen.add(key)
            shape, dtype, device, wide, count, thumb, payload = summary
            sizes = shapes.get(shape)
            if sizes is None:
                sizes = shapes[shape] = list(shape)
            slot = Slot(target, kind, told, sizes, dtype, device, wide, lengths[wide], count, thumb)
            table.append(slot)
            self.taken.append(place)
            lengths[wide] += len(payload) // (8 if wide else 4)
            if kind == EDGE_GRAD:
                single.append(slot)
            elif kind == VALUE:
                value = owner.values[output] if isinstance(owner, Op) else owner
                if value.names:
                    self.named.append((place, self._structure.nodes[target].id))
                if owner is loss_owner and output == loss_output:
                    self.loss = place
        self._alias(single, {(target, output) for kind, target, output in seen if kind == GRAD})

    def _alias(self, single: list[Slot], entered: set[tuple[int, int]]) -> None:
        """Where one edge alone brought the gradient, what entered the node is what came along that edge."""
        ends = self._structure.ends
        for slot in single:
            end = ends[slot.target]
            if end not in entered:
                entered.add(end)
                source, output = end
                self.table.append(
                    Slot(
                        source,
                        GRAD,
                        output,
                        slot.shape,
                        slot.dtype,
                        slot.device,
                        slot.wide,
                        slot.offset,
                        slot.count,
                        slot.thumb,
                    )
                )

    def _target(self, kind: int, owner: Any, output: int) -> int | None:
        structure = self._structure
        if kind == EDGE_GRAD:
            return structure.edge(owner, output)
        if isinstance(owner, EngineNode):
            return structure.engine_place(owner)
        if kind == VALUE or isinstance(owner, Op):
            return structure.place(owner)
        return structure.producer(owner, None)
