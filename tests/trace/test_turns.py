"""What is told of every iteration: loop variables, named numbers, progress."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
import torch

from backend.trace.loops import Loops, length
from backend.wire.messages import ProgressMessage
from backend.wire.unpack import Unpacker
from tests.trace.conftest import run_here

BATCHES = """
torch.manual_seed(0)
X, y = torch.randn(12, 3), torch.randn(12, 1)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
lr, total = 0.1, 0.0
for epoch in range(3):
    for batch, (x, t) in enumerate(zip(X.split(4), y.split(4))):
        loss = F.mse_loss(model(x), t)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
        n = len(x)
"""

IN_FUNCTIONS = """
w = torch.tensor(1.0, requires_grad=True)

def train_epoch():
    for batch in [10, 20]:
        loss = (w * batch).pow(2)
        loss.backward()
        w.grad = None
        seen = batch * 2

def main():
    for epoch in range(2):
        train_epoch()

main()
"""


def test_epoch_and_batch_are_named_in_every_iteration(trace: Any) -> None:
    told = trace(BATCHES)
    assert [s.loops for s in told.answer.scalars] == [{"epoch": e, "batch": b} for e in range(3) for b in range(3)]
    assert [s.index for s in told.answer.scalars] == list(range(9))
    assert [list(s.loops) for s in told.answer.scalars] == [["epoch", "batch"]] * 9


def test_the_numbers_that_the_loop_names_are_told_as_they_are_at_its_end(trace: Any) -> None:
    told = trace(BATCHES)
    last = told.answer.scalars[-1]
    assert set(last.values) == {"loss", "total", "n"}
    losses = [s.loss for s in told.answer.scalars]
    assert [s.values["loss"] for s in told.answer.scalars] == losses
    assert last.values["total"] == pytest.approx(sum(losses))
    assert last.values["total"] == told.namespace["total"]
    assert last.values["n"] == 4.0


def test_loops_in_functions_are_found_through_the_frames(trace: Any) -> None:
    told = trace(IN_FUNCTIONS)
    assert [s.loops for s in told.answer.scalars] == [{"epoch": e, "batch": b} for e in range(2) for b in (10, 20)]
    assert [s.values["seen"] for s in told.answer.scalars] == [20, 40, 20, 40]


@pytest.mark.parametrize("trace_option", ["every", "sampled"])
def test_every_iteration_has_its_loss_whether_traced_or_not(trace: Any, trace_option: str) -> None:
    code = BATCHES.replace("range(3)", "range(150)")
    told = trace(code, trace=trace_option)
    assert [s.index for s in told.answer.scalars] == list(range(450))
    plain: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "losses": []}
    exec(code.replace("        loss.backward()", "        losses.append(loss.item())\n        loss.backward()"), plain)
    assert [s.loss for s in told.answer.scalars] == plain["losses"]
    assert {s.index for s in told.answer.scalars if s.traced} == {s.index for s in told.answer.steps}
    assert [s.loops for s in told.answer.scalars] == [{"epoch": e, "batch": b} for e in range(150) for b in range(3)]


def test_a_snippet_without_a_loop_has_its_numbers_too(trace: Any) -> None:
    told = trace("x = torch.tensor(3.0, requires_grad=True)\ny = x * x\ny.backward()\nz = y.item() + 1\n")
    (only,) = told.answer.scalars
    assert only.loss == 9.0
    assert only.loops == {}
    assert only.values == {"x": 3.0, "y": 9.0, "z": 10.0}


def test_odd_names_and_values_are_left_out(trace: Any) -> None:
    told = trace(
        "w = torch.ones(2, requires_grad=True)\nfor _ in range(2):\n    l = w.sum()\n    l.backward()\n"
        "    _hidden = 1\n    __proto__ = 2\n    flag = True\n    z = 1j * l\n    big = 10**400\n"
        "    m = torch.ones((), device='meta')\n    nan = float('nan')\n"
    )
    assert [set(s.values) for s in told.answer.scalars] == [{"l", "nan"}] * 2
    assert told.answer.scalars[0].values["nan"] == "NaN"
    assert told.answer.scalars[0].loops == {}


def progress(entry: Any, code: str) -> list[Any]:
    frames: list[bytes] = []
    run_here(entry, frames.append, code)
    unpacker = Unpacker(message_bytes=1 << 20)
    return [m for m in map(unpacker.read, frames) if isinstance(m, ProgressMessage)]


SLOW = (
    "import time\nw = torch.ones((), requires_grad=True)\n{loop}\n        w.pow(2).backward()\n        w.grad = None\n"
    "        time.sleep(0.06)"
)


def test_a_long_loop_tells_how_far_it_has_got(entry: Any) -> None:
    told = progress(entry, SLOW.format(loop="for epoch in range(3):\n    for batch in range(6):"))
    assert told
    for message in told:
        assert message.total == 18
        assert 0 < message.step <= 18
        assert message.left == pytest.approx((18 - message.step) / message.rate)
    assert [m.step for m in told] == sorted({m.step for m in told})


def test_where_a_loops_length_is_not_known_nothing_is_made_up(entry: Any) -> None:
    told = progress(entry, SLOW.format(loop="n = 0\nwhile n < 10:\n    n += 1\n    if True:"))
    assert told
    assert {(m.total, m.left) for m in told} == {(None, None)}


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ("range(10)", 10),
        ("range(2, n)", 5),
        ("range(n, 0, -2)", 4),
        ("range(n * 3 + 1)", 22),
        ("range(len(words))", 3),
        ("range(X.shape[0])", 6),
        ("enumerate(words)", 3),
        ("zip(words, X)", 3),
        ("reversed(range(n))", 7),
        ("words", 3),
        ("X", 6),
        ("X.split(4)", 2),
        ("table.items()", 1),
        ("[1, 2, *words]", None),
        ("[1, 2]", 2),
        ("range(missing)", None),
        ("generator()", None),
        ("range(1, 2, 0)", None),
        ("(x for x in X)", None),
    ],
)
def test_how_often_a_loop_turns_is_known_without_running_it(over: str, expected: int | None) -> None:
    names = {"n": 7, "words": ["a", "b", "c"], "X": torch.zeros(6, 2), "table": {1: 2}}
    assert length(ast.parse(over, mode="eval").body, names.__getitem__) == expected


def test_loops_are_those_of_the_function_that_a_line_is_in() -> None:
    code = (
        "for a in x:\n    def f():\n        for b in y:\n            pass\n        z = 1\n    w = 2\nelse:\n    v = 3\n"
    )
    loops = Loops(ast.parse(code))
    names = {line: [loop.variables for loop in loops.around(line)] for line in (4, 5, 6, 8)}
    assert names == {4: [("b",)], 5: [], 6: [("a",)], 8: []}


def test_reading_a_loss_warns_nobody(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(5.0, requires_grad=True)\n"
        "for i in range(130):\n"
        "    loss = (w - 2) ** 2\n"
        "    loss.backward()\n"
        "    w.grad = None\n",
        trace="sampled",
    )
    assert told.answer.output == []


PRINTING = """
torch.manual_seed(0)
X, y = torch.randn(12, 2), torch.randn(12, 1)
model = nn.Linear(2, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for i in range(3):
    cost = F.mse_loss(model(X), y)
    opt.zero_grad()
    cost.backward()
    opt.step()
    print(STATEMENT)
print("final 9.5")
"""


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ('"acc", (y > 0).float().mean().item() + i', {"acc"}),
        ('f"Epoch {i + 1}/3, Hits: {i * 2:.4f}, rate={i}%"', {"Hits", "rate"}),
        ("i, model.bias.item()", {"model.bias"}),
        ('f"{i} {model.weight.norm():.3f}"', {"model.weight.norm()"}),
        ("model.bias.sum()", {"model.bias.sum()"}),
        ('"norm", model.weight.norm()', {"norm"}),
        ('f"train loss {cost.item():.4f} cost {cost:.1f}"', set()),
        ('"weights", model.weight.tolist()', set()),
        ('"took 3ms in [1, 2, 3] of x1"', set()),
    ],
)
def test_the_numbers_that_the_loop_prints_are_told_with_their_labels(
    trace: Any, printed: str, expected: set[str]
) -> None:
    told = trace(PRINTING.replace("STATEMENT", printed))
    turns = [s.values for s in told.answer.scalars if s.loss is not None]
    assert [set(values) for values in turns] == [{"cost", *expected}] * 3
    rows = "".join(o.text for o in told.answer.output).splitlines()
    for label in expected:
        for values, row in zip(turns, rows[:-1], strict=True):
            assert any(values[label] == float(number) for number in re.findall(r"-?\d+\.?\d*", row)), (label, row)


def test_what_is_printed_at_the_head_of_the_next_turn_is_that_turns(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\nfor i in range(3):\n    print('at', 10 * i)\n    (w * i).backward()"
    )
    assert [s.values["at"] for s in told.answer.scalars] == [0.0, 10.0, 20.0]


def test_what_is_computed_behind_the_update_belongs_to_its_turn(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\nfor i in range(3):\n    (w * i).backward()\n"
        "    with torch.no_grad():\n        w -= 1\n    w.grad = None\n    twice = w * 2"
    )
    assert [s.values["twice"] for s in told.answer.scalars] == [0.0, -2.0, -4.0]


def test_of_a_long_sampled_run_every_printed_number_is_told(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\n"
        "for i in range(300):\n    (w * i).backward()\n    if i % 3 == 0:\n        print(f'seen: {i}')",
        trace="sampled",
    )
    assert [s.values.get("seen") for s in told.answer.scalars] == [i if i % 3 == 0 else None for i in range(300)]


RESUMED = """
w = torch.tensor(1.0, requires_grad=True)

def training():
    while True:
        (w * 2).backward()
        w.grad = None
        yield

trained = training()
for first in range(3):
    next(trained)
for second in range(2):
    next(trained)
trained.close()
"""


def test_a_loop_in_a_generator_is_inside_the_loop_that_goes_on_with_it(trace: Any) -> None:
    told = trace(RESUMED)
    assert [s.loops for s in told.answer.scalars] == [*({"first": i} for i in range(3)), {"second": 0}, {"second": 1}]
