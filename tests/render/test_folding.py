"""What stays visible of a large graph."""

from __future__ import annotations

import random

import pytest

from backend.render.drawing import Drawing, sketch
from backend.render.folding import VISIBLE, fold_groups
from backend.schema import Graph, GraphEdge, GraphGroup, GraphNode


def graph_of(groups: dict[str, str | None], homes: list[str | None]) -> Graph:
    """A chain of nodes, each in its group."""
    return Graph(
        id="g",
        nodes=[GraphNode(id=f"n{i}", kind="op", op="add", group=home) for i, home in enumerate(homes)],
        edges=[GraphEdge(id=f"e{i}", source=f"n{i}", target=f"n{i + 1}") for i in range(len(homes) - 1)],
        groups=[GraphGroup(id=name, parent=parent, kind="module", label=name) for name, parent in groups.items()],
    )


def check(graph: Graph) -> Drawing:
    """What must hold for any graph."""
    drawing = sketch(graph, None)
    keys = {box.key for box in drawing.boxes}
    frames = {frame.key for frame in drawing.frames}
    assert len(drawing.boxes) == len(keys) <= VISIBLE[0]
    assert {end for arrow in drawing.arrows for end in (arrow.source, arrow.target)} <= keys
    assert {box.frame for box in drawing.boxes} | {frame.parent for frame in drawing.frames} <= frames | {None}
    assert not keys & frames
    assert sum(fold_groups(graph).sizes.values()) == len(graph.nodes)
    return drawing


def test_a_small_graph_is_shown_whole() -> None:
    drawing = check(graph_of({"a": None, "b": "a"}, [None, "a", "b", "b"]))
    assert [box.key for box in drawing.boxes] == ["n0", "n1", "n2", "n3"]
    assert {(frame.key, frame.parent) for frame in drawing.frames} == {("g0", None), ("g1", "g0")}


def test_a_large_group_stays_closed_and_says_how_large_it_is() -> None:
    drawing = check(graph_of({"a": None}, [None, *["a"] * 500, None]))
    assert [box.kind for box in drawing.boxes] == ["op", "group", "op"]
    assert "500 nodes" in drawing.boxes[1].details


def test_outer_groups_open_before_inner_ones() -> None:
    groups: dict[str, str | None] = {"model": None, **{f"block{i}": "model" for i in range(12)}}
    homes: list[str | None] = [f"block{i}" for i in range(12) for _ in range(70)]
    drawing = check(graph_of(groups, homes))
    closed = [box for box in drawing.boxes if box.kind == "group"]
    assert len(closed) == 10
    assert {box.frame for box in closed} == {"g0"}


def test_a_chain_without_groups_keeps_both_ends() -> None:
    drawing = check(graph_of({}, [None] * 10_000))
    assert drawing.boxes[0].key == "n0"
    assert drawing.boxes[-1].key == "n9999"
    assert [box.title for box in drawing.boxes if box.kind == "more"] == ["9851 nodes more"]


def test_a_tangled_graph_is_folded_further() -> None:
    graph = graph_of({}, [None] * 2_000)
    from_the_first = [GraphEdge(id=f"f{i}", source="n0", target=f"n{i}") for i in range(2, 2_000)]
    tangled = graph.model_copy(update={"edges": [*graph.edges, *from_the_first]})
    assert len(check(graph).boxes) == VISIBLE[0]
    assert len(check(tangled).boxes) < VISIBLE[0]


def test_ten_thousand_nested_groups_are_no_recursion() -> None:
    groups: dict[str, str | None] = {f"d{i}": f"d{i - 1}" if i else None for i in range(10_000)}
    check(graph_of(groups, ["d9999", "d5000", None]))


@pytest.mark.parametrize("seed", range(30))
def test_any_graph_fits(seed: int) -> None:
    rng = random.Random(seed)
    names = [f"r{i}" for i in range(rng.randint(0, 40))]
    groups: dict[str, str | None] = {name: rng.choice([None, *names[:i]]) for i, name in enumerate(names)}
    check(graph_of(groups, [rng.choice([None, *names]) for _ in range(rng.randint(1, 700))]))
