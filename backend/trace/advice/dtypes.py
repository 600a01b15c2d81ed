"""Types that do not go together: float32 with float64 or int64, and whole numbers where gradients are wanted."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

import torch

from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family, dtype

_TO: Final = {torch.float32: "{}.float()", torch.float64: "{}.double()", torch.int64: "{}.long()"}


def mixed(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """Two tensors of different types in one operation that does not convert."""
    call = failure.call
    tensors = call.tensors if call is not None else []
    kinds = {t.dtype for t in tensors}
    if call is None or len(kinds) < 2:
        return None
    parameters = [t for t in tensors if isinstance(t, torch.nn.Parameter)]
    target = parameters[0].dtype if parameters else max(kinds, key=lambda k: (k.is_floating_point, k == torch.float32))
    odd = [t for t in tensors if t.dtype != target]
    fallback = {id(t): ("the input", "the weight", "the bias")[min(i, 2)] for i, t in enumerate(tensors)}
    firsts = {t.dtype: t for t in reversed(tensors)}
    shown = [t for t in tensors if t.dtype != target or t is firsts[t.dtype]]
    named = [failure.operand(t, fallback[id(t)]) for t in shown]
    convert = _TO.get(target, f"{{}}.to({target})")
    names = ", ".join(f"`{n.name}` is {dtype(n.what)}" for n in named)
    codes = " and ".join(f"`{convert.format(n.name)}`" for n in named if n.what.dtype != target)
    where = (
        "Numbers read from numpy are float64" if torch.float64 in kinds else "Tensors made of whole numbers are int64"
    )
    return Advice(
        f"{call.name} takes tensors of one type: {names}. {where}; torch's layers and floats are float32.",
        f"Convert: {codes}.",
        named,
        failure.rewritten([(t, convert) for t in odd]),
    )


def whole_gradient(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """requires_grad for a tensor of whole numbers."""
    explanation = "A gradient says what a small change does, and whole numbers have no small changes."
    node = failure.node
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if isinstance(x, torch.Tensor):
        operand = failure.operand(x, "tensor")
        name = operand.name
        explanation += f" `{name}` is {dtype(x)}."
        fixes: list[Any] = []
        if isinstance(node, ast.Attribute):
            statement = failure.text.statement(failure.line or 0)
            if isinstance(statement, ast.Assign):
                code = f"{name} = {name}.float().requires_grad_()"
                fixes = [failure.text.fix([(statement, code)], code)]
                return Advice(explanation, f"Make it floating point first: `{code}`.", [operand], fixes)
        return Advice(
            explanation,
            f"Make it floating point first: `{name}.float()`.",
            [operand],
            failure.rewritten([(x, "{}.float()")]),
        )
    return Advice(
        explanation,
        "Make it floating point: write `2.0` instead of `2`, or say `dtype=torch.float32`.",
        [],
        _with_dtype(failure),
    )


def _with_dtype(failure: Failure) -> Any:
    node = failure.node
    if not isinstance(node, ast.Call):
        return []
    text = failure.text.of(node)
    given = next((k for k in node.keywords if k.arg == "dtype"), None)
    code = (
        text.replace(failure.text.of(given.value), "torch.float32", 1)
        if given is not None
        else f"{text[:-1].rstrip().rstrip(',')}, dtype=torch.float32)"
    )
    return failure.replaced(code)


def whole_mean(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """mean, softmax and others of whole numbers."""
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if call is None or not isinstance(x, torch.Tensor) or x.is_floating_point():
        return None
    operand = failure.operand(x, "tensor")
    return Advice(
        f"`{operand.name}` is {dtype(x)}, and {call.name.strip('_')} is computed with floating point numbers only.",
        f"Convert it first: `{operand.name}.float()`.",
        [operand],
        failure.rewritten([(x, "{}.float()")]),
    )


def one_hot(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """one_hot of floats."""
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor):
        return None
    operand = failure.operand(x, "tensor")
    return Advice(
        f"one_hot takes class numbers, whole numbers (int64). `{operand.name}` is {dtype(x)}.",
        f"Convert it: `{operand.name}.long()`.",
        [operand],
        failure.rewritten([(x, "{}.long()")]),
    )


FAMILIES: Final = (
    Family(
        "dtype_mismatch",
        "RuntimeError",
        r"same dtype|should be the same|expected scalar type|expected .* dtype|must have the same|have same dtype",
        mixed,
    ),
    Family("requires_grad_dtype", "RuntimeError", r"[Oo]nly Tensors of floating point", whole_gradient),
    Family(
        "float_only",
        "Exception",
        r"could not infer output dtype|not implemented for '(?:Long|Int|Bool|Byte)'",
        whole_mean,
    ),
    Family("one_hot_dtype", "RuntimeError", r"one_hot is only applicable to index tensor", one_hot),
)
