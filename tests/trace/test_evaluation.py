"""What is computed behind the update, gradients on or off, looks at what the step has done; it begins no other step."""

from __future__ import annotations

from typing import Any

import pytest
import torch

DATA = """
torch.manual_seed(0)
X, y = torch.randn(12, 4), torch.randint(0, 3, (12,))
model = nn.Linear(4, 3)
opt = torch.optim.SGD(model.parameters(), lr=0.5)
"""
TRAIN = "    loss = F.cross_entropy(model(X), y)\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n"
ACC = "acc = (model(X).argmax(1) == y).float().mean()\n"
LOOP = f"{DATA}for epoch in range(3):\n{TRAIN}"
EPOCHS = """
def batches():
    return zip(X.split(4), y.split(4))

for epoch in range(2):
    for x, t in batches():
        loss = F.cross_entropy(model(x), t)
        opt.zero_grad()
        loss.backward()
        opt.step()
"""
VALIDATION = """
    right = 0
    for x, t in batches():
        right += (model(x).argmax(1) == t).sum()
    acc = right / 12
"""


@pytest.mark.parametrize("off", [False, True], ids=["gradients on", "gradients off"])
def test_an_accuracy_behind_the_update_belongs_to_the_turn(trace: Any, off: bool) -> None:
    told = trace(LOOP + (f"    with torch.no_grad():\n        {ACC}" if off else f"    {ACC}"))
    assert len(told.answer.steps) == 3
    assert len(told.answer.graphs) == 1
    for index in range(3):
        assert told.ops(index).count("cross_entropy") + told.ops(index).count("nll_loss") == 1
        assert told.node("acc", index).op == "mean"
        assert told.step(index).loss is not None
    assert [s.values["acc"] for s in told.answer.scalars] == [told.value("acc", i) for i in range(3)]


def test_it_is_computed_from_the_values_that_the_update_left(trace: Any) -> None:
    told = trace(LOOP + f"    out = model(X)\n    {ACC}", preview=256)
    step, graph = told.step(), told.graph()
    before, after = [n for n in graph.nodes if n.names == ["weight"]]
    assert (before.op, after.op, after.line) == ("tensor", "updated", 10)
    assert (before.is_parameter, after.kind, after.requires_grad) == (True, "leaf", True)
    update = next(u for u in step.updates if u.name == "weight")
    assert step.values[after.id].values == update.after.values != step.values[before.id].values
    bias = next(u.after.values for u in step.updates if u.name == "bias")
    x = torch.tensor(told.value("X")).reshape(12, 4)
    out = x @ torch.tensor(update.after.values).reshape(3, 4).T + torch.tensor(bias)
    torch.testing.assert_close(torch.tensor(told.value("out")).reshape(12, 3), out)


def test_behind_the_loop_it_is_a_step_of_its_own(trace: Any) -> None:
    told = trace(LOOP + ACC)
    assert [step.loss is None for step in told.answer.steps] == [False, False, False, True]
    assert [n.op for n in told.graph().nodes if n.names == ["weight"]] == ["tensor"]


def test_a_validation_of_an_epoch_belongs_to_its_last_batch(trace: Any) -> None:
    told = trace(DATA + EPOCHS + VALIDATION)
    assert [len(step.updates) for step in told.answer.steps] == [2] * 6
    assert [sum(op == "argmax" for op in told.ops(index)) for index in range(6)] == [0, 0, 3, 0, 0, 3]


def test_a_validation_in_a_function_does_too(trace: Any) -> None:
    train = EPOCHS.replace("for epoch in range(2):\n", "def train():\n")
    assert "def train" in train
    functions = train + "\n\ndef evaluate():\n" + VALIDATION
    told = trace(f"{DATA}{functions}    return acc\n\nfor epoch in range(2):\n    train()\n    acc = evaluate()\n")
    assert [sum(op == "argmax" for op in told.ops(index)) for index in range(6)] == [0, 0, 3, 0, 0, 3]


TWO = {
    "written out": """
    fake = model(X).relu()
    second = fake.sum()
    opt.zero_grad()
    second.backward()
    opt.step()
""",
    "in a function": """
    train_again()
""",
    "in a loop": """
    for _ in range(1):
        second = model(X).relu().sum()
        second.backward()
""",
    "in a closure": """
    def closure():
        second = model(X).relu().sum()
        second.backward()
        return second

    closure()
""",
}


@pytest.mark.parametrize("second", TWO.values(), ids=list(TWO))
def test_the_forward_pass_of_a_second_backward_begins_a_step(trace: Any, second: str) -> None:
    function = "\ndef train_again():\n    second = model(X).relu().sum()\n    second.backward()\n"
    told = trace(f"{DATA}{function}for epoch in range(2):\n{TRAIN}{second}")
    assert [("relu" in told.ops(index)) for index in range(4)] == [False, True, False, True]
    assert all(step.loss is not None for step in told.answer.steps)


def test_the_sampled_steps_are_those_of_the_whole(trace: Any) -> None:
    code = DATA + EPOCHS.replace("range(2)", "range(60)") + VALIDATION
    every, sampled = trace(code), trace(code, trace="sampled")
    whole = {step.index: (step.graph, step.loss) for step in every.answer.steps}
    assert len(whole) == 180
    assert 0 < len(sampled.answer.steps) < 180
    for step in sampled.answer.steps:
        assert whole[step.index] == (step.graph, step.loss)
