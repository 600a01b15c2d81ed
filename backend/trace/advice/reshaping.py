"""view, reshape, permute and unpacking: another form for the same elements."""

from __future__ import annotations

import ast
import math
import re
from typing import Final

import torch

from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family, plain, product, shape


def invalid(failure: Failure, match: re.Match[str]) -> Advice | None:
    """The number of elements is not the product of the wanted sizes."""
    call = failure.call
    if call is None or not call.tensors:
        return None
    x = call.tensors[0]
    wanted = [int(part) for part in match.group(1).split(",") if part.strip()]
    name = failure.operand(x, "tensor")
    fixed = [size for size in wanted if size != -1]
    explanation = (
        f"{call.name} keeps the number of elements. `{name.name}` is {shape(x)}: {product(list(x.shape))} elements; "
    )
    if -1 in wanted:
        explanation += (
            f"without the -1, {shape(wanted)} asks for {math.prod(fixed)} in a row, which does not divide it."
        )
    else:
        explanation += f"{shape(wanted)} asks for {product(wanted)}."
    code = _with_inferred(x.numel(), wanted)
    if code is None:
        return Advice(explanation, "Choose sizes whose product is the number of elements.", [name])
    node = failure.node
    text = f"{name.name}.{call.name}({', '.join(map(str, code))})"
    fixes = []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        text = f"{failure.text.of(node.func)}({', '.join(map(str, code))})"
        fixes = failure.replaced(text, f"{text} → {shape(_inferred(x.numel(), code))}")
    result = shape(_inferred(x.numel(), code))
    return Advice(explanation, f"Let torch work one size out, with -1: `{text}` is {result}.", [name], fixes)


def _with_inferred(numel: int, wanted: list[int]) -> list[int] | None:
    """The wanted sizes with one of them, the first that works, left to torch."""
    for place in range(len(wanted)):
        rest = [size for i, size in enumerate(wanted) if i != place]
        if -1 not in rest and math.prod(rest) > 0 and numel % math.prod(rest) == 0:
            return [*wanted[:place], -1, *wanted[place + 1 :]]
    return None


def _inferred(numel: int, sizes: list[int]) -> list[int]:
    rest = math.prod(size for size in sizes if size != -1)
    return [numel // rest if size == -1 else size for size in sizes]


def not_contiguous(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """View of a tensor whose elements do not lie in order."""
    call = failure.call
    if call is None or not call.tensors:
        return None
    x = call.tensors[0]
    name = failure.operand(x, "tensor")
    node = failure.node
    fixes, text = [], f"{name.name}.reshape(...)"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "view":
        text = failure.text.of(node).replace(".view(", ".reshape(", 1)
        fixes = failure.replaced(text)
    return Advice(
        f"view only gives the same memory another shape. `{name.name}` has been turned (transpose, permute or .T), "
        "so its "
        f"elements do not lie in the order that the new shape needs: its strides are {tuple(x.stride())}.",
        f"reshape copies when it has to: `{text}`.",
        [name],
        fixes,
    )


def permute(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """Another number of dims than the tensor has."""
    call = failure.call
    if call is None or not call.tensors:
        return None
    x = call.tensors[0]
    name = failure.operand(x, "tensor")
    dims = ", ".join(map(str, range(x.dim() - 1, -1, -1)))
    return Advice(
        f"permute names every dimension of the tensor once, in the new order. `{name.name}` is {shape(x)}, so it has "
        f"{x.dim()}: they are {list(range(x.dim()))}.",
        f"For the reverse order write `{name.name}.permute({dims})`.",
        [name],
    )


def repeat(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """Fewer counts than the tensor has dims."""
    call, node = failure.call, failure.node
    if call is None or not call.tensors or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    x = call.tensors[0]
    name = failure.operand(x, "tensor")
    given = [failure.text.of(argument) for argument in node.args]
    missing = ["1"] * (x.dim() - len(given))
    codes = [f"{failure.text.of(node.func)}({', '.join(counts)})" for counts in (given + missing, missing + given)]
    return Advice(
        f"repeat says for every dimension how often. `{name.name}` is {shape(x)}, so it takes {x.dim()} numbers, and "
        f"was given {len(given)}.",
        f"Write 1 for those that stay as they are: `{codes[0]}` or `{codes[1]}`.",
        [name],
        [fix for code in codes for fix in failure.replaced(code)],
    )


def unpack(failure: Failure, match: re.Match[str]) -> Advice | None:
    """`a, b = x` with another number of elements."""
    node = failure.node
    statement = failure.text.statement(failure.line) if failure.line is not None else None
    value = None
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name | ast.Attribute):
        value = failure.scope.get(failure.text.of(statement.value))
    count = len(node.elts) if isinstance(node, ast.Tuple | ast.List) else None
    what = (
        f" `{failure.name_of(value)}` is {shape(value)}: it falls into {len(value)} parts."
        if (isinstance(value, torch.Tensor) and value.dim())
        else ""
    )
    names = count if count is not None else match.group(1)
    return Advice(
        f"There are {names} names on the left, and the right side does not have as many parts.{what}",
        "Write one name for each part; `*rest` takes any number of them.",
        [failure.operand(value, "value")] if isinstance(value, torch.Tensor) else [],
    )


FAMILIES: Final = (
    Family("view_size", "RuntimeError", r"shape '\[(.*?)\]' is invalid for input of size (\d+)", invalid),
    Family(
        "view_not_contiguous", "RuntimeError", r"view size is not compatible with input tensor's size", not_contiguous
    ),
    Family("permute", "RuntimeError", r"permute.*number of dimensions in the tensor input does not match", permute),
    Family("repeat", "RuntimeError", r"Number of dimensions of repeat dims can not be smaller", repeat),
    Family(
        "nested",
        "Exception",
        r"NestedTensorImpl doesn't support sizes|nested tensors",
        plain(
            "A nested tensor holds tensors of several shapes, and has none of its own: it cannot be shown here.",
            "Bring them to one shape with `torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)` and go on "
            "with that, or take them one by one in a loop.",
        ),
    ),
    Family("unpack", "ValueError", r"(?:too many|not enough) values to unpack \(expected (\d+)", unpack),
)
