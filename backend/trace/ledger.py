"""Which tensor is which value: by identity while it lives, by the op that made it, by the doors that lead to it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, Final

import torch

from backend.trace.records import Op, Step, Value

_MOST_VALUES: Final = 50_000
"""Values that are kept before those of tensors that are gone are dropped."""

_Tensor = torch.Tensor


class Ledger:
    """Knows tensors by id, and asks each time whether it is still the same one: ids of dead objects are given again."""

    def __init__(self) -> None:
        self.table: dict[int, Value] = {}
        self.by_sequence: dict[int, Op] = {}
        self.grads: dict[int, tuple[weakref.ref[_Tensor], Value]] = {}
        self._grads_of: dict[int, set[int]] = {}
        """id(leaf) -> its places in `grads`."""
        self._doors: dict[int, tuple[weakref.ref[_Tensor], weakref.ref[_Tensor]]] = {}
        self.recent: list[Op] = []
        """The ops of the step before."""
        self._open: Op | None = None
        """The op that ran last, until autograd has dealt with it."""
        self._returned: Sequence[_Tensor] = ()
        """What that op returned."""

    def known(self, tensor: _Tensor) -> Value | None:
        """The value that a tensor is now, if the recorder has seen it: by identity, or by the op that made it."""
        value = self.table.get(id(tensor))
        if value is not None and value.ref() is tensor:
            return value
        # asking a view for its grad_fn may make autograd rebuild it
        return None if tensor._is_view() else self.made_by(tensor)

    def made_by(self, tensor: _Tensor) -> Value | None:
        """The output that `tensor.grad_fn` stands for, if the recorder has seen its op."""
        grad_fn = tensor.grad_fn
        op = self.by_sequence.get(grad_fn._sequence_nr()) if grad_fn is not None else None
        place = op.output_at(tensor.output_nr) if op is not None else 0
        return op.values[place] if op is not None and place < len(op.values) else None

    def value_of(self, tensor: _Tensor) -> Value:
        """The value that a tensor is now; a new leaf or data value if the recorder never saw it made."""
        value = self.known(tensor)
        if value is not None:
            if value.op is None or value.requires_grad or not tensor.requires_grad:
                return value
            if tensor.grad_fn is not None:
                # a custom Function: its history was set after the op inside it had returned
                self.own(value.op, tensor.grad_fn)
                value.requires_grad = True
                return value
            if not value.op.reads_grad:
                value.requires_grad = value.is_leaf = True  # requires_grad_() on a computed tensor
                return value
        value = Value.of(tensor)
        value.requires_grad = tensor.requires_grad
        self.table[id(tensor)] = value
        return value

    def own(self, op: Op, grad_fn: Any) -> None:
        """`grad_fn` is what autograd recorded for `op`."""
        if grad_fn is not None and op.grad_fn is None:
            op.grad_fn = grad_fn.name()
            op.sequence = grad_fn._sequence_nr()
            self.by_sequence[op.sequence] = op

    def own_again(self, op: Op, grad_fn: Any) -> None:
        """The same for an op that has run once more, and has such a node again."""
        op.sequence = grad_fn._sequence_nr()
        self.by_sequence[op.sequence] = op

    def finish_op(self) -> None:
        """What an op's outputs became on the way up through autograd is known only after it has returned."""
        op = self._open
        if op is None:
            return
        returned = self._returned
        self._open, self._returned = None, ()
        for value in op.values:
            tensor = returned[value.output]
            grad_fn = tensor.grad_fn
            if grad_fn is not None:
                value.requires_grad = True
                if op.grad_fn is None:
                    op.grad_fn = grad_fn.name()
                    op.sequence = grad_fn._sequence_nr()
                    self.by_sequence[op.sequence] = op
            elif tensor.requires_grad:
                value.requires_grad = True

    def embody(self, value: Value, tensor: _Tensor, step: Step) -> None:
        """`tensor` is what a value is now, in a step that does again what the one before has done."""
        value.ref, value.step = weakref.ref(tensor), step
        self.table[id(tensor)] = value

    def last_op(self) -> Op | None:
        """The op that has run and not returned yet."""
        return self._open

    def alias(self, door: _Tensor, tensor: _Tensor, by: str) -> None:
        """`door` is `tensor` without its history, as `by` (`.data`) gives it."""
        value = self.table[id(door)] = Value.of(door)
        value.door = by
        self._doors[id(door)] = (weakref.ref(door), weakref.ref(tensor))

    def know_grad(self, grad: _Tensor, leaf: Value) -> None:
        """`grad` is `leaf.grad`: reading it is not a forward op, and writing to it is zero_grad or clipping."""
        self.grads[id(grad)] = (weakref.ref(grad), leaf)
        self._grads_of.setdefault(id(leaf), set()).add(id(grad))

    def forget_grad(self, leaf: Value) -> None:
        """`leaf` has no gradient any more, or an empty one."""
        for place in self._grads_of.pop(id(leaf), ()):
            held = self.grads.get(place)
            if held is not None and held[1] is leaf:
                del self.grads[place]

    def holder(self, tensor: _Tensor | None) -> Value | None:
        """The leaf whose `.grad` this tensor is, or whose `.grad.data`."""
        tensor = None if tensor is None else self.behind(tensor)
        held = self.grads.get(id(tensor))
        return held[1] if held is not None and held[0]() is tensor else None

    def behind(self, tensor: _Tensor) -> _Tensor:
        """The tensor that is written to when `tensor` is: itself, or w for `w.data`."""
        door = self._doors.get(id(tensor))
        original = door[1]() if door is not None and door[0]() is tensor else None
        return tensor if original is None else original

    def hidden_by(self, tensor: _Tensor) -> _Tensor | None:
        """The tensor that a write to `tensor` reaches by way of `.data`, unseen by autograd."""
        if not self._doors:
            return None
        base = tensor._base if tensor._is_view() else tensor
        original = None if base is None else self.behind(base)
        return None if original is base else original

    def forget(self, ops: list[Op]) -> None:
        """A step has ended, and these are its ops: those of the step before are forgotten, to bound memory."""
        if not ops or not self.recent or ops[0] is not self.recent[0]:  # else they are the same, done once more
            for op in self.recent:
                self.by_sequence.pop(op.sequence, None)
        if len(self.table) > _MOST_VALUES:
            self.table = {key: value for key, value in self.table.items() if value.ref() is not None}
        self.recent = ops


def whole(tensor: _Tensor) -> _Tensor:
    """What `tensor` is a view of, or itself."""
    base = tensor._base
    return tensor if base is None else base


def tensors_in(out: Any) -> list[_Tensor]:
    """The tensors in what an op returned: a tuple, a list, or lists in a tuple."""
    found: list[_Tensor] = []
    if isinstance(out, (tuple, list)):
        for item in out:
            if isinstance(item, _Tensor):
                found.append(item)
            elif isinstance(item, (tuple, list)):
                found.extend(tensors_in(item))
    return found
