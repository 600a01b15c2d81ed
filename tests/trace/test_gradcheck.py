"""Finite differences beside autograd's gradients: right ones agree, wrong ones are caught, the rest says why not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.trace.learning_path import SNIPPETS

SMALL = """
a = torch.tensor(2.0, requires_grad=True)
w = torch.randn(2, 3, requires_grad=True)
x = torch.randn(4, 2)
loss = (torch.tanh(x @ w) * a).pow(2).mean()
loss.backward()
"""

WRONG = """
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3
    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * 2 * x ** 2
x = torch.tensor([1.0, 2.0], requires_grad=True)
Cube.apply(x).sum().backward()
"""


def check(trace: Any, code: str, **options: Any) -> Any:
    told = trace(code, gradcheck=True, **options)
    assert told.answer.status == "ok", told.answer.problem
    return told.answer.gradcheck


def leaves(found: Any) -> dict[str, Any]:
    return {leaf.name: leaf for leaf in found.leaves}


def test_each_number_stands_beside_its_difference(trace: Any) -> None:
    told = trace(SMALL, gradcheck=True)
    found = told.answer.gradcheck
    assert (found.line, found.reason, found.epsilon) == (6, None, 1e-6)
    assert found.loss == pytest.approx(told.namespace["loss"].item(), rel=1e-5)
    by_name = leaves(found)
    assert by_name.keys() == {"a", "w"}
    for name, leaf in by_name.items():
        expected = told.namespace[name].grad
        assert leaf.agrees
        assert leaf.shape == list(expected.shape)
        assert len(leaf.elements) == expected.numel()
        for element in leaf.elements:
            assert element.analytical == pytest.approx(float(expected[tuple(element.index)]), rel=1e-4, abs=1e-6)
            assert element.numerical == pytest.approx(element.analytical, rel=1e-5, abs=1e-8)
            assert element.difference == abs(element.numerical - element.analytical)
        assert leaf.node == told.node(name).id


def test_random_numbers_are_those_that_the_learner_saw(trace: Any) -> None:
    """From 16 elements on, torch draws others in float64 than in float32."""
    code = "w = torch.randn(40, requires_grad=True)\nx = torch.rand(40)\nl = nn.Linear(40, 30)\n"
    told = trace(
        code + "loss = (torch.tanh(l(w * x)) * torch.randn_like(l.bias)).sum()\nloss.backward()", gradcheck=True
    )
    found = told.answer.gradcheck
    assert found.loss == pytest.approx(told.namespace["loss"].item(), rel=1e-4)
    assert all(leaf.agrees for leaf in found.leaves)


def test_it_is_made_only_on_request(trace: Any) -> None:
    assert trace(SMALL).answer.gradcheck is None


def test_a_wrong_backward_is_caught(trace: Any) -> None:
    [leaf] = check(trace, WRONG).leaves
    assert leaf.agrees is False
    assert [(e.analytical, round(e.numerical, 4)) for e in leaf.elements] == [(2.0, 3.0), (8.0, 12.0)]


def test_the_run_itself_is_as_without_it(trace: Any) -> None:
    with_it, without = trace(SMALL + "print(torch.rand(1))", gradcheck=True), trace(SMALL + "print(torch.rand(1))")
    assert torch.equal(with_it.namespace["w"].grad, without.namespace["w"].grad)
    assert with_it.answer.output == without.answer.output
    assert with_it.answer.steps == without.answer.steps
    assert torch.get_default_dtype() is torch.float32


@pytest.mark.parametrize(
    "name",
    ["matmul", "reduce", "acts", "bn", "lstm", "gru", "mha", "emb", "cat", "einsum", "custom", "ffn", "index", "sdpa"],
)
def test_the_learning_path_agrees(trace: Any, name: str) -> None:
    found = check(trace, SNIPPETS[name])
    assert found.leaves, found.reason
    for leaf in found.leaves:
        assert leaf.agrees or leaf.reason, (leaf.name, leaf.difference, leaf.reason)
    assert any(leaf.agrees for leaf in found.leaves)


def test_parameters_of_a_module_are_checked_by_name(trace: Any) -> None:
    found = check(
        trace,
        "net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "for _ in range(3):\n    loss = net(torch.ones(2, 3)).pow(2).mean()\n    opt.zero_grad()\n    loss.backward()\n"
        "    opt.step()\n",
    )
    assert set(leaves(found)) == {"net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"}
    assert all(leaf.agrees and leaf.node for leaf in found.leaves)
    assert found.line == 6


def test_a_leaf_off_the_path_says_so(trace: Any) -> None:
    code = "x = torch.ones(2, requires_grad=True)\nq = torch.ones(2, requires_grad=True)\nr = q * 2\nx.sum().backward()"
    found = check(trace, code)
    assert leaves(found)["q"].agrees is None
    assert "not on the path" in leaves(found)["q"].reason


def test_a_corner_is_no_disagreement(trace: Any) -> None:
    [leaf] = check(trace, "x = torch.tensor([0.0, 1.0], requires_grad=True)\nF.relu(x).sum().backward()").leaves
    assert [e.smooth for e in leaf.elements] == [False, True]
    assert leaf.agrees


def test_a_large_leaf_is_checked_in_part(trace: Any) -> None:
    [leaf] = check(trace, "w = torch.randn(30, 40, requires_grad=True)\n(w ** 2).sum().backward()").leaves
    assert len(leaf.elements) == 16
    assert leaf.elements[0].index == [0, 0]
    assert leaf.elements[-1].index == [29, 39]


def test_float32_that_the_snippet_asks_for_is_widened(trace: Any) -> None:
    code = "x = torch.tensor([1.5, 2.0], dtype=torch.float32, requires_grad=True)\ny = x.double().float()\n"
    [leaf] = check(trace, code + "(y ** 3).sum().backward()").leaves
    assert leaf.agrees


def test_the_last_value_is_checked_where_backward_was_run_for_it(trace: Any) -> None:
    [leaf] = check(trace, "x = torch.tensor([1.0, 2.0], requires_grad=True)\nx * x").leaves
    assert [e.analytical for e in leaf.elements] == [2.0, 4.0]
    assert leaf.agrees


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = torch.ones(2) * 2", "no backward was called"),
        (
            "import os\nx = torch.ones(2, requires_grad=True)\n(x * int.from_bytes(os.urandom(4))).sum().backward()",
            "two losses",
        ),
        ("x = torch.tensor(-1.0, requires_grad=True)\nx.log().backward()", "the loss is nan"),
        (
            "x = torch.ones(2, requires_grad=True)\nif x.dtype == torch.float64: raise ValueError('no')\nx.sum()",
            "ValueError: no",
        ),
    ],
)
def test_what_cannot_be_checked_says_why(trace: Any, code: str, words: str) -> None:
    found = check(trace, code)
    assert found.leaves == []
    assert words in found.reason
