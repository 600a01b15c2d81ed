"""Steps that come again: a loop does the same each time, and only the numbers differ.

To describe a step takes longer than to run it. So each is first reduced to a key: everything that its description
depends on, with numbers for objects. Where the key is known, the description is too.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

import torch

from backend.trace.groups import Calls, turns_of
from backend.trace.iterations import Pass
from backend.trace.records import EngineNode, Op, Site, Step, Value
from backend.trace.summary import Summaries

_PLAIN: Final = frozenset({int, float, bool, str, type(None), complex, torch.dtype})


def key_of(step: Step, summaries: Summaries, calls: Calls) -> Hashable:
    """Equal for two steps that differ only in their numbers, once names have been resolved."""
    return _Key(calls).of(step, summaries)


class _Key:
    """Numbers objects by first appearance, and tells all that matters of each when it appears."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._turns: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._apart: dict[Hashable, int] = {}
        """The same for what has no identity of its own: calls of modules, and runs of loops."""
        self._parts: list[Hashable] = []
        self._paths: dict[int, Hashable] = {}
        """id(path) -> what there is to tell of it. Ops of one iteration, in one call of a module, share the same."""

    def of(self, step: Step, summaries: Summaries) -> Hashable:
        parts, numbers = self._parts, self._numbers
        self._turns = turns_of(step.ops)
        for op in step.ops:
            numbers[id(op)] = len(numbers)
        for op in step.ops:
            parts.append(self._op(op))
        for value in step.mentioned:
            parts.append(("mentioned", self._value(value)))
        for node in step.engine:
            numbers[id(node)] = len(numbers)
        for node in step.engine:
            parts.append(self._engine(node))
        for (kind, owner, output), summary in summaries:
            number = self._value(owner) if type(owner) is Value else numbers.get(id(owner), -1)
            parts.append((kind, number, output, summary[:-1]))  # without the numbers themselves
        for update in step.updates.values():
            kept = tuple(name for name, _ in update.kept)
            parts.append(("update", self._value(update.leaf), update.optimizer, kept))
        last, place = None, _place(None)
        for phase, what, site in step.happened():
            if site is not last:
                last, place = site, _place(site)
            parts.append((phase, self._happened(what), place))
        loss = step.loss
        parts.append(None if loss is None else (numbers.get(id(loss.op or loss), -1), loss.output, tuple(loss.names)))
        return tuple(parts)

    def _op(self, op: Op) -> Hashable:
        call = op.call
        return (
            _made(op),
            None if call is None else (self._number(call), call.direct),
            self._path(op.modules, self._module),
            self._path(op.loops, self._pass),
            op.grad_enabled,
            tuple([self._value(value) for value in op.inputs]),
            tuple([(v.requires_grad, v.is_leaf, tuple(v.names), tuple(v.shape), v.dtype) for v in op.values]),
            self._saved(op.saved),
        )

    def _engine(self, node: EngineNode) -> Hashable:
        numbers = self._numbers
        return (
            node.name,
            None if node.op is None else numbers.get(id(node.op), -1),
            None if node.leaf is None else self._value(node.leaf),
            tuple(
                [
                    (None, -1, output) if after is None else (after.name, numbers.get(id(after), -2), output)
                    for after, output in node.nexts
                ]
            ),
            self._saved(node.saved),
        )

    def _saved(self, saved: Sequence[tuple[str, Any]] | None) -> Hashable:
        if not saved:
            return ()
        return tuple(
            [
                (name, (self._numbers.get(id(what.op or what), -1), what.output, tuple(what.shape), what.dtype))
                if type(what) is Value
                else (name, what)
                for name, what in saved
            ]
        )

    def _value(self, value: Value) -> Hashable:
        """A number, and for a value from outside the step all that there is to tell of it, the first time."""
        op = value.op
        if op is not None and id(op) in self._numbers:
            return (self._numbers[id(op)], value.output)
        known = self._numbers.get(id(value))
        if known is not None:
            return known
        self._numbers[id(value)] = len(self._numbers)
        return (
            len(self._numbers),
            None if op is None else (_made(op), value.output),
            None if value.origin is None else (_made(value.origin), *self._around(value.origin)),
            tuple(value.names),
            value.requires_grad,
            value.is_leaf,
            value.is_parameter,
            tuple(value.shape),
            value.dtype,
        )

    def _around(self, op: Op) -> tuple[Hashable, Hashable]:
        """The modules and loops in which a tensor was made, as far as they are those of this step's ops."""
        modules = tuple(self._apart.get(("module", place), -1) for place in op.modules)
        return modules, tuple(self._pass(one) for one in op.loops if one.run in self._turns)

    def _happened(self, what: Any) -> Hashable:
        if type(what) is tuple:
            return (self._numbers.get(id(what[1]), -1), what[2])
        if type(what) is Value and what.op is not None and id(what.op) in self._numbers:
            return self._numbers[id(what.op)]
        return self._numbers.get(id(what), -1)

    def _number(self, what: Any) -> int:
        return self._numbers.setdefault(id(what), len(self._numbers))

    def _module(self, place: int) -> Hashable:
        """One call of a module: which call of which module, and inside how many loops."""
        called = self._calls.modules[place]
        return self._number_of(("module", place)), id(called), len(self._calls.loops[place])

    def _path(self, path: tuple[Any, ...], each: Callable[[Any], Hashable]) -> Hashable:
        known = self._paths.get(id(path))
        if known is None:
            known = self._paths[id(path)] = tuple(map(each, path))
        return known

    def _pass(self, one: Pass) -> Hashable:
        """One iteration of a loop. Which one matters only where the step holds several."""
        return self._number_of(("loop", one.run)), one.loop, self._turns[one.run] > 1 and one.iteration

    def _number_of(self, key: Hashable) -> int:
        return self._apart.setdefault(key, len(self._apart))


def _made(op: Op) -> Hashable:
    call = op.call
    return (
        id(op.info),
        None if call is None else (call.name, call.last - call.first),
        _place(op.site),
        op.grad_fn,
        tuple([(name, frozen(value)) for name, value in op.attributes]) if op.attributes else (),
    )


def _place(site: Site | None) -> Hashable:
    """The code is held by whoever resolved it, so its id stays its own."""
    return None if site is None else (id(site[0]), site[1])


def frozen(value: Any) -> Hashable:
    """An argument such that 1, 1.0 and True differ."""
    kind = type(value)
    if kind in _PLAIN:
        return (kind, value)
    if isinstance(value, list | tuple):
        return (kind, *map(frozen, value))
    return (kind, repr(value))
