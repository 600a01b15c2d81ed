"""One call of torch, run plainly and run watched, and in what the two disagree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import torch
from torch.utils._pytree import tree_leaves, tree_map

from backend.trace.build import Builder
from backend.trace.engine import survey
from backend.trace.groups import Calls
from backend.trace.names import Names
from backend.trace.recorder import Recorder
from backend.trace.records import EDGE_GRAD, GRAD, VALUE
from backend.trace.source import Source
from backend.trace.watching import Watching
from backend.wire.messages import STATISTICS, GraphMessage, Slot, StepMessage
from backend.wire.unpack import Unpacker

PREVIEW = 4096
"""As many values as a message may hold, so that sums can be checked element by element."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Outcome:
    """What one run of a call gave. `error` is what it raised, if it did."""

    outputs: list[torch.Tensor] = field(default_factory=list)
    leaves: list[torch.Tensor] = field(default_factory=list)
    grads: list[torch.Tensor | None] = field(default_factory=list)
    error: Exception | None = None


def disagreements(call: Callable[..., Any], inputs: Any, *, compared: str = "exactly") -> list[str] | None:
    """Run `call(inputs)` without and with the tracer and say what differs; None if the call itself is not possible.

    `inputs` is any nest of tensors, modules and other arguments; tensors that require grad and the modules' parameters
    are the leaves. Outputs and gradients are `compared` "exactly", "closely" or "not".
    """
    seeds: list[torch.Tensor] = []
    plain = _run(call, _copy(inputs), seeds, None)
    if plain.error is not None and not plain.outputs:
        return None
    watched = _Watched()
    seen = _run(call, _copy(inputs), seeds, watched)
    found = list(_same(plain, seen, {"exactly": identical, "closely": _close, "not": _alike}[compared]))
    if seen.error is None and not found:
        found = watched.faults(seen, seeds)
    return found


def _run(call: Callable[..., Any], inputs: Any, seeds: list[torch.Tensor], watched: _Watched | None) -> Outcome:
    """The call and its backward; the seeds of backward are drawn in the first run and used again in the second."""
    outcome = Outcome()
    given = tree_leaves(inputs)
    torch.manual_seed(1)
    try:
        with nullcontext() if watched is None else watched:
            made = call(inputs)
            outcome.outputs = [t for t in tree_leaves(made) if isinstance(t, torch.Tensor)]
            if watched is not None:
                watched.look(given, outcome.outputs)
            roots = [t for t in outcome.outputs if t.requires_grad]
            if watched is None:
                seeds.extend(torch.randn_like(t.detach(), memory_format=torch.contiguous_format) for t in roots)
            if roots:
                torch.autograd.backward(roots, seeds)
    except Exception as error:
        outcome.error = error
    # a lazy module has its parameters only now
    parameters = [p for m in given if isinstance(m, torch.nn.Module) for p in m.parameters()]
    leaves = [t for t in given if isinstance(t, torch.Tensor) and t.requires_grad] + parameters
    outcome.leaves = list({id(t): t for t in leaves}.values())
    outcome.grads = [leaf.grad for leaf in outcome.leaves]
    return outcome


def _copy(inputs: Any) -> Any:
    """The same arguments over again: one copy for each tensor, however often it is there."""
    made: dict[int, torch.Tensor] = {}

    def copy(item: Any) -> Any:
        if isinstance(item, torch.nn.Module):
            return deepcopy(item)
        if not isinstance(item, torch.Tensor):
            return item
        if id(item) not in made:
            made[id(item)] = item.detach().clone().requires_grad_(item.requires_grad)
        return made[id(item)]

    return tree_map(copy, inputs)


def _same(plain: Outcome, seen: Outcome, same: Callable[[torch.Tensor, torch.Tensor], bool]) -> Iterable[str]:
    if (plain.error is None) != (seen.error is None):
        yield f"plain raised {plain.error!r}, watched raised {seen.error!r}"
    if len(plain.outputs) != len(seen.outputs):
        yield f"{len(plain.outputs)} outputs, watched {len(seen.outputs)}"
    for place, (one, other) in enumerate(zip(plain.outputs, seen.outputs, strict=False)):
        if not same(one, other):
            yield f"output {place} differs"
    for place, (first, second) in enumerate(zip(plain.grads, seen.grads, strict=True)):
        if (first is None) != (second is None) or (
            first is not None and second is not None and not same(first, second)
        ):
            yield f"gradient of leaf {place} differs"


