"""Batches by slicing: `X[i:i + 4]` takes other rows in each turn of a loop, and is the same op each time.

Told with its numbers, each step would have a structure, and a graph, of its own. So what a loop moves on is told as it
is written: `index: i:i + 4`. That holds for data; a differentiable op's rule has the numbers in it.
"""

from __future__ import annotations

import ast
from types import CodeType
from typing import Any, Final

from backend.trace.advice.expression import Text
from backend.trace.groups import turns_of
from backend.trace.records import Op, Step
from backend.trace.source import Source

_TAKES: Final = frozenset({"slice", "select"})


class Subscripts:
    """Finds what is written between the brackets."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._text: Text | None = None
        self._known: dict[tuple[int, int], tuple[CodeType, str | None]] = {}

    def tell(self, step: Step) -> None:
        """Give the ops of a step that take a part which a loop around the step moves on what is written for it."""
        taking = [op for op in step.ops if op.info.packet in _TAKES and op.loops and not _learns(op)]
        if not taking:
            return
        turns = turns_of(step.ops)
        for op in taking:
            # inside the step, each turn has a node of its own, with its own numbers
            written = self._written(op) if all(turns[one.run] < 2 for one in op.loops) else None
            if written is not None:
                op.attributes = [("index", written)]

    def _written(self, op: Op) -> str | None:
        """What is between the brackets, if it depends on anything."""
        site = op.site
        if site is None:
            return None
        key = (id(site[0]), site[1])
        known = self._known.get(key)
        if known is None:
            if self._text is None:
                self._text = Text("\n".join(self._source.lines))
            known = self._known[key] = (site[0], _between(self._text, self._text.at(*site)))
        return known[1]


def _learns(op: Op) -> bool:
    return any(value.requires_grad for value in (*op.inputs, *op.values))


def _between(text: Text, node: Any) -> str | None:
    if not isinstance(node, ast.Subscript) or not any(isinstance(n, ast.Name) for n in ast.walk(node.slice)):
        return None
    return text.of(node.slice)
