"""Shapes that must go together element by element: arithmetic, expand, cat and stack."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch

from backend.trace.advice.failure import Advice, Call, Failure, Named
from backend.trace.advice.family import Family, attempt, shape

_RULE: Final = (
    "Two shapes go together if, counted from the right, each pair of sizes is equal or one of them is 1 (broadcasting)."
)

Turn = tuple[str, Callable[[torch.Tensor], torch.Tensor]]

_TURNS: Final[tuple[Turn, ...]] = (
    ("{}.unsqueeze(1)", lambda t: t.unsqueeze(1)),
    ("{}.unsqueeze(-1)", lambda t: t.unsqueeze(-1)),
    ("{}.T", lambda t: t.T if t.dim() == 2 else t),
    ("{}.squeeze(-1)", lambda t: t.squeeze(-1)),
    ("{}.mT", lambda t: t.mT if t.dim() > 2 else t),
)


def broadcasting(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """Which dimensions clash, and which turn of one side would make them fit."""
    call = failure.call
    if call is None or len(call.tensors) < 2:
        return None
    a, b = call.tensors[:2]
    clash = clashes(a.shape, b.shape)
    if clash is None:
        return None
    place_a, place_b = clash
    left, right = failure.operand(a, "left", clash=[place_a]), failure.operand(b, "right", clash=[place_b])
    explanation = (
        f"{_RULE} `{left.name}` is {shape(a)} and `{right.name}` is {shape(b)}: "
        f"{a.shape[place_a]} against {b.shape[place_b]}."
    )
    told, fixes = [], []
    # the operand of fewer dimensions is the one that is usually meant to be turned
    for side in (right, left) if b.dim() <= a.dim() else (left, right):
        text, fix = _turn(failure, call, side)
        told += text
        fixes += fix
        if told:
            break
    suggestion = told[0] if told else "Change one of the sizes where the tensors are made, or select a part of it."
    return Advice(explanation, suggestion, [left, right], fixes)


def _turn(failure: Failure, call: Call, side: Named) -> tuple[list[str], list[Any]]:
    for template, turn in _TURNS:
        turned = attempt(turn, side.what)
        if turned is None or turned.shape == side.what.shape:
            continue
        pair = [turned if t is side.what else t for t in call.tensors[:2]]
        out = attempt(torch.add, *[torch.empty(t.shape, device="meta") for t in pair])
        if out is not None and out.dim() <= max(t.dim() for t in call.tensors[:2]):
            name = template.format(side.name)
            told = f"`{name}` is {shape(turned)}, and the result {shape(out)}."
            return [told], failure.rewritten([(side.what, template)], f"{name} → {shape(out)}")
    return [], []


def clashes(a: Sequence[int], b: Sequence[int]) -> tuple[int, int] | None:
    """The first pair of places, from the right, whose sizes do not broadcast."""
    for back in range(1, min(len(a), len(b)) + 1):
        if a[-back] != b[-back] and 1 not in (a[-back], b[-back]):
            return len(a) - back, len(b) - back
    return None


def in_place(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """`x += y` where the result is larger than x."""
    call = failure.call
    if call is None or len(call.tensors) < 2:
        return None
    a, b = call.tensors[:2]
    left, right = failure.operand(a, "left"), failure.operand(b, "right", clash=range(b.dim()))
    return Advice(
        f"An in-place operation writes into `{left.name}`, which has room for {shape(a)}. Together with "
        f"`{right.name}`, of {shape(b)}, the result is larger.",
        f"Make a new tensor instead: `{left.name} = {left.name} + {right.name}`."
        if call.name in ("__iadd__", "add_")
        else "Use the operation without the underscore: it makes a new tensor of the right shape.",
        [left, right],
    )


def expanded(failure: Failure, match: re.Match[str]) -> Advice | None:
    """`expand`, or an assignment to a slice of another size."""
    call = failure.call
    if call is None or not call.tensors:
        return None
    source = call.tensors[-1]
    name = failure.operand(source, "value", clash=[int(match.group(3))])
    where = "the place that it is assigned to" if call.name == "__setitem__" else "the wanted shape"
    return Advice(
        f"`{name.name}` is {shape(source)}: it has {match.group(2)} elements in dimension {match.group(3)}, and "
        f"{where} "
        f"has {match.group(1)}. Only a size of 1 can be stretched.",
        "Give both sides the same shape; the method repeat copies the elements if that is what you mean."
        if call.name == "expand"
        else "Assign a tensor of the shape that the left side has, or a single number.",
        [name],
    )


def cat(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """torch.cat and torch.stack of shapes that differ."""
    call = failure.call
    if call is None or call.name not in ("cat", "concat", "concatenate", "stack", "vstack", "hstack"):
        return None
    tensors = call.tensors
    given = call.argument(1, "dim", 0)
    dim = given if isinstance(given, int) else 0
    first = tensors[0]
    odd = next((t for t in tensors if t.shape != first.shape and _clash(first, t, dim, call.name)), tensors[-1])
    places = _clash(first, odd, dim, call.name)
    named = [failure.operand(t, f"tensor {i}", clash=places if t is odd else ()) for i, t in enumerate(tensors[:8])]
    names = ", ".join(f"`{n.name}` is {shape(n.what)}" for n in named[:4])
    if call.name == "stack":
        explanation = f"stack puts tensors of one and the same shape side by side in a new dimension. {names}."
    elif first.dim() != odd.dim():
        explanation = f"cat joins tensors of the same number of dimensions. {names}."
    else:
        explanation = f"cat joins along dim={dim}; in every other dimension the sizes must be equal. {names}."
    options = [d for d in range(first.dim()) if attempt(lambda *ts, d=d: torch.cat(ts, d), *tensors) is not None]
    fixes: list[Any] = []
    if options and call.name in ("cat", "stack", "concat"):
        d = options[0]
        joined = ", ".join(n.name for n in named)
        code = f"torch.cat([{joined}], dim={d})"
        out = attempt(lambda *ts: torch.cat(ts, d), *tensors)
        suggestion = f"Joined along another dimension they fit: `{code}` is {shape(out)}."
        if len(named) == len(tensors):
            fixes = failure.replaced(code, f"{code} → {shape(out)}")
    elif first.dim() == odd.dim() + 1 or odd.dim() == first.dim() + 1:
        low = odd if odd.dim() < first.dim() else first
        name = failure.name_of(low) or "the smaller one"
        suggestion = f"Give it the missing dimension: `{name}.unsqueeze(0)`."
        if (
            attempt(lambda *ts: torch.cat([t if t.dim() > low.dim() else t.unsqueeze(0) for t in ts], dim), *tensors)
            is not None
        ):
            fixes = failure.rewritten([(low, "{}.unsqueeze(0)")])
    else:
        suggestion = "Make the sizes equal first, by slicing or padding (F.pad)."
    return Advice(explanation, suggestion, named, fixes)


def _clash(first: torch.Tensor, other: torch.Tensor, dim: int, name: str) -> list[int]:
    if first.dim() != other.dim():
        return list(range(other.dim()))
    along = dim % first.dim() if name != "stack" and first.dim() else None
    return [i for i in range(first.dim()) if first.shape[i] != other.shape[i] and i != along]


FAMILIES: Final = (
    Family(
        "broadcasting", "RuntimeError", r"The size of tensor a \(\d+\) must match|shape mismatch: objects", broadcasting
    ),
    Family("in_place_shape", "RuntimeError", r"output with shape .* doesn't match the broadcast shape", in_place),
    Family(
        "expand",
        "RuntimeError",
        r"expanded size of .*?\((\d+)\) must match the existing size \((\d+)\) at non-singleton dimension (\d+)",
        expanded,
    ),
    Family(
        "cat_shapes", "RuntimeError", r"Sizes of tensors must match except|same number of dimensions|stack expects", cat
    ),
)
