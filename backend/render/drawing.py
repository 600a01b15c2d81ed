"""What is seen of a graph: boxes, arrows between them, frames around them. No syntax of any format yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from backend.render.folding import Folding, fold_groups
from backend.render.wording import describe, number, value_text

if TYPE_CHECKING:
    from backend.schema import Graph, GraphNode, Step

Kind = Literal["leaf", "data", "op", "break", "group", "more", "seed"]

SEED: Final = "seed"
"""Key of the box that the gradient starts from."""


@dataclass(frozen=True)
class Box:
    """One node, or one closed group. `key` is ours and safe in any syntax; the other texts are the learner's."""

    key: str
    kind: Kind
    title: str
    details: tuple[str, ...] = ()
    frame: str | None = None
    is_loss: bool = False


@dataclass(frozen=True)
class Arrow:
    """Data flows from `source` to `target`; `gradient` is what flows back, `uses` how many edges it stands for."""

    source: str
    target: str
    gradient: str | None = None
    uses: int = 1


@dataclass(frozen=True)
class Frame:
    """An open group."""

    key: str
    parent: str | None
    title: str


@dataclass(frozen=True)
class Drawing:
    """Everything seen, in the order of the graph."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    frames: tuple[Frame, ...]


def sketch(graph: Graph, step: Step | None) -> Drawing:
    """The drawing of one step, or of the structure alone. Large graphs are folded until they can be laid out."""
    folding = fold_groups(graph)
    boxes = [*_boxes(graph, step, folding)]
    arrows = _arrows(graph, step, folding.box_of)
    if step is not None and step.loss_node in step.grads:
        seed = value_text(step.grads[step.loss_node])
        boxes.append(Box(SEED, "seed", f"seed {seed}" if seed else "seed"))
        arrows.append(Arrow(folding.box_of[step.loss_node], SEED))
    frames = tuple(
        Frame(
            folding.key_of_group[group.id],
            _frame(folding, group.parent),
            " · ".join(filter(None, (group.label, group.type))),
        )
        for group in graph.groups
        if group.id in folding.open_groups
    )
    return Drawing(tuple(boxes), tuple(arrows), frames)


def _frame(folding: Folding, group: str | None) -> str | None:
    return None if group is None else folding.key_of_group[group]


def _boxes(graph: Graph, step: Step | None, folding: Folding) -> Sequence[Box]:
    """One box per visible thing, where the first node in it stands."""
    groups = {folding.key_of_group[group.id]: group for group in graph.groups}
    boxes: dict[str, Box] = {}
    for node in graph.nodes:
        key = folding.box_of[node.id]
        if key in boxes:
            continue
        if key in groups:
            group = groups[key]
            inside = f"{folding.sizes[key]} nodes"
            details = (group.type, inside) if group.type else (inside,)
            boxes[key] = Box(key, "group", group.label, details, _frame(folding, group.parent))
        elif key == folding.rest:
            boxes[key] = Box(key, "more", f"{folding.sizes[key]} nodes more", ("not drawn one by one",))
        else:
            boxes[key] = _node_box(key, node, step, _frame(folding, node.group))
    return list(boxes.values())


def _node_box(key: str, node: GraphNode, step: Step | None, frame: str | None) -> Box:
    summary = step.values.get(node.id) if step is not None else None
    value = value_text(summary) if summary is not None else ""
    name = (" = " if node.is_parameter else ", ").join(node.names[:3]) or node.op
    return Box(
        key,
        node.kind,
        f"{name} = {value}" if value else name,
        describe(node, summary, step.grads.get(node.id) if step is not None else None),
        frame,
        is_loss=step is not None and step.loss_node == node.id,
    )


def _arrows(graph: Graph, step: Step | None, box_of: Mapping[str, str]) -> list[Arrow]:
    """Edges between the same two boxes become one arrow; only a lone one can say its gradient."""
    arrows: dict[tuple[str, str], Arrow] = {}
    for edge in graph.edges:
        ends = (box_of[edge.source], box_of[edge.target])
        if ends[0] == ends[1]:
            continue
        known = arrows.get(ends)
        summary = step.edge_grads.get(edge.id) if step is not None else None
        gradient = None if summary is None else value_text(summary) or _size(summary.min, summary.max)
        if known is None:
            arrows[ends] = Arrow(*ends, gradient)
        else:
            both = ", ".join(filter(None, (known.gradient, gradient))) if known.uses == 1 else ""
            arrows[ends] = Arrow(*ends, both or None, known.uses + 1)
    return list(arrows.values())


def _size(low: float | str | None, high: float | str | None) -> str | None:
    return None if low is None or high is None else f"{number(low)} … {number(high)}"
