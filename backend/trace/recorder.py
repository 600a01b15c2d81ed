"""Keeps what the modes and the engine see, in order, and cuts it into steps.

A step begins with the first forward op after a backward, an update or a zero_grad. Whether an op is a forward op of the
next step or an afterthought of this one (`loss.item()`, an accuracy computed from this step's prediction,
`lr * w.grad`) is told by what it reads: only results of this step, or a `.grad`, and it is an afterthought.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from backend.trace.batches import name_batch
from backend.trace.iterations import Path
from backend.trace.ledger import Ledger
from backend.trace.optimizers import hyperparameters, kept_for
from backend.trace.records import Call, Gaps, Op, OpInfo, Pass, Site, Step, Update, Value
from backend.trace.source import learner_site
from backend.trace.summary import Summaries, Summariser
from backend.trace.turns import Turns

FORWARD, BACKWARD, UPDATE, ZERO_GRAD = range(4)
"""Places in `wire.messages.PHASES`."""

VALUE, GRAD, EDGE_GRAD, LEAF_GRAD, AFTER, STATE = range(6)
"""Places in `wire.messages.SLOT_KINDS`."""

_Tensor = torch.Tensor
_grad_enabled = torch.is_grad_enabled

_FILLS = frozenset({"uniform_", "normal_", "zero_", "fill_", "bernoulli_", "random_", "exponential_", "erfinv_"})
"""Ops that give a fresh tensor its first values: part of how it was made, until something has read it."""

_EMPTIES = frozenset({"zero_", "_foreach_zero_", "fill_"})
"""Ops that, done to a `.grad`, are a zero_grad."""

_STACKED = OpInfo(torch.ops.aten.stack.default)
"""How a batch comes about."""


def is_sampled(index: int) -> bool:
    """Whether a step is told in full when `trace` is "sampled": the first ones all, later ones ever more rarely.

    Of 1,000 steps some 220, of 10,000 some 350.
    """
    return index % max(1, index // 60) == 0


class Recorder(Ledger):
    """The record of one run. `emit(step, summaries)` is called with each step when it is complete."""

    def __init__(self, preview: int, emit: Callable[[Step, Summaries], None], *, sampled: bool = False) -> None:
        super().__init__()
        self.sampled = sampled
        self.skipping = False
        """The current step is not told in full: ops are only watched for where the step ends."""
        self.leaves: dict[int, Value] = {}
        self.batch: list[Value] = []
        """What was `given` last. The next batch takes its names away, so they are read when the step closes."""
        self.summariser = Summariser(preview)
        self.emit = emit
        self.step = Step(0)
        self.call: Call | None = None
        self.modules: tuple[int, ...] = ()
        self.module_calls: list[Any] = []
        self.hooked: list[Value] = []
        """Tensors with hooks of the learner's own, which may change what enters: then the edges alone do not say it."""
        self.loops: Path = ()
        """Kept by `Iterations`."""
        self.module_loops: list[Path] = []
        """The loops around each of `module_calls`."""
        self.loop_headers: list[tuple[int, str]] = []
        self.sites: list[tuple[Value, Site, int]] = []
        self.suspended = 0
        self.count = 0
        self.backwards = 0
        self.passes: dict[Site | None, Pass] = {}
        """The last backward of each place in the snippet."""
        self.emptied: dict[int, Site | None] = {}
        """id(leaf) -> where its .grad was emptied last."""
        self.backward_site: Site | None = None
        """Where the last backward that came to its end was called."""
        self.rewritten: dict[int, tuple[weakref.ref[_Tensor], int]] = {}
        """id -> a tensor that was written to in place, and the number of the last op that did."""
        self._open: Op | None = None
        self._forward_part: Summaries = []
        self.survey: Callable[[Recorder, list[_Tensor]], None] | None = None
        """Looks at the autograd graph of a step that ends without a backward."""
        self.turns: Turns | None = None
        self.turned: Callable[[Step], None] | None = None
        """Called at the end of every step, also of those that are not told in full."""

    # forward

    def before_write(self) -> None:
        """An op is about to write to tensors that may be waiting to be summarised."""
        self.finish_op()
        self.summariser.flush()

    def add(self, info: OpInfo, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """One aten op has run."""
        self.finish_op()
        if info.packet == "detach" and self._is_saving(args[0]):
            if not args[0].requires_grad:
                # nothing is saved then: a function without a derivative, and this is the tensor that it returns
                self.table[id(out)] = self.value_of(args[0]).again(out)
            return
        if self.rewritten:
            self._renew(args)
        op = Op(info, self.count)
        op.grad_enabled = _grad_enabled()
        if not op.grad_enabled:
            op.inference = torch.is_inference_mode_enabled()
        call = self.call
        op.call = call
        op.modules = self.modules
        op.loops = self.loops
        op.site = call.site if call is not None else learner_site(2)
        inputs = op.inputs
        table = self.table
        for place, arg in enumerate(args):
            if isinstance(arg, _Tensor):
                value = table.get(id(arg))
                if value is None or not value.requires_grad or value.ref() is not arg:
                    value = self.value_of(arg)
                inputs.append(value)
            elif isinstance(arg, (list, tuple)) and arg and isinstance(arg[0], (_Tensor, type(None))):
                inputs.extend(self.value_of(item) for item in arg if isinstance(item, _Tensor))
                if any(item is None for item in arg):
                    gaps = Gaps(":" if item is None else "tensor" for item in arg)
                    op.attributes.append((info.arguments[place], gaps))
            elif place < len(info.arguments):
                op.attributes.append((info.arguments[place], arg))
        for name, arg in kwargs.items():
            if isinstance(arg, _Tensor):
                if name not in info.outs:
                    inputs.append(self.value_of(arg))
            else:
                op.attributes.append((name, arg))
        if info.writes and self._write(op, info, args, kwargs):
            return
        outs = [out] if isinstance(out, _Tensor) else _tensors(out)
        if not inputs and not outs:
            return  # the profiler's marks and the like: no tensor in, none out
        if info.makes or not inputs:
            self._made(op, outs)
            return
        self._forward(op, outs)

    def _forward(self, op: Op, outs: list[_Tensor]) -> None:
        """An op with tensors in: it belongs to a step."""
        step = self.step
        if op.info.writes:
            outs = [self._written(op, tensor) for tensor in outs]
        if self.grads:
            op.reads_grad = any(
                v.op.reads_grad if v.op is not None else self.holder(v.ref()) is not None for v in op.inputs
            )
        if step.closed and not op.grad_enabled and _shows_leaf(op):
            op.reads_grad = True  # `w[0] -= lr * w.grad[0]`: the view is a part of the update
        if step.closed and not op.reads_grad and not self._afterthought(op):
            self.next_step()
            step = self.step
        for value in op.inputs:
            if value.step is not step:
                value.step = step
                if not op.reads_grad:
                    self._use(value)
        op.tensors = outs
        drawn = not op.reads_grad
        for place, tensor in enumerate(outs):
            value = self.table[id(tensor)] = Value(tensor, op, place)
            value.step = step
            op.values.append(value)
            if drawn:
                self.summariser.add((VALUE, op, place), tensor)
        self.count += 1
        if drawn:
            step.ops.append(op)
            step.events.append((FORWARD, op, op.site))
        self._open = op

    def _use(self, value: Value) -> None:
        """A tensor from outside the step is used in it for the first time: now its value counts."""
        tensor = value.ref()
        if tensor is None:
            return
        value.used = True
        value.requires_grad = tensor.requires_grad
        value.is_leaf = tensor.is_leaf
        value.is_parameter = isinstance(tensor, torch.nn.Parameter)
        self.summariser.add((VALUE, value, 0), tensor)

    def _made(self, op: Op, outs: list[_Tensor]) -> None:
        """A factory (`torch.randn`, `torch.tensor`): remembered, and shown once it is used or has a name."""
        for place, tensor in enumerate(outs):
            value = Value(tensor, None, place)
            value.origin = op
            self.table[id(tensor)] = value
            op.values.append(value)

    def given(self, batch: Any, by: str, site: Site | None) -> None:
        """What a call that was not watched has made of the snippet's data: shown as data that `by` made."""
        op = Op(_STACKED, self.count)
        op.site = site
        op.call = Call(by, site, self.count, direct=True)
        op.call.last = self.count + 1
        tensors = [item for item in tree_leaves(batch) if isinstance(item, _Tensor)]
        self._made(op, [tensor for tensor in tensors if not self._knows(tensor)])
        self.batch = list(op.values)

    def _knows(self, tensor: _Tensor) -> bool:
        value = self.table.get(id(tensor))
        return value is not None and value.ref() is tensor

    def _write(self, op: Op, info: OpInfo, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """An in-place op. True if it is told otherwise than as an op: an update, a zero_grad, an initialisation."""
        told = True
        for place in info.writes:
            target = args[place] if place < len(args) else kwargs.get(info.arguments[place])
            for tensor in [target] if isinstance(target, _Tensor) else _tensors(target):
                told = self._write_one(op, tensor) and told
        return told and bool(info.writes)

    def _write_one(self, op: Op, written: _Tensor) -> bool:
        self._note_hidden(op, written)
        tensor = self.behind(whole(written))
        value = self.table.get(id(tensor))
        leaf = self.holder(tensor)
        if leaf is not None:
            empties = op.info.packet in _EMPTIES or (op.info.packet == "mul_" and ("other", 0) in op.attributes)
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

    def _written(self, op: Op, tensor: _Tensor) -> _Tensor:
        """A write through a view is a write to what it is a view of: that is what has a new value and a new grad_fn."""
        tensor = whole(tensor)
        self.rewritten[id(tensor)] = (weakref.ref(tensor), op.number)
        return tensor

    def _renew(self, args: tuple[Any, ...]) -> None:
        """Views that are read after what they view was written to: autograd makes them anew, from the new base."""
        for arg in args:
            for tensor in [arg] if isinstance(arg, _Tensor) else _tensors(arg):
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
        op = Op(old.info, self.count)
        op.grad_enabled, op.attributes = _grad_enabled(), old.attributes
        op.call, op.modules, op.loops, op.site = None, self.modules, self.loops, old.site
        op.inputs.append(self.value_of(base))
        self._forward(op, [tensor])
        self.finish_op()

    def _note_hidden(self, op: Op, tensor: _Tensor) -> None:
        """A write through `.data` to a tensor of the graph, before backward has come past it."""
        original = self.hidden_by(tensor)
        value = None if original is None else self.table.get(id(original))
        if original is None or value is None or value.ref() is not original or not original.requires_grad:
            return
        if value.step is self.step and not self.step.closed:
            self.step.hidden.append((value, op.site, original.is_leaf))

    def finish_op(self) -> None:
        """What an op's outputs became on the way up through autograd is known only after it has returned."""
        op = self._open
        if op is None:
            return
        self._open = None
        for value, tensor in zip(op.values, op.tensors or (), strict=False):
            grad_fn = tensor.grad_fn
            if grad_fn is not None:
                value.requires_grad = True
                self.own(op, grad_fn)
            elif tensor.requires_grad:
                value.requires_grad = True
        op.tensors = None

    def _is_saving(self, tensor: _Tensor) -> bool:
        """Autograd detaches an op's result to save it for backward; nobody asked for that detach."""
        call = self.call
        asked = call is not None and call.name in ("detach", "data", "__get__", "clone")
        return not asked and self._last_output(tensor)

    def _last_output(self, tensor: _Tensor) -> bool:
        value = self.table.get(id(tensor))
        return value is not None and value.op is not None and value.op.number == self.count - 1

    def _afterthought(self, op: Op) -> bool:
        step = self.step
        if op.inputs and all(v.op is not None and v.step is step for v in op.inputs):
            return True
        return not op.grad_enabled and self._goes_on()

    def _goes_on(self) -> bool:
        """Without gradients, and with a loop that has not gone back to its top: a validation, part of this step."""
        return self.turns is not None and self.turns.goes_on()

    # steps

    def next_step(self) -> None:
        """Complete the current step, if it holds anything, and begin another."""
        self.finish_op()
        step = self.step
        if self.survey is not None and not step.engine and not self.skipping:
            self.survey(self, self._ends(step))
        for update in step.updates.values():
            tensor = update.leaf.ref()
            if tensor is not None:
                self.summariser.add((AFTER, update.leaf, 0), tensor)
            for place, (_, kept) in enumerate(update.kept):
                self.summariser.add((STATE, update.leaf, place), kept)
        summaries = self.summariser.take()
        self._forward_part = [(key, summary) for key, summary in summaries if key[0] == VALUE]
        if not step.events and not self.skipping:
            self.step = Step(step.index)
            return
        if not self.skipping:
            self.emit(step, summaries)
        if self.turned is not None:
            self.turned(step)
        self.forget(step.ops)
        self.step = Step(step.index + 1)
        self.skipping = self.sampled and not is_sampled(step.index + 1)

    # steps that are not told in full

    def skips(self, info: OpInfo, args: tuple[Any, ...]) -> bool:
        """Whether an op that has not run yet lies in a step that is not told in full."""
        if self.step.closed and self._begins(info, args) and (_grad_enabled() or not self._goes_on()):
            self.next_step()
        return self.skipping

    def _begins(self, info: OpInfo, args: tuple[Any, ...]) -> bool:
        tensors = [a for a in args if isinstance(a, _Tensor)]
        held = [leaf for leaf in map(self.holder, tensors) if leaf is not None]
        if info.writes and held and info.packet in _EMPTIES:
            self.zero_grad(held[0], None)
        return bool(tensors) and not (info.writes or held or info.packet in ("_local_scalar_dense", "detach"))

    def close(self, step: Step) -> None:
        """The step has had a backward, or an update: what comes then is an afterthought, or the next step."""
        if not step.closed:
            step.closed = True
            name_batch(self.batch)
            if self.turns is not None:
                self.turns.close()

    def passed_backward(self, loss: float | None) -> None:
        """A backward that nobody watched, from that loss."""
        self.backwards += 1
        self.step.number = loss
        self.close(self.step)
        for leaf in self.leaves.values():
            tensor = leaf.ref()
            if tensor is not None and tensor.grad is not None:
                self.know_grad(tensor.grad, leaf)

    def _ends(self, step: Step) -> list[_Tensor]:
        """The step's results that are still there and have a history. A changed view is not asked: it would rebuild."""
        found = (value.ref() for op in step.ops for value in op.values if value.requires_grad)
        return [t for t in found if t is not None and not (t._is_view() and t._version) and t.grad_fn is not None]

    def fork_step(self) -> None:
        """A second backward through the same forward pass: a step of its own, with the same ops and values."""
        first = self.step
        self.next_step()
        step = self.step
        if step is first:
            return
        step.ops = list(first.ops)
        step.events = [e for e in first.events if e[0] == FORWARD]
        self.summariser.again(self._forward_part)
        for op in step.ops:
            for value in (*op.inputs, *op.values):
                if value.step is first:
                    value.step = step

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing that runs inside is recorded, and the modes are off."""
        self.suspended += 1
        try:
            with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
                yield
        finally:
            self.suspended -= 1

    def named(self, out: Any, site: Site) -> None:
        """What a call in the learner's own frame returned; the name it is stored under is found out later."""
        for place, item in enumerate(out if isinstance(out, (tuple, list)) else (out,)):
            value = self.table.get(id(item)) if isinstance(item, _Tensor) else None
            if value is not None and value.ref() is item:
                self.sites.append((value, site, place))

    def mention(self, tensor: _Tensor) -> None:
        """A tensor that the learner named, and no op has read: it is shown all the same."""
        value = self.table.get(id(tensor))
        if value is not None and value.ref() is tensor and value.step is None and value.op is None:
            value.step = self.step
            used = value.used
            self._use(value)
            value.used = used
            self.step.mentioned.append(value)
            self.step.events.append((FORWARD, value, value.origin.site if value.origin else None))

    def applied(self, call: Call) -> None:
        """`apply` of an autograd.Function has returned: what ran in it is one call, whatever was called inside."""
        self.finish_op()
        call.last = self.count
        for op in reversed(self.step.ops):
            if op.number < call.first:
                break
            op.call = call

    def enter(self, module: Any, outer: tuple[int, ...]) -> tuple[int, ...]:
        """A module is called inside the modules `outer`; the path that its ops have."""
        self.module_calls.append(module)
        self.module_loops.append(self.loops)
        return (*outer, len(self.module_calls) - 1)

    def assigned(self, tensor: _Tensor) -> None:
        """`tensor.data = …`: an update, if a step has used it."""
        value = self.table.get(id(tensor))
        if value is not None and value.ref() is tensor and value.used and tensor.requires_grad and tensor.is_leaf:
            self.update(value, None, learner_site(2))

    def grad_dropped(self, tensor: _Tensor) -> None:
        """`tensor.grad = None`, or zeros."""
        value = self.table.get(id(tensor))
        if value is not None and value.ref() is tensor and tensor.grad is not None:
            self.zero_grad(value, learner_site(2))

    def stepped(self, optimizer: Any) -> None:
        """`optimizer.step()` has returned: every parameter with a gradient was updated."""
        site = learner_site(2)
        step = self.step
        idle = True
        for group in optimizer.param_groups:
            place = len(step.optimizers)
            step.optimizers.append((type(optimizer).__name__, hyperparameters(group)))
            for parameter in group["params"]:
                if parameter.grad is not None:
                    update = self.update(self.value_of(parameter), place, site)
                    update.kept = kept_for(optimizer, parameter)
                    idle = False
        if idle:
            step.idle.append((type(optimizer).__name__, sum(len(g["params"]) for g in optimizer.param_groups), site))

    def update(self, leaf: Value, optimizer: int | None, site: Site | None) -> Update:
        """A leaf was written by an optimizer (by its place in the step) or by the learner's own line."""
        step = self.step
        self.close(step)
        leaf.written = site
        known = step.updates.get(id(leaf))
        if known is None:
            known = step.updates[id(leaf)] = Update(leaf, optimizer, site)
            step.events.append((UPDATE, leaf, site))
        return known

    def zero_grad(self, leaf: Value, site: Site | None) -> None:
        """A leaf's gradient was emptied or dropped."""
        self.emptied[id(leaf)] = site
        self.step.events.append((ZERO_GRAD, leaf, site))
        leaf.zeroed = True
        for key, (_, owner) in list(self.grads.items()):
            if owner is leaf:
                del self.grads[key]


def _shows_leaf(op: Op) -> bool:
    """An element or a slice of a leaf, as the learner's own line takes it."""
    call, made = op.call, op.inputs[0]
    written = call is not None and call.direct and call.name in ("__getitem__", "__setitem__")
    return written and op.info.views and made.op is None and made.requires_grad


def whole(tensor: _Tensor) -> _Tensor:
    """What `tensor` is a view of, or itself."""
    base = tensor._base
    return tensor if base is None else base


def _tensors(out: Any) -> list[_Tensor]:
    """The tensors in what an op returned: a tuple, a list, or lists in a tuple."""
    found: list[_Tensor] = []
    if isinstance(out, (tuple, list)):
        for item in out:
            if isinstance(item, _Tensor):
                found.append(item)
            elif isinstance(item, (tuple, list)):
                found.extend(_tensors(item))
    return found
