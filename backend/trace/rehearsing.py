"""Hears what an iteration runs while it is recorded: for `pattern`."""

from __future__ import annotations

from collections.abc import Sequence
from types import CodeType
from typing import Any

import torch

from backend.trace.layouts import PLAIN
from backend.trace.ledger import tensors_in
from backend.trace.modes import OpMode, info_of
from backend.trace.pattern import BACKWARD, EMPTIES, MOST_BYTES, UPDATES, Deed
from backend.trace.recorder import Recorder
from backend.trace.records import Op, Site, Step, Value
from backend.trace.source import learner_site

_Tensor = torch.Tensor


class Rehearsal(OpMode):
    """Lies over the mode of the recorder for one iteration."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self.path = recorder.loops
        self.began = recorder.count
        """How many ops there had been before."""
        self.failed = False
        """Something was in it that cannot be followed."""
        self.step: Step | None = None
        """The step whose backward was heard."""
        self.deeds: list[Deed] = []
        self.ops: dict[int, Op] = {}
        """By id, what the recorder has made of them."""
        self.tensors: list[_Tensor] = []
        """All that an op was given or returned, by number: as long as they are held, an id is one tensor's."""
        self.given: list[int] = []
        """The numbers of those that no op of the iteration has made."""
        self.before = 0
        """How many there were when backward ran."""
        self.bytes = 0
        self.happened = 0
        """How many events the step had at the end of the iteration."""
        self._numbers: dict[int, int] = {}
        self._made: dict[tuple[int, int], int] = {}
        """id(op) and place of an output -> number."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func`, and note it."""
        out = func(*args, **(kwargs or {}))
        if not self.recorder.suspended and not self.failed:
            self._note(func, args, kwargs or {}, out)
        return out

    def close(self) -> None:
        """The iteration is over."""
        self.happened = 0 if self.step is None else len(self.step.events)

    def backward(self, outputs: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any], site: Site | None) -> None:
        """The engine is about to run, for the recorder's step."""
        if self.step is not None or len(outputs) != 1 or not isinstance(outputs[0], _Tensor):
            self.failed = True
            return
        self.step, self.before = self.recorder.step, len(self.tensors)
        number = self._numbers.get(id(outputs[0]), -1)
        plain = args[1:]  # whether the graph is kept, is one itself, and where it ends
        self.failed |= number < 0 or any(type(one) is not bool and one != () for one in plain)
        deed = Deed(BACKWARD, None, *_place(site), tensors=[(0, number)], rest=plain, keywords=kwargs)
        self.deeds.append(deed)

    def emptied(self, held: Sequence[_Tensor], site: Site | None) -> None:
        """A `zero_grad` has taken the gradients of those."""
        if self.step is not None or not self.recorder.step.closed:  # else it is the step's before
            self.deeds.append(Deed(EMPTIES, None, *_place(site), held=list(held)))

    def updated(self, optimizer: Any, site: Site | None, *, alone: bool) -> None:
        """An optimizer has stepped. `alone`: without a closure, which does what is the step's inside."""
        self.failed |= not alone
        self.deeds.append(Deed(UPDATES, None, *_place(site), held=with_gradient(optimizer), optimizer=optimizer))

    def made(self) -> list[tuple[Op, int, int]]:
        """Each output that an op has made: the op, which of its outputs, and the number of the tensor."""
        return [(self.ops[op], place, number) for (op, place), number in self._made.items()]

    def number_of(self, owner: Op | Value, output: int) -> int | None:
        """The number of the tensor that was a value."""
        if isinstance(owner, Op):
            return self._made.get((id(owner), output))
        return self._numbers.get(id(owner.ref()))

    def _note(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        info, call, op = info_of(func), self.recorder.call, self.recorder.last_op()
        code, place = _place(learner_site(2) if call is None else call.site)
        deed = Deed(func, info.run, code, place, len(args), [], [], [], kwargs)
        for place, arg in enumerate(args):
            if isinstance(arg, _Tensor):
                deed.tensors.append((place, self._given(arg)))
            elif isinstance(arg, list | tuple) and any(isinstance(item, _Tensor) for item in arg):
                self.failed |= not all(isinstance(item, _Tensor) for item in arg)
                deed.several.append((place, [self._given(item) for item in arg if isinstance(item, _Tensor)]))
            else:
                deed.others.append((place, arg))
        # torch makes another of a tensor that is held while it is made: what a factory returns is known when it is used
        if not info.makes and (deed.tensors or deed.several):
            outs = [out] if isinstance(out, _Tensor) else tensors_in(out)
            deed.outs = numbers = [self._number(tensor) for tensor in outs]
            deed.single = isinstance(out, _Tensor)
        else:
            numbers = []
        if op is not None and id(op) not in self.ops:
            self.ops[id(op)] = op
            self._made.update({(id(op), place): number for place, number in enumerate(numbers)})
        self.failed |= bool(info.writes) or any(isinstance(value, _Tensor) for value in kwargs.values())
        self.deeds.append(deed)

    def _given(self, tensor: _Tensor) -> int:
        if id(tensor) not in self._numbers:
            self.given.append(len(self.tensors))
        return self._number(tensor)

    def _number(self, tensor: _Tensor) -> int:
        known = self._numbers.get(id(tensor))
        if known is None:
            known = self._numbers[id(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
            self.bytes += tensor.numel() * tensor.itemsize
            if type(tensor) not in PLAIN or not tensor.is_cpu or tensor.is_neg() or self.bytes > MOST_BYTES:
                self.failed = True
                self.tensors = []
        return known


def _place(site: Site | None) -> tuple[CodeType | None, int]:
    return (None, -1) if site is None else site


def with_gradient(optimizer: Any) -> list[_Tensor]:
    """The parameters of an optimizer that have a gradient: those that it updates."""
    return [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
