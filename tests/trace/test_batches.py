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
