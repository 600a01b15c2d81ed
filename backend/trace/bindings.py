"""What each line bound: the values that the editor shows beside the lines."""

from __future__ import annotations

import math
import struct
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from backend.trace.groups import type_of
from backend.trace.names import Names, is_tensor
from backend.trace.records import Value
from backend.trace.reduction import Summary
from backend.trace.reprs import repr_of
from backend.wire.messages import STATISTICS, BindingMessage

_WIDTH = 60
"""Characters of a value that fit beside a line."""

_SILENT = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
"""What an import, `def` or `class` binds is not news to who wrote it."""


class Shown(NamedTuple):
    """Where a named value was seen last: its numbers, its grad_fn, node and step."""

    summary: Summary
    grad_fn: str | None
    node: str
    step: int


def bindings(
    names: Names, shown: Mapping[int, Shown], bound: Mapping[int, tuple[str, ...]], namespace: Mapping[str, Any]
) -> list[Any]:
    """One message for each name that a line bound, in the order of the lines."""
    found: dict[tuple[int, str], Any] = {}
    for (line, name), value in names.bound.items():
        seen = shown.get(id(value))
        if seen is not None:
            found[line, name] = _tensor(line, name, seen)
    last = {name: line for line, here in sorted(bound.items()) for name in here}
    for name, line in last.items():
        held = namespace.get(name)
        if (line, name) in found or name not in namespace or issubclass(type(held), _SILENT):
            continue
        if is_tensor(held):
            known = names.recorder.table.get(id(held))
            seen = shown.get(id(known)) if known is not None and known.ref() is held else None
            if seen is not None:
                found[line, name] = _tensor(line, name, seen)
        else:
            found[line, name] = BindingMessage(line=line, name=name, type_name=type(held).__name__, text=brief(held))
    return [found[key] for key in sorted(found)]


def _tensor(line: int, name: str, seen: Shown) -> Any:
    return BindingMessage(
        line=line,
        name=name,
        type_name="Tensor",
        text=tensor_text(seen.summary),
        grad_fn=seen.grad_fn,
        node=seen.node,
        step=seen.step,
    )


def shown_value(value: Value, summary: Summary, node: str, step: int) -> Shown:
    """What to remember of a named tensor."""
    grad_fn = value.op.grad_fn if value.op is not None and value.requires_grad else None
    return Shown(summary, grad_fn, node, step)


def tensor_text(summary: Summary) -> str:
    """The values if they fit ("5.0", "[1.0, 2.0]"), else the shape ("[4, 64]")."""
    numel = math.prod(summary.shape)
    if (
        summary.values == numel
        and numel <= 4
        and len(summary.shape) <= 1
        and not summary.dtype.startswith("torch.complex")
    ):
        code, size = ("d", 8) if summary.wide else ("f", 4)
        values = struct.unpack_from(f"<{numel}{code}", summary.payload, STATISTICS * size)
        texts = [number_text(v, summary.dtype) for v in values]
        return texts[0] if not summary.shape else f"[{', '.join(texts)}]"
    kind = "" if summary.dtype == "torch.float32" else " " + summary.dtype.removeprefix("torch.")
    device = "" if summary.device == "cpu" else " " + summary.device
    return f"[{', '.join(map(str, summary.shape))}]{kind}{device}"


def number_text(value: float, dtype: str) -> str:
    """A number as torch prints it: five digits, and a point where the type is floating."""
    if dtype == "torch.bool":
        return str(bool(value))
    if "int" in dtype:
        return str(int(value))
    text = f"{value:.5g}"
    return text if any(c in text for c in ".en") else f"{text}.0"


def brief(held: Any) -> str:
    """Repr in one short line; for a module, its class and sizes."""
    if issubclass(type(held), torch.nn.Module):
        return type_of(held)
    if issubclass(type(held), torch.optim.Optimizer):
        return type(held).__name__
    try:
        text = " ".join(repr_of(held, _WIDTH).split())
    except Exception as error:  # a learner's __repr__ may do anything
        return f"<{type(held).__name__}: repr raised {type(error).__name__}>"
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
