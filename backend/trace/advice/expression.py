"""The failing expression in the learner's text: which part is which, and what the lines say once it is changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import accumulate
from types import CodeType

from backend.trace.source import last_name
from backend.wire.messages import FixRecord

_LONGEST = 40
"""Characters of an expression that may stand for a name."""

Change = tuple[ast.AST, str]
"""A part of the text and what stands there instead."""


class Text:
    """The snippet's text and its syntax tree; columns are bytes, as Python's own positions are."""

    def __init__(self, code: str) -> None:
        self.lines = [line.encode() for line in code.splitlines()]
        self._bytes = b"\n".join(self.lines)
        self._starts = list(accumulate((len(line) + 1 for line in self.lines), initial=0))
        try:
            self.tree: ast.Module = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.tree = ast.Module([], [])

    def at(self, code: CodeType, offset: int) -> ast.AST | None:
        """The expression (or statement) that runs at an offset of the bytecode; None where nothing has that place."""
        positions = list(code.co_positions())
        place = offset // 2
        if not 0 <= place < len(positions) or positions[place][0] is None:
            return None
        line, end_line, column, end_column = positions[place]
        wanted = (line, column, end_line, end_column)
        found = [
            node for node in ast.walk(self.tree) if isinstance(node, ast.expr | ast.stmt) and _place(node) == wanted
        ]
        best = next((node for node in found if isinstance(node, ast.expr)), found[0] if found else None)
        if isinstance(best, ast.If | ast.While):
            return best.test
        return best.iter if isinstance(best, ast.For) else best

    def of(self, node: ast.AST) -> str:
        """What stands there, in one line."""
        first, last = node.lineno, node.end_lineno  # type: ignore[attr-defined]  # expressions and statements have them
        parts = self.lines[first - 1 : last]
        parts[-1] = parts[-1][: node.end_col_offset]  # type: ignore[attr-defined]
        parts[0] = parts[0][node.col_offset :]  # type: ignore[attr-defined]
        return " ".join(part.decode(errors="replace").strip() for part in parts)

    def short(self, node: ast.AST) -> str | None:
        """What stands there, fit to be an operand, if it is short enough to be a name; else None."""
        text = self.as_operand(node)
        return text if len(text) <= _LONGEST else None

    def as_operand(self, node: ast.AST) -> str:
        """What stands there, in parentheses where a method call or an operator would bind tighter."""
        text = self.of(node)
        tight = ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant | ast.List | ast.Tuple
        return text if isinstance(node, tight) else f"({text})"

    def fix(self, changes: Sequence[Change], label: str) -> FixRecord:
        """The lines that the changes touch, changed."""
        first = min(node.lineno for node, _ in changes)  # type: ignore[attr-defined]
        last = max(node.end_lineno for node, _ in changes)  # type: ignore[attr-defined]
        code = self._changed(self._starts[first - 1], self._starts[last] - 1, changes)
        return FixRecord(line=first, end_line=last, code=code, label=label)

    def reading(self, node: ast.AST | None, changes: Sequence[Change]) -> str:
        """How an expression reads once changes inside it are made; one line."""
        return "" if node is None else " ".join(self._changed(*self._range(node), changes).split())

    def _range(self, node: ast.AST) -> tuple[int, int]:
        line, column, end_line, end_column = _place(node)
        return self._starts[line - 1] + column, self._starts[(end_line or line) - 1] + (end_column or column)

    def _changed(self, start: int, end: int, changes: Sequence[Change]) -> str:
        text = self._bytes[start:end]
        for (first, last), new in sorted(((self._range(n), new) for n, new in changes), reverse=True):
            text = text[: first - start] + new.encode() + text[last - start :]
        return text.decode(errors="replace")

    def insert(self, line: int, text: str, label: str, *, indent: int | None = None) -> FixRecord:
        """A line of its own before `line`, indented as that is, or by `indent` columns."""
        here = self.lines[line - 1].decode(errors="replace") if 1 <= line <= len(self.lines) else ""
        margin = here[: len(here) - len(here.lstrip())] if indent is None else " " * indent
        return FixRecord(line=line, end_line=line, code=f"{margin}{text}\n{here}", label=label)

    def calls(self, name: str) -> Iterator[ast.Call]:
        """Every call of what is called `name`, or of an attribute that is."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and called(node) == name:
                yield node

    def statement(self, line: int) -> ast.stmt | None:
        """The innermost statement that covers a line."""
        best: ast.stmt | None = None
        for node in ast.walk(self.tree):
            if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
                best = node if best is None or node.lineno >= best.lineno else best
        return best


def called(node: ast.Call) -> str:
    """The last name of what is called: "Linear" of `nn.Linear(2, 3)`."""
    return last_name(node.func)


def _place(node: ast.AST) -> tuple[int, int, int | None, int | None]:
    return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
