"""Which functions of a snippet may call themselves, directly or by way of others."""

from __future__ import annotations

import ast

_PAUSES = (ast.Yield, ast.YieldFrom, ast.Await)


def recursive(tree: ast.AST) -> list[ast.FunctionDef]:
    """The functions that a call of them may call again, as far as names tell: `f(…)` or `x.f(…)` in `f`.

    One too many does no harm: whether a call is inside another of the same function is seen when it happens. Not
    generators: they are left and entered again without a call.
    """
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    calls: dict[str, set[str]] = {}
    for function in functions:
        calls.setdefault(function.name, set()).update(_called(function))
    return [f for f in functions if _comes_back(f.name, calls) and not _pauses(f)]


def _called(function: ast.FunctionDef) -> set[str]:
    called = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {f.id for f in called if isinstance(f, ast.Name)} | {f.attr for f in called if isinstance(f, ast.Attribute)}


def _comes_back(name: str, calls: dict[str, set[str]]) -> bool:
    seen: set[str] = set()
    stack = [name]
    while stack:
        for called in calls.get(stack.pop(), ()):
            if called == name:
                return True
            if called not in seen:
                seen.add(called)
                stack.append(called)
    return False


def _pauses(function: ast.FunctionDef) -> bool:
    return any(isinstance(node, _PAUSES) for node in ast.walk(function))
