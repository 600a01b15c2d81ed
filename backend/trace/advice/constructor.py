"""The call in the snippet that made a module, found by what it was given, and what it would be with other sizes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from typing import Any

import torch

from backend.trace.advice.expression import Change
from backend.trace.advice.failure import Failure
from backend.wire.messages import FixRecord


def remade(failure: Failure, module: torch.nn.Module, sizes: Mapping[str, int]) -> list[FixRecord]:
    """The line that makes `module`, with other `sizes`. Empty unless exactly one call in the text can be the one."""
    found = []
    for call in failure.text.calls(type(module).__name__):
        arguments = _arguments(call, type(module))
        if arguments is not None and _made(module, arguments) and all(_literal(arguments.get(n)) for n in sizes):
            found.append((call, arguments))
    if len(found) != 1:
        return []
    call, arguments = found[0]
    changes: list[Change] = [(arguments[name], str(size)) for name, size in sizes.items()]
    return [failure.text.fix(changes, failure.text.reading(call, changes))]


def _arguments(call: ast.Call, kind: type) -> dict[str, ast.expr] | None:
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        return None
    if issubclass(kind, torch.nn.RNNBase):  # its signature is (*args, **kwargs)
        named = zip(("input_size", "hidden_size", "num_layers"), call.args, strict=False)
        return {**dict(named), **{str(k.arg): k.value for k in call.keywords}}
    try:
        bound = inspect.signature(kind).bind_partial(*call.args, **{str(k.arg): k.value for k in call.keywords})
    except (TypeError, ValueError):
        return None
    return {name: value for name, value in bound.arguments.items() if isinstance(value, ast.expr)}


def _literal(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _made(module: torch.nn.Module, arguments: Mapping[str, ast.expr]) -> bool:
    """Whether each number that is written there is what the module has."""
    for name, node in arguments.items():
        if not isinstance(node, ast.Constant):
            continue
        has: Any = getattr(module, name, node.value)
        if isinstance(has, tuple) and has and all(h == has[0] for h in has):
            has = has[0]
        if isinstance(has, int | float) and isinstance(node.value, int | float) and has != node.value:
            return False
    return True
