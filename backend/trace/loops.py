"""The loops of a snippet: where they are, what their variables are called, how often they will turn."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch

_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_SIZED: Final = (list, tuple, dict, str, set, frozenset, range, torch.utils.data.DataLoader)
"""Whose `len` is what a loop over them takes, and runs no code of the learner's (a data set's `__len__` apart)."""

_SAME_LENGTH: Final = frozenset({"enumerate", "reversed", "sorted", "list", "tuple", "iter", "tqdm", "trange"})

Lookup = Callable[[str], Any]
"""A name to what it is bound to; raises KeyError."""


@dataclass(frozen=True)
class Loop:
    """One `for` or `while`: lines `first` to `last` are its body."""

    line: int
    first: int
    last: int
    variables: tuple[str, ...]
    over: ast.expr | None
    """What a `for` iterates over; None for a `while`."""
    assigned: frozenset[str]
    """Names that the body binds: what may be different in the next turn."""
    rebinds: bool
    """It binds its own variables too."""


class Loops:
    """All loops of one snippet."""

    def __init__(self, tree: ast.AST | None) -> None:
        self._scopes: list[tuple[int, int, int]] = []
        self._loops: list[tuple[int, Loop]] = []
        """Each with the scope that it is in, by the place of that in `_scopes`; -1 is the module."""
        self._known: dict[int, tuple[Loop, ...]] = {}
        if tree is not None:
            self._find(tree)

    def around(self, line: int) -> tuple[Loop, ...]:
        """The loops whose body `line` is in, outermost first, without those outside the function that it is in."""
        known = self._known.get(line)
        if known is None:
            inner = max(
                (start, place) for start, end, place in [(0, math.inf, -1), *self._scopes] if start <= line <= end
            )[1]
            known = self._known[line] = tuple(
                loop for scope, loop in self._loops if scope == inner and loop.first <= line <= loop.last
            )
        return known

    def _find(self, tree: ast.AST) -> None:
        """Every loop, outer before inner. Iterative: the tree may be deeper than Python recurses."""
        stack: list[tuple[ast.AST, int]] = [(tree, -1)]
        while stack:
            node, scope = stack.pop()
            if isinstance(node, ast.For | ast.AsyncFor | ast.While):
                self._loops.append((scope, _loop(node)))
            elif isinstance(node, _SCOPES):
                scope = len(self._scopes)
                self._scopes.append((node.lineno, node.end_lineno or node.lineno, scope))
            stack.extend((child, scope) for child in reversed(list(ast.iter_child_nodes(node))))


def _loop(node: ast.For | ast.AsyncFor | ast.While) -> Loop:
    body = node.body
    stored = {
        name.id
        for statement in body
        for name in ast.walk(statement)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    target = None if isinstance(node, ast.While) else node.target
    variables = tuple(name.id for name in ast.walk(target) if isinstance(name, ast.Name)) if target else ()
    over = None if isinstance(node, ast.While) else node.iter
    last = body[-1].end_lineno or body[-1].lineno
    rebinds = not stored.isdisjoint(variables)
    return Loop(node.lineno, body[0].lineno, last, variables, over, frozenset(stored - set(variables)), rebinds)


def length(over: ast.expr | None, lookup: Lookup) -> int | None:
    """How often a loop over that expression turns, where it can be told without running it."""
    try:
        return _length(over, lookup)
    except Exception:  # names that are gone, a data set whose __len__ raises: then it is not known
        return None


def _length(over: ast.expr | None, lookup: Lookup) -> int | None:
    if isinstance(over, ast.List | ast.Tuple):
        return None if any(isinstance(item, ast.Starred) for item in over.elts) else len(over.elts)
    if isinstance(over, ast.Constant) and isinstance(over.value, str):
        return len(over.value)
    if isinstance(over, ast.Name):
        return _size(lookup(over.id))
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Name):
        return _of_call(over.func.id, over.args, lookup)
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Attribute) and isinstance(over.func.value, ast.Name):
        return _of_method(over.func.attr, lookup(over.func.value.id), over.args, lookup)
    return None


def _of_call(name: str, arguments: list[ast.expr], lookup: Lookup) -> int | None:
    if name in ("range", "trange"):
        numbers = [_number(argument, lookup) for argument in arguments]
        return None if None in numbers else len(range(*[number for number in numbers if number is not None]))
    if name == "zip":
        lengths = [_length(argument, lookup) for argument in arguments]
        return None if None in lengths else min(number for number in lengths if number is not None)
    return _length(arguments[0], lookup) if name in _SAME_LENGTH else None


def _of_method(name: str, owner: Any, arguments: list[ast.expr], lookup: Lookup) -> int | None:
    if isinstance(owner, dict) and name in ("items", "keys", "values"):
        return len(owner)
    size = _number(arguments[0], lookup) if arguments else None
    if isinstance(owner, torch.Tensor) and name == "split" and size:
        return -(-owner.shape[0] // size)
    return min(size, owner.shape[0]) if isinstance(owner, torch.Tensor) and name == "chunk" and size else None


def _size(held: Any) -> int | None:
    if isinstance(held, torch.Tensor):
        return held.shape[0] if held.dim() else None
    return len(held) if isinstance(held, _SIZED) else None


def _number(expression: ast.expr, lookup: Lookup) -> int | None:
    """A whole number that is written down, named, or computed from such."""
    if isinstance(expression, ast.Constant) and type(expression.value) is int:
        return expression.value
    if isinstance(expression, ast.Name):
        held = lookup(expression.id)
        return held if type(held) is int else None
    if isinstance(expression, ast.UnaryOp) and isinstance(expression.op, ast.USub):
        number = _number(expression.operand, lookup)
        return None if number is None else -number
    if isinstance(expression, ast.BinOp):
        return _computed(expression.op, _number(expression.left, lookup), _number(expression.right, lookup))
    if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name) and expression.func.id == "len":
        return _length(expression.args[0], lookup)
    if isinstance(expression, ast.Subscript) and isinstance(expression.value, ast.Attribute):
        shape, place = expression.value, _number(expression.slice, lookup)
        held = lookup(shape.value.id) if isinstance(shape.value, ast.Name) and shape.attr == "shape" else None
        return held.shape[place] if isinstance(held, torch.Tensor) and place is not None else None
    return None


def _computed(operator: ast.operator, left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return None
    if isinstance(operator, ast.Add):
        return left + right
    if isinstance(operator, ast.Sub):
        return left - right
    if isinstance(operator, ast.Mult):
        return left * right
    return left // right if isinstance(operator, ast.FloorDiv) and right else None
