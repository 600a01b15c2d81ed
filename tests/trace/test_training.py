"""Training loops as learners write them: every one of them is told in the phases that it has, with torch's numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

BY_HAND = """
w = torch.tensor([1.0, -2.0], requires_grad=True)
lr = 0.05
for epoch in range(3):
    loss = ((w * 2 - 4) ** 2).sum()
    loss.backward()
{update}
{zero}
"""

UPDATES = [
    "    with torch.no_grad():\n        w -= lr * w.grad",
    "    with torch.no_grad():\n        w.sub_(lr * w.grad)",
    "    with torch.no_grad():\n        w.add_(w.grad, alpha=-lr)",
    "    with torch.no_grad():\n        w.copy_(w - lr * w.grad)",
    "    with torch.no_grad():\n        w[:] = w - lr * w.grad",
    "    with torch.no_grad():\n        step = lr * w.grad\n        step = step * 1.0\n        w -= step",
    "    w.data -= lr * w.grad",
    "    w.data.sub_(lr * w.grad.data)",
    "    w.data = w.data - lr * w.grad",
    "    with torch.no_grad():\n        for p in [w]:\n            p -= lr * p.grad",
    "    with torch.inference_mode(False), torch.no_grad():\n        torch.sub(w, lr * w.grad, out=w)",
]

ZEROS = [
    "    w.grad.zero_()",
    "    w.grad = None",
    "    w.grad.data.zero_()",
    "    w.grad.fill_(0)",
    "    w.grad[:] = 0",
    "    w.grad = torch.zeros_like(w)",
    "    w.grad *= 0",
    "    del w.grad",
]


def phases(step: Any) -> list[str]:
    found: list[str] = []
    for event in step.events:
        if not found or found[-1] != event.phase:
            found.append(event.phase)
    return found


def torchs_own(code: str) -> list[list[float]]:
    """What `w` is after each iteration, unwatched."""
    seen: list[list[float]] = []
    names = {"torch": torch, "seen": seen}
    exec(compile(code.rstrip() + "\n    seen.append(w.tolist())\n", "oracle.py", "exec"), names)
    return seen


@pytest.mark.parametrize("zero", ZEROS[:3])
@pytest.mark.parametrize("update", UPDATES)
def test_an_update_by_hand_is_an_update(trace: Any, update: str, zero: str) -> None:
    code = BY_HAND.format(update=update, zero=zero)
    told = trace(code)
    assert told.answer.problem is None
    assert [phases(step) for step in told.answer.steps] == [["forward", "backward", "update", "zero_grad"]] * 3
    assert [[u.after.values for u in step.updates] for step in told.answer.steps] == [[w] for w in torchs_own(code)]
    assert [[(u.name, u.optimizer) for u in step.updates] for step in told.answer.steps] == [[("w", None)]] * 3
    assert len(told.answer.graphs) == 1


@pytest.mark.parametrize("zero", ZEROS)
def test_a_zero_grad_by_hand_is_a_zero_grad(trace: Any, zero: str) -> None:
    told = trace(BY_HAND.format(update=UPDATES[0], zero=zero))
    assert told.answer.problem is None
    assert [phases(step) for step in told.answer.steps] == [["forward", "backward", "update", "zero_grad"]] * 3
    if "None" not in zero and "del" not in zero:
        piled = [[g.values for g in step.leaf_grads.values()] for step in told.answer.steps]
        assert all(
            grads in ([], [step.grads[told.node("w").id].values])
            for grads, step in zip(piled, told.answer.steps, strict=True)
        )


def test_a_leaf_that_is_made_anew_each_time_is_one_structure(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\nfor epoch in range(3):\n    loss = (w * 2 - 4) ** 2\n"
        "    loss.backward()\n    w = (w - 0.05 * w.grad).detach().requires_grad_()\n"
    )
    assert [step.loss for step in told.answer.steps] == pytest.approx([4.0, 1.44, 0.5184])
    used = [step.graph for step in told.answer.steps]
    assert used[0] != used[1] == used[2], "made on line 1, and then on line 5"


MODULE = """
torch.manual_seed(0)
model = nn.Linear(2, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.ones(4, 2), torch.zeros(4, 1)
for epoch in range(3):
{before}
    loss = F.mse_loss(model(x), y)
{between}
    loss.backward()
{after}
    opt.step()
{end}
"""


@pytest.mark.parametrize("place", ["before", "between", "after step", "end"])
@pytest.mark.parametrize(
    "how",
    [
        "opt.zero_grad()",
        "opt.zero_grad(set_to_none=False)",
        "model.zero_grad()",
        "for p in model.parameters(): p.grad = None",
        "for p in model.parameters():\n        if p.grad is not None: p.grad.zero_()",
    ],
)
def test_zero_grad_at_any_place_by_any_means(trace: Any, place: str, how: str) -> None:
    places = dict.fromkeys(("before", "between", "after", "end"), "    pass")
    places["end" if place == "after step" else place] = f"    {how}"
    told = trace(MODULE.format(**places))
    assert told.answer.problem is None
    assert len(told.answer.steps) == 3
    assert all(len(step.updates) == 2 for step in told.answer.steps)
    zeroed = [{e.node for e in step.events if e.phase == "zero_grad"} for step in told.answer.steps]
    assert sum(len(nodes) == 2 for nodes in zeroed) >= 2
    assert [list(s.loops.values()) for s in told.answer.scalars] == [[0], [1], [2]]


def test_several_losses_are_a_step_each(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(2.0, requires_grad=True)\nfor epoch in range(2):\n    a = w * 3\n    b = w ** 2\n"
        "    a.backward()\n    b.backward()\n    with torch.no_grad():\n        w -= 0.1 * w.grad\n    w.grad = None\n"
    )
    assert [step.loss for step in told.answer.steps] == pytest.approx([6.0, 4.0, 3.9, 1.69])
    assert [len(step.updates) for step in told.answer.steps] == [0, 1, 0, 1]
    assert [s.loops["epoch"] for s in told.answer.scalars] == [0, 0, 1, 1]


def test_accumulated_gradients_pile_up_and_are_spent_once(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nfor i in range(6):\n"
        "    (w * i).backward()\n    if i % 3 == 2:\n        opt.step()\n        opt.zero_grad()\n"
    )
    assert [len(step.updates) for step in told.answer.steps] == [0, 0, 1, 0, 0, 1]
    piled = [[g.values[0] for g in step.leaf_grads.values()] for step in told.answer.steps]
    assert piled == [[], [1.0], [3.0], [], [7.0], [12.0]]
    assert told.answer.steps[2].updates[0].gradient.values == [3.0]


VALIDATION = """
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
x, y, vx, vy = torch.ones(4, 2), torch.zeros(4, 1), torch.ones(3, 2), torch.zeros(3, 1)
for epoch in range({epochs}):
    model.train()
    loss = F.mse_loss(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if epoch % 2 == 1:
        model.eval()
        with torch.no_grad():
            valid = F.mse_loss(model(vx), vy)
            gap = valid - loss
"""


@pytest.mark.parametrize("option", ["every", "sampled"])
def test_a_validation_belongs_to_the_epoch_that_it_follows(trace: Any, option: str) -> None:
    told = trace(VALIDATION.format(epochs=6), trace=option)
    assert [s.loops["epoch"] for s in told.answer.scalars] == list(range(6))
    assert [s.index for s in told.answer.steps] == list(range(6))
    names = [{n for node in told.graph(i).nodes for n in node.names} for i in range(6)]
    assert [("valid" in found, "gap" in found) for found in names] == [(False, False), (True, True)] * 3
    valid = [s.values.get("valid") for s in told.answer.scalars]
    assert valid[0] is None
    assert valid[1] == valid[2] == told.value("valid", 1)
    assert valid[5] == told.namespace["valid"].item()


def test_long_sampled_validation_keeps_to_its_epochs(trace: Any) -> None:
    told = trace(VALIDATION.format(epochs=200), trace="sampled")
    assert [s.loops["epoch"] for s in told.answer.scalars] == list(range(200))


def test_a_target_computed_at_the_top_of_the_loop_belongs_to_its_own_iteration(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\nx = torch.tensor(3.0)\nfor i in range(3):\n"
        "    with torch.no_grad():\n        target = x * i\n    loss = (w - target) ** 2\n"
        "    loss.backward()\n    w.grad = None\n"
    )
    assert [told.value("target", i) for i in range(3)] == [0.0, 3.0, 6.0]
    assert len(told.answer.steps) == 3


def test_a_thousand_equal_steps_have_one_graph(trace: Any) -> None:
    told = trace(
        BY_HAND.format(update=UPDATES[0], zero=ZEROS[0]).replace("range(3)", "range(1000)").replace("0.05", "1e-4")
    )
    assert len(told.answer.steps) == 1000
    assert len(told.answer.graphs) == 1


def test_a_structure_that_changes_comes_back_to_the_first_by_its_id(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\nfor i in range(9):\n    z = w * 2\n"
        "    if i in (3, 4, 7):\n        z = z.sin()\n    z.backward()\n    w.grad = None\n"
    )
    plain, with_sine = (graph.id for graph in told.answer.graphs)
    assert [step.graph for step in told.answer.steps] == [with_sine if i in (3, 4, 7) else plain for i in range(9)]


def test_dropout_turned_off_is_another_structure_and_on_again_the_first(trace: Any) -> None:
    told = trace(
        "torch.manual_seed(0)\nmodel = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))\nx = torch.ones(1, 2)\n"
        "for i in range(6):\n    model.train(i not in (2, 3))\n    model(x).sum().backward()\n    model.zero_grad()\n"
    )
    used = [step.graph for step in told.answer.steps]
    assert used[0] == used[1] == used[4] == used[5] != used[2] == used[3]
    assert len(told.answer.graphs) == 2


def test_a_generator_of_batches_and_an_early_end(trace: Any) -> None:
    told = trace(
        "from torch.utils.data import DataLoader, TensorDataset\ntorch.manual_seed(0)\n"
        "data = TensorDataset(torch.randn(10, 2), torch.randn(10, 1))\nmodel = nn.Linear(2, 1)\n"
        "opt = torch.optim.Adam(model.parameters())\nfor epoch in range(2):\n"
        "    for i, (x, y) in enumerate(DataLoader(data, batch_size=4)):\n        opt.zero_grad()\n"
        "        loss = F.mse_loss(model(x), y)\n        loss.backward()\n        opt.step()\n"
        "        if epoch == 1 and i == 1:\n            break\n"
    )
    assert [tuple(s.loops.values()) for s in told.answer.scalars] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert told.answer.problem is None
