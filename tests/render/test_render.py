"""Pictures of real runs, in every format."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from backend.render import FORMATS
from tests.serving import ROOT, Served

EXPRESSION = (
    "import torch\na = torch.tensor(2.0, requires_grad=True)\nb = torch.tensor(3.0, requires_grad=True)\n"
    "x = torch.tensor(4.0, requires_grad=True)\ny = a + b\nz = x * y\nz.backward()"
)
FAILING = EXPRESSION + "\nw = z @ torch.ones(3)"
LARGE = (
    "import torch\nfrom functools import reduce\nx = torch.ones(3, requires_grad=True)\n"
    "y = reduce(lambda y, _: y + x, range(2000), x)\ny.sum().backward()"
)
DEEP = (
    "import torch\nfrom torch import nn\n"
    "class Block(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)\n"
    "    def forward(self, x):\n        return x + self.two(torch.relu(self.one(x)))\n"
    "model = nn.Sequential(*(Block() for _ in range(40)))\nmodel(torch.ones(2, 4)).sum().backward()"
)


def picture(server: Served, name: str, code: str = EXPRESSION) -> httpx.Response:
    response = server.client.post(f"/api/render?format={name}", json={"code": code})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == FORMATS[name]
    return response


def texts(svg: bytes) -> str:
    return " ".join(
        "".join(element.itertext()) for element in ElementTree.fromstring(svg).iter() if "text" in element.tag
    )


@pytest.mark.parametrize(("name", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_graphviz_formats_are_what_they_say(server: Served, name: str, magic: bytes) -> None:
    response = picture(server, name)
    assert response.content.startswith(magic)
    assert response.headers["x-chainrule-status"] == "ok"


def test_svg_is_the_format_when_none_is_asked_for(server: Served) -> None:
    response = server.client.post("/api/render", json={"code": EXPRESSION})
    assert response.headers["content-type"] == "image/svg+xml"


def test_the_picture_shows_names_values_and_gradients(server: Served) -> None:
    shown = texts(picture(server, "svg").content)
    for words in ("z", "20.0", "MulBackward0", "leaf · requires_grad", "∂ 5.0", "∂ 4.0", "grad 5.0", "seed 1.0"):
        assert words in shown, words


@pytest.mark.parametrize("name", ["dot", "mermaid"])
def test_text_formats_show_the_same(server: Served, name: str) -> None:
    text = picture(server, name).text
    for words in ("20.0", "MulBackward0", "∂ 5.0", "seed 1.0"):
        assert words in text, words


def test_a_failing_snippet_is_drawn_up_to_its_line(server: Served) -> None:
    response = picture(server, "svg", FAILING)
    assert response.headers["x-chainrule-status"] == "error"
    assert "20.0" in texts(response.content)


def test_a_graph_too_large_for_graphviz_is_folded(server: Served) -> None:
    shown = texts(picture(server, "svg", LARGE).content)
    assert re.search(r"\d{4} nodes more", shown)


def test_groups_are_closed_before_nodes_are_left_out(server: Served) -> None:
    shown = texts(picture(server, "svg", DEEP).content)
    assert "nodes more" not in shown
    assert "Block" in shown


def test_a_picture_without_gradients_is_drawn_too(server: Served) -> None:
    shown = texts(picture(server, "svg", "import torch\nx = torch.tensor([1, 2])\ny = x > 1").content)
    assert "[0, 1]" in shown


def test_a_meta_tensor_shows_its_shape(server: Served) -> None:
    code = "import torch\nx = torch.empty(3, 4, device='meta', requires_grad=True)\ny = x.exp().sum()\ny.backward()"
    assert "[3, 4] float32" in texts(picture(server, "svg", code).content)


WITHOUT_DOT = """
import sys
from backend.errors import GraphvizMissing
from backend.render import draw, graphviz_version
from backend.schema import GraphAnswer

answer = GraphAnswer.model_validate_json(sys.stdin.read())
assert graphviz_version() is None
assert draw(answer, "dot") and draw(answer, "mermaid")
try:
    draw(answer, "svg")
except GraphvizMissing as error:
    print(error.status, error.hint)
"""


def test_without_graphviz_it_says_how_to_get_it_and_the_text_formats_work(server: Served) -> None:
    answer: Any = server.client.post("/api/graph", json={"code": EXPRESSION})
    environment = {**os.environ, "PATH": "/nonexistent", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DOT],
        input=answer.text,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("501 Install it (apt-get install graphviz")
