"""Loops as groups: one for the loop, one inside it for each iteration."""

from __future__ import annotations

import ast
from typing import Any

import pytest
import torch

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
        "result = f(3), f(9), max(n * n for n in range(4)), {k: v for k, v in zip('ab', (1, 2))}, {c for c in 'aab'}\n"
        "count = 0\nwhile count < 3: count += 1\n"
    )
    plain: dict[str, Any] = {}
    exec(code, plain)
    iterations = Iterations(Recorder(64))
    tree = ast.parse(code)
    iterations.mark(tree)
    compiled = compile(tree, "snippet.py", "exec")
    marked: dict[str, Any] = iterations.names()
    exec(compiled, marked)
    assert (marked["result"], marked["count"]) == (plain["result"], plain["count"])
    assert {line for _, _, line in compiled.co_lines() if line} == {
        line for _, _, line in compile(code, "snippet.py", "exec").co_lines() if line
    }
    assert len(iterations.headers) == 7


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


def _seen_at_first(told: Any) -> int:
    """What the picture of all groups closed shows."""
    graph = told.graph()
    return sum(n.group is None for n in graph.nodes) + sum(g.parent is None for g in graph.groups)


def test_a_generator_expression_is_a_loop_together_with_what_takes_its_elements(trace: Any) -> None:
    told = trace(
        "x = torch.tensor(2.0, requires_grad=True)\n"
        "ws = [torch.tensor(float(i), requires_grad=True) for i in range(100)]\ny = sum(x * w for w in ws)\n"
        "z = y * 2\nz.backward()"
    )
    assert _seen_at_first(told) == 3
    loop, *iterations = told.graph().groups
    assert (loop.label, loop.type, len(iterations)) == ("for w in ws", "100 iterations", 100)
    assert _inside(told)[:3] == [("for w in ws", "iteration 1")] * 2 + [("for w in ws", "iteration 2")]
    assert told.node("z").group is None
    assert told.namespace["ws"][7].grad == 4.0


@pytest.mark.parametrize(
    "ending",
    [
        "y = next(w * x + 1 for w in (x, x, x))",
        "y = x\nfor v in (w * x + 1 for w in (x, x, x)):\n    y = v * 2\n    break",
        "g = (w * x + 1 for w in (x, x, x))\ny = next(g) + next(g)\ndel g",
        "it = iter((x, x, x))\ny = next(w * x + 1 for w in it)\ny = y + next(it)",
        "try:\n    y = sum(w * x + 1 for w in (x, x, None))\nexcept TypeError:\n    y = x * 1",
    ],
)
def test_what_comes_behind_a_generator_expression_is_not_in_it(trace: Any, ending: str) -> None:
    code = f"x = torch.tensor(2.0, requires_grad=True)\n{ending}\nz = y * 3\nz.backward()"
    told = trace(code)
    assert told.answer.status == "ok"
    assert told.node("z").group is None
    plain: dict[str, Any] = {"torch": torch}
    exec(code, plain)
    assert plain["z"].item() == told.value("z")


PARTS = (
    "def parts(v, n):\n    for k in range(n):\n        h = v\n        for j in range(2):\n            h = h * 2\n"
    "        yield h + k\nx = torch.tensor(1.0, requires_grad=True)\n"
)


@pytest.mark.parametrize(
    ("loop", "label"),
    [
        ("for p in parts(x, 3):\n    y = y + p.sin()\n", "for p in parts(x, 3)"),
        ("for i, p in enumerate(parts(x, 3)):\n    y = y + p.sin()\n", "for (i, p) in enumerate(parts(x, 3))"),
        ("for p, _ in zip(parts(x, 3), 'abc'):\n    y = y + p.sin()\n", "for (p, _) in zip(parts(x, 3), 'abc')"),
    ],
)
def test_a_loop_that_yields_and_the_one_that_takes_it_turn_together(trace: Any, loop: str, label: str) -> None:
    told = trace(PARTS + "y = x\n" + loop + "y = y * 3\ny.backward()")
    assert told.answer.problem is None
    inside = _inside(told)
    for turn in range(3):
        outer = (label, f"iteration {turn + 1}")
        doubled = [(*outer, "for j in range(2)")] * 2
        assert inside[5 * turn : 5 * turn + 5] == [*doubled, outer, outer, outer]
    assert inside[15:] == [()]
    assert [g.label for g in told.graph().groups if g.parent is None] == [label]


def test_a_generator_that_takes_from_another_adds_no_loop(trace: Any) -> None:
    told = trace(
        PARTS
        + "def twice(v):\n    for p in parts(v, 2):\n        yield p * 2\ny = x\nfor p in twice(x):\n    y = y + p\n"
        "y.backward()"
    )
    assert {path[0] for path in _inside(told)} == {"for p in twice(x)"}
    assert [g.label for g in told.graph().groups if g.parent is None] == ["for p in twice(x)"]


