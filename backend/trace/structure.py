"""The structure of one step: which record became which node, and which use of a tensor which edge."""

from __future__ import annotations

from typing import Any

from backend.trace.groups import Groups
from backend.trace.nodes import Describer
from backend.trace.records import EngineNode, Op, Step, Value
from backend.wire.messages import Edge, Next


class Structure:
    """Nodes and edges of one step, built when it is made. Places are those in `nodes` and `edges`."""

    def __init__(self, step: Step, groups: Groups, describer: Describer) -> None:
        self.nodes: list[Any] = []
        self.edges: list[Any] = []
        self.ends: list[tuple[int, int]] = []
        """Of each edge the place of its source, and which of its outputs."""
        self.records: list[Op | Value | EngineNode] = []
        """What each node was described from."""
        self._groups = groups
        self._describer = describer
        self._place: dict[int, int] = {}
        """id(op), id(value) or id(engine node) -> its node."""
        self._edge_place: dict[tuple[int, int], int] = {}
        self._ids: list[str] = []
        self._incoming: list[list[int]] = []
        """The edges into each node."""
        self._mine = {id(op) for op in step.ops}
        describer.begin(step)
        for op in step.ops:
            self._op(op)
        for value in step.mentioned:
            self.producer(value, None)
        for node in step.engine:
            if node.leaf is None:
                self._nexts(node)

    def key(self, value: Value) -> int:
        """By what a value is found: the op of this step that made it, or itself."""
        return id(value.op) if value.op is not None and id(value.op) in self._mine else id(value)

    def place(self, what: Op | Value) -> int | None:
        """The node of an op or of a value, if it has one."""
        return self._place.get(id(what) if isinstance(what, Op) else self.key(what))

    def edge(self, node: EngineNode, place: int) -> int | None:
        """The edge along which the gradient of one input leaves an autograd node."""
        return self._edge_place.get((id(node), place))

    # nodes

    def producer(self, value: Value, user: Op | None) -> int:
        """The node of a value; a new one for a leaf, for data, or for what an earlier step made."""
        op = value.op
        key = id(op) if op is not None and id(op) in self._mine else id(value)
        place = self._place.get(key)
        if place is None:
            place = self._new(key, value)
            group = self._groups.of_source(value, user)
            self.nodes.append(self._describer.source(self._ids[place], value, user, group))
        return place

    def engine_place(self, node: EngineNode) -> int:
        """The node that an autograd node belongs to; made up where the recorder saw no op for it."""
        if node.leaf is not None:
            return self.producer(node.leaf, None)
        key = id(node.op) if node.op is not None else id(node)
        place = self._place.get(key)
        if place is None:
            place = self._new(key, node)
            told = self._describer.unseen(self._ids[place], node)
            told.saved = [self._saved(None, place, *saved) for saved in node.saved]
            self.nodes.append(told)
        return place

    def _new(self, key: int, record: Op | Value | EngineNode) -> int:
        place = self._place[key] = len(self.nodes)
        self.records.append(record)
        self._ids.append(f"n{place}")
        self._incoming.append([])
        return place

    def _op(self, op: Op) -> None:
        """An op's node, after those of its inputs, and the edges between."""
        inputs = op.inputs
        sources = [self.producer(value, op) for value in inputs]
        place = self._new(id(op), op)
        node, summed = self._describer.op(self._ids[place], op, self._groups.of_op(op))
        node.saved = [self._saved(op, place, *saved) for saved in op.saved or ()]
        self.nodes.append(node)
        mine = self._mine
        for position, (value, source) in enumerate(zip(inputs, sources, strict=True)):
            edge = self._edge(source, value.output if id(value.op) in mine else 0, place, position)
            if summed[position]:
                self.edges[edge].summed = summed[position]

    def _saved(self, op: Op | None, place: int, name: str, what: Any) -> Any:
        """What an op keeps is of a node before it, or its own result."""
        node = None
        if isinstance(what, Value):
            node = self._place.get(self.key(what), place if what.op is op is not None else None)
        return self._describer.saved(name, what, None if node is None else self._ids[node])

    # edges

    def _edge(self, source: int, output: int, target: int, target_input: int) -> int:
        index = len(self.edges)
        ids = self._ids
        self.edges.append(
            Edge(
                id=f"e{index}",
                source=ids[source],
                target=ids[target],
                source_output=output,
                target_input=target_input,
            )
        )
        self.ends.append((source, output))
        self._incoming[target].append(index)
        if output and output >= self.nodes[source].outputs:
            self.nodes[source].outputs = output + 1  # not seen: it has as many as are used of it
        return index

    def _nexts(self, node: EngineNode) -> None:
        """Each edge of autograd's graph is one use of a tensor: find which, in order, or add it."""
        target = self.engine_place(node)
        free = list(self._incoming[target])
        told = []
        for index, (following, output) in enumerate(node.nexts):
            if following is None:
                told.append(Next(name=None, node=None, output=output))
                continue
            source = self.engine_place(following)
            told.append(Next(name=following.name.rpartition("::")[2], node=self._ids[source], output=output))
            if following.leaf is not None:
                output = 0
            elif following.op is not None:
                output = following.op.output_at(output)
            edge = self._use(free, source, output)
            if edge is None:
                edge = self._edge(source, output, target, len(self._incoming[target]))
            else:
                free.remove(edge)
            self._edge_place[id(node), index] = edge
        self.nodes[target].next_functions = told

    def _use(self, free: list[int], source: int, output: int) -> int | None:
        """Of the edges that are `free`, the first from that output, else the first from that node."""
        ends = self.ends
        exact = (source, output)
        for edge in free:
            if ends[edge] == exact:
                return edge
        for edge in free:
            if ends[edge][0] == source:
                return edge
        return None
