"""Errors of plain Python, and the machine that is not there."""

from __future__ import annotations

import ast
import difflib
import re
from typing import Any, Final

import torch

from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family, plain, shape


def _subscripted(failure: Failure) -> tuple[str, Any, Any]:
    """What was indexed: its text, itself where it is a plain name, and the index where it can be known."""
    node = failure.node
    if not isinstance(node, ast.Subscript):
        return "it", None, None
    held = failure.scope.get(node.value.id) if isinstance(node.value, ast.Name) else None
    index = node.slice.value if isinstance(node.slice, ast.Constant) else None
    if isinstance(node.slice, ast.Name):
        index = failure.scope.get(node.slice.id)
    return failure.text.of(node.value), held, index


def list_index(failure: Failure, _match: re.Match[str]) -> Advice:
    """A list that is shorter."""
    name, held, index = _subscripted(failure)
    size = len(held) if isinstance(held, (list, tuple, str)) else None
    if size is None:
        return Advice("An index points past the end.", "Indices go from 0 to the length less one.")
    asked = f" Here the index is {index}." if index is not None else ""
    if not size:
        return Advice(f"`{name}` is empty.{asked}", "Check that something was put in before this line.")
    return Advice(
        f"`{name}` has {size} element{'s' if size != 1 else ''}, counted from 0 to {size - 1}.{asked}",
        f"Use an index up to {size - 1}; -1 is the last one.",
    )


def key(failure: Failure, _match: re.Match[str]) -> Advice:
    """A dict without that key."""
    name, held, _ = _subscripted(failure)
    wanted = failure.error.args[0] if failure.error.args else None
    keys = list(held) if isinstance(held, dict) else []
    near = difflib.get_close_matches(str(wanted), [k for k in keys if isinstance(k, str)], n=1, cutoff=0.5)
    fixes: list[Any] = []
    node = failure.node
    if near and isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        changes: list[tuple[ast.AST, str]] = [(node.slice, repr(near[0]))]
        fixes = [failure.text.fix(changes, failure.text.reading(node, changes))]
    there = f" It has: {', '.join(map(repr, keys[:8]))}." if keys else ""
    return Advice(
        f"`{name}` has no key {wanted!r}.{there}",
        f"Did you mean {near[0]!r}?" if near else "Use one of its keys; `.get(key)` gives None instead of failing.",
        [],
        fixes,
    )


def recursion(failure: Failure, _match: re.Match[str]) -> Advice:
    """A function that calls itself for ever."""
    name = failure.frame.f_code.co_name if failure.frame is not None else "A function"
    return Advice(
        f"`{name}` called itself (perhaps by way of others) some thousand times without coming to an end.",
        "Check the case in which it should stop, and that each call comes nearer to it.",
    )


def assertion(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """The learner's own assert."""
    statement = failure.text.statement(failure.line or 0)
    if not isinstance(statement, ast.Assert):
        return None
    return Advice(
        f"The snippet says that `{failure.text.of(statement.test)}` must be true here, and it is not.",
        "Look at the values in it: the graph shows them up to this line.",
    )


def formatted(failure: Failure, _match: re.Match[str]) -> Advice:
    """`f"{x:.2f}"` of a tensor with several elements."""
    statement = failure.text.statement(failure.line or 0)
    for part in ast.walk(statement) if statement is not None else ():
        if not isinstance(part, ast.FormattedValue) or not isinstance(part.value, ast.Name):
            continue
        name = part.value.id
        held = failure.scope.get(name)
        if isinstance(held, torch.Tensor) and held.numel() != 1:
            wanted = "".join(str(v.value) for v in ast.walk(part) if isinstance(v, ast.Constant))
            return Advice(
                f"`{name}` is {shape(held)}, and a format such as `{wanted}` is for one number.",
                f"Write `{{{name}}}` to print it whole (`torch.set_printoptions(precision=2)` says with how many "
                f"digits), or take one number of it: `{name}.mean()`.",
                [failure.operand(held, name)],
            )
    return Advice(
        "A format such as `.2f` is for one number, and this tensor has several.",
        "Print it without the format, or take one number of it, with `.mean()` or an index.",
    )


FAMILIES: Final = (
    Family("list_index", "IndexError", r"(\w+) index out of range", list_index),
    Family("key", "KeyError", r"", key),
    Family("recursion", "RecursionError", r"", recursion),
    Family("formatted", "TypeError", r"unsupported format string passed to Tensor\.__format__", formatted),
    Family(
        "integer_division",
        "RuntimeError",
        r"^ZeroDivisionError$",
        plain(
            "A tensor of whole numbers was divided by zero, and whole numbers have no infinity.",
            "Make it floating point, with `.float()`, or check the divisor.",
        ),
    ),
    Family(
        "division",
        "ZeroDivisionError",
        r"",
        plain(
            "A plain Python number was divided by zero.", "Torch tensors give inf or nan instead; check the divisor."
        ),
    ),
    Family(
        "no_input",
        "EOFError",
        r"EOF when reading a line",
        plain("input() waits for a keyboard, and the snippet has none.", "Write the value into the snippet: `x = 3`."),
    ),
    Family(
        "no_threads",
        "RuntimeError",
        r"can't start new thread|Resource temporarily unavailable",
        plain(
            "The sandbox does not start processes or many threads.",
            "Run it in the snippet's own thread; DataLoader works with num_workers=0.",
        ),
    ),
    Family("assertion", "AssertionError", r"", assertion),
)
