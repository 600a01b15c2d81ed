"""None where a tensor was meant: above all a .grad that is not there, and why."""

from __future__ import annotations

import ast
from typing import Any

import torch

from backend.trace.advice.failure import Advice, Failure
from backend.trace.records import Op


def nothing(failure: Failure, node: ast.AST | None, fact: str) -> Advice:
    """What to say of the expression `node`, which is None. `fact` is the first sentence."""
    if isinstance(node, ast.Attribute) and node.attr == "grad":
        return _no_gradient(failure, node.value, fact)
    return Advice(
        f"{fact} A function that returns nothing gives None.",
        "Does the function, or the module's forward, end with `return`?",
    )


def _no_gradient(failure: Failure, node: ast.expr, fact: str) -> Advice:
    name = failure.text.of(node)
    tensor = _held(failure, node)
    if tensor is None:
        return Advice(
            f"{fact} Backward has brought `{name}` no gradient, or it was dropped by zero_grad.",
            f"Call backward first, and use it only if it is there: `if {name}.grad is not None:`.",
        )
    operand = [failure.operand(tensor, name)]
    value = failure.value(tensor)
    op = value.op if value is not None else None
    lost = lost_leaf(failure, op, name)
    if lost is not None:
        return Advice(f"{fact} {lost.explanation}", lost.suggestion, operand, lost.fixes)
    if op is not None and tensor.grad_fn is not None:
        span = failure.source.span(op.site)
        line = f" in line {span.line}" if span is not None else ""
        return Advice(
            f"{fact} `{name}` was computed{line} ({tensor.grad_fn.name()}), and backward keeps .grad in leaves only.",
            f"Call `{name}.retain_grad()` before backward to keep it.",
            operand,
        )
    if not tensor.requires_grad:
        return Advice(
            f"{fact} `{name}` does not require a gradient, so backward computes none for it.",
            f"Make it with `requires_grad=True`, or call `{name}.requires_grad_()` before it is used.",
            operand,
        )
    dropped = failure.recorder.emptied.get(id(value))
    if value is not None and id(value) in failure.recorder.emptied:
        emptied = failure.source.line(dropped)
        return Advice(
            f"{fact} It was there, and {f'line {emptied}' if emptied else 'zero_grad'} set it to None.",
            "Use it between backward and that line; `zero_grad(set_to_none=False)` fills it with zeros instead.",
            operand,
        )
    if not failure.recorder.backwards:
        return Advice(
            f"{fact} No backward has run yet, and it is backward that brings it.",
            f"Call backward on a loss that was computed with `{name}` first.",
            operand,
        )
    return Advice(
        f"{fact} Backward ran, and did not come past `{name}`: the loss does not depend on it, or the way is cut.",
        f"Compute the loss with `{name}`. The list of gradients says of each tensor why it has none.",
        operand,
    )


def lost_leaf(failure: Failure, op: Op | None, name: str) -> Advice | None:
    """`w = w - lr * w.grad` made a result and gave it the leaf's name. None where `op` is no such update.

    `name` is what the snippet calls the result of `op`.
    """
    node = failure.text.at(*op.site) if op is not None and op.site is not None else None
    statement = failure.text.statement(node.lineno) if isinstance(node, ast.expr) else None
    if (
        op is None
        or not isinstance(node, ast.BinOp)
        or not isinstance(node.op, ast.Sub | ast.Add)
        or not isinstance(statement, ast.Assign)
        or statement.value is not node
        or [failure.text.of(target) for target in statement.targets] != [name]
        or failure.text.of(node.left) != name
        or not any(isinstance(n, ast.Attribute) and n.attr == "grad" for n in ast.walk(node))
    ):
        return None
    code = f"{name} {'-' if isinstance(node.op, ast.Sub) else '+'}= {failure.text.of(node.right)}"
    if op.grad_enabled:
        code = f"with torch.no_grad(): {code}"
        what = "a result with a history, and backward keeps .grad in leaves only"
    else:
        what = "a result that requires no gradient"
    return Advice(
        f"Line {node.lineno} (`{failure.source.text(node.lineno)}`) gave the name `{name}` to {what}. The leaf itself "
        "was not changed.",
        f"Change the leaf in place, which then stays one: `{code}`.",
        [],
        [failure.text.fix([(statement, code)], f"{code}, in line {node.lineno}")],
    )


def _held(failure: Failure, node: ast.expr) -> torch.Tensor | None:
    """The tensor that a name, or an attribute of a module, stands for."""
    held: Any = None
    if isinstance(node, ast.Name):
        held = failure.scope.get(node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owner = failure.scope.get(node.value.id)
        held = vars(owner)["_parameters"].get(node.attr) if isinstance(owner, torch.nn.Module) else None
    return held if isinstance(held, torch.Tensor) else None
