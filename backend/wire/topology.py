"""Checks of a graph message: ids, references and groups. One look at each entry, so linear in the message's length."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from backend.errors import WireError

if TYPE_CHECKING:
    from backend.wire.messages import GraphMessage, Group, Node

OUTPUTS_LIMIT: Final = 100_000
"""Outputs of all nodes of one graph together: each may become one entry of the answer in each step."""

SIZE_LIMIT: Final = 2**63
"""Elements or bytes, of a node or of all together."""

DEPTH_LIMIT: Final = 1_000
"""Groups inside groups: whoever draws them walks them recursively."""

NAME_LIMIT: Final = 1_024
"""Characters of an id, an op, a label."""


def check_topology(graph: GraphMessage) -> None:
    """Raise `WireError` unless every id is in order and every reference points at something.

    Errors:
        WireError: names the entry, what it says and what would be right.
    """
    if not graph.id or len(graph.id) > NAME_LIMIT:
        raise WireError(f"graph id has {len(graph.id)} characters, not 1 to {NAME_LIMIT}")
    groups = _check_groups(graph.groups)
    _check_totals(graph)
    for group in graph.groups:
        _check_totals(group)
    ids = {node.id for node in graph.nodes}
    outputs = 0
    for place, node in enumerate(graph.nodes):
        _check_node(place, node, groups, ids)
        outputs += node.outputs
    if outputs > OUTPUTS_LIMIT:
        raise WireError(f"graph {graph.id}: {outputs} outputs, at most {OUTPUTS_LIMIT} are allowed")
    places = {node.id: place for place, node in enumerate(graph.nodes)}
    for place, edge in enumerate(graph.edges):
        if edge.id != f"e{place}":
            raise WireError(f"edge {place} calls itself {edge.id[:40]!r}, not 'e{place}'")
        source = places.get(edge.source)
        if source is None or edge.target not in places:
            raise WireError(f"e{place} goes from {edge.source[:40]!r} to {edge.target[:40]!r}, and one is no node")
        if not 0 <= edge.source_output < graph.nodes[source].outputs:
            raise WireError(f"e{place} starts at output {edge.source_output} of {edge.source}, which does not exist")
        if not 0 <= edge.target_input < OUTPUTS_LIMIT:
            raise WireError(f"e{place} ends at input {edge.target_input}")


def _check_node(place: int, node: Node, groups: Collection[str], ids: Collection[str]) -> None:
    """One node: its id, how many outputs, and what it points at."""
    if node.id != f"n{place}":
        raise WireError(f"node {place} calls itself {node.id[:40]!r}, not 'n{place}'")
    if not 1 <= node.outputs <= OUTPUTS_LIMIT:
        raise WireError(f"{node.id} has {node.outputs} outputs, not 1 to {OUTPUTS_LIMIT}")
    if node.group is not None and node.group not in groups:
        raise WireError(f"{node.id} is in group {node.group[:40]!r}, which does not exist")
    if len(node.op) > NAME_LIMIT:
        raise WireError(f"{node.id} has an op of {len(node.op)} characters, at most {NAME_LIMIT} are allowed")
    if node.base is not None and node.base not in ids:
        raise WireError(f"{node.id} lies in the memory of {node.base[:40]!r}, which is no node")
    _check_sizes(node.id, (node.elements, node.bytes, node.saved_bytes))
    for name in node.attributes:
        if len(name) > NAME_LIMIT or name.startswith("__"):
            raise WireError(f"{node.id} has an attribute {name[:40]!r}")
    for saved in node.saved:
        if saved.node is not None and saved.node not in ids:
            raise WireError(f"{node.id} saves {saved.node[:40]!r}, which is no node")
        _check_sizes(node.id, (saved.bytes,))
    for function in node.next_functions:
        if function.node is not None and function.node not in ids:
            raise WireError(f"{node.id} has a next function of {function.node[:40]!r}, which is no node")


def _check_totals(whole: GraphMessage | Group) -> None:
    sizes = (whole.elements, whole.bytes, whole.parameters, whole.saved_tensors, whole.saved_bytes)
    _check_sizes(f"{whole.id[:40]!r}", sizes)


def _check_sizes(where: str, sizes: tuple[int, ...]) -> None:
    if min(sizes) < 0 or max(sizes) >= SIZE_LIMIT:
        raise WireError(f"{where} has impossible sizes: {list(sizes)}")


def _check_groups(groups: list[Group]) -> Collection[str]:
    """Ids are unique, parents exist, nobody is inside itself. Returns the ids."""
    parents: dict[str, str | None] = {}
    for group in groups:
        if not group.id or len(group.id) > NAME_LIMIT or group.id in parents:
            raise WireError(f"group id {group.id[:40]!r} is empty, too long or there twice")
        parents[group.id] = group.parent
    depths: dict[str | None, int] = {None: 0}
    for start in parents:
        path: list[str] = []
        here: str | None = start
        while here is not None and here not in depths:
            if here not in parents:
                raise WireError(f"group {path[-1]!r} is in {here[:40]!r}, which does not exist")
            path.append(here)
            depths[here] = 0
            here = parents[here]
        if here is not None and depths[here] == 0:
            raise WireError(f"group {here[:40]!r} is inside itself")
        depth = depths[here]
        for name in reversed(path):
            depth += 1
            depths[name] = depth
        if depth > DEPTH_LIMIT:
            raise WireError(f"groups are {depth} deep, at most {DEPTH_LIMIT} are allowed")
    return parents.keys()
