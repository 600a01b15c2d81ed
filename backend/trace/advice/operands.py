"""Operators between things that do not go together: text and numbers, None and a tensor."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

import torch

from backend.trace.advice.calls import evaluate
from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family
from backend.trace.advice.missing import nothing


def combined(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """`"loss: " + tensor`, None + tensor."""
    node = failure.node
    if not isinstance(node, ast.BinOp):
        return None
    left, right = failure.text.of(node.left), failure.text.of(node.right)
    if "NoneType" in failure.message:
        side = node.left if "'NoneType' and" in failure.message else node.right
        return nothing(failure, side, f"`{failure.text.of(side)}` is None.")
    parts = _parts(failure, node)
    if parts is not None:
        return parts
    if "str" in failure.message and isinstance(node.op, ast.Add):
        code = _formatted(node, left, right)
        return Advice(
            "Text and numbers are not added to each other.",
            f"Write the number into the text: `{code}`."
            if code
            else "Write the number into the text, with an f-string.",
            [],
            failure.replaced(code) if code else [],
        )
    return Advice(
        f"{failure.message[0].upper()}{failure.message[1:]}: `{left}` and `{right}` do not go together.",
        "Convert one of them, for example with `torch.tensor(...)` or `float(...)`.",
    )


def _parts(failure: Failure, node: ast.BinOp) -> Advice | None:
    """`x.max(dim=1) + 1`: what came back are values and indices."""
    for side in (node.left, node.right):
        held = failure.scope.get(side.id) if isinstance(side, ast.Name) else None
        if isinstance(held, tuple) and type(held).__module__ == "torch.return_types":
            name, fields = failure.text.of(side), [f for f in dir(held) if isinstance(getattr(held, f), torch.Tensor)]
            code = f"{name}.{'values' if 'values' in fields else fields[0]}"
            return Advice(
                f"`{name}` is {len(held)} tensors: {', '.join(f'`{name}.{field}`' for field in fields)}.",
                f"Take the one that you mean: `{code}`.",
                [],
                [failure.text.fix([(side, code)], failure.text.reading(node, [(side, code)]))],
            )
    return None


def _formatted(node: ast.BinOp, left: str, right: str) -> str | None:
    """`"loss: " + x` as an f-string; None where the text has quotes or braces of its own."""
    parts = []
    for side, text in ((node.left, left), (node.right, right)):
        literal = side.value if isinstance(side, ast.Constant) and isinstance(side.value, str) else None
        if any(c in text[1:-1] if literal is not None else c in text for c in '"{}\\'):
            return None
        parts.append(f"{{{text}}}" if literal is None else literal)
    return f'f"{"".join(parts)}"'


def text_times_tensor(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """`lr * w.grad` where lr is "0.1": Python reads it as text, repeated."""
    node = failure.node
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return None
    sides = [(node.left, node.right), (node.right, node.left)]
    found_in = [(_constant(failure, side), side, other) for side, other in sides]
    found = next((one for one in found_in if isinstance(one[0], str | list | tuple)), None)
    if found is None:
        return None
    held, side, other = found
    name, tensor = failure.text.of(side), failure.text.of(other)
    kind = "text" if isinstance(held, str) else f"a {type(held).__name__}"
    make = "float({})" if isinstance(held, str) else "torch.tensor({})"
    code = make.format(name)
    works = _works(held)
    return Advice(
        f"`{name}` is {kind} ({held!r}), and {kind} times something means to repeat it: Python asks `{tensor}` how "
        "often.",
        f"Make it {'a number' if isinstance(held, str) else 'a tensor'}: `{code}`."
        if works
        else "Multiply tensors by numbers or by tensors.",
        [],
        [failure.text.fix([(side, code)], failure.text.reading(node, [(side, code)]))] if works else [],
    )


def _constant(failure: Failure, node: ast.expr) -> Any:
    return node.value if isinstance(node, ast.Constant) else evaluate(failure, node)


def _works(held: Any) -> bool:
    try:
        float(held) if isinstance(held, str) else torch.tensor(held)
    except (ValueError, TypeError, RuntimeError):
        return False
    return True


FAMILIES: Final = (
    Family("not_combined", "TypeError", r"unsupported operand type|can only concatenate", combined),
    Family(
        "not_combined", "TypeError", r"only integer tensors of a single element can be converted", text_times_tensor
    ),
)
