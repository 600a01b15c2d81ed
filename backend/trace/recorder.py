"""Makes a record of each aten op: what it read, what it returned, and who called it."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from backend.trace.iterations import Pass, Path
from backend.trace.layouts import stored_bytes
from backend.trace.ledger import tensors_in, whole
from backend.trace.records import RETURNED, VALUE, Call, Copy, Gaps, Op, OpInfo, Site, Value
from backend.trace.source import learner_site
from backend.trace.writes import Writes

_Tensor = torch.Tensor
_strided = torch.strided
_grad_enabled = torch.is_grad_enabled
_excluded = torch._C._dispatch_tls_is_dispatch_key_excluded
_VIEWS = torch._C.DispatchKey.ADInplaceOrView
"""Autograd's part of an op that makes a view. It has been passed when an op reaches the recorder, and is not when
autograd calls for itself."""


_NUMBERS = frozenset({float, int, bool, complex})

_STACKED = OpInfo(torch.ops.aten.stack.default)
"""How a batch comes about."""

_CUT_OFF = OpInfo(torch.ops.aten.detach_.default)

_UPDATED = OpInfo(torch.ops.aten.copy_.default)
"""What gives a leaf its next values, whatever wrote them."""


class Recorder(Writes):
    """The record of one run."""

    def add(self, info: OpInfo, args: tuple[Any, ...], kwargs: dict[str, Any] | None, out: Any) -> None:
        """One aten op has run."""
        if self._open is not None:
            self.finish_op()
        if info.packet == "detach" and self._is_saving(args[0]):
            if not args[0].requires_grad:
                # nothing is saved then: a function without a derivative, and this is the tensor that it returns
                self.table[id(out)] = self.value_of(args[0]).again(out)
            return
        if self.rewritten:
            self._renew(args)
        call = self.call
        site = call.site if call is not None else learner_site(2)
        grad = _grad_enabled()
        inference = not grad and torch.is_inference_mode_enabled()
        inputs: list[Value] = []
        attributes: list[tuple[str, Any]] = []
        table = self.table
        # asked by type first, of what most arguments are: isinstance of Tensor takes its time to say no
        for place, arg in enumerate(args):
            kind = type(arg)
            if kind is not _Tensor and kind in _NUMBERS:
                attributes.append((info.arguments[place], arg))
            elif kind is _Tensor or isinstance(arg, _Tensor):
                value = table.get(id(arg))
                if value is None or not value.requires_grad or value.ref() is not arg:
                    value = self.value_of(arg)
                inputs.append(value)
            elif isinstance(arg, (list, tuple)) and arg and isinstance(arg[0], (_Tensor, type(None))):
                inputs.extend(self.value_of(item) for item in arg if isinstance(item, _Tensor))
                if any(item is None for item in arg):
                    gaps = Gaps(":" if item is None else "tensor" for item in arg)
                    attributes.append((info.arguments[place], gaps))
            elif place < len(info.arguments):
                attributes.append((info.arguments[place], arg))
        if kwargs:
            for name, arg in kwargs.items():
                if not isinstance(arg, _Tensor):
                    attributes.append((name, arg))
                elif name not in info.outs:
                    inputs.append(self.value_of(arg))
        op = Op(info, self.count, call, self.modules, self.loops, site, grad, inference, inputs, attributes)
        if info.writes and self._write(op, info, args, kwargs or {}):
            return
        outs: Sequence[_Tensor]
        if type(out) is _Tensor:
            outs = (out,)
        elif isinstance(out, _Tensor):
            outs, self.subclasses = (out,), True
        else:
            outs = tensors_in(out)
        if not outs and (not inputs or info.asks):
            return  # the profiler's marks and the like: no tensor in, none out
        if info.makes or not inputs:
            self._made(op, outs)
            return
        self._forward(op, outs)

    def _forward(self, op: Op, outs: Sequence[_Tensor]) -> None:
        """An op with tensors in: it belongs to a step."""
        step = self.step
        if op.info.writes:
            outs = [self._written(op, tensor) for tensor in outs]
        reads_grad = False
        if self.grads:
            reads_grad = any(
                v.op.reads_grad if v.op is not None else self.holder(v.ref()) is not None for v in op.inputs
            )
        if step.closed:
            if not op.grad_enabled and _shows_leaf(op):
                reads_grad = True  # `w[0] -= lr * w.grad[0]`: the view is a part of the update
            if outs and not reads_grad and not self._afterthought(op):
                self.next_step()
                step = self.step
        if reads_grad:
            op.reads_grad = True
            if op.info.packet == "sub":
                leaf = op.inputs[0]
                if leaf.op is None and leaf.requires_grad:
                    step.lost.append((leaf, op.site))
        elif step.updates:
            op.inputs = [self._updated(value) for value in op.inputs]
        for value in op.inputs:
            if value.step is not step:
                value.step = step
                if not reads_grad:
                    self._use(value)
        table, values = self.table, op.values
        for place, tensor in enumerate(outs):
            stored = None if tensor.layout is _strided else stored_bytes(tensor)
            # as `Value.of` does, which would be one call more for each op
            value = Value(weakref.ref(tensor), tensor.shape, tensor.dtype, stored, op, place, step)
            table[id(tensor)] = value
            values.append(value)
            if not reads_grad:
                self.summariser.add((VALUE, op, place), tensor)
        self.count += 1
        if not reads_grad:
            step.ops.append(op)
            step.events.append(op)
        self._returned, self._open = outs, op  # in this order, wherever a stop comes

    def _updated(self, value: Value) -> Value:
        """What an evaluation behind the update reads: of a leaf that this step has used and written, the new values."""
        update, tensor = self.step.updates.get(id(value)), value.ref()
        if update is None or tensor is None or value.step is not self.step:
            return value
        if update.then is None:
            update.then = then = value.again(tensor)
            call = Call("updated", update.site, 0, 1, direct=True)
            then.step, then.origin = None, Op(_UPDATED, self.count, call, site=update.site)
        return update.then

    def _made(self, op: Op, outs: Sequence[_Tensor]) -> None:
        """A factory (`torch.randn`, `torch.tensor`): remembered, and shown once it is used or has a name."""
        for place, tensor in enumerate(outs):
            value = Value.of(tensor, None, place)
            value.origin = op
            self.table[id(tensor)] = value
            op.values.append(value)

    def copied(self, tensor: Any, args: tuple[Any, ...]) -> None:
        """`torch.tensor([a, b])` has taken the numbers of a and b, and left their history behind."""
        given = args[0] if args else None
        items = tensors_in(given) if isinstance(given, (list, tuple)) else [given]
        sources = [item for item in items if isinstance(item, _Tensor) and item.requires_grad]
        made = self.table.get(id(tensor))
        if sources and made is not None and made.ref() is tensor:
            self.copies.append(Copy(made, [self.value_of(item) for item in sources]))

    def cut_off(self, before: Value, tensor: _Tensor) -> None:
        """`tensor.detach_()` was called on what was the result `before`: autograd does that without an op."""
        op = Op(_CUT_OFF, self.count, self.call, self.modules, self.loops, learner_site(2))
        op.inputs.append(before)
        self._forward(op, [tensor])
        self.finish_op()

    def given(self, batch: Any, by: str, site: Site | None) -> None:
        """What a call that was not watched has made of the snippet's data: shown as data that `by` made."""
        self.batch = self.brought((item for item in tree_leaves(batch) if isinstance(item, _Tensor)), by, site)

    def brought(self, tensors: Iterable[_Tensor], by: str, site: Site | None) -> list[Value]:
        """The values of those of the tensors that nobody has seen before: `by`, in that place, has made them."""
        call = Call(by, site, self.count, self.count + 1, direct=True)
        op = Op(_STACKED, self.count, call, site=site)
        self._made(op, [tensor for tensor in tensors if self.known(tensor) is None])
        return list(op.values)

    def _written(self, op: Op, tensor: _Tensor) -> _Tensor:
        """A write through a view is a write to what it is a view of: that is what has a new value and a new grad_fn."""
        tensor = whole(tensor)
        self.rewritten[id(tensor)] = (weakref.ref(tensor), op.number)
        return tensor

    def _renew(self, args: tuple[Any, ...]) -> None:
        """Views that are read after what they view was written to: autograd makes them anew, from the new base."""
        for arg in args:
            for tensor in [arg] if isinstance(arg, _Tensor) else tensors_in(arg):
                if tensor._is_view():
                    self._renew_view(tensor, whole(tensor))

    def _renew_view(self, tensor: _Tensor, base: _Tensor) -> None:
        known, number = self.rewritten.get(id(base), (None, -1))
        value = self.table.get(id(tensor))
        if known is None or known() is not base or value is None or value.ref() is not tensor:
            return
        old = value.op
        if old is None or old.number >= number:
            return
        op = Op(old.info, self.count, None, self.modules, self.loops, old.site, _grad_enabled())
        op.attributes = old.attributes
        op.inputs.append(self.value_of(base))
        self._forward(op, [tensor])
        self.finish_op()

    def _is_saving(self, tensor: _Tensor) -> bool:
        """Autograd detaches an op's result to save it for backward; nobody asked for that detach."""
        call = self.call
        # no call: TorchScript, say, which the modes do not see from above
        asked = _excluded(_VIEWS) if call is None else call.name in ("detach", "data", "__get__", "clone")
        return not asked and self._last_output(tensor)

    def _last_output(self, tensor: _Tensor) -> bool:
        value = self.table.get(id(tensor))
        return value is not None and value.op is not None and value.op.number == self.count - 1

    def _afterthought(self, op: Op) -> bool:
        step = self.step
        if op.inputs and all(v.op is not None and v.step is step for v in op.inputs):
            over = over_in(self.closed_in, self.loops)
            # in the next turn of a loop, `h.detach()` begins the next step; its condition looks back at the last one
            return over is None or (
                self.between
                and any(v.op is not None and (over in v.op.loops or v.op.number >= self.closed_at) for v in op.inputs)
            )
        return (not op.grad_enabled and self._goes_on()) or self._looks_back()

    def _looks_back(self) -> bool:
        """In the turn of the step that is over no backward comes any more: an evaluation of what it has learned."""
        return self.turns is not None and over_in(self.closed_in, self.loops) is None and self.turns.looks_back()

    def named(self, out: Any, site: Site) -> None:
        """What a call in the learner's own frame returned; the name it is stored under is found out later."""
        for place, item in enumerate(out if isinstance(out, (tuple, list)) else (out,)):
            value = self.table.get(id(item)) if isinstance(item, _Tensor) else None
            if value is not None and value.ref() is item:
                self.sites += (value, site, place)

    def applied(self, call: Call, args: tuple[Any, ...], out: Any) -> None:
        """`apply` of an autograd.Function has returned `out`: what ran in it is one call, whatever was called inside.

        Its backward is that of what it returns, which got it last of all.
        """
        self.finish_op()
        call.last = self.count
        for op in reversed(self.step.ops):
            if op.number < call.first:
                break
            op.call = call
            if call.last - call.first == 1:
                op.site = call.site  # one node, and this is what stands for it in the snippet
        outs = [out] if isinstance(out, _Tensor) else tensors_in(out)
        if not any(tensor.grad_fn is not None for tensor in outs):
            return
        found = [self.table.get(id(tensor)) for tensor in outs]
        made = [v for v in found if v is not None and v.op is not None and v.op.number >= call.first]
        if len(made) == len(outs) > 1 and len({id(value.op) for value in made}) > 1:
            self._function(call, args, made, outs)
            return
        for value, tensor in zip(found, outs, strict=True):
            if value in made and value is not None and value.op is not None and tensor.grad_fn is not None:
                self.own(value.op, tensor.grad_fn)
                value.requires_grad = True

    def _function(self, call: Call, args: tuple[Any, ...], made: list[Value], outs: list[_Tensor]) -> None:
        """Several ops made what a Function returns, and one backward is that of them all: it gets a node of its own."""
        op = Op(RETURNED, self.count, call, self.modules, self.loops, call.site, _grad_enabled())
        op.inputs = [self.value_of(arg) for arg in args if isinstance(arg, _Tensor) and arg.requires_grad] + made
        for value in made:
            value.requires_grad = False  # a view of an input says otherwise, until it has the Function's history
        self._forward(op, outs)
        self.finish_op()
        call.last = self.count


def over_in(before: Path, now: Path) -> Pass | None:
    """The outermost turn of a loop that `before` was in and that is over `now`, in another turn of the same loop."""
    for was, here in zip(before, now, strict=False):
        if was != here:
            return was if was.run == here.run else None
    return None


def _shows_leaf(op: Op) -> bool:
    """An element or a slice of a leaf, as the learner's own line takes it."""
    call, made = op.call, op.inputs[0]
    written = call is not None and call.direct and call.name in ("__getitem__", "__setitem__")
    return written and op.info.views and made.op is None and made.requires_grad
