"""Which names each line binds in the snippet's own namespace."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from types import MappingProxyType

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def bound_names(tree: ast.AST) -> Mapping[int, tuple[str, ...]]:
    """1-based line -> names bound there, in order of appearance, each once.

    Looks into loops, branches and `with` blocks, which share the namespace, and not into functions and classes, which
    have their own. A comprehension's loop variable is its own; a `:=` inside it is not.
    """
    found: dict[int, list[str]] = {}
    for line, name in sorted(_walk(tree), key=lambda place: place[0]):
        names = found.setdefault(line, [])
        if name not in names:
            names.append(name)
    return MappingProxyType({line: tuple(names) for line, names in found.items()})


def _walk(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every binding, as (line, name). Iterative: the tree may be deeper than Python recurses."""
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, in_comprehension = stack.pop()
        if isinstance(node, ast.AnnAssign) and node.value is None:
            continue  # `x: int` names a type and binds nothing
        if isinstance(node, ast.NamedExpr):
            yield node.target.lineno, node.target.id
            stack.append((node.value, in_comprehension))
            continue
        if not in_comprehension:
            yield from _own(node)
        if isinstance(node, _SCOPES):
            stack.extend((child, in_comprehension) for child in reversed(_outside(node)))
            continue
        inside = in_comprehension or isinstance(node, _COMPREHENSIONS)
        stack.extend((child, inside) for child in reversed(list(ast.iter_child_nodes(node))))


def _outside(node: ast.AST) -> list[ast.AST]:
    """The parts of a function or class that are evaluated where it stands: decorators, defaults, bases."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
    arguments = node.args if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else None
    defaults = [] if arguments is None else [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]
    return [*getattr(node, "decorator_list", ()), *defaults]


def _own(node: ast.AST) -> Iterator[tuple[int, str]]:
    """What this very node binds."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.lineno, node.id
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.lineno, node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            if alias.name != "*":
                yield alias.lineno, alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name is not None:
        yield node.lineno, node.name
    elif isinstance(node, ast.MatchMapping) and node.rest is not None:
        yield node.lineno, node.rest
