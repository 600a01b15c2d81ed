"""Mini-batches of a DataLoader: data with the names that the snippet gives them, and one graph for all of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.trace.oracle import assert_same, run_plain

LOOP = """from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
data = TensorDataset(torch.randn(8, 2), torch.randn(8, 1))
model = nn.Linear(2, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    for {target} in {over}:
        opt.zero_grad()
        loss = F.mse_loss(model({x}), {y})
        loss.backward()
        opt.step()
"""

LOADER = "DataLoader(data, batch_size=4, shuffle=True)"

WAYS = [
    ("x, y", LOADER, "x", "y"),
    ("i, (x, y)", f"enumerate({LOADER})", "x", "y"),
    ("i, [x, y]", f"zip(range(2), {LOADER})", "x", "y"),
    ("batch", LOADER, "batch[0]", "batch[1]"),
]


@pytest.mark.parametrize(("target", "over", "x", "y"), WAYS, ids=[way[0] for way in WAYS])
def test_every_batch_is_data_of_one_graph(trace: Any, target: str, over: str, x: str, y: str) -> None:
    code = LOOP.format(target=target, over=over, x=x, y=y)
    told = trace(code)
    (graph,) = told.answer.graphs
    given = {n.names[0]: (n.kind, n.op, n.line) for n in graph.nodes if n.kind == "data"}
    assert given == {x: ("data", "DataLoader", 7), y: ("data", "DataLoader", 7)}
    assert len(told.answer.steps) == 4
    assert [group.kind for group in graph.groups] == ["module"]
    assert_same(told.namespace, run_plain(code))


def test_batches_have_their_values(trace: Any) -> None:
    told = trace(
        "from torch.utils.data import DataLoader\nw = torch.tensor(2.0, requires_grad=True)\n"
        "for batch in DataLoader([1.0, 2.0, 3.0, 4.0], batch_size=2):\n    (batch * w).sum().backward()"
    )
    (batch,) = [n for n in told.graph().nodes if n.kind == "data"]
    assert batch.names == ["batch"]
    shown = [step.values[batch.id].values for step in told.answer.steps]
    assert shown == [[1.0, 2.0], [3.0, 4.0]]


def test_a_data_set_that_learns_is_watched(trace: Any) -> None:
    told = trace(
        "from torch.utils.data import DataLoader\nw = torch.arange(4.0, requires_grad=True)\nclass Rows:\n"
        "    def __init__(self):\n        self.rows = w * 2\n    def __len__(self):\n        return 4\n"
        "    def __getitem__(self, i):\n        return self.rows[i]\n"
        "for batch in DataLoader(Rows(), batch_size=4):\n    batch.sum().backward()"
    )
    assert [n.op for n in told.graph().nodes if n.kind == "op"].count("select") == 4
    assert told.namespace["w"].grad.tolist() == [2.0, 2.0, 2.0, 2.0]


DATA = (
    "X = torch.arange(8.0).reshape(8, 1)\nY = 2 * X\nm = nn.Linear(1, 1)\n"
    "opt = torch.optim.SGD(m.parameters(), lr=0.001)\n"
)
TURN = "opt.zero_grad()\n{0}loss.backward()\n{0}opt.step()\n"


@pytest.mark.parametrize(
    ("loop", "written"),
    [
        (
            "    for i in range(0, 8, 4):\n        loss = F.mse_loss(m(X[i:i+4]), Y[i:i + 4])\n        ",
            ["i:i+4", "i:i + 4"],
        ),
        ("    for i in range(8):\n        loss = (m(X[i]) - Y[i]).pow(2).sum()\n        ", ["i", "i"]),
        (
            "    i = 0\n    while i < 8:\n        x, y = X[i:i+2], Y[i:i+2]\n        i += 2\n"
            "        loss = F.mse_loss(m(x), y)\n        ",
            ["i:i+2", "i:i+2"],
        ),
    ],
)
def test_batches_by_slicing_share_one_graph(trace: Any, loop: str, written: list[str]) -> None:
    """The first step has another: what was there before the loop is in it."""
    told = trace(DATA + "for epoch in range(2):\n" + loop + TURN.format("        "))
    assert told.answer.problem is None
    assert len({step.graph for step in told.answer.steps[1:]}) == 1
    taken = [n for n in told.graph().nodes if n.op in ("slice", "select")]
    assert [n.attributes for n in taken] == [{"index": text} for text in written]
    for index, step in enumerate(told.answer.steps):
        graph = told.graph(index)
        assert not any(n.op in ("slice", "select") and n.kind == "data" for n in graph.nodes), index
        values = [step.values[n.id].values for n in graph.nodes if n.op in ("slice", "select")]
        assert values[1] == [2 * x for x in values[0]]


def test_the_last_batch_may_be_smaller(trace: Any) -> None:
    told = trace(
        DATA
        + "for epoch in range(2):\n    for i in range(0, 8, 3):\n        loss = F.mse_loss(m(X[i:i+3]), Y[i:i+3])\n"
        "        " + TURN.format("        ")
    )
    graphs = [step.graph for step in told.answer.steps[1:]]
    assert graphs == [graphs[0], graphs[1], graphs[0], graphs[0], graphs[1]]
    assert graphs[0] != graphs[1]


def test_a_slice_keeps_its_numbers_where_they_matter(trace: Any) -> None:
    """Written as numbers, one of several in a step, or differentiable: each has its own place."""
    told = trace(
        DATA + "w = torch.ones(8, requires_grad=True)\nfor i in range(2):\n    parts = [X[k].sum() for k in range(2)]\n"
        "    loss = (sum(parts) + X[0:2].sum() * w[i]).sum()\n    loss.backward()"
    )
    taken = [(n.op, n.attributes) for n in told.graph().nodes if n.op in ("slice", "select")]
    assert taken == [
        ("select", {"dim": 0, "index": 0}),
        ("select", {"dim": 0, "index": 1}),
        ("slice", {"start": 0, "end": 2}),
        ("select", {"dim": 0, "index": 1}),
    ]


def test_what_the_next_turn_makes_of_this_ones_results_stays_with_them(trace: Any) -> None:
    told = trace(
        "w = torch.tensor(4.0, requires_grad=True)\nloss = w * w\nwhile (loss * 1 > 1):\n    loss = w * w\n"
        "    loss.backward()\n    with torch.no_grad():\n        w -= 0.3 * w.grad\n    w.grad = None\n"
    )
    assert told.answer.problem is None
    assert all(any(e.phase == "backward" for e in s.events) for s in told.answer.steps)


def test_a_hidden_state_that_is_cut_off_belongs_to_the_turn_that_cuts_it(trace: Any) -> None:
    told = trace(
        "cell = nn.RNNCell(1, 2)\nopt = torch.optim.SGD(cell.parameters(), 0.1)\nh = torch.zeros(1, 2)\n"
        "for t in range(4):\n    h = h.detach()\n    h = cell(torch.ones(1, 1), h)\n    loss = h.pow(2).sum()\n"
        "    opt.zero_grad()\n    loss.backward()\n    opt.step()"
    )
    assert len(told.answer.steps) == 4
    assert len({step.graph for step in told.answer.steps[1:]}) == 1
    for index in range(4):
        assert [n.op for n in told.graph(index).nodes].count("detach") == 1
