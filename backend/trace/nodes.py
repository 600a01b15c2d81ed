"""One record into one GraphNode."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import Any, Final, NamedTuple

import torch

from backend.trace.records import RETURNED, EngineNode, Op, Step, Value
from backend.trace.recurring import frozen
from backend.trace.rules import derivatives, input_names, summed
from backend.trace.saved import Unnamed
from backend.trace.sizes import MOST, size_of
from backend.trace.source import Source, spread
from backend.wire.messages import Node, Saved

_NOISE = frozenset({"pin_memory", "layout", "device", "memory_format", "non_blocking", "generator"})
"""Arguments that say where and how a tensor is kept, not what is computed."""

KNOWN_LIMIT: Final = 4096
"""Descriptions of ops that are remembered."""


class Described(NamedTuple):
    """The node of an op, and of each input the dimensions along which backward sums its gradient."""

    node: Any
    summed: list[list[int]]


class Describer:
    """Describes the records of one run. Ops that are alike in all that a node tells of them are worked out once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: dict[Hashable, Described] = {}
        self._kinds: dict[Hashable, int] = {}
        """What a node or a formula tells of a value -> a number for it."""
        self._kind_of: dict[int, int] = {}
        """id(value) -> that number, within one step."""
        self._loss = "L"

    def begin(self, step: Step) -> None:
        """The ops that follow are those of this step, whose names have been resolved."""
        if len(self._known) > KNOWN_LIMIT:
            self._known, self._kinds = {}, {}
        self._kind_of = {}
        loss = step.loss
        self._loss = loss.names[0] if loss is not None and loss.names else "L"

    def op(self, id: str, op: Op, group: str | None) -> Described:
        """The node of an op that was recorded, without what it saved, and which dimensions of its inputs are summed."""
        key = self._key(op)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._describe(op)
        node = known.node.__copy__()
        node.id, node.group = id, group
        return Described(node, known.summed)

    def _key(self, op: Op) -> Hashable:
        """All that is told of an op, its place in the graph apart."""
        call, site, inputs = op.call, op.site, op.inputs
        return (
            self._loss,
            op.info,
            None if call is None else (call.name, call.last - call.first == 1, call.custom, call.failed),
            None if site is None else (id(site[0]), site[1]),
            op.grad_fn,
            op.grad_enabled,
            op.inference,
            *[(name, frozen(value)) for name, value in op.attributes],
            *[self._kind(value) for value in inputs],
            None,
            *(_repeats(inputs) if len(inputs) > 1 else ()),
            None,
            *[self._kind(value) for value in op.values],
            None,
            *[kept[0] for kept in op.saved or ()],
        )

    def _kind(self, value: Value) -> int:
        kind = self._kind_of.get(id(value))
        if kind is None:
            told = (value.shape, value.dtype, value.requires_grad, value.is_leaf, *value.names)
            kind = self._kind_of[id(value)] = self._kinds.setdefault(told, len(self._kinds))
        return kind

    def _describe(self, op: Op) -> Described:
        requires_grad = any(v.requires_grad for v in op.values)
        leaf = any(v.is_leaf for v in op.values)
        cut = not requires_grad and any(v.requires_grad for v in op.inputs)
        inputs = input_names(op)
        node = Node(
            id="",
            kind="leaf" if leaf else "break" if cut else "op",
            op=_name(op),
            grad_fn=op.grad_fn,
            names=[n for v in op.values for n in v.names],
            **spread(self._source.span(op.site)),
            is_leaf=leaf or not requires_grad,
            requires_grad=requires_grad,
            outputs=max(1, len(op.values)),
            attributes=_attributes(op),
            elements=min(MOST, sum(size_of(v)[0] for v in op.values)),
            bytes=min(MOST, sum(size_of(v)[1] for v in op.values)),
            inputs=inputs,
            derivatives=derivatives(op, inputs, self._loss) if requires_grad and not leaf else [],
            reason=break_reason(op) if cut else None,
        )
        return Described(node, [summed(op, place) if v.requires_grad else [] for place, v in enumerate(op.inputs)])

    def source(self, id: str, value: Value, user: Op | None, group: str | None) -> Any:
        """The node of a leaf, of data, or of a tensor that an earlier step made."""
        origin = value.origin
        maker = value.op
        site = origin.site if origin is not None else (maker.site if maker is not None else None)
        span = self._source.span(site) or (self._source.span(user.site) if user is not None else None)
        leaf = value.requires_grad and value.is_leaf
        elements, size = size_of(value)
        return Node(
            id=id,
            kind="leaf" if leaf else "op" if value.requires_grad and maker is None else "data",
            op=_name(origin) if origin is not None else (_name(maker) if maker is not None else "tensor"),
            grad_fn=maker.grad_fn if maker is not None else None,
            names=list(value.names),
            **spread(span),
            group=group,
            is_leaf=value.is_leaf or not value.requires_grad,
            requires_grad=value.requires_grad,
            is_parameter=value.is_parameter,
            attributes=_attributes(origin) if origin is not None else {},
            elements=elements,
            bytes=size,
        )

    def unseen(self, id: str, node: EngineNode) -> Any:
        """An autograd node for which no op was seen: a view that autograd made anew, or C++ that no mode can watch.

        What it saved is not told yet.
        """
        name = node.name.split("::")[-1]
        plain = name.removesuffix("Backward").rstrip("0123456789").removesuffix("Backward")
        return Node(
            id=id,
            kind="op",
            op=_snake(plain) or name,
            grad_fn=name,
            requires_grad=True,
        )

    def saved(self, name: str, what: Any, node: str | None) -> Saved:
        """One thing that backward keeps: of a node of the graph, of a tensor beside it, or in words."""
        if isinstance(what, Value):
            output = what.output if node else 0
            return Saved(name=name, node=node, output=output, shape=list(what.shape), dtype=str(what.dtype))
        if isinstance(what, Unnamed):
            return Saved(name=name, shape=list(what.shape), dtype=what.dtype)
        return Saved(name=name, text=str(what))


