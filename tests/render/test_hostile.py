"""Labels are the learner's text: nothing in them may become syntax."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from backend.render import draw
from backend.schema import Graph, GraphAnswer, GraphEdge, GraphGroup, GraphNode, Step, TensorSummary, Timings

HOSTILE = [
    '"',
    "'",
    "\\",
    '\\"',
    "a\\nb\\l",
    "line\nend\r\n",
    "<b>&amp;</b>",
    "]]>",
    "-->",
    "<!-- x",
    "</FONT></B>>];evil[",
    '"];evil->n0;x["',
    '"]; click n0 call evil()',
    "`**bold**`",
    "#quot;#35;",
    "%%{init: {}}%%",
    "end",
    "subgraph x",
    "\x00\x01\x1b\x7f\x85\ufffe",
    "\u202e\u2028\U0001f600é漢",
    "x" * 10_000,
    "",
    "&#0;&bogus;",
]


def answer(text: str) -> GraphAnswer:
    """A graph in which every text that a learner can choose is `text`."""
    number = TensorSummary(shape=[], dtype="torch.float32", device="cpu", numel=1, values=[2.0])
    graph = Graph(
        id=text,
        nodes=[
            GraphNode(id="n0", kind="leaf", op=text, names=[text], attributes={text: text}, group="outer"),
            GraphNode(id="n1", kind="op", op=text, grad_fn=text, names=[], group=text),
            GraphNode(id="n2", kind="break", op=text, reason=text),
        ],
        edges=[GraphEdge(id="e0", source="n0", target="n1"), GraphEdge(id="e1", source="n1", target="n2")],
        groups=[
            GraphGroup(id="outer", kind="module", label=text, type=text),
            GraphGroup(id=text, parent="outer", kind="function", label=text, type=text),
        ],
    )
    step = Step(
        index=0,
        graph=text,
        events=[],
        values={"n0": number},
        grads={"n1": number},
        edge_grads={"e0": number},
        loss_node="n1",
    )
    return GraphAnswer(status="ok", graphs=[graph], steps=[step], bindings=[], output=[], timings=Timings())


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text_in_dot(text: str) -> None:
    """Graphviz itself is the judge: it finds the nodes and edges there are, and no other."""
    root = ElementTree.fromstring(draw(answer(text), "svg"))
    space = "{http://www.w3.org/2000/svg}"
    kinds = [group.get("class") for group in root.iter(f"{space}g")]
    assert (kinds.count("node"), kinds.count("edge"), kinds.count("cluster")) == (4, 3, 2)
    assert {title.text for title in root.iter(f"{space}title")} >= {"n0", "n1", "n2", "seed"}
    assert not list(root.iter(f"{space}script"))
    assert "evil" not in {title.text for title in root.iter(f"{space}title")}


SHAPES = re.compile(
    r"flowchart TD"
    r'|  subgraph g\d+\["[^"]*"\]|  end|  +(?:n\d+|g\d+|seed)(?:(?:\[|\(\[|\[\[)"[^"]*"(?:\]|\]\)|\]\]):::\w+)?'
    r'|  \w+ -->(?:\|"[^"]*"\|)? \w+|  \w+ -\.-> \w+|  classDef \w+ [\w:#,\- ]+'
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text_in_mermaid(text: str) -> None:
    lines = draw(answer(text), "mermaid").decode().split("\n")
    assert lines.pop() == ""
    for line in lines:
        assert SHAPES.fullmatch(line), line
        inside = "".join(re.findall(r'"([^"]*)"', line)).replace("<br/>", "")
        assert not set(inside) & set("<>\"'`\\[]{}()|%;&") - {";"}, line
        assert re.fullmatch(r"(?:[^#;]|#\d+;)*", inside), line


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_dot_is_one_statement_a_line(text: str) -> None:
    lines = draw(answer(text), "dot").decode().split("\n")
    assert sum(" -> " in line for line in lines) == 3
    assert all(ord(character) >= 32 for line in lines for character in line)
