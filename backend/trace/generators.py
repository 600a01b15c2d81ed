"""Functions that yield: the loop in one and the loop that takes what it yields turn together."""

from __future__ import annotations

import ast
import inspect
from types import FrameType
from typing import Final

_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def generator_names(tree: ast.AST) -> frozenset[str]:
    """The functions and methods of a snippet that are generators."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return frozenset(function.name for function in functions if yields(function))


def yields(node: ast.AST) -> bool:
    """Whether a function or a loop yields, itself and not in a function inside it."""
    stack = list(ast.iter_child_nodes(node))
    while stack:
        child = stack.pop()
        if isinstance(child, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(child, _SCOPES):
            stack.extend(ast.iter_child_nodes(child))
    return False


def draws_from(over: ast.expr, names: frozenset[str]) -> bool:
    """Whether a loop over that expression may take its elements from one of these, also by way of enumerate or zip."""
    called = (node.func for node in ast.walk(over) if isinstance(node, ast.Call)) if names else ()
    return any((f.id if isinstance(f, ast.Name) else getattr(f, "attr", None)) in names for f in called)


def taker(frame: FrameType) -> FrameType | None:
    """The frame that wants the next element of the generator that runs in `frame`; past generators in between."""
    back = frame.f_back
    while back is not None and back.f_code.co_flags & inspect.CO_GENERATOR:
        back = back.f_back
    return back