def identical(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Bit for bit, a NaN like any other number; of sparse tensors the parts."""
    if one.shape != other.shape or one.dtype != other.dtype or one.layout != other.layout:
        return False
    one, other = one.detach(), other.detach()
    if one.layout is torch.sparse_coo:
        one, other = one.coalesce(), other.coalesce()
        return identical(one.indices(), other.indices()) and identical(one.values(), other.values())
    if one.layout is not torch.strided:
        return all(identical(a, b) for a, b in zip(_parts(one), _parts(other), strict=True))
    if one.is_meta:
        return other.is_meta
    if one.is_quantized:
        return bool(torch.equal(one, other))
    mine, theirs = (_bits(t) for t in (one, other))
    return bool(torch.equal(mine, theirs))


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    plain = tensor.resolve_conj().resolve_neg().flatten()
    return plain.clone(memory_format=torch.contiguous_format).view(torch.uint8)


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    try:
        torch.testing.assert_close(one, other, equal_nan=True)
    except AssertionError:
        return False
    return True


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype


def _parts(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return tensor.crow_indices(), tensor.col_indices(), tensor.values()
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return tensor.ccol_indices(), tensor.row_indices(), tensor.values()
    return tuple(tensor.unbind()) if tensor.is_nested else (tensor.to_dense(),)


class _Watched:
    """`with _Watched() as w:` what runs is recorded; afterwards `faults` says what the record got wrong."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.recorder = Recorder(PREVIEW)
        self.recorder.emit = self._take
        self.recorder.survey = partial(survey, self.recorder)
        names = Names(self.recorder, Source(""), {})
        self._builder = Builder(Source(""), names, Calls.of(self.recorder))
        self._watching = Watching(self.recorder)
        self._unpacker = Unpacker(message_bytes=1 << 30)
        self.roots: list[tuple[torch.Tensor, int]] = []
        self.wanted: Counter[Any] = Counter()
        self.places: dict[int, int] = {}
        """Place among the outputs of the call -> place among those of the op that made it."""

    def _take(self, step: Any, summaries: Any) -> None:
        for message in self._builder.messages(step, summaries):
            self.messages.append(self._unpacker.read(msgspec.msgpack.encode(message)))

    def __enter__(self) -> None:
        self._watching.__enter__()

    def __exit__(self, *error: object) -> None:
        self._watching.__exit__(*error)

    def look(self, given: list[Any], outputs: list[torch.Tensor]) -> None:
        """Between forward and backward: what autograd has recorded, and which value each output is."""
        with self.recorder.paused():
            self.recorder.finish_op()
            for place, tensor in enumerate(outputs):
                passed_through = any(tensor is one for one in given)
                value = self.recorder.value_of(tensor) if passed_through else self.recorder.known(tensor)
                if value is not None:
                    value.call(f"out{place}")
                    self.places[place] = value.output
            seen = set()
            stack = [t.grad_fn for t in outputs if t.grad_fn is not None]
            while stack:
                node: Any = stack.pop()
                if node in seen:
                    continue
                seen.add(node)
                stack.extend(following for following, _ in node.next_functions if following is not None)
                if not node.name().endswith("AccumulateGrad"):
                    self.wanted[_told_of(node)] += 1

    def faults(self, seen: Outcome, seeds: list[torch.Tensor]) -> list[str]:
        """What is missing or wrong in the messages."""
        for tensor in (*seen.leaves, *seen.outputs):
            self.recorder.mention(tensor)  # as the session does with what the snippet has named
        self.recorder.next_step()
        graphs = {m.id: m for m in self.messages if isinstance(m, GraphMessage)}
        steps = [m for m in self.messages if isinstance(m, StepMessage)]
        told = [_Told(graphs[s.graph], s) for s in steps]
        if not told:
            return ["no step was told"] if self.wanted or seen.outputs else []
        return [*self._missing(told), *self._outputs(told, seen.outputs), *_sums(told[-1], seen, seeds, self.places)]

    def _missing(self, told: list[_Told]) -> Iterable[str]:
        have: Counter[tuple[str, tuple[int, ...] | None]] = Counter()
        for one in told:
            for (place, _), value in one.values.items():
                name = one.graph.nodes[place].grad_fn
                if name:
                    have[name.split("::")[-1], value.shape] += 1
        for (name, shape), count in (self.wanted - have).items():
            yield f"{count} {name} of shape {shape} have no node with a value"

    def _outputs(self, told: list[_Told], outputs: list[torch.Tensor]) -> Iterable[str]:
        for place, tensor in enumerate(outputs):
            node = next((n for one in reversed(told) for n in one.graph.nodes if f"out{place}" in n.names), None)
            if node is None:
                yield f"output {place} is no node"
                continue
            if tensor.grad_fn is not None and node.grad_fn is None:
                yield f"output {place} has {tensor.grad_fn.name()}, its node none"
            shown = [v for one in told for n, v in one.shown(f"out{place}")]
            if not any(_agree(v, tensor) for v in shown):
                yield f"output {place} is shown with another value"


def _told_of(node: Any) -> tuple[str, tuple[int, ...] | None]:
    """What the graph's node for this autograd node must say: its name, and the shape of the value."""
    return node.name().split("::")[-1], tuple(node._input_metadata[0].shape)


class _Told:
    """One step, with its slots read."""

    def __init__(self, graph: GraphMessage, step: StepMessage) -> None:
        self.graph = graph
        floats, doubles = np.frombuffer(step.floats, "<f4"), np.frombuffer(step.doubles, "<f8")
        self.values: dict[tuple[int, int], Any] = {}
        self.grads: dict[tuple[int, int], Any] = {}
        self.edge_grads: dict[int, Any] = {}
        for slot in graph.slots:
            read = _read(slot, doubles if slot.wide else floats)
            if slot.kind == VALUE:
                self.values[slot.target, slot.output] = read
            elif slot.kind == GRAD:
                self.grads[slot.target, slot.output] = read
            elif slot.kind == EDGE_GRAD:
                self.edge_grads[slot.target] = read

    def shown(self, name: str) -> Iterable[tuple[int, Any]]:
        for place, node in enumerate(self.graph.nodes):
            if name in node.names:
                yield from ((place, v) for (n, _), v in self.values.items() if n == place)


def _read(slot: Slot, buffer: Array) -> SimpleNamespace:
    """Shape, dtype and (if all are there) the values of a slot, as float64 or complex128."""
    values = None
    if slot.count or math.prod(slot.shape) == 0:
        start = slot.offset + STATISTICS
        pairs = 2 if slot.dtype.startswith("torch.complex") else 1
        values = buffer[start : start + slot.count * pairs].astype(np.float64)
        if pairs == 2:
            values = values.view(np.complex128)
    return SimpleNamespace(shape=tuple(slot.shape), dtype=slot.dtype, values=values)


def _agree(told: Any, tensor: torch.Tensor) -> bool:
    """Whether a slot tells this tensor."""
    if told.shape != tuple(tensor.shape) or told.dtype != str(tensor.dtype):
        return False
    return told.values is None or bool(np.array_equal(told.values, flat(tensor), equal_nan=True))


def flat(tensor: torch.Tensor) -> Array:
    """Its elements, as float64 or complex128."""
    tensor = tensor.detach().resolve_conj().resolve_neg()
    tensor = tensor.dequantize() if tensor.is_quantized else tensor
    tensor = tensor if tensor.layout is torch.strided else tensor.to_dense()
    kind = torch.complex128 if tensor.is_complex() else torch.float64
    return tensor.to(kind).flatten().numpy()


def _sums(told: _Told, seen: Outcome, seeds: list[torch.Tensor], places: dict[int, int]) -> Iterable[str]:
    """The contributions along the edges into each node (and what backward was seeded with) are its gradient."""
    nodes = told.graph.nodes
    parts: dict[tuple[int, int], list[Any]] = {}
    for place, edge in enumerate(told.graph.edges):
        if place in told.edge_grads:
            parts.setdefault((int(edge.source[1:]), edge.source_output), []).append(told.edge_grads[place])
    roots = iter(seeds)
    for place, tensor in enumerate(seen.outputs):
        if tensor.requires_grad:
            seed = SimpleNamespace(shape=tuple(tensor.shape), values=flat(next(roots)))
            node = next((n for n, node in enumerate(nodes) if f"out{place}" in node.names), None)
            if node is not None:
                parts.setdefault((node, places[place] if nodes[node].outputs > 1 else 0), []).append(seed)
    for (node, output), summands in parts.items():
        whole = told.grads.get((node, output))
        name = f"n{node} ({nodes[node].op}, {nodes[node].grad_fn})"
        if whole is None:
            yield f"{name} has contributions and no gradient"
        elif not _adds_up(summands, whole.values, whole.dtype):
            yield f"the edges into {name} do not add up to its gradient"
    yield from _leaves(told, seen, parts)


def _leaves(told: _Told, seen: Outcome, parts: dict[tuple[int, int], list[Any]]) -> Iterable[str]:
    for place, (leaf, grad) in enumerate(zip(seen.leaves, seen.grads, strict=True)):
        if grad is None:
            continue
        candidates = [
            parts.get((n, 0), [])
            for n, node in enumerate(told.graph.nodes)
            if node.kind == "leaf" and (n, 0) in told.grads
        ]
        if not any(_adds_up(c, flat(grad), str(grad.dtype)) for c in candidates if c):
            yield f"no leaf's edges add up to .grad of leaf {place} {tuple(leaf.shape)}"


def _adds_up(summands: list[Any], whole: Array | None, dtype: str) -> bool:
    if whole is None or any(s.values is None for s in summands):
        return True
    if any(len(s.values) != len(whole) for s in summands):
        return False
    with np.errstate(all="ignore"):
        total = sum(s.values for s in summands)
        room = 1e-6 + sum(np.abs(s.values) for s in summands)
        digits = {"torch.float64": 1e-12, "torch.complex128": 1e-12, "torch.float16": 1e-2, "torch.bfloat16": 5e-2}
        close = np.abs(total - whole) <= digits.get(dtype, 1e-5) * room
    same = (total == whole) | (np.isnan(total) & np.isnan(whole))
    return bool((close | same).all())
