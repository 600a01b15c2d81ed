"""Why is .grad None? For each tensor that the snippet named: is there a gradient, and if not, what is in the way."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import torch

from backend.trace.journeys import copied_behind, cut_behind, is_cut, made_with, way
from backend.trace.named import Named, named_tensors
from backend.trace.reasons import Why, at_line, copied, cut_by, data, emptied, number, whole_numbers
from backend.trace.records import FUNC_BACKWARD, Op, Pass, Value
from backend.wire.messages import GradientMessage

if TYPE_CHECKING:
    from backend.trace.bindings import Shown
    from backend.trace.names import Names
    from backend.trace.recorder import Recorder
    from backend.trace.source import Source


def gradients(names: Names, shown: Mapping[int, Shown], bound: Mapping[int, tuple[str, ...]]) -> Iterator[Any]:
    """A message for each named tensor, in the order of the lines; parameters last."""
    asking = _Asking(names)
    for named in named_tensors(names, bound):
        seen = shown.get(id(named.value)) if named.value is not None else None
        state, why = asking.about(named)
        if why is None and state == "gone":
            continue
        yield GradientMessage(
            name=named.name,
            line=named.line,
            node=seen.node if seen else None,
            step=seen.step if seen else None,
            state=state,
            reason=why.reason if why else None,
            text=(why.text if why else f"{named.name}.grad is there: backward put it there") + _tied(named),
            suggestion=why.suggestion if why else None,
            cause=why.cause if why else None,
        )


def _tied(named: Named) -> str:
    """That two modules share one parameter, and so one .grad."""
    if not named.also:
        return ""
    return f" ({' and '.join(named.also)} {'is' if len(named.also) == 1 else 'are'} the same tensor)"


class _Asking:
    """What was recorded, asked about one tensor after the other."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.recorder: Recorder = names.recorder
        self.source: Source = names.source

    def about(self, named: Named) -> tuple[Literal["present", "none", "gone"], Why | None]:
        """The state of its .grad, and why it is not there."""
        tensor, value = named.tensor, named.value
        if tensor is None:
            return "gone", self._gone(named)
        with warnings.catch_warnings(), self.recorder.paused():
            warnings.simplefilter("ignore")
            grad = tensor.grad
        if grad is not None:
            return "present", None
        if not tensor.requires_grad:
            return "none", self._needs_none(named, tensor)
        if not tensor.is_leaf and not tensor.retains_grad:
            return "none", self._not_leaf(named)
        return "none", self._no_arrival(named, value)

    def _line(self, op: Op | None) -> int | None:
        span = self.source.span(op.site) if op is not None else None
        return None if span is None else span.line

    def _gone(self, named: Named) -> Why | None:
        value = named.value
        if value is None or value.op is None:
            return None
        return self._not_leaf(named) if value.requires_grad else self._behind(named, value)

    # computed

    def _not_leaf(self, named: Named) -> Why:
        name, op = named.name, named.value.op if named.value is not None else None
        line = self._line(op)
        place = f" in line {line}" if line else ""
        made = (
            f"{op.grad_fn.split('::')[-1]} made it{place}"
            if op is not None and op.grad_fn
            else f"it was computed{place}"
        )
        older = self._leaf_before(named)
        if older is not None:
            return Why(
                "reassigned",
                f"{name} is not the leaf any more: line {line} gave its name to a result, which keeps no .grad",
                f"Change the leaf itself: `with torch.no_grad(): {name} -= …`",
                line,
            )
        inner = self._leaf_inside(op, line)
        copy = copied_behind(self.recorder.copies, named.value) if inner else None
        if copy is not None:
            return copied(copy, None, self._line(copy.made.origin))
        if inner:
            return Why(
                "not_leaf",
                f"{name} is not a leaf: {made}, from a leaf that has no name. backward keeps .grad in leaves only",
                f"Make {name} itself the leaf: compute it first, then call `{name}.requires_grad_()`",
                line,
            )
        return Why(
            "not_leaf",
            f"{name} is not a leaf: {made}. backward keeps .grad in leaves only",
            f"Call `{name}.retain_grad()` before backward() to keep it",
            line,
        )

    def _leaf_before(self, named: Named) -> Value | None:
        """The leaf that had the same name before, and that this result was computed from."""
        start = named.value
        for (line, name), value in self.names.bound.items():
            older = name == named.name and named.line is not None and line <= named.line and value is not start
            if (
                older
                and start is not None
                and value.op is None
                and value.requires_grad
                and way(start, value) is not None
            ):
                return value
        return None

    def _leaf_inside(self, op: Op | None, line: int | None) -> bool:
        """`w = torch.randn(3, requires_grad=True) * 0.1`: the leaf was made on the same line and is lost."""
        for value in op.inputs if op is not None else ():
            origin = value.origin
            nameless = value.requires_grad and value.op is None and not value.names
            if nameless and origin is not None and self._line(origin) == line:
                return True
        return False

    # no requires_grad

    def _needs_none(self, named: Named, tensor: torch.Tensor) -> Why:
        name, value = named.name, self._now(named, tensor)
        switched = self.recorder.switched.get(id(value))
        if issubclass(type(tensor), torch.nn.Parameter) or switched is not None:
            line = self.source.line(switched[1]) if switched is not None else None
            what = "is a parameter with requires_grad=False" if line is None else "was told to require no gradient"
            return Why(
                "frozen",
                f"{name} {what}{at_line(line)}: it is frozen",
                f"Call `{name}.requires_grad_()` if it is meant to learn",
                line,
            )
        if value is not None:
            why = self._again(named, value) or self._behind(named, value)
            if why is not None:
                return why
            holder = self.recorder.holder(tensor)
            if holder is not None and value.op is None:
                whose = f"{holder.names[0]}.grad" if holder.names else "the .grad of a leaf"
                return Why(
                    "no_requires_grad",
                    f"{name} is {whose} itself, where backward put it: a gradient requires none",
                    "To differentiate it once more, call `backward(create_graph=True)`",
                    named.line,
                )
            line = self._returned_at(value)
            if line is not None:
                returned = self._returning(line)
                return Why(
                    "autograd_grad",
                    f"{name} is a gradient itself: {returned} returned it in line {line}",
                    f"Use {name}. To differentiate it once more, make it with `create_graph=True`",
                    line,
                )
        if not (tensor.is_floating_point() or tensor.is_complex()):
            return whole_numbers(name, tensor.dtype, named.line)
        item = self._item_on(named.line)
        if item is not None:
            return number(name, named.line)
        if named.value is not None and named.value.op is not None:
            gradient = made_with(named.value, FUNC_BACKWARD)
            line = self._line(gradient)
            if gradient is not None and line == self._line(named.value.op):
                return Why(
                    "func",
                    f"{name} is a gradient itself: torch.func returned it{at_line(line)}, and stores none in .grad",
                    f"Use {name}; for .grad instead, make the input with `requires_grad=True` and call backward()",
                    line,
                )
            return Why(
                "no_requires_grad",
                f"nothing that {name} was computed from requires a gradient, so autograd recorded nothing",
                "Create the inputs that are to learn with `requires_grad=True`",
                self._line(named.value.op),
            )
        return Why(
            "no_requires_grad",
            f"{name} was made without requires_grad=True: data, as autograd sees it",
            f"If it is meant to learn, create it with `requires_grad=True` or call `{name}.requires_grad_()`",
            named.line,
        )

    def _returned_at(self, value: Value) -> int | None:
        """The line in which `torch.autograd.grad`, or what calls it, returned `value`, or that made it of such."""
        line = self._line(value.op or value.origin)
        calls = [(self._line(one.origin), one.origin.call) for one in _sources(value) if one.origin is not None]
        grads = [here for here, call in calls if call is not None and call.name == "grad"]
        return line if line is not None and line in grads else None

    def _returning(self, line: int) -> str:
        """What the snippet calls there: the functions of `torch.autograd.functional` call grad themselves."""
        return "torch.autograd.grad" if "grad(" in self.source.text(line) else "torch.autograd"

    def _now(self, named: Named, tensor: torch.Tensor) -> Value | None:
        """What the tensor is now: it may have been changed in place since it got its name."""
        known = self.recorder.table.get(id(tensor))
        return known if known is not None and known.ref() is tensor else named.value

    def _again(self, named: Named, value: Value) -> Why | None:
        """`with torch.no_grad(): w = w - lr * w.grad`: the name is that of a result, and the leaf is lost."""
        name, line = named.name, self._line(value.op)
        if value.op is None or value.op.grad_enabled or self._leaf_before(Named(name, named.line, value, None)) is None:
            return None
        return Why(
            "reassigned",
            f"{name} is not the leaf any more: line {line} gave its name to a result, which requires no gradient",
            f"Change the leaf itself, which then stays one: `with torch.no_grad(): {name} -= …`",
            line,
        )

    def _behind(self, named: Named, value: Value) -> Why | None:
        """What cut the tensor off from the leaves it was computed from."""
        op = cut_behind(value)
        if op is not None:
            return self._cut(named.name, op, of="it was computed from")
        for source in _sources(value):
            if source.door is not None:
                return data(named.name, source.door, self._line(value.op) if value.op is not None else named.line)
        return None

    def _cut(self, name: str, op: Op, *, of: str) -> Why:
        return cut_by(op, name, self._line(op), of=of)

    def _item_on(self, line: int | None) -> Op | None:
        """A number was taken out of torch on the same line: `torch.tensor(loss.item())`."""
        if line is None:
            return None
        ops = (*self.recorder.step.ops, *self.recorder.recent)
        return next(
            (o for o in ops if o.info.packet == "_local_scalar_dense" and self._line(o) == line and is_cut(o)), None
        )

    # requires grad, and no gradient came

    def _no_arrival(self, named: Named, value: Value | None) -> Why:
        name, passes = named.name, list(self.recorder.passes.values())
        if value is not None and id(value) in self.recorder.leaves:
            return self._zeroed(name, value)
        if not passes:
            if self.recorder.transformed is not None:
                line = self.source.line(self.recorder.transformed)
                return Why(
                    "func",
                    f"torch.func returns gradients{at_line(line)}, and stores none in {name}.grad",
                    "Use what it returns, or call `loss.backward()`",
                    line,
                )
            if self.recorder.backwards:
                return Why("untraced", f"the step that ran backward was not told in full; {name}.grad is None", None)
            return Why("not_called", f"backward() never ran, so nothing computed {name}.grad", "Call `loss.backward()`")
        if not any(p.accumulates for p in passes):
            return self._returned(name, value, passes[-1])
        if value is None or not (value.used or value.op is not None):
            return Why(
                "unused",
                f"no operation used {name}, so the loss does not depend on it",
                f"Use {name} in the forward pass",
            )
        return self._off_the_way(name, value)

    def _returned(self, name: str, value: Value | None, run: Pass) -> Why:
        """Gradients were asked for with `torch.autograd.grad` alone."""
        line = self.source.line(run.site)
        who = "torch.autograd.grad" if line is None else self._returning(line)
        asked = run.inputs is None or id(value) in run.inputs or who != "torch.autograd.grad"
        text = f"{who}{at_line(line)} returns gradients and stores none in {name}.grad"
        return Why(
            "autograd_grad",
            text if asked else f"{text}; nor was it asked for that of {name}",
            "Use what it returns, or call `loss.backward()`"
            if asked
            else f"Ask it for {name} too and use what it returns, or call `loss.backward()`",
            line,
        )

    def _zeroed(self, name: str, value: Value) -> Why:
        line = self.source.line(self.recorder.emptied.get(id(value)))
        return emptied(name, line, self.source.text(line) if line else "")

    def _off_the_way(self, name: str, value: Value) -> Why:
        """The leaf was used; is the loss computed from it, and what is on the way?"""
        for run in reversed(self.recorder.passes.values()):
            ops = way(run.root, value) if run.root is not None else None
            if ops is None:
                continue
            if run.inputs is not None and id(value) not in run.inputs:
                line = self.source.line(run.site)
                return Why(
                    "inputs", f"backward(inputs=…) asked for other tensors than {name}", f"Add {name} to `inputs`", line
                )
            # what runs in a custom Function is recorded by no node of its own; the Function has one
            cut = next((op for op in ops if is_cut(op) and not (op.call is not None and op.call.custom)), None)
            if cut is not None:
                return self._cut(name, cut, of="the loss was computed with")
            line = self.source.line(run.site)
            if value.op is not None and not run.failed:
                return Why(
                    "not_leaf",
                    f"{name}.retain_grad() came after backward{at_line(line)} had passed, and keeps what comes later",
                    f"Call `{name}.retain_grad()` before backward()",
                    line,
                )
            if run.failed:
                return Why(
                    "failed",
                    f"backward{at_line(line)} ended with an error before it brought {name} a gradient",
                    "Mend the error first",
                    line,
                )
            return Why(
                "undefined", f"backward passed by {name} and brought None: no gradient is defined there", None, line
            )
        return self._elsewhere(name, value)

    def _elsewhere(self, name: str, value: Value) -> Why:
        """Used, and not for the loss. A number that was taken out of torch is a likely reason."""
        for run in self.recorder.passes.values():
            copy = copied_behind(self.recorder.copies, run.root)
            if copy is not None and any(way(source, value) is not None for source in copy.sources):
                return copied(copy, name, self._line(copy.made.op or copy.made.origin))
        for op in (*self.recorder.recent, *self.recorder.step.ops):
            if op.info.packet == "_local_scalar_dense" and is_cut(op) and way(op.inputs[0], value) is not None:
                return number(name, self._line(op))
        return Why(
            "not_on_path",
            f"{name} is not on the path to the loss: backward started from a tensor that does not depend on it",
            f"Compute the loss with {name}, or call backward() on what was computed with it",
        )


def _sources(value: Value) -> list[Value]:
    """What `value` was computed from that was not computed itself."""
    seen: set[int] = set()
    found: list[Value] = []
    waiting = [value]
    for one in waiting:
        if id(one) in seen:
            continue
        seen.add(id(one))
        if one.op is None:
            found.append(one)
        else:
            waiting.extend(one.op.inputs)
    return found
