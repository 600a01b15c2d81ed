"""Why is .grad None: torch itself says whether it is, and the reason is the one that a teacher would give."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from tests.trace.learning_path import SNIPPETS

LEAF = "x = torch.tensor(2.0, requires_grad=True)\n"

WHY: list[tuple[str, str, str, str | None, int | None]] = [
    # what, snippet, name, reason, the line to blame
    ("a leaf on the path", LEAF + "y = x * 3\ny.backward()", "x", None, None),
    ("a result", LEAF + "y = x * 3\nz = y * y\nz.backward()", "y", "not_leaf", 2),
    ("a result that keeps it", LEAF + "y = x * 3\ny.retain_grad()\nz = y * y\nz.backward()", "y", None, None),
    ("keeps it off the path", LEAF + "y = x * 3\ny.retain_grad()\nx.sin().backward()", "y", "not_on_path", None),
    ("data", LEAF + "c = torch.tensor(5.0)\n(x * c).backward()", "c", "no_requires_grad", 2),
    ("computed from data", "a = torch.ones(2)\nb = a * 2", "b", "no_requires_grad", 2),
    ("from torch.func.grad", "x = torch.ones(2)\ng = torch.func.grad(lambda v: (v * v).sum())(x)", "g", "func", 2),
    ("from torch.func.jacrev", "x = torch.ones(2)\nj = torch.func.jacrev(lambda v: v.sin())(x)", "j", "func", 2),
    (
        "computed from what torch.func.grad returned",
        "x = torch.ones(2)\ng = torch.func.grad(lambda v: (v * v).sum())(x)\np = g * 2",
        "p",
        "no_requires_grad",
        3,
    ),
    ("from torch.func.vmap", "x = torch.ones(2)\nh = torch.func.vmap(torch.sin)(x)", "h", "no_requires_grad", 2),
    ("whole numbers", LEAF + "i = torch.tensor([1, 2])\n(x * i).sum().backward()", "i", "dtype", 2),
    ("an argmax", "x = torch.randn(3, requires_grad=True)\ni = x.argmax()\nx.sum().backward()", "i", "dtype", 2),
    ("detached", LEAF + "y = (x * 2).detach()\nz = y * x\nz.backward()", "y", "detach", 2),
    ("behind a detach", LEAF + "y = x.detach()\nz = y * 2\nx.sin().backward()", "z", "detach", 2),
    (
        "the loss is behind a detach",
        LEAF + "w = torch.tensor(1.0, requires_grad=True)\nh = (x * 2).detach()\nloss = h * w\nloss.backward()",
        "x",
        "detach",
        3,
    ),
    ("under no_grad", LEAF + "with torch.no_grad():\n    y = x * 2\nx.sin().backward()", "y", "no_grad", 3),
    (
        "the loss is behind no_grad",
        LEAF + "w = torch.tensor(1.0, requires_grad=True)\nwith torch.no_grad():\n    h = x * 2\n"
        "loss = h * w\nloss.backward()",
        "x",
        "no_grad",
        4,
    ),
    ("inference mode", LEAF + "with torch.inference_mode():\n    y = x * 2\nx.sin().backward()", "y", "inference", 3),
    (
        "a number in between",
        LEAF + "w = torch.tensor(1.0, requires_grad=True)\nn = (x * 2).item()\nloss = w * n\nloss.backward()",
        "x",
        "item",
        3,
    ),
    ("a tensor made of a number", LEAF + "y = x * 2\nt = torch.tensor(y.item())\ny.backward()", "t", "item", 3),
    (".data", "w = torch.ones(2, requires_grad=True)\nv = w.data\nu = v * 2\nw.sum().backward()", "v", "data", 2),
    (
        "computed from .data",
        "w = torch.ones(2, requires_grad=True)\nu = w.data * 2\nw.sum().backward()",
        "u",
        "data",
        2,
    ),
    ("backward never ran", LEAF + "y = x * 3\nprint(y)", "x", "not_called", None),
    ("autograd.grad", LEAF + "y = x * 3\ng, = torch.autograd.grad(y, x)", "x", "autograd_grad", 3),
    (
        "backward for others",
        LEAF + "w = torch.tensor(1.0, requires_grad=True)\nloss = x * w\nloss.backward(inputs=[w])",
        "x",
        "inputs",
        4,
    ),
    ("unused", LEAF + "w = torch.tensor(1.0, requires_grad=True)\n(x * 2).backward()", "w", "unused", None),
    (
        "not on the path",
        LEAF + "w = torch.tensor(1.0, requires_grad=True)\nq = w * 3\n(x * 2).backward()",
        "w",
        "not_on_path",
        None,
    ),
    (
        "zeroed by an optimizer",
        "w = torch.tensor(1.0, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        "(w * 2).backward()\nopt.step()\nopt.zero_grad()",
        "w",
        "zeroed",
        5,
    ),
    ("zeroed by hand", LEAF + "(x * 2).backward()\nx.grad = None", "x", "zeroed", 3),
    ("zeroed in place", LEAF + "(x * 2).backward()\nx.grad.zero_()", "x", None, None),
    (
        "the name is a result's now",
        "w = torch.tensor(1.0, requires_grad=True)\n(w * 2).backward()\nw = w - 0.1 * w.grad",
        "w",
        "reassigned",
        3,
    ),
    ("the leaf has no name", "w = torch.randn(3, requires_grad=True) * 0.1\nw.sum().backward()", "w", "not_leaf", 1),
    (
        "frozen",
        "m = nn.Linear(2, 1)\nm.weight.requires_grad_(False)\nm(torch.ones(1, 2)).sum().backward()",
        "m.weight",
        "frozen",
        2,
    ),
    ("a parameter that learns", "m = nn.Linear(2, 1)\nm(torch.ones(1, 2)).sum().backward()", "m.weight", None, None),
    (
        "a Function that says None",
        "class N(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n"
        "        return x * 2\n    @staticmethod\n    def backward(ctx, g):\n        return None\n"
        + LEAF
        + "w = torch.tensor(1.0, requires_grad=True)\n(N.apply(x) * w).backward()",
        "x",
        "undefined",
        10,
    ),
    ("detached in place", LEAF + "h = x * 2\nh.detach_()\ny = h * x\ny.backward()", "h", "detach", 3),
    (
        "the loss is behind a detach in place",
        LEAF + "w = torch.tensor(1.0, requires_grad=True)\nh = x * 2\nh.detach_()\nloss = h * w\nloss.backward()",
        "x",
        "detach",
        4,
    ),
    ("a leaf that was switched off", LEAF + "x.requires_grad_(False)\ny = x * 2", "x", "frozen", 2),
    ("a leaf that was switched off by hand", LEAF + "x.requires_grad = False\ny = x * 2", "x", "frozen", 2),
    ("a leaf that was detached in place", LEAF + "x.detach_()\ny = x * 2", "x", "frozen", 2),
    (
        "a leaf that was switched on again",
        LEAF + "x.requires_grad_(False)\nx.requires_grad_()\n(x * 2).backward()",
        "x",
        None,
        None,
    ),
    (
        "not asked for",
        LEAF + "w = torch.tensor(1.0, requires_grad=True)\ng, = torch.autograd.grad(x * w, x)",
        "w",
        "autograd_grad",
        3,
    ),
    ("what autograd.grad returned", LEAF + "g, = torch.autograd.grad(x * 3, x)", "g", "autograd_grad", 2),
    (
        "from torch.autograd.functional",
        LEAF + "j = torch.autograd.functional.jacobian(lambda v: v * v, x)",
        "j",
        "autograd_grad",
        2,
    ),
    (
        "that torch.autograd.functional went by",
        LEAF + "j = torch.autograd.functional.jacobian(lambda v: v * v, x)",
        "x",
        "autograd_grad",
        2,
    ),
    ("computed from a gradient", LEAF + "g, = torch.autograd.grad(x * 3, x)\nh = g * 2", "h", "no_requires_grad", 3),
    ("retain_grad that comes too late", LEAF + "y = x * 3\n(y * y).backward()\ny.retain_grad()", "y", "not_leaf", 3),
    ("what is in .grad", LEAF + "(x * 3).backward()\ng = x.grad", "g", "no_requires_grad", 3),
    ("a gradient with a graph", LEAF + "g, = torch.autograd.grad(x ** 3, x, create_graph=True)", "g", "not_leaf", 2),
    (
        "a parameter that torch.func went by",
        "m = nn.Linear(2, 1)\nx = torch.ones(1, 2)\nf = lambda p: torch.func.functional_call(m, p, (x,)).sum()\n"
        "g = torch.func.grad(f)(dict(m.named_parameters()))",
        "m.weight",
        "func",
        4,
    ),
    (
        "the name is a result's now, under no_grad",
        "w = torch.tensor(1.0, requires_grad=True)\n(w * 2).backward()\nwith torch.no_grad():\n"
        "    w = w - 0.1 * w.grad",
        "w",
        "reassigned",
        4,
    ),
    (
        "under no_grad, and not an update",
        LEAF + "with torch.no_grad():\n    x2 = x * 2\nx.sin().backward()",
        "x2",
        "no_grad",
        3,
    ),
    (
        "copied by torch.tensor",
        LEAF + "a, b = x * 2, x * 3\nloss = torch.tensor([a, b], requires_grad=True).sum()\nloss.backward()",
        "x",
        "item",
        3,
    ),
    (
        "copied alone",
        LEAF + "a = x * 2\nloss = torch.tensor(a, requires_grad=True) * 2\nloss.backward()",
        "x",
        "item",
        3,
    ),
    ("seeded for the learner", LEAF + "y = x * 3\ny", "x", None, None),
]


def held(namespace: dict[str, Any], name: str) -> Any:
    if "[" in name:
        return eval(name, namespace)
    first, *rest = name.split(".")
    value = namespace[first]
    for part in rest:
        value = getattr(value, part)
    return value


@pytest.mark.parametrize(("code", "name", "reason", "cause"), [w[1:] for w in WHY], ids=[w[0] for w in WHY])
def test_the_reason_is_found_and_torch_agrees(
    trace: Any, code: str, name: str, reason: str | None, cause: int | None
) -> None:
    told = trace(code)
    assert told.answer.problem is None
    found = [g for g in told.answer.gradients if g.name == name][-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        is_none = held(told.namespace, name).grad is None
    assert (found.state == "none") == is_none
    assert (found.reason, found.cause) == (reason, cause), found.text
    assert name in found.text
    assert (found.reason is None) or found.text.count(".grad is None") <= 1


@pytest.mark.parametrize("snippet", sorted(SNIPPETS))
def test_every_named_tensor_of_the_learning_path_is_told_as_torch_has_it(trace: Any, snippet: str) -> None:
    told = trace(SNIPPETS[snippet])
    named = {g.name: g for g in told.answer.gradients if g.state != "gone"}
    for name, found in named.items():
        value = held(told.namespace, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert (found.state == "present") == (value.grad is not None), (name, found)
        assert (found.reason is None) == (found.state == "present")
    nodes = {(g.step, g.node) for g in told.answer.gradients if g.node is not None}
    steps = {s.index: s.graph for s in told.answer.steps}
    ids = {(graph.id, node.id) for graph in told.answer.graphs for node in graph.nodes}
    assert {(steps[step], node) for step, node in nodes} <= ids


@pytest.mark.parametrize(
    ("code", "name", "reason", "cause"),
    [
        (LEAF + "y = x.exp()\ny += 1\ny.backward()", "x", "failed", 4),
        (LEAF + "h = x * 2\nh.detach_()\nh.backward()", "x", "detach", 3),
        (LEAF + "y = x.detach() * 2\ny.backward()", "x", "detach", 2),
        (LEAF + "x.backward(torch.ones(3))", "x", "not_called", None),
    ],
)
def test_a_backward_that_failed_is_not_blamed_on_the_derivative(
    trace: Any, code: str, name: str, reason: str, cause: int | None
) -> None:
    told = trace(code)
    assert told.answer.problem is not None
    found = next(g for g in told.answer.gradients if g.name == name)
    assert (found.state, found.reason, found.cause) == ("none", reason, cause), found.text


def test_the_words_for_what_emptied_a_gradient_are_those_of_the_line(trace: Any) -> None:
    by_hand = trace(LEAF + "(x * 2).backward()\nx.grad = None").answer.gradients[0]
    assert by_hand.text == "x.grad was there, and line 3 set it to None"
    optimizer = trace(LEAF + "o = torch.optim.SGD([x], lr=0.1)\n(x * 2).backward()\no.zero_grad()").answer.gradients[0]
    assert "zero_grad in line 4 set it to None" in optimizer.text


def test_grad_is_named_where_the_snippet_calls_it(trace: Any) -> None:
    told = trace(LEAF + "j = torch.autograd.functional.jacobian(lambda v: v * v, x)").answer.gradients
    assert [g.text for g in told] == [
        "torch.autograd in line 2 returns gradients and stores none in x.grad",
        "j is a gradient itself: torch.autograd returned it in line 2",
    ]


def test_parameters_keep_their_names_in_a_loop_over_them(trace: Any) -> None:
    told = trace(
        "m = nn.Linear(1, 1)\nfor i in range(3):\n    loss = (m(torch.ones(1, 1)) - 2).pow(2).sum()\n"
        "    loss.backward()\n    with torch.no_grad():\n        for p in m.parameters():\n"
        "            p -= 0.1 * p.grad\n    m.zero_grad()"
    )
    assert [u.name for u in told.step().updates] == ["weight", "bias"]
    assert [g.name for g in told.answer.gradients] == ["loss", "m.weight", "m.bias"]


def test_an_update_that_lost_the_leaf_is_not_told_to_leave_no_grad(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(1.0, requires_grad=True)\n(w * 2).backward()\nwith torch.no_grad():\n"
        "    w = w - 0.1 * w.grad\nloss = w * 3"
    )
    loss = next(g for g in told.answer.gradients if g.name == "loss")
    assert (loss.reason, loss.cause) == ("no_grad", 4)
    assert "`w -= …`" in loss.suggestion


def test_y_of_the_first_lesson(trace: Any) -> None:
    told = trace(LEAF + "y = x + 3\nz = x * y\nz.backward()")
    y = next(g for g in told.answer.gradients if g.name == "y")
    assert y.text == "y is not a leaf: AddBackward0 made it in line 2. backward keeps .grad in leaves only"
    assert "y.retain_grad()" in (y.suggestion or "")
    assert y.node == told.node("y").id


def test_a_local_variable_is_told_although_it_is_gone(trace: Any) -> None:
    told = trace(
        "def f(x):\n    h = x * 2\n    return h * h\nx = torch.tensor(1.0, requires_grad=True)\nf(x).backward()"
    )
    h = next(g for g in told.answer.gradients if g.name == "h")
    assert (h.state, h.reason, h.line) == ("gone", "not_leaf", 2)


def test_parameters_are_told_even_if_a_module_is_all_that_has_a_name(trace: Any) -> None:
    told = trace(SNIPPETS["bn"])
    names = {g.name for g in told.answer.gradients}
    assert {"m.0.weight", "m.5.bias"} <= names
