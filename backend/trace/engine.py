"""Watches a backward pass: one hook on each autograd node that it will visit.

A post hook gives each edge's own contribution (`grad_inputs`, aligned with `next_functions`) and, where several edges
meet, the sum that entered (`grad_outputs`). The order in which hooks fire is the engine's own order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch.autograd.graph import get_gradient_edge

from backend.trace.recorder import Recorder
from backend.trace.records import (
    EDGE_GRAD,
    FORWARD,
    FUNC_BACKWARD,
    GRAD,
    LEAF_GRAD,
    Call,
    EngineNode,
    Pass,
    Site,
    Step,
    happened,
)
from backend.trace.saved import saved_of
from backend.trace.source import FILENAME, learner_site
from backend.trace.watching import watching

_AccumulateGrad = torch._C._functions.AccumulateGrad  # type: ignore[attr-defined]  # torch stubs lack it

Grads = Sequence[torch.Tensor | None]


def run_backward(recorder: Recorder, engine: Callable[..., Any], outputs: Sequence[Any], args: Any, kwargs: Any) -> Any:
    """Run autograd's engine from `outputs` with every node on the way watched.

    `outputs` are the tensors (or gradient edges) that backward starts from; `args` and `kwargs` go to the engine.
    """
    counting = recorder.counting
    if counting is not None and counting.takes():
        result = engine(outputs, *args, **kwargs)
        counting.passed(_loss(recorder, outputs))
        return result
    recorder.finish_op()
    coasting = recorder.coasting
    if torch._C._functorch.peek_interpreter_stack() is not None:
        # a graph that torch.func makes and takes down again, of wrappers: what can be seen is what it computes
        site = recorder.transformed = learner_site(2)
        with _recorded(recorder, site, FUNC_BACKWARD):
            return engine(outputs, *args, **kwargs)
    if coasting is not None:
        coasting.backward()
        if coasting.off:
            followed = coasting.following
            if followed is not None:
                followed.backward(outputs, args, kwargs)
            try:
                result = engine(outputs, *args, **kwargs)
                loss = _loss(recorder, outputs)
            finally:
                if followed is not None:
                    followed.left()
            coasting.passed(loss)
            return result
        coasting.repertoire.hear(outputs, args, kwargs)
    roots = [o for o in outputs if isinstance(o, torch.Tensor) and o.requires_grad]
    if any(node.leaf is None and node.op is not None for node in recorder.step.engine):
        recorder.fork_step()
    step = recorder.step
    site = learner_site(2)
    creates_graph = len(args) > 2 and bool(args[2])
    modes = watching()
    watch = _Watch(recorder, step, site, modes=creates_graph or modes is None or not modes.alone())
    if roots:
        step.loss = recorder.value_of(roots[0])
    with recorder.paused():  # unpacking a saved result detaches it
        watch.walk(roots, hooked=step.told)
        if not step.told:  # or its summaries would say
            step.number = _number(outputs[0])
    older = {id(leaf) for _, leaf in recorder.grads.values()}
    recorder.backwards += 1
    run = _remember(recorder, outputs, site, args, kwargs)
    try:
        # only our modes are off: what the snippet's tensors and modes do for themselves, they do here too
        quiet = recorder.paused() if modes is None else modes.quiet()
        with _recorded(recorder, site) if creates_graph else quiet:
            result = engine(outputs, *args, **kwargs)
        recorder.backward_site = step.backward_site = site
        if not run.accumulates and not creates_graph:
            recorder.given(result, "grad", site)
        return result
    except BaseException:
        run.failed = True
        raise
    finally:
        watch.finish(older)
        recorder.close(step)


@contextmanager
def _recorded(recorder: Recorder, site: Any, name: str = "backward") -> Iterator[None]:
    """With create_graph, what backward computes is a graph of its own: its ops are ops of this step, in a group."""
    step, outer = recorder.step, recorder.call
    began, step.closed = len(step.events), False
    # of unknown length, so that an op in it keeps its own name
    recorder.call = Call(name, site, -1, -1, direct=False)
    try:
        yield
    finally:
        recorder.finish_op()
        recorder.call = outer
        # first the gradients as they come, then the graph of how they were computed
        step.events[began:] = sorted(step.events[began:], key=lambda event: bool(happened(event)[0] == FORWARD))


def _remember(recorder: Recorder, outputs: Sequence[Any], site: Any, args: Any, kwargs: Any) -> Pass:
    """What this pass is about to do: `args` are the engine's (gradients, retain_graph, create_graph, inputs)."""
    wanted = [t for t in args[3] if isinstance(t, torch.Tensor)] if len(args) > 3 and args[3] else []
    inputs = frozenset(id(recorder.value_of(t)) for t in wanted) if wanted else None
    root = recorder.value_of(outputs[0]) if isinstance(outputs[0], torch.Tensor) else None
    run = Pass(root, site, inputs, accumulates=bool(kwargs.get("accumulate_grad")))
    recorder.passes[site] = run
    return run


