"""Steps that come again are told from memory, and in no other words than if each were described anew."""

from __future__ import annotations

import gc
import itertools
import sys
import weakref
from typing import Any

import pytest

from backend.trace import build
from tests.trace.test_optimizers import program
from tests.trace.test_training import BY_HAND, UPDATES, VALIDATION, ZEROS
from tests.trace.test_turns import BATCHES, IN_FUNCTIONS

CHANGES = {
    "a number that changes": "    loss = (w * i).pow(2)",
    "1, 1.0 and True": "    loss = w.mul((1, 1.0, True, 2)[i % 4]).pow(2)",
    "an if": "    loss = w.sin() if i % 3 else w.cos()",
    "the same op at another place": "    loss = w * 2 if i % 2 else (\n        w * 2)",
    "a name that moves": "    a = w * 2\n    if i == 2: b = a\n    loss = a + 0",
    "other shapes": "    loss = (w * torch.ones(i % 3 + 1)).sum()",
    "other dtypes": "    loss = (w * torch.ones(2, dtype=(torch.float32, torch.float64)[i % 2])).sum()",
    "small and large": "    loss = (w * torch.ones((3, 500)[i % 2])).sum()",
    "one use or two": "    a = w * 2\n    loss = a * a if i % 2 else a * w",
    "a leaf or a constant": "    c = torch.ones((), requires_grad=bool(i % 2))\n    loss = w * c",
    "an input kept from the step before": "    p = loss.detach() if i else w.detach()\n    loss = w * p * 0.5",
    "wanted or not": "    v = torch.ones((), requires_grad=i > 2)\n    with torch.set_grad_enabled(i % 2 == 0):\n"
    "        u = v * 2\n    loss = w * u",
    "another module": "    m = (nn.Tanh(), nn.ReLU(), nn.Tanh())[i % 3]\n    loss = m(w) * 1",
    "two losses": "    a = w * 3\n    if i % 2: a.backward(retain_graph=True)\n    loss = a * w",
    "several outputs": "    a, b = (w * torch.ones(4)).split(2)\n    loss = (a.sum() if i % 2 else b.sum())",
    "a loop inside": "    h = w\n    for _ in range(2):\n        h = h * 2\n    loss = h",
    "one turn or two of a loop": "    h = w\n    for _ in range(2):\n        if i % 2: h = h * 2\n"
    "    if i % 2 == 0:\n        for _ in range(1):\n            h = h * 2\n            h = h * 2\n    loss = h",
    "the same ops in other turns": "    h = w\n    for j in range(3):\n        if j != i % 3:\n            h = h * 2\n"
    "            h = h.sin()\n    loss = h",
    "one of two loops over the same function": "    def f(v): return (v * 2).sin()\n    h = w\n    if i % 2:\n"
    "        for _ in range(2): h = f(h)\n    else:\n        for _ in range(2): h = f(h)\n    loss = h",
    "made in a turn or before": "    def made(): return torch.tensor(2.0, requires_grad=True)\n"
    "    def run(h, early):\n        for j in range(2):\n"
    "            if i % 2 and j == 0: early = (made(), made())\n            h = h * early[j]\n"
    "            h = h.sin()\n        return h\n    loss = run(w, (made(), made()))",
    "a recursion of another depth": "    def f(v, n):\n        v = v * 2\n"
    "        return f(v.sin(), n - 1) if n else v\n    loss = f(w, 2 + i % 2)",
    "a generator of another length": "    loss = sum(w * k for k in range(2 + i % 2))",
    "a result that is not used": "    x = w * 3\n    if i % 2: y = x.argmax()\n    loss = x * 1",
}

PROGRAMS = {
    **{
        name: f"w = torch.tensor(1.5, requires_grad=True)\nfor i in range(8):\n{body}\n"
        "    loss.backward()\n    w.grad = None\n"
        for name, body in CHANGES.items()
    },
    "by hand": BY_HAND.format(update=UPDATES[0], zero=ZEROS[0]),
    "batches": BATCHES,
    "functions": IN_FUNCTIONS,
    "validation": VALIDATION.format(epochs=6),
    **{name: program(name) for name in ("Adam", "LBFGS", "SGD", "SparseAdam")},
    "frozen in the middle": "model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))\nfor i in range(6):\n"
    "    model[0].weight.requires_grad_(i < 3)\n    model(torch.ones(1, 2)).sum().backward()\n    model.zero_grad()\n",
    "a recurrent net": "cell = nn.RNNCell(2, 2)\nfor i in range(5):\n    h = torch.zeros(1, 2)\n"
    "    for t in range(3):\n        h = cell(torch.ones(1, 2), h)\n    h.sum().backward()\n    cell.zero_grad()\n",
}


@pytest.mark.parametrize("code", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("step_bytes", [0, 200])
def test_what_is_told_from_memory_is_what_would_be_described(
    trace: Any, code: str, step_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_memory = trace(code, step_bytes=step_bytes).answer
    unique = itertools.count()
    monkeypatch.setattr(build, "key_of", lambda *_: next(unique))
    anew = trace(code, step_bytes=step_bytes).answer
    assert from_memory.problem is None
    assert len(anew.steps) > 1
    assert from_memory == anew


def test_equal_steps_are_described_once(trace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    described = 0
    structure = build.Builder._structure

    def counted(builder: Any, step: Any) -> Any:
        nonlocal described
        described += 1
        return structure(builder, step)

    monkeypatch.setattr(build.Builder, "_structure", counted)
    told = trace(BY_HAND.format(update=UPDATES[0], zero=ZEROS[0]).replace("range(3)", "range(50)"))
    assert len(told.answer.steps) == 50
    assert described <= 2


def test_a_loop_leaves_no_hooks_behind(trace: Any) -> None:
    """An AccumulateGrad lives through a whole loop: what one step hangs on it, the next would call too."""
    hooks = {"_Watch._leaving.<locals>.left", "_Watch._accumulated"}

    def hooks_called(turns: int) -> int:
        called = 0

        def look(frame: Any, event: str, _argument: Any) -> None:
            nonlocal called
            called += event == "call" and frame.f_code.co_qualname in hooks

        sys.setprofile(look)
        try:
            trace(BY_HAND.format(update=UPDATES[0], zero=ZEROS[0]).replace("range(3)", f"range({turns})"))
        finally:
            sys.setprofile(None)
        return called

    assert hooks_called(40) == 2 * hooks_called(20) > 0


def test_a_run_that_is_over_keeps_nothing_of_the_snippet(trace: Any) -> None:
    """Autograd's nodes, which no collector sees, hold what was hung on them."""
    kept: list[weakref.ref[Any]] = []
    for _ in range(2):
        namespace = trace("model = nn.Linear(2, 1)\nloss = model(torch.ones(2)).sum()\nloss.backward()\n").namespace
        kept.append(weakref.ref(namespace["model"]))
        del namespace
    trace("x = torch.ones(1)\n")
    gc.collect()
    assert [ref() for ref in kept] == [None, None]
