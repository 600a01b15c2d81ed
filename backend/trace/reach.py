"""Where in the text of a snippet a backward can still come.

An accuracy that is computed behind the update, gradients on or off, looks at what the step has done; the forward pass
of the next loss begins a step of its own. Which of the two an op belongs to is told by what the rest of the turn does.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property
from types import CodeType
from typing import Final

from backend.trace.source import last_name

_RUNS: Final = frozenset({"backward", "grad", "vjp", "jvp", "jacobian", "hessian", "value_and_grad"})
"""Functions that run autograd's engine, by the names they are called under."""

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


class Reach:
    """The lines of one snippet that run backward, themselves or by what they mention; read when first asked."""

    def __init__(self, tree: ast.AST | None) -> None:
        self._tree = tree
        self._ends: dict[CodeType, int] = {}

    @cached_property
    def _calls(self) -> list[int]:
        return [] if self._tree is None else _lines(node for node in ast.walk(self._tree) if _runs(node))

    @cached_property
    def _mentions(self) -> list[int]:
        tree = self._tree
        through = frozenset() if tree is None else _through(tree)
        return _lines(node for node in ast.walk(tree) if last_name(node) in through) if tree and through else []

    def any(self, first: int, last: int, *, inside: int | None = None) -> bool:
        """Whether a backward can come in lines `first` to `last`; a call in line `inside` is under way already."""
        if _within(self._calls, first, last):
            return True
        return _within(self._mentions, first if inside is None else max(first, inside + 1), last)

    def end(self, code: CodeType) -> int:
        """The last line of a function."""
        end = self._ends.get(code)
        if end is None:
            end = self._ends[code] = max(line for *_, line in code.co_lines() if line is not None)
        return end


def _through(tree: ast.AST) -> frozenset[str]:
    """The names of the snippet's functions that run backward, also by way of each other."""
    used = {
        function: {last_name(node) for node in ast.walk(function)}
        for function in ast.walk(tree)
        if isinstance(function, _FUNCTIONS)
    }
    running = {function.name for function in used if any(map(_runs, ast.walk(function)))}
    while True:
        more = {function.name for function, names in used.items() if names & running} - running
        if not more:
            return frozenset(running)
        running |= more


def _runs(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in _RUNS


def _lines(nodes: Iterable[ast.AST]) -> list[int]:
    """Where the names of what is called or mentioned stand."""
    named = (node.func if isinstance(node, ast.Call) else node for node in nodes)
    return sorted({node.end_lineno for node in named if isinstance(node, ast.expr) and node.end_lineno is not None})


def _within(lines: list[int], first: int, last: int) -> bool:
    place = bisect_left(lines, first)
    return place < len(lines) and lines[place] <= last
