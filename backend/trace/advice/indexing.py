"""Indices and dimensions that are not there."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

import torch

from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family, dtype, shape

_PICKING: Final = frozenset(
    {"gather", "scatter", "scatter_", "scatter_add", "scatter_add_", "index_select", "take_along_dim"}
)


def looked_up(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """An embedding or index_select with a number past the end; torch says neither which nor how many there are."""
    call = failure.call
    if call is None or call.name not in ("embedding", "index_select", "embedding_bag"):
        return None
    if call.name == "index_select":
        table, dim, index = call.argument(0, "input"), call.argument(1, "dim"), call.argument(2, "index")
    else:
        index, dim, table = call.argument(0, "input"), 0, call.argument(1, "weight")
    if not (isinstance(table, torch.Tensor) and isinstance(index, torch.Tensor)):
        return None
    size = table.shape[dim]
    bad = index[(index >= size) | (index < 0)]
    value = int(bad[0]) if bad.numel() else None
    named = failure.operand(index, "index", text=None if value is None else f"contains {value}")
    rows = failure.operand(table, "weight", clash=[dim])
    what = (
        f"{rows.name} has {size} rows (num_embeddings)"
        if call.name != "index_select"
        else f"dimension {dim} has {size}"
    )
    return Advice(
        f"`{named.name}` contains {value}, and {what}: the numbers go from 0 to {size - 1}.",
        f"Make num_embeddings at least {value + 1}, or check where {value} comes from."
        if call.name != "index_select" and value is not None and value > 0
        else f"Use indices from 0 to {size - 1}.",
        [named, rows],
        _more_rows(failure, value),
    )


def _more_rows(failure: Failure, value: int | None) -> Any:
    from backend.trace.advice.constructor import remade

    module = failure.module
    if not isinstance(module, torch.nn.Embedding) or value is None or value < 0:
        return []
    return remade(failure, module, {"num_embeddings": value + 1})


def out_of_bounds(failure: Failure, match: re.Match[str]) -> Advice | None:
    """`x[5]`, gather and scatter past the end of a dimension."""
    index, dim, size = (int(group) for group in match.groups())
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor):
        return None
    operand = failure.operand(x, "tensor", clash=[dim] if dim < x.dim() else [])
    extra = ""
    if index == size:
        extra = f" The last one is {size - 1}, or -1."
    other = [
        failure.operand(t, "index", text=f"contains {index}") for t in (call.tensors[1:2] if call is not None else [])
    ]
    return Advice(
        f"`{operand.name}` is {shape(x)}: dimension {dim} has {size} elements, counted from 0 to {size - 1}. "
        f"The index {index} points past the end.{extra}",
        f"Use an index from {-size} to {size - 1}; negative ones count from the back.",
        [operand, *other],
    )


def too_many(failure: Failure, match: re.Match[str]) -> Advice | None:
    """More indices than dimensions."""
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor):
        return None
    operand = failure.operand(x, "tensor", clash=range(x.dim()))
    node, fixes, count, text = failure.node, [], "more", ""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        count = str(len(node.slice.elts))
        kept = ", ".join(failure.text.of(e) for e in node.slice.elts[: x.dim()])
        text = f"{operand.name}[{kept}]"
        if x.dim():
            fixes = failure.replaced(text)
    return Advice(
        f"Each index stands for one dimension. `{operand.name}` is {shape(x)}, so it takes at most {match.group(1)}; "
        f"here are {count}.",
        f"Leave the last ones out: `{text}`." if fixes else "A tensor without dimensions has one value: `.item()`.",
        [operand],
        fixes,
    )


def dimension(failure: Failure, match: re.Match[str]) -> Advice | None:
    """dim=2 of a matrix."""
    low, high, given = (int(group) for group in match.groups())
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor) or call is None:
        return None
    operand = failure.operand(x, "tensor", clash=range(x.dim()))
    room = high + 1
    explanation = (
        f"`{operand.name}` is {shape(x)}: it has {x.dim()} dimension{'s' if x.dim() != 1 else ''}"
        + (f", and {call.name} may put a new one at {low} to {high}" if room != max(x.dim(), 1) else "")
        + f". dim={given} is not one of them."
    )
    fixes = _other_dim(failure, given, high)
    return Advice(
        explanation, f"Use a dim from {low} to {high}: `dim={high}` (or `dim=-1`) is the last one.", [operand], fixes
    )


def _other_dim(failure: Failure, given: int, last: int) -> Any:
    node = failure.node
    if not isinstance(node, ast.Call):
        return []
    written = [*node.args, *(k.value for k in node.keywords)]
    same = [a for a in written if isinstance(a, ast.Constant) and a.value == given and not isinstance(a.value, bool)]
    if len(same) != 1:
        return []
    return [failure.text.fix([(same[0], str(last))], failure.text.reading(node, [(same[0], str(last))]))]


def picking_dims(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """Gather and scatter: the index has as many dimensions as the tensor."""
    call = failure.call
    if call is None or call.name not in _PICKING:
        return None
    x, dim, index = call.argument(0, "input"), call.argument(1, "dim"), call.argument(2, "index")
    if not (isinstance(x, torch.Tensor) and isinstance(index, torch.Tensor)):
        return None
    left, right = failure.operand(x, "input"), failure.operand(index, "index", clash=range(index.dim()))
    template = f"{{}}.unsqueeze({dim})" if index.dim() + 1 == x.dim() else ""
    text = template.format(right.name)
    return Advice(
        f"{call.name} takes for each element an index along dim={dim}, so the index has as many dimensions as the "
        "tensor: "
        f"`{left.name}` is {shape(x)}, `{right.name}` is {shape(index)}.",
        f"Put the missing dimension in: `{text}` is {shape(index.unsqueeze(dim))}."
        if template
        else "Give the index the tensor's number of dimensions, with unsqueeze or reshape.",
        [left, right],
        failure.rewritten([(index, template)]) if template else [],
    )


def index_type(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """A float where a place is meant."""
    call = failure.call
    if call is None:
        return None
    floats = [t for t in call.tensors[1:] if t.is_floating_point()]
    index: Any = floats[0] if floats else None
    if index is None:
        return Advice(
            "A place in a tensor is a whole number, and this index is a float.",
            "Use a whole number, for example `int(i)`, or `//` instead of `/` where it is computed.",
            [failure.operand(t, "tensor") for t in call.tensors[:1]],
        )
    operand = failure.operand(index, "index")
    return Advice(
        f"A place in a tensor is a whole number (int64). `{operand.name}` is {dtype(index)}.",
        f"Convert it: `{operand.name}.long()`.",
        [failure.operand(call.tensors[0], "input"), operand],
        failure.rewritten([(index, "{}.long()")]) or _inside(failure),
    )


def _inside(failure: Failure) -> Any:
    """`x[i]`: the index is the subscript."""
    node = failure.node
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Tuple | ast.Slice):
        text = f"{failure.text.as_operand(node.slice)}.long()"
        return [failure.text.fix([(node.slice, text)], failure.text.reading(node, [(node.slice, text)]))]
    return []


def mask(failure: Failure, match: re.Match[str]) -> Advice | None:
    """A boolean mask of another shape."""
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    masks = [t for t in (call.tensors[1:] if call is not None else []) if t.dtype is torch.bool]
    if not isinstance(x, torch.Tensor) or not masks:
        return None
    place = int(match.group(1))
    chosen = masks[0]
    left, right = failure.operand(x, "tensor", clash=[place]), failure.operand(chosen, "mask", clash=[0])
    fits = [d for d in range(x.dim()) if chosen.dim() == 1 and x.shape[d] == chosen.shape[0]]
    explanation = (
        "A mask says for each element whether it is taken, so it has the shape of what it is laid on, from "
        "dimension 0: "
        f"`{left.name}` is {shape(x)}, `{right.name}` is {shape(chosen)}."
    )
    if fits and fits[0]:
        text = f"{left.name}[{':, ' * fits[0]}{right.name}]"
        return Advice(
            explanation,
            f"For dimension {fits[0]} write `{text}`.",
            [left, right],
            failure.replaced(text) if isinstance(failure.node, ast.Subscript) else [],
        )
    return Advice(explanation, "Make the mask from the tensor itself, as in `x[x > 0]`.", [left, right])


FAMILIES: Final = (
    Family("index_in_table", "IndexError", r"index out of range in self", looked_up),
    Family(
        "index_out_of_bounds",
        "Exception",
        r"index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)",
        out_of_bounds,
    ),
    Family("index_too_many", "IndexError", r"too many indices for tensor of dimension (\d+)", too_many),
    Family(
        "dim_out_of_range", "IndexError", r"expected to be in range of \[(-?\d+), (-?\d+)\], but got (-?\d+)", dimension
    ),
    Family(
        "gather_dims",
        "RuntimeError",
        r"Index tensor must have the same number of dimensions|Index is supposed",
        picking_dims,
    ),
    Family(
        "index_dtype",
        "Exception",
        r"Expected dtype int(?:32/int)?64 for index|tensors used as indices must be|only integers, slices",
        index_type,
    ),
    Family("mask_shape", "IndexError", r"The shape of the mask .* at index (\d+) does not match", mask),
)
