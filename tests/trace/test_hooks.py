"""Hooks of the learner's own, of modules and of tensors, and Functions of several results: all of it is seen."""

from __future__ import annotations

from typing import Any

import pytest

LINEAR = "m = nn.Linear(2, 1)\nx = torch.ones(1, 2, requires_grad=True)\n"


def told_of(trace: Any, code: str) -> Any:
    told = trace(code)
    assert told.answer.problem is None
    return told


def test_what_a_forward_pre_hook_computes_belongs_to_the_module(trace: Any) -> None:
    told = told_of(
        trace, LINEAR + "m.register_forward_pre_hook(lambda mod, args: (args[0] * 3,))\ny = m(x).sum()\ny.backward()"
    )
    tripled = next(n for n in told.graph().nodes if n.op == "mul")
    module = next(g for g in told.graph().groups if g.kind == "module")
    assert (tripled.group, tripled.line) == (module.id, 3)
    assert told.step().values[tripled.id].values == [3.0, 3.0]
    weight = told.namespace["m"].weight
    assert told.step().grads[tripled.id].values == weight.flatten().tolist()
    assert told.grad("x") == (3 * weight).flatten().tolist()


def test_a_forward_pre_hook_with_keywords_and_a_hook_that_replaces_the_result(trace: Any) -> None:
    told = told_of(
        trace,
        "class Shift(nn.Module):\n    def forward(self, x, by):\n        return x + by\nm = Shift()\n"
        "m.register_forward_pre_hook(lambda mod, args, named: (args, {'by': named['by'] * 2}), with_kwargs=True)\n"
        "m.register_forward_hook(lambda mod, args, out: out * 10)\n"
        "x = torch.tensor(1.0, requires_grad=True)\nb = torch.tensor(4.0)\ny = m(x, by=b)\ny.backward()",
    )
    assert told.ops() == ["mul", "add", "mul"]
    assert [n.line for n in told.graph().nodes if n.kind == "op"] == [5, 3, 6]
    assert (told.value("y"), told.grad("x")) == (90.0, 10.0)


@pytest.mark.parametrize("order", ["register_full_backward_hook", "register_full_backward_pre_hook"])
def test_the_nodes_that_full_backward_hooks_put_in_have_their_values(trace: Any, order: str) -> None:
    """Each hook makes torch put a Function of its own around the module: it is a node like any other."""
    told = told_of(trace, LINEAR + f"m.{order}(lambda mod, *grads: None)\ny = m(x).sum()\ny.backward()")
    put_in = [n for n in told.graph().nodes if n.grad_fn == "BackwardHookFunctionBackward"]
    assert put_in
    for node in put_in:
        assert node.line == 4
        assert told.step().values[node.id].values is not None
        assert told.step().grads[node.id].values is not None
    assert all(n.id in told.step().values for n in told.graph().nodes)


def test_a_full_backward_pre_hook_changes_what_enters_the_module(trace: Any) -> None:
    told = told_of(
        trace,
        LINEAR + "m.register_full_backward_pre_hook(lambda mod, grads: tuple(g * 10 for g in grads))\n"
        "y = m(x).sum()\ny.backward()",
    )
    assert told.grad("bias") == [10.0]
    assert told.grad("x") == (10 * told.namespace["m"].weight).flatten().tolist()


def test_an_update_in_a_post_accumulate_hook_is_an_update_of_its_step(trace: Any) -> None:
    told = told_of(
        trace,
        "w = torch.tensor([1.0, 2.0], requires_grad=True)\ndef learn(p):\n    with torch.no_grad():\n"
        "        p -= 0.1 * p.grad\n    p.grad = None\nw.register_post_accumulate_grad_hook(learn)\n"
        "for i in range(2):\n    loss = (w ** 2).sum()\n    loss.backward()",
    )
    values = [told.value("w", i) for i in (0, 1)]
    assert values[0] == [1.0, 2.0]
    assert values[1] == pytest.approx([0.8, 1.6])
    for step in told.answer.steps:
        assert [e.phase for e in step.events if e.phase in ("update", "zero_grad")] == ["update", "zero_grad"]
        assert len(step.updates) == 1
    assert step.updates[0].after.values == pytest.approx(told.namespace["w"].tolist())
    why = next(g for g in told.answer.gradients if g.name == "w")
    assert (why.state, why.reason, why.cause) == ("none", "zeroed", 2)


def test_a_function_of_several_results_has_one_node_with_their_gradients(trace: Any) -> None:
    told = told_of(
        trace,
        "class Both(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n"
        "        y = x * 2\n        return y, y + 1\n    @staticmethod\n    def backward(ctx, a, b):\n"
        "        return 2 * a + 2 * b\nx = torch.tensor(3.0, requires_grad=True)\np, q = Both.apply(x)\n"
        "z = p * q\nz.backward()",
    )
    both = told.node("p")
    assert (both.op, both.grad_fn, both.names, both.line, both.outputs) == ("Both", "BothBackward", ["p", "q"], 10, 2)
    outputs = {
        told.graph().edges[int(e[1:])].source_output: g
        for e, g in told.step().edge_grads.items()
        if e in {edge.id for edge in told.graph().edges if edge.source == both.id}
    }
    assert {place: summary.values for place, summary in outputs.items()} == {0: [7.0], 1: [6.0]}
    inner = [n for n in told.graph().nodes if n.kind == "break"]
    assert [n.op for n in inner] == ["mul"]
    assert "Both.backward" in inner[0].reason
    assert inner[0].group == both.group
    assert told.grad("x") == told.namespace["x"].grad.item() == 26.0


def test_a_function_of_one_result_stands_where_it_was_called(trace: Any) -> None:
    told = told_of(
        trace,
        "class Twice(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        return x * 2\n"
        "    @staticmethod\n    def backward(ctx, g):\n        return g * 2\nx = torch.ones(2, requires_grad=True)\n"
        "def f(x):\n    y = Twice.apply(x)\n    return y.sum()\nf(x).backward()",
    )
    assert told.node("y").line == 10


def test_hooks_of_the_snippets_own_on_a_node_come_and_go(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(2.0, requires_grad=True)\n"
        "y = w * 3\n"
        "seen = []\n"
        "y.grad_fn.register_hook(lambda inputs, outputs: seen.append('first'))\n"
        "y.backward(retain_graph=True)\n"
        "handle = y.grad_fn.register_hook(lambda inputs, outputs: seen.append('second'))\n"
        "y.backward(retain_graph=True)\n"
        "handle.remove()\n"
        "y.backward()\n"
    )
    assert told.answer.problem is None
    assert told.namespace["seen"] == ["first", "first", "second", "first"]
    assert [len(step.edge_grads) for step in told.answer.steps] == [1, 1, 1]