def _number(root: Any) -> float | None:
    """The loss, if backward began at one number."""
    plain = isinstance(root, torch.Tensor) and root.numel() == 1 and not root.is_meta and not root.is_complex()
    return float(root.item()) if plain else None  # float(root) would warn, in the learner's output


def _loss(recorder: Recorder, outputs: Sequence[Any]) -> float | None:
    """The same while our modes are off: the snippet may have modes of its own."""
    with recorder.paused():
        return _number(outputs[0])


def _own_code(hooks: Any) -> Site | None:
    """Where the first of a tensor's hooks begins, if it is a function of the snippet's."""
    codes = (getattr(hook, "__code__", None) for hook in hooks.values())
    return next(((code, 0) for code in codes if code is not None and code.co_filename == FILENAME), None)


def survey(recorder: Recorder, roots: list[torch.Tensor]) -> None:
    """What backward would visit, for a step that never called it: next_functions and what is kept for them."""
    with recorder.paused():
        _Watch(recorder, recorder.step, None, modes=True).walk(roots, hooked=False)


class _Watch:
    """The hooks of one backward pass. `modes`: some may be on while they run."""

    def __init__(self, recorder: Recorder, step: Step, site: Any, *, modes: bool) -> None:
        self.recorder = recorder
        self.step = step
        self.site = site
        self.nodes: dict[Any, EngineNode] = {}
        self.leaves: list[EngineNode] = []
        self.over = False
        """Most hooks are not taken off, which takes as long as hooking: they fall silent, and go with the graph."""
        self.staying: list[tuple[dict[Any, Any], Any]] = []
        """Those of AccumulateGrad, which does not go: `loss` of one turn lives until that of the next is there."""
        self.acting: dict[int, int] = {}
        """id(node) of each leaf with hooks of the learner's own that act on it once it has its gradient -> version."""
        self._heard = step.events.append
        self._add, self._modes = recorder.summariser.add, modes

    def walk(self, roots: list[torch.Tensor], *, hooked: bool = True) -> None:
        """Visit every node that can be reached from the roots, once, and hook it."""
        first = len(self.step.engine)
        stack: list[tuple[Any, EngineNode]] = []
        for root in roots:
            raw = root.grad_fn if root.grad_fn is not None else get_gradient_edge(root).node
            node = self.nodes.get(raw) or self._node(raw, stack)
            node.arrivals += 2  # the seed comes from outside, so the sum is never just one edge's
        nodes = self.nodes
        while stack:
            raw, node = stack.pop()
            nexts: list[tuple[EngineNode | None, int]] = []
            node.nexts = nexts
            for following, output in raw.next_functions:
                if following is None:
                    nexts.append((None, output))
                    continue
                target = nodes.get(following)
                if target is None:
                    target = self._node(following, stack)
                target.arrivals += 1
                nexts.append((target, output))
        if self.recorder.hooked:
            changed = {id(value.op or value) for value in self.recorder.hooked}
            for node in nodes.values():
                node.arrivals += 2 * (id(node.op or node.leaf) in changed)
        left, entered, accumulated = self._leaving(), self._entering(), self._accumulating()
        for raw, node in nodes.items() if hooked else ():
            if node.leaf is None:
                raw.register_hook(MethodType(left, node))
                continue
            if node.arrivals > 1:
                self.staying.append((raw.register_prehook(MethodType(entered, node)), entered))
            self.staying.append((raw.register_hook(MethodType(accumulated, node)), accumulated))
        self.step.engine[first:] = nodes.values()

    def _node(self, raw: Any, stack: list[tuple[Any, EngineNode]]) -> EngineNode:
        recorder = self.recorder
        if type(raw) is _AccumulateGrad:
            variable = raw.variable
            node = self.nodes[raw] = EngineNode(raw.name(), None, recorder.value_of(variable), self.site)
            self.leaves.append(node)
            if variable._post_accumulate_grad_hooks:
                self.acting[id(node)] = variable._version
            return node
        op = recorder.by_sequence.get(raw._sequence_nr())
        node = self.nodes[raw] = EngineNode(raw.name(), op, None, self.site)
        if op is None:
            node.saved = saved_of(raw, recorder, None)
        elif op.saved is None:
            op.saved = saved_of(raw, recorder, op)
        stack.append((raw, node))
        return node

    def _leaving(self) -> Callable[[EngineNode, Grads, Grads], None]:
        """What becomes a hook of each node, by being its method: the engine has run it."""
        heard, add, modes = self._heard, self._add, self._modes

        def left(node: EngineNode, grad_inputs: Grads, grad_outputs: Grads) -> None:
            if self.over:
                return
            heard(node)
            if node.arrivals > 1:
                for output, grad in enumerate(grad_outputs):
                    if grad is not None:
                        add((GRAD, node, output), grad, modes=modes)
            nexts = node.nexts
            for place, grad in enumerate(grad_inputs):
                if grad is not None and nexts[place][0] is not None:
                    edge = (EDGE_GRAD, node, place)
                    heard(edge)
                    add(edge, grad, modes=modes)

        return left

    def _entering(self) -> Callable[[EngineNode, Grads], None]:
        """The same: the sum for a leaf is about to be added to its gradient."""

        def entered(node: EngineNode, grad_outputs: Grads) -> None:
            grad = grad_outputs[0]
            if grad is not None and not self.over:
                self._add((GRAD, node, 0), grad, modes=self._modes)

        return entered

    def _accumulating(self) -> Callable[[EngineNode, Grads, Grads], None]:
        """The same: a leaf has its gradient."""

        def accumulated(node: EngineNode, _grad_inputs: Grads, grad_outputs: Grads) -> None:
            if not self.over:
                self._heard(node)
                if id(node) in self.acting and grad_outputs[0] is not None:
                    self._acted(node)

        return accumulated

    def _acted(self, node: EngineNode) -> None:
        """What the learner's hooks have done with a leaf: an update, a zero_grad."""
        leaf = node.leaf
        tensor = leaf.ref() if leaf is not None else None
        if leaf is None or tensor is None:
            return
        site = _own_code(tensor._post_accumulate_grad_hooks) or self.site
        self.recorder.leaves[id(leaf)] = leaf
        if tensor._version != self.acting[id(node)]:
            self.recorder.update(leaf, None, site)
        if tensor.grad is None:
            self.recorder.zero_grad(leaf, site)

    def finish(self, older: set[int]) -> None:
        """Silence the hooks, and look at what has piled up in `.grad` of leaves (by id) that had an older gradient."""
        self.over = True
        for hooks, key in self.staying:
            hooks.pop(key, None)
        self.nodes = {}  # autograd's nodes hold the hooks, which hold this: no collector sees that circle
        recorder = self.recorder
        for node in self.leaves:
            leaf = node.leaf
            tensor = leaf.ref() if leaf is not None else None
            grad = tensor.grad if tensor is not None else None
            if leaf is None or grad is None:
                continue
            if id(leaf) in older:
                recorder.summariser.add((LEAF_GRAD, leaf, 0), grad)
                self.step.piled.append(leaf)
            recorder.know_grad(grad, leaf)
            recorder.leaves[id(leaf)] = leaf
        del self.recorder  # likewise: it knows the modules and the names of the snippet
