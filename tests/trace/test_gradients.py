"""Values and gradients, against torch and against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch


def test_contributions_along_edges_add_up_to_the_gradient_of_the_node(trace: Any) -> None:
    told = trace("a = torch.tensor(2.0, requires_grad=True)\nb = a * 3\nc = b * b\nd = b + c\nd.backward()")
    assert sorted(told.contributions("b")) == [1.0, 6.0, 6.0]
    assert told.grad("b") == 13.0
    assert told.contributions("a") == [39.0]
    assert told.grad("a") == 39.0
    assert told.grad("c") == 1.0
    assert told.grad("d") == 1.0
    assert [told.value(n) for n in "abcd"] == [2.0, 6.0, 36.0, 42.0]


def test_the_expression_of_the_first_lesson(trace: Any) -> None:
    told = trace(
        "a = torch.tensor(2.0, requires_grad=True)\nb = torch.tensor(3.0, requires_grad=True)\n"
        "x = torch.tensor(4.0, requires_grad=True)\nz = x * (a + b)\nz.backward()"
    )
    assert told.value("z") == 20.0
    assert [told.grad(n) for n in "abx"] == [4.0, 4.0, 5.0]
    assert told.node("z").grad_fn == "MulBackward0"
    assert told.node("z").op == "mul"
    assert told.node("a").kind == "leaf"
    assert told.step().loss == 20.0
    assert told.step().loss_node == told.node("z").id


def test_backward_events_come_in_the_engines_order(trace: Any) -> None:
    told = trace("a = torch.tensor(2.0, requires_grad=True)\nb = a * 3\nc = b * b\nd = b + c\nd.backward()")
    nodes = {n.id: n for n in told.graph().nodes}
    order = [nodes[e.node].names[0] for e in told.step().events if e.phase == "backward" and e.node]
    assert order == ["d", "c", "b", "a"]
    forward = [nodes[e.node].names[0] for e in told.step().events if e.phase == "forward"]
    assert forward == ["b", "c", "d"]


def test_the_last_value_is_seeded_when_the_snippet_never_calls_backward(trace: Any) -> None:
    told = trace("x = torch.tensor([1.0, 2.0], requires_grad=True)\ny = x * x\ny")
    assert told.grad("x") == [2.0, 4.0]
    assert told.answer.result.text == "tensor([1., 4.], grad_fn=<MulBackward0>)"
    assert [n.kind for n in told.answer.notices] == ["auto_backward"]


def test_an_assignment_at_the_end_counts_as_the_last_value(trace: Any) -> None:
    told = trace("x = torch.tensor(3.0, requires_grad=True)\nz = x * x")
    assert told.grad("x") == 6.0


def test_backward_never_leaves_gradients_out(trace: Any) -> None:
    told = trace("x = torch.tensor(3.0, requires_grad=True)\nz = x * x\nz", backward="never")
    assert told.step().grads == {}
    assert told.node("z").grad_fn == "MulBackward0"
    assert [(n.name, n.node) for n in told.node("z").next_functions] == [("AccumulateGrad", told.node("x").id)] * 2
    assert {s.name for s in told.node("z").saved} == {"self", "other"}
    assert [e.phase for e in told.step().events] == ["forward"]


def test_a_gradient_that_piles_up_shows_what_entered_and_what_is_in_grad(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(2.0, requires_grad=True)\n(w * 3).backward()\n(w * 5).backward()\n", backward="never"
    )
    first, second = told.answer.steps
    assert told.grad("w", 0) == 3.0
    assert told.grad("w", 1) == 5.0
    assert first.leaf_grads == {}
    assert second.leaf_grads[told.node("w", 1).id].values == [8.0]


def test_a_second_backward_through_the_same_graph_is_a_step_of_its_own(trace: Any) -> None:
    told = trace("a = torch.tensor(2.0, requires_grad=True)\nb = a * a\nb.backward(retain_graph=True)\nb.backward()")
    assert len(told.answer.steps) == 2
    assert [told.grad("a", i) for i in (0, 1)] == [4.0, 4.0]
    assert [told.value("b", i) for i in (0, 1)] == [4.0, 4.0]


def test_a_shared_parameter_shows_each_use(trace: Any) -> None:
    told = trace("w = torch.tensor(3.0, requires_grad=True)\nx = w * 2\ny = x * w\ny.backward()")
    assert sorted(told.contributions("w")) == [6.0, 6.0]
    assert told.grad("w") == 12.0


def test_several_outputs_keep_their_own_values_and_gradients(trace: Any) -> None:
    told = trace(
        "x = torch.tensor([[1.0, 5.0], [7.0, 2.0]], requires_grad=True)\n"
        "values, indices = x.max(dim=1)\nvalues.sum().backward()"
    )
    node = told.node("values")
    assert node.names == ["values", "indices"]
    assert node.outputs == 2
    assert [o.values for o in told.step().outputs[node.id]] == [[5.0, 7.0], [1, 0]]
    assert told.grad("x") == [0.0, 1.0, 1.0, 0.0]


def test_gradients_of_outputs_behind_one_that_has_none_are_told_as_theirs(trace: Any) -> None:
    told = trace(
        "a = torch.tensor([[4.0, 3.0], [6.0, 3.0]], requires_grad=True)\np, l, u = torch.linalg.lu(a)\n"
        "l.retain_grad()\nu.retain_grad()\nloss = (u @ l).sum()\nloss.backward()"
    )
    node, step = told.node("l"), told.step()
    wanted = {1: told.namespace["l"].grad.flatten().tolist(), 2: told.namespace["u"].grad.flatten().tolist()}
    none, *found = step.output_grads[node.id]
    assert none is None
    assert [summary.values for summary in found] == [*wanted.values()]
    edges = [e for e in told.graph().edges if e.source == node.id]
    assert [e.source_output for e in edges] == [2, 1]
    assert {e.source_output: step.edge_grads[e.id].values for e in edges} == wanted


def test_split_sends_each_piece_its_own_gradient(trace: Any) -> None:
    told = trace(
        "x = torch.arange(4.0, requires_grad=True)\np, q = x.split(2)\n"
        "loss = (p * 2).sum() + (q * 3).sum()\nloss.backward()"
    )
    assert told.grad("x") == [2.0, 2.0, 3.0, 3.0]
    sources = [(e.source_output, e.target) for e in told.graph().edges if e.source == told.node("p").id]
    assert [output for output, _ in sources] == [0, 1]


@pytest.mark.parametrize("name", ["q[0] = 5.0", "q[0].mul_(3)", "q.add_(1)", "q.relu_()"])
def test_in_place_changes_give_torchs_gradients(trace: Any, name: str) -> None:
    code = (
        f"x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)\nq = x * 2\n{name}\n"
        f"loss = (q * q).sum()\nloss.backward()"
    )
    told = trace(code)
    namespace: dict[str, Any] = {"torch": torch}
    exec(code, namespace)
    assert told.grad("x") == namespace["x"].grad.tolist()
    assert told.value("loss") == namespace["loss"].item()


def test_where_the_gradient_is_cut_a_node_says_why(trace: Any) -> None:
    told = trace(
        "x = torch.tensor([1.0, 2.0], requires_grad=True)\nd = x.detach()\ni = x.argmax()\n"
        "with torch.no_grad():\n    n = x * 2\nm = x > 1\n",
        backward="never",
    )
    reasons = {name: told.node(name).reason for name in "dinm"}
    assert all(told.node(name).kind == "break" for name in "dinm")
    assert "detach()" in reasons["d"]
    assert "torch.int64" in reasons["i"]
    assert "no_grad" in reasons["n"]
    assert "torch.bool" in reasons["m"]


def test_saved_tensors_point_at_the_nodes_that_are_kept(trace: Any) -> None:
    told = trace(
        "x = torch.tensor(2.0, requires_grad=True)\ny = torch.tensor(5.0, requires_grad=True)\nz = x * y\nz.backward()"
    )
    saved = {s.name: s.node for s in told.node("z").saved}
    assert saved == {"self": told.node("x").id, "other": told.node("y").id}
    following = [(n.name, n.node) for n in told.node("z").next_functions]
    assert following == [("AccumulateGrad", told.node("x").id), ("AccumulateGrad", told.node("y").id)]
