"""How many elements and bytes there are, and what backward keeps alive: per node, per group, and in the whole graph.

Bytes are those of memory, and memory counts once. A view lies in the memory of what it is a view of, and so does what
was written in place. That is read off the ops, because most tensors are gone when their graph is described.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final

import torch
from torch.nn.parameter import is_lazy

from backend.trace.records import EngineNode, Op, Value
from backend.trace.saved import Unnamed, memory_of

MOST: Final = 2**63 - 1
"""A tensor on the meta device may have more bytes than a message can tell."""

Memory = dict[Hashable, int]
"""Pieces of memory, or parameters, and how large each is."""


def measure(
    nodes: Iterable[tuple[Any, Op | Value | EngineNode]], groups: list[Any], modules: Mapping[str, torch.nn.Module]
) -> Totals:
    """Write the sizes into the nodes, and into the groups, which come outer before inner; returns those of the graph.

    Each node comes with what it was described from. `modules` has the module of each group that is one, by its id.
    """
    measuring = _Measuring(groups, modules)
    with torch._C.DisableTorchFunction():
        for node, record in nodes:
            measuring.node(node, record)
        return measuring.totals()


class Totals:
    """What is summed up for one group, or for the graph."""

    __slots__ = ("bytes", "elements", "given", "parameters", "saved")

    def __init__(self) -> None:
        self.elements = 0
        self.bytes = 0
        """Of what ops made: each result has memory of its own."""
        self.given: Memory = {}
        """That of leaves and data, which may share it."""
        self.saved: Memory = {}
        self.parameters: Memory = {}

    def take(self, inner: Totals) -> None:
        """Add those of a group inside."""
        self.elements += inner.elements
        self.bytes += inner.bytes
        self.given.update(inner.given)
        self.saved.update(inner.saved)
        self.parameters.update(inner.parameters)

    def tell(self, whole: Any) -> None:
        """Write them into a group, or into the graph."""
        whole.elements = min(MOST, self.elements)
        whole.bytes = min(MOST, self.bytes + sum(self.given.values()))
        whole.parameters = min(MOST, sum(self.parameters.values()))
        whole.saved_tensors = len(self.saved)
        whole.saved_bytes = min(MOST, sum(self.saved.values()))


class _Measuring:
    """The parts of one graph, as its nodes are looked at: in order, each after those that it was computed from."""

    def __init__(self, groups: list[Any], modules: Mapping[str, torch.nn.Module]) -> None:
        self._groups = groups
        self._modules = modules
        self._whole = Totals()
        self._parts: dict[str | None, Totals] = {group.id: Totals() for group in groups}
        self._parts[None] = self._whole
        self._bases: dict[int, str] = {}
        """id of an op, or of a value that is no op's in this graph -> the node whose memory it lies in."""
        self._lies: dict[int, tuple[Hashable, int]] = {}
        """The same ids -> that memory and its bytes; not of an op that made several."""

    def node(self, node: Any, record: Op | Value | EngineNode) -> None:
        """Measure one node."""
        part = self._parts[node.group]
        if isinstance(record, Value):
            self._value(node, record, part)
            return
        if isinstance(record, Op):
            self._op(node, record, part)
        saved = record.saved
        if not saved:
            return
        own: Memory = {}
        for told, (_, what) in zip(node.saved, saved, strict=True):
            if isinstance(what, Value):
                memory, size = self._lies.get(id(what.op or what)) or self._elsewhere(what)
            elif isinstance(what, Unnamed):
                memory, size = id(what), what.bytes
            else:
                continue
            own[memory] = told.bytes = size
        node.saved_bytes = min(MOST, sum(own.values()))
        part.saved.update(own)

    def _op(self, node: Any, op: Op, part: Totals) -> None:
        key, bases = id(op), self._bases
        if op.info.shares and op.inputs:
            source = op.inputs[0]
            known = bases.get(id(source.op))
            node.base = bases[key] = bases[id(source)] if known is None else known
            self._lies[key] = self._lies.get(id(source.op or source)) or self._elsewhere(source)
            return
        bases[key] = node.id
        if len(op.values) == 1:
            self._lies[key] = (key, node.bytes)
        part.elements += node.elements
        part.bytes += node.bytes

    def _value(self, node: Any, value: Value, part: Totals) -> None:
        self._bases[id(value)] = node.id
        part.elements += node.elements
        memory, size = self._elsewhere(value)
        part.given[memory] = size
        if node.is_parameter:
            tensor = value.ref()
            part.parameters[id(value if tensor is None else tensor)] = node.elements

    def _elsewhere(self, value: Value) -> tuple[Hashable, int]:
        """The memory of one of several outputs, of what no op made, or of what an op of an earlier step did."""
        while (op := value.op) is not None and op.info.shares and op.inputs:
            value = op.inputs[0]
        if op is not None:
            return (id(op), value.output), size_of(value)[1]
        found = self._lies.get(id(value))
        if found is None:
            found = self._lies[id(value)] = _given(value)
        return found

    def totals(self) -> Totals:
        """Those of the graph, once all its nodes have been looked at."""
        held: dict[int, Memory] = {}
        for group in reversed(self._groups):
            part = self._parts[group.id]
            module = self._modules.get(group.id)
            if module is not None:
                part.parameters.update(_parameters(module, held))
            part.tell(group)
            self._parts[group.parent].take(part)
        return self._whole


def _given(value: Value) -> tuple[Hashable, int]:
    """What no op made may share its memory with others: that is asked of the tensor, if it is there."""
    tensor = value.ref()
    if tensor is not None and tensor.layout is torch.strided:
        address = torch._C._storage_address(tensor)  # type: ignore[attr-defined]  # torch's stubs lack it
        return address, min(MOST, memory_of(tensor))
    return id(value), size_of(value)[1]


def size_of(value: Value) -> tuple[int, int]:
    """Elements and bytes of a value."""
    elements, stored = value.shape.numel(), value.stored
    return elements, min(MOST, elements * _WIDTHS[value.dtype] if stored is None else stored)


class _Widths(dict[torch.dtype, int]):
    """Bytes of an element."""

    def __missing__(self, dtype: torch.dtype) -> int:
        width = self[dtype] = dtype.itemsize
        return width


_WIDTHS: Final = _Widths()


def _parameters(module: Any, held: dict[int, Memory]) -> Memory:
    """Each parameter of a module and of those inside, by id, with its elements; asked past what may be overridden.

    `held` remembers those of modules that were asked before, and is where a module that holds itself ends.
    """
    known = held.get(id(module))
    if known is None:
        known = held[id(module)] = {
            id(parameter): parameter.numel()
            for parameter in module._parameters.values()
            if parameter is not None and not is_lazy(parameter)
        }
        for inner in module._modules.values():
            if inner is not None:
                known.update(_parameters(inner, held))
    return known
