"""A rule's expression with the op's plain arguments put in their places: `grad * exponent * …` -> `grad * 2 * self`."""

from __future__ import annotations

import ast
from functools import lru_cache

_Arguments = tuple[tuple[str, str], ...]
"""Name and repr of each plain argument; text, so that equal calls are computed once."""


@lru_cache(maxsize=4096)
def specialised(expression: str, arguments: _Arguments) -> str:
    """`expression` with constants for `arguments`, and without what a 1 or a 0 does not change."""
    tree = ast.parse(expression, mode="eval").body
    return ast.unparse(_Filling(dict(arguments)).visit(tree))


@lru_cache(maxsize=4096)
def parsed(text: str) -> ast.expr:
    """The expression as a tree; not to be changed."""
    return ast.parse(text, mode="eval").body


@lru_cache(maxsize=4096)
def names_in(text: str) -> frozenset[str]:
    """The plain names that an expression mentions."""
    return frozenset(node.id for node in ast.walk(parsed(text)) if isinstance(node, ast.Name))


@lru_cache(maxsize=4096)
def values_in(text: str) -> frozenset[str]:
    """The names whose elements an expression uses; `self.shape` and `zeros_like(self)` use none."""
    return frozenset(node.id for node in _values(parsed(text)))


@lru_cache(maxsize=4096)
def conjugated(text: str) -> str:
    """The expression with the conjugate of every tensor in it, the gradients excepted."""
    tree = ast.parse(text, mode="eval").body
    for node in _values(tree):
        node.id += ".conj()"
    return ast.unparse(tree)


def _values(tree: ast.expr) -> list[ast.Name]:
    found: list[ast.Name] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            if not node.id.startswith("grad") and node.id not in ("torch", "F"):
                found.append(node)
        elif not (isinstance(node, ast.Attribute) and node.attr == "shape") and _called(node) != "torch.zeros_like":
            waiting.extend(ast.iter_child_nodes(node))
    return found


def _called(node: ast.AST) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


class _Filling(ast.NodeTransformer):
    def __init__(self, arguments: dict[str, str]) -> None:
        self._arguments = arguments

    def visit_Name(self, node: ast.Name) -> ast.expr:
        text = self._arguments.get(node.id)
        return node if text is None else ast.parse(text, mode="eval").body

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        a, b = _number(left), _number(right)
        if a is not None and b is not None:
            folded = _fold(node.op, a, b)
            if folded is not None:
                return ast.Constant(folded)
        if b == 1 and isinstance(node.op, ast.Mult | ast.Div | ast.Pow):
            return left  # type: ignore[no-any-return]  # `visit` is typed Any
        if a == 1 and isinstance(node.op, ast.Mult):
            return right  # type: ignore[no-any-return]  # likewise
        return ast.BinOp(left, node.op, right)


def _number(node: ast.expr) -> float | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _fold(op: ast.operator, a: float, b: float) -> float | None:
    if isinstance(op, ast.Mult):
        return a * b
    if isinstance(op, ast.Sub):
        return a - b
    return a + b if isinstance(op, ast.Add) else None
