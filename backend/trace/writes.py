"""What is written in place: an update, a zero_grad, a tensor's first values, or an op of the step."""

from __future__ import annotations

from typing import Any

import torch

from backend.trace.ledger import tensors_in, whole
from backend.trace.records import Op, OpInfo, Site, Value
from backend.trace.source import learner_site
from backend.trace.steps import EMPTIES, Steps

_Tensor = torch.Tensor

_FILLS = frozenset({"uniform_", "normal_", "zero_", "fill_", "bernoulli_", "random_", "exponential_", "erfinv_"})
"""Ops that give a fresh tensor its first values: part of how it was made, until something has read it."""


def targets(info: OpInfo, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[_Tensor]:
    """The arguments of a call that it writes to."""
    found: list[_Tensor] = []
    for place in info.writes:
        target = args[place] if place < len(args) else kwargs.get(info.arguments[place])
        found += [target] if isinstance(target, _Tensor) else tensors_in(target)
    return found


class Writes(Steps):
    """Tells the kinds of writes apart."""

    def _write(self, op: Op, info: OpInfo, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """An in-place op. True if it is told otherwise than as an op: an update, a zero_grad, an initialisation."""
        told = True
        for tensor in targets(info, args, kwargs):
            told = self._write_one(op, tensor) and told
        return told and bool(info.writes)

    def _write_one(self, op: Op, written: _Tensor) -> bool:
        self._note_hidden(op, written)
        tensor = self.behind(whole(written))
        value = self.table.get(id(tensor))
        leaf = self.holder(tensor)
        if leaf is not None:
            empties = op.info.packet in EMPTIES or (op.info.packet == "mul_" and ("other", 0) in op.attributes)
            if empties and written.numel() == tensor.numel():
                self.zero_grad(leaf, op.site)
            return True
        if tensor.requires_grad and tensor.is_leaf:
            leaf = self.value_of(tensor)
            if leaf.used:
                self.update(leaf, None, op.site)
            return True
        if op.call is not None and not op.call.direct and not (tensor.is_floating_point() or tensor.is_complex()):
            return True  # a module's own counter, such as num_batches_tracked
        return op.info.packet in _FILLS and value is not None and value.op is None and not value.used

    def _note_hidden(self, op: Op, tensor: _Tensor) -> None:
        """A write through `.data` to a tensor of the graph, before backward has come past it."""
        original = self.hidden_by(tensor)
        value = None if original is None else self.table.get(id(original))
        if original is None or value is None or value.ref() is not original or not original.requires_grad:
            return
        if value.step is self.step and not self.step.closed:
            self.step.hidden.append((value, op.site, original.is_leaf))

    def assigned(self, tensor: _Tensor) -> None:
        """`tensor.data = …`: an update, if a step has used it."""
        value = self.table.get(id(tensor))
        if value is not None and value.ref() is tensor and value.used and tensor.requires_grad and tensor.is_leaf:
            self.update(value, None, learner_site(2))

    def overwritten(self, tensor: _Tensor, site: Site | None) -> None:
        """A call that was not watched has given a tensor other values: an update of a leaf that a step has used."""
        tensor = self.behind(whole(tensor))
        value = self.table.get(id(tensor))
        if value is None or value.ref() is not tensor or not value.used:
            return
        if tensor.requires_grad and tensor.is_leaf:
            self.update(value, None, site)
        else:
            self.table[id(tensor)] = Value.of(tensor)

    def grad_dropped(self, tensor: _Tensor, site: Site | None) -> None:
        """The gradient that `tensor` has, or had, becomes None, or zeros."""
        value = self.table.get(id(tensor))
        if value is not None and value.ref() is tensor:
            self.zero_grad(value, site)