def test_a_generator_that_is_exhausted_at_once_has_its_own_loop(trace: Any) -> None:
    told = trace(PARTS + "y = sum(list(parts(x, 3)))\nz = y * 3\nz.backward()")
    loop = next(g for g in told.graph().groups if g.parent is None)
    assert (loop.label, loop.iterations) == ("for k in range(n)", 3)
    assert told.node("z").group is None


@pytest.mark.parametrize("n", [0, 1])
def test_a_generator_that_yields_little_leaves_nothing_behind(trace: Any, n: int) -> None:
    told = trace(PARTS + f"y = x * 1\nfor p in parts(x, {n}):\n    y = y + p\nz = y * 3\nz.backward()")
    assert told.answer.problem is None
    assert told.node("z").group is None


def test_batches_of_a_generator_share_a_graph(trace: Any) -> None:
    told = trace(
        "X = torch.arange(8.0)\nw = torch.ones(1, requires_grad=True)\ndef batches(n):\n"
        "    for i in range(0, 8, n):\n        yield X[i : i + n]\nfor epoch in range(2):\n    for b in batches(2):\n"
        "        loss = (w * b).mean()\n        w.grad = None\n        loss.backward()\n        with torch.no_grad():\n"
        "            w -= 0.01 * w.grad"
    )
    assert len(told.answer.steps) == 8
    assert len({step.graph for step in told.answer.steps[1:]}) == 1


RECURSIVE = {
    "by itself": (
        "def f(v, n):\n    'Deep.'\n    h = v * w\n    return f(h.sin(), n - 1) if n else h\n",
        "f(v, n)",
        101,
    ),
    "by another": (
        "def g(v, n):\n    return f((v * w).sin(), n)\ndef f(v, n):\n    v = v * 2\n"
        "    return g(v, n - 1) if n else v\n",
        "f(v, n)",
        101,
    ),
    "a method": (
        "class F:\n    def f(self, v, n):\n        if n == 0:\n            return v\n        h = v * w\n"
        "        return self.f(h.sin(), n - 1)\nf = F().f\n",
        "f(self, v, n)",
        100,
    ),
    "a method of another object": (
        "class F:\n    def __init__(self, n):\n        self.next = F(n - 1) if n else None\n"
        "    def f(self, v):\n        h = v * w + 1\n        return self.next.f(h) if self.next else h\n"
        "f = lambda v, n: F(n).f(v)\n",
        "f(self, v)",
        101,
    ),
    "a tree": (
        "def f(v, n):\n    if n < 20:\n        return v * w + 1\n    return sum(f(v, n // 3) for _ in range(3)) + w\n",
        "f(v, n)",
        13,
    ),
}


@pytest.mark.parametrize(("code", "label", "calls"), RECURSIVE.values(), ids=RECURSIVE)
def test_the_calls_of_a_function_that_calls_itself_are_one_group(trace: Any, code: str, label: str, calls: int) -> None:
    told = trace(f"w = torch.tensor(1.5, requires_grad=True)\n{code}y = f(w, 100)\nz = y + 1\nz.backward()")
    assert _seen_at_first(told) == 3
    [outer] = [g for g in told.graph().groups if g.parent is None]
    assert (outer.label, outer.type, outer.iterations) == (label, f"{calls} calls", calls)
    inside = [g for g in told.graph().groups if g.parent == outer.id and g.iteration is not None]
    assert [g.label for g in inside] == [f"call {g.iteration + 1}" for g in inside]
    assert told.node("z").group is None


def test_a_method_that_calls_another_of_the_same_name_is_not_recursive(trace: Any) -> None:
    told = trace(
        "class Inner(nn.Module):\n    def forward(self, x):\n        return x * 2 + 1\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.inner = Inner()\n"
        "    def forward(self, x):\n        return self.inner.forward(x) * self.inner.forward(x)\n"
        "y = Net()(torch.ones((), requires_grad=True))\ny.backward()"
    )
    assert [g.kind for g in told.graph().groups] == ["module"]


def test_a_leaf_lies_in_the_iteration_that_made_it(trace: Any) -> None:
    told = trace(
        "y = torch.tensor(1.0, requires_grad=True)\nfor i in range(100):\n"
        "    w = torch.tensor(float(i), requires_grad=True)\n    y = y * w + 1\ny.backward()"
    )
    assert _seen_at_first(told) == 2
    assert {n.group for n in told.graph().nodes if n.names == ["w"]} == {g.id for g in told.graph().groups[1:]}
