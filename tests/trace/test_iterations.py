"""Loops as groups: one for the loop, one inside it for each iteration."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from backend.trace.iterations import Iterations
from backend.trace.recorder import Recorder

CHAIN = (
    "x = torch.tensor(1.0, requires_grad=True)\ny = x\nfor i in range({n}):\n    y = y * 1.01\n    y = y + 1\n"
    "y.backward()"
)


def _inside(told: Any) -> list[tuple[str, ...]]:
    """For each op, the labels of the groups around it, outermost first."""
    groups = {g.id: g for g in told.graph().groups}

    def path(group: str | None) -> tuple[str, ...]:
        return () if group is None else (*path(groups[group].parent), groups[group].label)

    return [path(n.group) for n in told.graph().nodes if n.kind in ("op", "break")]


def test_a_loop_is_one_group_with_one_group_for_each_iteration(trace: Any) -> None:
    told = trace(CHAIN.format(n=100))
    loop, *iterations = told.graph().groups
    assert (loop.kind, loop.label, loop.type, loop.line) == ("loop", "for i in range(100)", "100 iterations", 3)
    assert loop.iterations == len(iterations) == 100
    assert all((g.kind, g.parent) == ("loop", loop.id) for g in iterations)
    assert [g.iteration for g in iterations] == list(range(100))
    assert _inside(told)[-1] == ("for i in range(100)", "iteration 100")


def test_loops_inside_loops_and_in_functions(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\ndef f(v):\n    return v * w + 1\ny = w\nfor i in range(2):\n"
        "    for j in range(2):\n        y = f(y)\ny.backward()"
    )
    outer, inner = "for i in range(2)", "for j in range(2)"
    assert (
        _inside(told)[::2]
        == [
            (outer, inner, "iteration 1"),
            (outer, inner, "iteration 2"),
        ]
        * 2
    )
    assert len(told.graph().groups) == 1 + 2 + 4


def test_while_with_a_return_inside_and_comprehensions(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\ndef grow(x, most):\n    while True:\n        x = x * w + 1\n"
        "        most -= 1\n        if not most:\n            return x * 2\na = grow(w, 2)\nb = grow(w, 3)\n"
        "parts = [p * w + 1 for p in (a, b)]\nz = parts[0] * parts[1]\nz.backward()"
    )
    kinds = [g.label for g in told.graph().groups if g.iterations]
    assert kinds == ["while True", "while True", "for p in (a, b)"]
    assert [g.iterations for g in told.graph().groups if g.iterations] == [2, 3, 2]
    assert _inside(told)[-1] == ()


@pytest.mark.parametrize("ending", ["break", "continue"])
def test_what_comes_behind_a_loop_is_not_in_it(trace: Any, ending: str) -> None:
    told = trace(
        f"w = torch.tensor(1.0, requires_grad=True)\ny = w\nfor i in range(2):\n    y = y * w + 1\n    if i == 1:\n"
        f"        {ending}\ndef f(v):\n    return v * 5\nz = f(y)\nz.backward()"
    )
    assert told.node("z").group is None


def test_an_iteration_that_is_one_module_is_that_module(trace: Any) -> None:
    told = trace(
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.blocks = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])\n    def forward(self, x):\n"
        "        for block in self.blocks:\n            x = block(x)\n        return x.sum()\n"
        "Net()(torch.ones(1, 2)).backward()"
    )
    assert _inside(told)[0] == ("Net", "for block in self.blocks", "blocks.0")
    assert _inside(told)[-1] == ("Net",)


def test_a_training_loop_has_steps_and_no_group(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\nfor epoch in range(3):\n    loss = (w - 3) ** 2\n"
        "    loss.backward()\n    with torch.no_grad():\n        w -= 0.1 * w.grad\n    w.grad = None"
    )
    assert len(told.answer.steps) == 3
    assert len(told.answer.graphs) == 1
    assert told.graph().groups == []


def test_marking_leaves_what_code_does_and_where_it_is_alone() -> None:
    code = (
        "def f(n):\n    found = []\n    for i in range(n):\n        if i == 2:\n            continue\n"
        "        for j in [k * k for k in range(i)]:\n            if j > 3:\n                return found, i\n"
        "            found.append((i, j))\n    else:\n        found.append('end')\n    return found\n"
        "result = f(3), f(9), {k: v for k, v in zip('ab', (1, 2))}, {c for c in 'aab'}\n"
        "count = 0\nwhile count < 3: count += 1\n"
    )
    plain: dict[str, Any] = {}
    exec(code, plain)
    iterations = Iterations(Recorder(64, lambda *_: None))
    tree = ast.parse(code)
    iterations.mark(tree)
    compiled = compile(tree, "snippet.py", "exec")
    marked: dict[str, Any] = iterations.names()
    exec(compiled, marked)
    assert (marked["result"], marked["count"]) == (plain["result"], plain["count"])
    assert {line for _, _, line in compiled.co_lines() if line} == {
        line for _, _, line in compile(code, "snippet.py", "exec").co_lines() if line
    }
    assert len(iterations.headers) == 6


def test_what_a_loop_does_for_its_next_iteration_belongs_to_that(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(2.0, requires_grad=True)\nx = w\nwhile x * 3 < 40:\n    x = x * w\n    if x < 5:\n"
        "        continue\n    x = x + w\nx.backward()"
    )
    inside = [path[-1] if path else None for path in _inside(told)]
    names = [n.op for n in told.graph().nodes if n.kind in ("op", "break")]
    first = inside.index("iteration 2")
    assert names[:first].count("lt") == 2, names  # the test before the first iteration, and `x < 5` in it
    again = [(name, where) for name, where in zip(names, inside, strict=True)][first : first + 3]
    assert again[0] == ("mul", "iteration 2"), again
    assert again[1] == ("lt", "iteration 2"), again


def test_an_iteration_that_goes_on_early_counts(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(2.0, requires_grad=True)\ny = w\nfor i in range(4):\n    if i == 1:\n        continue\n"
        "    y = y * w\n    y = y + 1\ny.backward()"
    )
    assert [path[-1] for path in _inside(told)[::2]] == ["iteration 1", "iteration 3", "iteration 4"]
