"""Watches a backward pass: one hook on each autograd node that it will visit.

A post hook gives each edge's own contribution (`grad_inputs`, aligned with `next_functions`) and, where several edges
meet, the sum that entered (`grad_outputs`). The order in which hooks fire is the engine's own order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from backend.trace.recorder import BACKWARD, EDGE_GRAD, GRAD, LEAF_GRAD, Recorder
from backend.trace.records import EngineNode, Step
from backend.trace.saved import saved_of
from backend.trace.source import learner_site

Grads = Sequence[torch.Tensor | None]


def run_backward(recorder: Recorder, engine: Callable[..., Any], outputs: Sequence[Any], args: Any, kwargs: Any) -> Any:
    """Run autograd's engine from `outputs` with every node on the way watched.

    `outputs` are the tensors (or gradient edges) that backward starts from; `args` and `kwargs` go to the engine.
    """
    recorder.finish_op()
    if recorder.skipping:
        with recorder.paused():
            result = engine(outputs, *args, **kwargs)
            loss = _number(outputs[0])
        recorder.passed_backward(loss)
        return result
    roots = [o for o in outputs if isinstance(o, torch.Tensor) and o.grad_fn is not None]
    if any(node.leaf is None and node.op is not None for node in recorder.step.engine):
        recorder.fork_step()
    step = recorder.step
    site = learner_site(2)
    watch = _Watch(recorder, step, site)
    if roots:
        step.loss = recorder.value_of(roots[0])
    with recorder.paused():  # unpacking a saved result detaches it
        watch.walk(roots)
    older = {id(leaf) for _, leaf in recorder.grads.values()}
    recorder.backwards += 1
    try:
        with recorder.paused():
            result = engine(outputs, *args, **kwargs)
        recorder.backward_site = site
        return result
    finally:
        watch.finish(older)
        recorder.close(step)


def _number(root: Any) -> float | None:
    """The loss, if backward began at one number."""
    plain = isinstance(root, torch.Tensor) and root.numel() == 1 and not root.is_meta and not root.is_complex()
    return float(root) if plain else None


def survey(recorder: Recorder, roots: list[torch.Tensor]) -> None:
    """What backward would visit, for a step that never called it: next_functions and what is kept for them."""
    with recorder.paused():
        _Watch(recorder, recorder.step, None).walk(roots, hooked=False)


class _Watch:
    """The hooks of one backward pass."""

    def __init__(self, recorder: Recorder, step: Step, site: Any) -> None:
        self.recorder = recorder
        self.step = step
        self.site = site
        self.nodes: dict[Any, EngineNode] = {}
        self.leaves: list[EngineNode] = []
        self.over = False
        """The hooks are not taken off, which takes as long as hooking: they fall silent, and go with the graph."""
        self.handles: list[Any] = []
        """Those of leaves are: an AccumulateGrad lives as long as one graph or the next has it, so for a whole loop."""

    def walk(self, roots: list[torch.Tensor], *, hooked: bool = True) -> None:
        """Visit every node that can be reached from the roots, once, and hook it."""
        first = len(self.step.engine)
        stack: list[Any] = []
        for root in roots:
            node = self.nodes.get(root.grad_fn) or self._node(root.grad_fn, stack)
            node.arrivals += 2  # the seed comes from outside, so the sum is never just one edge's
        while stack:
            raw = stack.pop()
            node = self.nodes[raw]
            for following, output in raw.next_functions:
                if following is None:
                    node.nexts.append((None, output))
                    continue
                target = self.nodes.get(following)
                if target is None:
                    target = self._node(following, stack)
                target.arrivals += 1
                node.nexts.append((target, output))
        for raw, node in self.nodes.items() if hooked else ():
            if node.leaf is not None:
                if node.arrivals > 1:
                    self.handles.append(raw.register_prehook(self._entered(node)))
                self.handles.append(raw.register_hook(self._accumulated(node)))
            else:
                raw.register_hook(self._left(node))
        self.step.engine[first:] = list(self.nodes.values())

    def _node(self, raw: Any, stack: list[Any]) -> EngineNode:
        name = raw.name()
        node = self.nodes[raw] = EngineNode(name)
        if name.endswith("AccumulateGrad"):
            node.leaf = self.recorder.value_of(raw.variable)
            self.leaves.append(node)
            return node
        op = node.op = self.recorder.by_sequence.get(raw._sequence_nr())
        if op is None:
            node.saved = saved_of(raw, self.recorder)
        elif op.saved is None:
            op.saved = saved_of(raw, self.recorder)
        stack.append(raw)
        return node

    def _left(self, node: EngineNode) -> Callable[[Grads, Grads], None]:
        happened, add, site = self.step.events.append, self.recorder.summariser.add, self.site
        several, nexts = node.arrivals > 1, node.nexts

        def hook(grad_inputs: Grads, grad_outputs: Grads) -> None:
            if self.over:
                return
            happened((BACKWARD, node, site))
            if several:
                for output, grad in enumerate(grad_outputs):
                    if grad is not None:
                        add((GRAD, node, output), grad)
            for place, grad in enumerate(grad_inputs):
                if grad is not None and place < len(nexts) and nexts[place][0] is not None:
                    happened((BACKWARD, (node, place), site))
                    add((EDGE_GRAD, node, place), grad)

        return hook

    def _entered(self, node: EngineNode) -> Callable[[Grads], None]:
        def hook(grad_outputs: Grads) -> None:
            grad = grad_outputs[0]
            if grad is not None and not self.over:
                self.recorder.summariser.add((GRAD, node, 0), grad)

        return hook

    def _accumulated(self, node: EngineNode) -> Callable[[Grads, Grads], None]:
        def hook(_grad_inputs: Grads, _grad_outputs: Grads) -> None:
            if not self.over:
                self.step.events.append((BACKWARD, node, self.site))

        return hook

    def finish(self, older: set[int]) -> None:
        """Silence the hooks, and look at what has piled up in `.grad` of leaves (by id) that had an older gradient."""
        self.over = True
        for handle in self.handles:
            handle.remove()
        recorder = self.recorder
        for node in self.leaves:
            leaf = node.leaf
            tensor = leaf.ref() if leaf is not None else None
            grad = tensor.grad if tensor is not None else None
            if leaf is None or grad is None:
                continue
            if id(leaf) in older:
                recorder.summariser.add((LEAF_GRAD, leaf, 0), grad)
            recorder.know_grad(grad, leaf)
            recorder.leaves[id(leaf)] = leaf
        recorder.summariser.flush()
