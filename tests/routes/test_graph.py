"""`POST /api/graph` end to end."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import pytest

from backend.schema import GraphAnswer
from tests.serving import Served

EXPRESSION = (
    "import torch\na = torch.tensor(2.0, requires_grad=True)\nb = torch.tensor(3.0, requires_grad=True)\n"
    "x = torch.tensor(4.0, requires_grad=True)\ny = a + b\nz = x * y\nz.backward()"
)


def named(answer: Any, name: str) -> str:
    """The id of the node that the snippet calls `name`."""
    found: str = next(node["id"] for node in answer["graphs"][0]["nodes"] if name in node["names"])
    return found


def test_the_values_and_gradients_of_a_product_of_a_sum(server: Served) -> None:
    answer = server.graph(EXPRESSION)
    step = answer["steps"][0]
    assert {name: step["values"][named(answer, name)]["values"] for name in "abxyz"} == {
        "a": [2.0],
        "b": [3.0],
        "x": [4.0],
        "y": [5.0],
        "z": [20.0],
    }
    assert {name: step["grads"][named(answer, name)]["values"] for name in "abxyz"} == {
        "a": [4.0],
        "b": [4.0],
        "x": [5.0],
        "y": [4.0],
        "z": [1.0],
    }


def test_contributions_along_edges_sum_up_where_they_meet(server: Served) -> None:
    code = "import torch\na = torch.tensor(2., requires_grad=True)\nb = a * 3\nc = b * b\nd = b + c\nd.backward()"
    answer = server.graph(code)
    step, b = answer["steps"][0], named(answer, "b")
    into_b = [
        step["edge_grads"][edge["id"]]["values"][0] for edge in answer["graphs"][0]["edges"] if edge["source"] == b
    ]
    assert sorted(into_b) == [1.0, 6.0, 6.0]
    assert step["grads"][b]["values"] == [13.0]
    assert step["grads"][named(answer, "a")]["values"] == [39.0]


SNIPPETS = [
    EXPRESSION,
    "import torch\nx = torch.arange(6).reshape(2, 3)\ny = x.argmax(1)\nm = x > 2",
    "import torch\nx = torch.randn(5, dtype=torch.cfloat, requires_grad=True)\n(x * x.conj()).real.sum().backward()",
    "import torch\nx = torch.tensor([1., float('nan'), float('inf')], requires_grad=True)\n(x / 0).sum().backward()",
    "import torch\nx = torch.randn(40, 50, requires_grad=True)\ny = x.exp().sum()\ny.backward()",
    "import torch\nx = torch.empty(3, 4, device='meta', requires_grad=True)\ny = (x @ x.T).sum()\ny.backward()",
    "import torch\nx = torch.ones(6, requires_grad=True)\na, b = x.split(3)\nc, i = a.max(0)\n(c + b.sum()).backward()",
    "import torch\nx = torch.zeros(0, 3)\ny = x + 1",
    "import torch\nx = torch.tensor(float('-inf'))\ny = x.masked_fill(x < 0, float('-inf'))",
    "w = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([w], lr=.1)\n"
    "for i in range(3):\n    loss = (w * w).sum()\n    opt.zero_grad()\n    loss.backward()\n    opt.step()",
    "",
    "print('hi')\n1 + 1",
    "import torch\nx = torch.ones(2)\nx @ torch.ones(3)",
    "raise ValueError('no \\ud800 \\x00 <b>')",
]


@pytest.mark.parametrize("code", SNIPPETS)
def test_answers_are_what_the_contract_says(server: Served, code: str) -> None:
    response = server.client.post("/api/graph", json={"code": code})
    assert response.status_code == 200
    answer = GraphAnswer.model_validate_json(response.content)
    assert response.headers["x-chainrule-status"] == answer.status
    ids = {graph.id: {node.id for node in graph.nodes} for graph in answer.graphs}
    for step in answer.steps:
        assert set(step.values) <= ids[step.graph]
        assert {event.node for event in step.events if event.node is not None} <= ids[step.graph]


def test_a_long_answer_is_compressed_for_those_who_ask(server: Served) -> None:
    code = "import torch\nx = torch.randn(80, 80, requires_grad=True)\ny = x.exp().sin().tanh().sum()\ny.backward()"
    with httpx.stream(
        "POST", f"{server.url}/api/graph", json={"code": code}, headers={"accept-encoding": "gzip"}, timeout=60
    ) as response:
        assert response.headers["content-encoding"] == "gzip"
        assert GraphAnswer.model_validate_json(gzip.decompress(b"".join(response.iter_raw()))).status == "ok"


def test_a_short_answer_is_not_compressed(server: Served) -> None:
    response = server.client.post("/api/graph", json={"code": "1"}, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in response.headers
