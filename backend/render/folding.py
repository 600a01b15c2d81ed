"""Which groups of a large graph stay closed, so that what is left can be laid out in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from backend.schema import Graph

VISIBLE: Final = (150, 75, 40)
"""The most boxes of a picture; the later ones for tangled graphs. Graphviz takes over 240 s for 2,000 boxes."""

SPAN: Final = 3_000
"""The most rows that all arrows together may cross. Its work grows with them: 2,700 take 0.5 s, 11,000 over 25 s."""

REST: Final = "more"
"""Key of the one box that stands for what no group folds away."""


@dataclass(frozen=True)
class Folding:
    """Where each node is seen.

    `box_of` maps a node id to the key of its box: its own, a closed group's, or `rest`. `sizes` says how many nodes
    a key stands for. Keys are ours (n3, g2), safe in any syntax.
    """

    box_of: Mapping[str, str]
    key_of_group: Mapping[str, str]
    open_groups: frozenset[str]
    sizes: Mapping[str, int]
    rest: str = REST


def fold_groups(graph: Graph) -> Folding:
    """Open groups from the outside in, as long as the picture stays within `VISIBLE` and `SPAN`."""
    for limit in VISIBLE:
        folding = _fold(graph, limit)
        if _span(graph, folding.box_of) <= SPAN:
            break
    return folding


def _fold(graph: Graph, limit: int) -> Folding:
    """At most `limit` boxes."""
    parents = {entry.id: entry.parent for entry in graph.groups}
    children: dict[str | None, list[str]] = {}
    for entry in graph.groups:
        children.setdefault(entry.parent, []).append(entry.id)
    nodes: Counter[str | None] = Counter(node.group for node in graph.nodes)
    used = _with_ancestors(parents, nodes)
    opened: set[str] = set()
    visible = nodes[None] + sum(1 for group in children.get(None, ()) if group in used)
    queue = [group for group in children.get(None, ()) if group in used]
    for group in queue:  # grows while it is walked: breadth first
        inside = [child for child in children.get(group, ()) if child in used]
        grown = visible - 1 + nodes[group] + len(inside)
        if grown <= limit:
            visible = grown
            opened.add(group)
            queue.extend(inside)
    keys = {entry.id: f"g{place}" for place, entry in enumerate(graph.groups)}
    closed = _closed_ancestors(parents, opened, queue)
    box_of = {
        node.id: node.id if node.group is None or closed[node.group] is None else keys[closed[node.group] or ""]
        for node in graph.nodes
    }
    box_of = _fold_rest(box_of, limit)
    return Folding(box_of, keys, frozenset(opened), Counter(box_of.values()))


def _with_ancestors(parents: Mapping[str, str | None], nodes: Counter[str | None]) -> set[str]:
    """Groups with a node in them or in a group inside them."""
    used: set[str] = set()
    for start in nodes:
        group = start
        while group is not None and group not in used:
            used.add(group)
            group = parents[group]
    return used


def _closed_ancestors(parents: Mapping[str, str | None], opened: set[str], reached: list[str]) -> dict[str, str | None]:
    """Group -> the outermost closed group around it (or itself), None when all are open."""
    closed: dict[str, str | None] = {group: None if group in opened else group for group in reached}
    for start in parents:
        path = []
        group: str | None = start
        while group is not None and group not in closed:
            path.append(group)
            group = parents[group]
        for inner in path:
            closed[inner] = None if group is None else closed[group]
    return closed


def _span(graph: Graph, box_of: Mapping[str, str]) -> int:
    """Rows that arrows cross, when each box stands just below the lowest that it needs, and inputs near their use."""
    rows: dict[str, int] = {}
    arrows = {(box_of[edge.source], box_of[edge.target]) for edge in graph.edges}
    order = {box: place for place, box in enumerate(dict.fromkeys(box_of.values()))}
    forward = sorted((order[target], source, target) for source, target in arrows if order[source] < order[target])
    for _, source, target in forward:
        rows[target] = max(rows.get(target, 1), rows.get(source, 0) + 1)
    nearest: dict[str, int] = {}
    for _, source, target in forward:
        if source not in rows:
            nearest[source] = min(nearest.get(source, rows[target]), rows[target])
    return sum(rows[target] - rows.get(source, nearest.get(source, 1) - 1) for _, source, target in forward)


def _fold_rest(box_of: dict[str, str], limit: int) -> dict[str, str]:
    """Where even closed groups leave too many boxes, the middle ones become one."""
    keys = list(dict.fromkeys(box_of.values()))
    if len(keys) <= limit:
        return box_of
    half = limit // 2
    middle = set(keys[half : len(keys) - half + 1])
    return {node: REST if key in middle else key for node, key in box_of.items()}
