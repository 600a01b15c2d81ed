"""In-place ops, views, and writes through views: what has which value afterwards, and where gradients go."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.trace.oracle import run_plain


def _sources(told: Any, name: str) -> list[str]:
    node = told.node(name)
    nodes = {n.id: n for n in told.graph().nodes}
    return [nodes[e.source].op for e in told.graph().edges if e.target == node.id]


def test_a_write_through_a_view_gives_the_whole_a_new_value_and_grad_fn(trace: Any) -> None:
    told = trace(
        "x = torch.tensor([1.0, 2.0], requires_grad=True)\ny = torch.zeros(3)\ny[1:] = x\n(y * y).sum().backward()"
    )
    node = told.node("y")
    assert (node.op, node.grad_fn) == ("copy_", "torch::autograd::CopySlices")
    assert told.value("y") == [0.0, 1.0, 2.0]
    assert told.grad("y") == [0.0, 2.0, 4.0]
    assert told.contributions("x") == [[2.0, 4.0]]


def test_views_of_what_was_written_are_made_anew_with_their_new_values(trace: Any) -> None:
    code = (
        "x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)\ny = x * 1\nv = y[1:]\nu = y.view(3, 1)\nv.mul_(2)\n"
        "z = v.sum() + u.sum()\nz.backward()"
    )
    told = trace(code)
    assert [told.node(n).grad_fn for n in "vu"] == ["AsStridedBackward0"] * 2
    assert told.value("v") == [4.0, 6.0]
    assert told.value("u") == [1.0, 4.0, 6.0]
    assert _sources(told, "v") == _sources(told, "u") == ["mul_"]
    assert [told.grad(n) for n in "vu"] == [[1.0, 1.0], [1.0, 1.0, 1.0]]
    assert told.grad("x") == run_plain(code)["x"].grad.tolist() == [1.0, 4.0, 4.0]


@pytest.mark.parametrize("grad", [True, False])
def test_circular_padding_writes_slice_by_slice(trace: Any, grad: bool) -> None:
    told = trace(
        f"x = torch.arange(4.0).reshape(1, 1, 4).requires_grad_({grad})\n"
        "y = F.pad(x, (1, 1), mode='circular')\nz = y * 2"
    )
    assert told.value("y") == [3.0, 0.0, 1.0, 2.0, 3.0, 0.0]
    assert _sources(told, "z") == ["copy_"]
    if grad:
        assert told.grad("x") == [4.0, 2.0, 2.0, 4.0]


def test_without_gradients_an_in_place_chain_is_a_chain(trace: Any) -> None:
    told = trace("x = torch.ones(3)\nx.mul_(2)\na = x[:2]\nx += 1\nb = a * 2")
    assert told.value("b") == [6.0, 6.0]
    assert _sources(told, "x") == ["mul_"]
    assert _sources(told, "a") == ["add_"]


def test_writing_to_a_part_of_a_leaf_is_an_update_of_it(trace: Any) -> None:
    told = trace(
        "w = torch.tensor([1.0, 2.0], requires_grad=True)\n(w * w).sum().backward()\nwith torch.no_grad():\n"
        "    w[1] -= w.grad[1]\n    w.grad.zero_()"
    )
    assert len(told.answer.steps) == 1
    update = told.step().updates[0]
    assert (update.name, update.before.values, update.after.values) == ("w", [1.0, 2.0], [1.0, -2.0])
    assert [e.phase for e in told.step().events][-2:] == ["update", "zero_grad"]


def test_backward_from_a_leaf_seeds_it(trace: Any) -> None:
    told = trace("x = torch.tensor(2.0, requires_grad=True)\nx.backward(torch.tensor(3.0))")
    assert told.grad("x") == 3.0
    assert torch.equal(told.namespace["x"].grad, torch.tensor(3.0))


def test_a_function_without_a_derivative_returns_the_node_that_it_made(trace: Any) -> None:
    told = trace("a = torch.linspace(torch.tensor(1.0), torch.tensor(3.0), 3)\nb = a * 2")
    assert told.ops() == ["linspace", "mul"]
    assert _sources(told, "b") == ["linspace"]


OWN = "torch.tensor([3.0, 4.0])"

WRITES = {
    "through numpy": (OWN, "x.numpy()[:] = 7"),
    "through another array of numpy's": (OWN, "numpy.asarray(x)[:] = 7"),
    "by the optimizer": (OWN, "opt.step()"),
    "by hand": (OWN, "x.mul_(3)"),
    "through .data": (OWN, "w.data.mul_(3)"),
    "to an array that the data lies in": ("torch.from_numpy(array)[:2]", "array[:] = 7"),
    "to an array that is the data": ("torch.from_numpy(array[:2])", "array[:] = 7"),
    "to a buffer that is the data": ("torch.frombuffer(array, dtype=torch.float32)[:2]", "array[:] = 7"),
}
"""Data, and what may be written to after a backward."""

GRAD_WRITES = {
    "by the next backward": "loss.backward()",
    "by that of a leaf": "w.backward(x)",
    "through numpy": "w.grad.numpy()[:] = 7",
    "by zero_grad": "opt.zero_grad(set_to_none=False)",
    "by clipping": "nn.utils.clip_grad_norm_([w], 0.1)",
    "by hand": "w.grad.mul_(3)",
}

START = """
import numpy
array = numpy.float32([3, 4, 5])
x = {data}
w = torch.tensor([1.0, 2.0], requires_grad=True)
opt = torch.optim.SGD([w], lr=0.5)
"""


@pytest.mark.parametrize(("data", "write"), WRITES.values(), ids=WRITES)
def test_what_is_told_is_what_was_there_before_it_was_written_to(trace: Any, data: str, write: str) -> None:
    told = trace(
        START.format(data=data) + f"for i in range(2):\n    w.grad = None\n    loss = (w * x).sum()\n"
        f"    loss.backward()\n    if i:\n        {write}\n"
    )
    assert told.answer.status == "ok"
    read = next(node for node in told.graph(1).nodes if "x" in node.names)
    assert told.step(1).values[read.id].values == [3, 4]
    assert told.value("w", 1) == [1, 2]
    assert told.value("loss", 1) == 11
    assert told.contributions("w", 1) == [[3, 4]]


@pytest.mark.parametrize("write", GRAD_WRITES.values(), ids=GRAD_WRITES)
def test_a_gradient_is_told_as_it_was_before_it_was_written_to(trace: Any, write: str) -> None:
    told = trace(
        START.format(data=OWN) + f"for _ in range(2):\n    loss = (w * x).sum()\n    loss.backward(retain_graph=True)\n"
        f"{write}\n"
    )
    assert told.answer.status == "ok"
    assert told.contributions("w", 1) == [[3, 4]]
    assert told.step(1).leaf_grads[told.node("w", 1).id].values == [6, 8]


def test_a_batch_is_told_as_it_was_although_its_data_set_uses_the_memory_again(trace: Any) -> None:
    told = trace(
        "class Same(torch.utils.data.Dataset):\n    def __init__(self):\n        self.row = torch.zeros(2)\n"
        "    def __len__(self):\n        return 4\n    def __getitem__(self, index):\n"
        "        return self.row.fill_(index)\n"
        "w = torch.ones(2, requires_grad=True)\n"
        "for x in torch.utils.data.DataLoader(Same(), batch_size=None):\n    (w * x).sum().backward()\n"
    )
    assert [told.value("x", index) for index in range(4)] == [[0, 0], [1, 1], [2, 2], [3, 3]]