def _repeats(inputs: list[Value]) -> Iterator[int]:
    """For each input the place where the same value comes first."""
    first: dict[int, int] = {}
    return (first.setdefault(id(value), place) for place, value in enumerate(inputs))


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))


def _name(op: Op) -> str:
    """What the learner wrote, where one call is one op; else torch's aten name."""
    packet = op.info.packet
    if packet == "lift_fresh":
        return "tensor"
    call = op.call
    whole = call is not None and (op.info is RETURNED or call.last - call.first == 1)
    if call is not None and whole and not call.failed and call.name and not call.name.startswith("_"):
        return call.name
    if packet == "_local_scalar_dense":
        return "item"  # float(t) and int(t), which come from C
    return packet.lstrip("_").removesuffix("_forward") or packet


def _attributes(op: Op) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in op.attributes:
        if value is None or name in _NOISE or _is_default(op, name, value):
            continue
        shown = _attribute(value)
        if shown is not None:
            result[name] = shown
    return result


def _is_default(op: Op, name: str, value: Any) -> bool:
    default = op.info.defaults.get(name, _NOISE)
    return type(default) is type(value) and bool(default == value)


def _attribute(value: Any) -> Any:
    if isinstance(value, (bool, int, str)):
        return value if not isinstance(value, int) or abs(value) < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (list, tuple)) and all(isinstance(v, (bool, int, float, str)) for v in value):
        return [_attribute(v) for v in value]
    if isinstance(value, (torch.dtype, complex)):
        return str(value)
    return None


def break_reason(op: Op) -> str:
    """Why no gradient passes through an op."""
    packet = op.info.packet
    if packet in ("detach", "detach_"):
        return "detach() cuts the graph: the result shares the values, and no gradient passes back through it"
    call = op.call
    if call is not None and call.custom:
        return _custom_reason(call.name)
    if op.inference:
        return "computed under torch.inference_mode(): autograd does not record, and never can record, this tensor"
    if not op.grad_enabled:
        return "computed under torch.no_grad(): autograd does not record, so no gradient passes"
    if packet == "_local_scalar_dense":
        return "item() takes the number out of torch: a Python float has no gradient"
    dtype = op.values[0].dtype if op.values else None
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        return f"the result is {dtype}: only floating point and complex tensors have gradients"
    return f"torch defines no derivative for {packet}"


def _custom_reason(name: str) -> str:
    if name == "CheckpointFunction":
        return (
            "checkpoint(use_reentrant=True) runs this without autograd, and once more in backward, out of sight; "
            "with use_reentrant=False the gradients inside can be seen"
        )
    return f"inside {name}.forward autograd does not record: {name}.backward brings the gradient past it"
