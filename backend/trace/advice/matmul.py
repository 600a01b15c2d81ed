"""Products whose sizes do not fit: `@`, mm, bmm, mv, dot, and nn.Linear."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import torch

from backend.trace.advice.constructor import remade
from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family, attempt, shape
from backend.trace.advice.layers import kind_of
from backend.wire.messages import FixRecord

_PRODUCTS: Final = frozenset({"matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "mv", "dot"})
_SIZES: Final = (
    r"shapes cannot be multiplied|size mismatch, got|inconsistent tensor size|batch[12]|must be a (?:matrix|vector)|"
    r"The size of tensor a|vector \+ matrix|1D tensors expected"
)

_RANKS: Final = {"mm": (2, 2), "bmm": (3, 3), "mv": (2, 1), "dot": (1, 1)}
"""Dimensions of the two sides, for the products that take nothing else."""

Turn = tuple[str, str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]


def linear(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """A layer and an input whose last dimension is not its in_features."""
    call = failure.call
    if call is None or call.name != "linear":
        return None
    x, weight = call.argument(0, "input"), call.argument(1, "weight")
    if not (isinstance(x, torch.Tensor) and isinstance(weight, torch.Tensor)) or weight.dim() != 2 or not x.dim():
        return None
    wanted, given = weight.shape[1], x.shape[-1]
    if wanted == given:
        return None
    module = failure.module if isinstance(failure.module, torch.nn.Linear) else None
    layer = failure.name_of(module) if module is not None else None
    this = f"`{layer}` is" if layer else "This is"
    kind = kind_of(module) if module is not None else f"F.linear with a weight of {shape(weight)}"
    operands = [failure.operand(x, "input", clash=[x.dim() - 1]), failure.operand(weight, "weight", clash=[1])]
    explanation = (
        f"{this} {kind}: it takes inputs whose last dimension is in_features = {wanted}. "
        f"`{operands[0].name}` is {shape(x)}, so its last dimension is {given}."
    )
    suggestions: list[str] = []
    fixes: list[FixRecord] = []
    if module is not None:
        made = f"nn.Linear({given}, {module.out_features})"
        suggestions.append(f"Let the layer take {given}: `{made}`.")
        fixes += remade(failure, module, {"in_features": given})
    for template, word in _input_turns(x, wanted):
        name = template.format(operands[0].name)
        suggestions.append(f"{word}: `{name}` is {shape(_turned(template, x))}.")
        fixes += failure.rewritten([(x, template)])
    if not suggestions:
        suggestions.append(f"The weight of F.linear is [out_features, in_features]; its second size must be {given}.")
        if weight.shape[0] == given:
            fixes += failure.rewritten([(weight, "{}.T")])
    return Advice(explanation, " ".join(suggestions), operands, fixes)


def _input_turns(x: torch.Tensor, wanted: int) -> list[tuple[str, str]]:
    found = []
    if x.dim() > 2 and x[0].numel() == wanted:
        found.append(("{}.flatten(1)", "Or lay everything but the batch out in one row"))
    if x.dim() == 2 and x.shape[0] == wanted:
        found.append(("{}.T", "Or turn the input"))
    return found


def _turned(template: str, x: torch.Tensor) -> torch.Tensor:
    return x.flatten(1) if "flatten" in template else x.T


_TURNS: Final[tuple[Turn, ...]] = (
    ("{}", "{}.T", lambda a, b: a @ b.T),
    ("{}.T", "{}", lambda a, b: a.T @ b),
    ("{}", "{}.mT", lambda a, b: a @ b.mT),
    ("{}.mT", "{}", lambda a, b: a.mT @ b),
)
"""How either side may be turned so that they fit: `.T` for matrices, `.mT` for batches of them."""


def matmul(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """`A @ B`: the inner sizes, and which transpose would make them equal."""
    call = failure.call
    if call is None or call.name not in _PRODUCTS or len(call.tensors) < 2:
        return None
    a, b = call.tensors[:2]
    if call.name == "__rmatmul__":
        a, b = b, a
    inner_a, inner_b = a.dim() - 1, max(b.dim() - 2, 0)
    clash_a, clash_b = _clashes(a, b, inner_a, inner_b)
    left, right = failure.operand(a, "left", clash=clash_a), failure.operand(b, "right", clash=clash_b)
    if a.dim() == b.dim() == 1:
        text = f"The product of two vectors needs equal lengths: {a.shape[0]} and {b.shape[0]} are not."
        return Advice(text, "Make both vectors equally long.", [left, right])
    explanation = f"In `A @ B` the last dimension of A must equal the second to last of B. {_inner(left.name, a, -1)}, "
    explanation += f"{_inner(right.name, b, -2 if b.dim() > 1 else -1)}."
    if clash_a and clash_a[0] < inner_a:
        explanation = (
            f"Each matrix of one batch meets one of the other, so the leading dimensions must be equal (or 1): "
            f"`{left.name}` is {shape(a)}, `{right.name}` is {shape(b)}."
        )
    ranks = _RANKS.get(call.name)
    if ranks is not None and (a.dim(), b.dim()) != ranks:
        told = {1: "a vector", 2: "a matrix", 3: "a batch of matrices"}
        explanation = (
            f"{call.name} takes {told[ranks[0]]} and {told[ranks[1]]}: tensors of {ranks[0]} and {ranks[1]} "
            "dimensions. "
            f"`{left.name}` is {shape(a)} and `{right.name}` is {shape(b)}."
        )
        code = f"{left.name} @ {right.name}"
        out = attempt(torch.matmul, a, b)
        if out is not None:
            more = f"`{code}` takes vectors, matrices and batches of them, and gives {shape(out)}."
            return Advice(explanation, more, [left, right], failure.replaced(code, f"{code} gives {shape(out)}"))
    suggestion, fixes = _turns(failure, a, b)
    return Advice(explanation, suggestion, [left, right], fixes)


def _inner(name: str, tensor: torch.Tensor, place: int) -> str:
    return f"`{name}` is {shape(tensor)}, which has {tensor.shape[place] if tensor.dim() else 'no dimension'} there"


def _clashes(a: torch.Tensor, b: torch.Tensor, inner_a: int, inner_b: int) -> tuple[list[int], list[int]]:
    if not a.dim() or not b.dim() or a.shape[inner_a] != b.shape[inner_b]:
        return [inner_a] if a.dim() else [], [inner_b] if b.dim() else []
    for back in range(3, min(a.dim(), b.dim()) + 1):
        if a.shape[-back] != b.shape[-back] and 1 not in (a.shape[-back], b.shape[-back]):
            return [a.dim() - back], [b.dim() - back]
    return [], []


def _turns(failure: Failure, a: torch.Tensor, b: torch.Tensor) -> tuple[str, list[FixRecord]]:
    name_a, name_b = (failure.name_of(a) or "A"), (failure.name_of(b) or "B")
    told: list[str] = []
    fixes: list[FixRecord] = []
    seen: set[str] = set()
    for left, right, product in _TURNS:
        if (".T" in left + right) != (a.dim() <= 2 and b.dim() <= 2):
            continue
        if (a.dim() < 2 and left != "{}") or (b.dim() < 2 and right != "{}"):
            continue
        out = attempt(product, a, b)
        text = f"{left.format(name_a)} @ {right.format(name_b)}"
        if out is None or text in seen:
            continue
        seen.add(text)
        changes = [(t, template) for t, template in ((a, left), (b, right)) if template != "{}"]
        written = failure.rewritten(changes)
        text = written[0].label if written else text
        told.append(f"`{text}` gives {shape(out)}")
        fixes += failure.rewritten(changes, f"{text} gives {shape(out)}")
    turned = attempt(torch.matmul, b, a)
    if turned is not None and not told:
        told.append(f"`{name_b} @ {name_a}` gives {shape(turned)}")
    if not told:
        return "Change one of the two sizes where the tensors are made, so that they are equal.", []
    return f"{', '.join(told)}{': take the one that you mean' if len(told) > 1 else ''}.", fixes


def einsum(failure: Failure, match: re.Match[str]) -> Advice | None:
    """One letter, two sizes."""
    call = failure.call
    letter, size, place, seen = match.groups()
    equation = call.argument(0, "equation") if call is not None else None
    if call is None or not isinstance(equation, str):
        return None
    terms = equation.split("->")[0].replace(" ", "").split(",")
    operands = [
        failure.operand(t, f"operand {i}", clash=[k for k, c in enumerate(term) if c == letter and k < t.dim()])
        for i, (t, term) in enumerate(zip(call.tensors, terms, strict=False))
    ]
    return Advice(
        f"In {equation!r} every {letter} is the same dimension, so it has one size: in operand {place} it is {size}, "
        "before "
        f"it was {seen}.",
        f"Use another letter for one of them, or turn the operand so that its {letter} has {seen} elements.",
        operands,
    )


FAMILIES: Final = (
    Family("linear_features", "RuntimeError", _SIZES, linear),
    Family("matmul_shapes", "RuntimeError", _SIZES + r"|Expected size for first two dimensions", matmul),
    Family(
        "einsum",
        "RuntimeError",
        r"subscript (\w) has size (\d+) for operand (\d+) which .*previously seen size (\d+)",
        einsum,
    ),
)
