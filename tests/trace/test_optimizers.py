"""Every optimizer of torch.optim that runs on a CPU, beside torch itself."""

from __future__ import annotations

import inspect
from itertools import pairwise
from typing import Any

import pytest
import torch

OPTIMIZERS = sorted(
    name
    for name, kind in vars(torch.optim).items()
    if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer
)

PLAIN = """
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh(), nn.Linear(4, 1, bias=False))
opt = torch.optim.{name}(model.parameters(), lr=0.01)
x, y = torch.randn(5, 3), torch.randn(5, 1)
for epoch in range(4):
    opt.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    opt.step()
"""

CLOSURE = """
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh(), nn.Linear(4, 1, bias=False))
opt = torch.optim.{name}(model.parameters(), lr=0.01)
x, y = torch.randn(5, 3), torch.randn(5, 1)
def closure():
    opt.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    return loss
for epoch in range(2):
    opt.step(closure)
"""

SPARSE = """
torch.manual_seed(0)
table = nn.Embedding(6, 2, sparse=True)
opt = torch.optim.{name}(table.parameters(), lr=0.01)
for epoch in range(4):
    opt.zero_grad()
    loss = table(torch.tensor([1, 4])).pow(2).sum()
    loss.backward()
    opt.step()
"""


def program(name: str) -> str:
    if name == "LBFGS":
        return CLOSURE.format(name=name)
    return (SPARSE if name == "SparseAdam" else PLAIN).format(name=name)


def state_of(optimizer: Any, parameter: torch.Tensor) -> dict[str, list[float]]:
    kept = {k: v for k, v in optimizer.state[parameter].items() if isinstance(v, torch.Tensor)}
    return {k: v.reshape(-1).tolist() for k, v in kept.items() if v.numel() == 1 or v.shape == parameter.shape}


def watched_by_torch(code: str) -> list[dict[str, Any]]:
    """What torch itself has after each `opt.step()`: parameters, hyperparameters and state."""
    seen: list[dict[str, Any]] = []

    def look() -> None:
        optimizer = namespace["opt"]
        group = optimizer.param_groups[0]
        parameters = [p for p in group["params"] if p.grad is not None]
        seen.append(
            {
                "after": [p.detach().reshape(-1).tolist() for p in parameters],
                "state": [state_of(optimizer, p) for p in parameters],
                "lr": float(group["lr"]),
            }
        )

    namespace: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "look": look}
    steps = code.replace("    opt.step()", "    opt.step()\n    look()").replace("(closure)", "(closure); look()")
    exec(compile(steps, "oracle.py", "exec"), namespace)
    return seen


def told_of(step: Any) -> dict[str, Any]:
    return {
        "after": [u.after.values for u in step.updates],
        "state": [{name: kept.values for name, kept in u.state.items()} for u in step.updates],
        "lr": step.updates[0].hyperparameters["lr"],
    }


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_update_shows_what_the_optimizer_did_and_keeps(trace: Any, name: str) -> None:
    code = program(name)
    told = trace(code)
    assert told.answer.problem is None
    updated = [step for step in told.answer.steps if step.updates]
    assert {u.optimizer for step in updated for u in step.updates} == {name}
    seen = watched_by_torch(code)
    if name == "LBFGS":  # one step for each look at the loss; torch shows only the last of each opt.step()
        ends = [step for step in updated if told_of(step)["after"] in [s["after"] for s in seen]]
        assert [told_of(step)["after"] for step in ends] == [s["after"] for s in seen]
        assert len(updated) > len(seen)
        return
    assert [told_of(step) for step in updated] == seen
    assert len(updated) == 4


def test_before_of_a_step_is_after_of_the_one_before(trace: Any) -> None:
    for name in ("Adam", "LBFGS"):
        steps = trace(program(name)).answer.steps
        for earlier, later in pairwise(steps):
            befores = {u.name: u.before for u in later.updates}
            for update in earlier.updates:
                if update.name in befores:
                    assert befores[update.name] == update.after


def test_a_schedule_shows_in_the_learning_rate(trace: Any) -> None:
    told = trace(
        PLAIN.format(name="SGD")
        .replace("    opt.step()\n", "    opt.step()\n    plan.step()\n")
        .replace("for epoch", "plan = torch.optim.lr_scheduler.StepLR(opt, step_size=2, gamma=0.1)\nfor epoch")
    )
    rates = [step.updates[0].hyperparameters["lr"] for step in told.answer.steps]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])
    assert len(told.answer.graphs) == 1


def test_parameter_groups_have_their_own_hyperparameters(trace: Any) -> None:
    told = trace(
        "a = torch.ones(1, requires_grad=True)\nb = torch.ones(1, requires_grad=True)\n"
        "opt = torch.optim.SGD([{'params': [a], 'lr': 0.5}, {'params': [b]}], lr=0.25, momentum=0.9)\n"
        "(a * b).sum().backward()\nopt.step()\n"
    )
    found = {u.name: (u.hyperparameters["lr"], u.hyperparameters["momentum"]) for u in told.step().updates}
    assert found == {"a": (0.5, 0.9), "b": (0.25, 0.9)}
    assert told.step().updates[0].state["momentum_buffer"].values == [1.0]


def test_a_step_that_fails_and_is_caught_does_not_end_the_record(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(2.0, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "def failing(): raise ValueError('no loss today')\n"
        "for i in range(3):\n    loss = w * w\n    opt.zero_grad()\n    loss.backward()\n"
        "    try:\n        opt.step(failing)\n    except ValueError:\n        opt.step()\n"
    )
    assert [s.loss for s in told.answer.steps] == pytest.approx([4.0, 2.56, 1.6384])
    assert [len(s.updates) for s in told.answer.steps] == [1, 1, 1]


def test_a_mode_of_the_snippets_own_hears_the_optimizer(trace: Any) -> None:
    told = trace(
        "from torch.utils._python_dispatch import TorchDispatchMode\nheard = []\n"
        "class Ears(TorchDispatchMode):\n"
        "    def __torch_dispatch__(self, func, types, args=(), kwargs=None):\n"
        "        heard.append(func.__name__)\n        return func(*args, **(kwargs or {}))\n"
        "w = torch.tensor(2.0, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "for i in range(2):\n    loss = w * w\n    loss.backward()\n"
        "    with Ears():\n        opt.step()\n        opt.zero_grad(set_to_none=False)\n"
    )
    assert [name for name in told.namespace["heard"] if name in ("add_.Tensor", "zero_.default")] == [
        "add_.Tensor",
        "zero_.default",
    ] * 2
    assert [[e.phase for e in s.events].count("update") for s in told.answer.steps] == [1, 1]
    assert [[e.phase for e in s.events].count("zero_grad") for s in told.answer.steps] == [1, 1]
