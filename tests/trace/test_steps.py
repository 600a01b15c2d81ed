"""Phases and steps of training loops, in the order in which the snippet does them."""

from __future__ import annotations

import gc
from functools import partial
from typing import Any

import pytest

BY_HAND = """
w = torch.tensor(1.0, requires_grad=True)
for _ in range(3):
    loss = (w * 2 - 4) ** 2
    loss.backward()
    with torch.no_grad():
        w -= 0.05 * w.grad
    w.grad.zero_()
"""

ADAM = """
model = nn.Linear(2, 1)
opt = torch.optim.Adam(model.parameters(), lr=0.1)
x, y = torch.ones(4, 2), torch.zeros(4, 1)
for _ in range(3):
    {first}
    loss = F.mse_loss(model(x), y)
    {second}
    loss.backward()
    opt.step()
    {third}
"""


def _phases(step: Any) -> list[str]:
    found: list[str] = []
    for event in step.events:
        if not found or found[-1] != event.phase:
            found.append(event.phase)
    return found


def test_a_loop_by_hand_has_one_step_per_iteration(trace: Any) -> None:
    told = trace(BY_HAND)
    assert [_phases(s) for s in told.answer.steps] == [["forward", "backward", "update", "zero_grad"]] * 3
    assert told.ops() == ["mul", "sub", "pow"]
    assert len(told.answer.graphs) == 1


def test_an_update_by_hand_shows_before_gradient_and_after(trace: Any) -> None:
    told = trace(BY_HAND)
    update = told.answer.steps[0].updates[0]
    assert update.name == "w"
    assert update.optimizer is None
    assert update.before.values == [1.0]
    assert update.gradient.values == [-8.0]
    assert update.after.values == pytest.approx([1.4])
    assert told.answer.steps[1].updates[0].before.values == pytest.approx([1.4])


@pytest.mark.parametrize("place", ["first", "second", "third"])
def test_zero_grad_may_stand_anywhere(trace: Any, place: str) -> None:
    lines = dict.fromkeys(("first", "second", "third"), "pass") | {place: "opt.zero_grad()"}
    told = trace(ADAM.format(**lines))
    assert len(told.answer.steps) == 3
    assert all(len(s.updates) == 2 and s.updates[0].optimizer == "Adam" for s in told.answer.steps)
    assert all(s.leaf_grads == {} for s in told.answer.steps)
    assert sum("zero_grad" in _phases(s) for s in told.answer.steps) >= 2


def test_without_zero_grad_gradients_are_seen_to_pile_up(trace: Any) -> None:
    told = trace(ADAM.format(first="pass", second="pass", third="pass"))
    assert told.answer.steps[0].leaf_grads == {}
    assert len(told.answer.steps[1].leaf_grads) == 2


def test_what_is_computed_from_a_steps_own_results_belongs_to_it(trace: Any) -> None:
    told = trace(
        "w = torch.tensor([1.0, 2.0], requires_grad=True)\nfor _ in range(2):\n    p = w * 2\n    loss = p.sum()\n"
        "    loss.backward()\n    best = p.argmax()\n    shown = loss.item()\n    w.grad = None\n"
    )
    assert len(told.answer.steps) == 2
    assert told.ops() == ["mul", "sum", "argmax", "item"]


def test_a_snippet_without_training_is_one_step(trace: Any) -> None:
    told = trace("x = torch.arange(6).reshape(2, 3)\ny = x.sum(dim=0)\nprint(y)")
    assert len(told.answer.steps) == 1
    assert told.value("y") == [3, 5, 7]
    assert told.node("y").attributes == {"dim": [0]}


def test_a_tensor_that_no_op_reads_is_shown_all_the_same(trace: Any) -> None:
    told = trace("t = torch.tensor([1, 2, 3])\nf = torch.zeros(2, 2, dtype=torch.float64)")
    assert told.value("t") == [1, 2, 3]
    assert told.node("f").kind == "data"
    assert told.step().values[told.node("f").id].dtype == "torch.float64"


@pytest.mark.parametrize("code", [BY_HAND, ADAM.format(first="opt.zero_grad()", second="pass", third="pass")])
def test_a_sampled_run_tells_the_same_steps_and_fewer(trace: Any, code: str) -> None:
    long = code.replace("range(3)", "range(300)")
    every = {s.index: s for s in trace(long).answer.steps}
    told = trace(long, trace="sampled")
    sampled = {s.index: s for s in told.answer.steps}
    assert len(every) == 300
    assert 100 < len(sampled) < 200
    assert set(range(70)) < set(sampled)
    for index, step in sampled.items():
        assert step.loss == every[index].loss, index
        assert step.grads == every[index].grads, index
        assert step.leaf_grads == {}
        assert [u.after for u in step.updates] == [u.after for u in every[index].updates]
    assert told.answer.status == "ok"


HOOKED = """
w = torch.ones(2, requires_grad=True)
for _ in range(4):
    loss = (w * 2).sum()
    loss.backward()
"""


def test_no_hook_of_the_tracers_stays_on_a_leaf(trace: Any) -> None:
    told = trace(HOOKED)
    assert "loss" in told.namespace, "its graph, and w's AccumulateGrad in it, is still there"
    left = [o for o in gc.get_objects() if type(o) is partial and o.func.__name__ in ("_accumulated", "_entered")]
    assert not left


def test_a_look_at_what_was_updated_begins_no_step(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\n"
        "for i in range(3):\n    (w * 2).backward()\n"
        "    with torch.no_grad():\n        w -= 1\n    w.grad = None\n    seen = w.item()\n    ahead = float(w) < 0"
    )
    assert len(told.answer.steps) == 3
    assert [s.values["seen"] for s in told.answer.scalars] == [0.0, -1.0, -2.0]
    assert told.ops() == ["mul", "item", "item"]
