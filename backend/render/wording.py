"""Numbers and nodes in the few words that fit into a box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from backend.schema import GraphNode, TensorSummary

FEW: Final = 4
"""The most elements that are written out."""

LENGTH: Final = 48
"""The most characters of a line."""


def number(value: float | str) -> str:
    """Four significant digits, and a point when it is no integer type: 20.0, 0.1235, 1.2e-07, 3, NaN."""
    if isinstance(value, str | int):
        return str(value)
    text = f"{value:.4g}"
    return text if any(mark in text for mark in ".en") else f"{text}.0"


def value_text(summary: TensorSummary) -> str:
    """The value of a scalar, all of a short list, "" for anything larger."""
    values = summary.values
    if not values or len(values) > FEW:
        return ""
    whole = not summary.dtype.startswith(("torch.float", "torch.bfloat", "torch.complex"))
    words = []
    for value in values:
        if isinstance(value, tuple):
            words.append(f"{number(value[0])}{'' if str(value[1]).startswith('-') else '+'}{number(value[1])}j")
        else:
            words.append(number(int(value) if whole and not isinstance(value, str) else value))
    return words[0] if not summary.shape else f"[{', '.join(words)}]"


def shorten(text: str) -> str:
    """At most `LENGTH` characters."""
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"


def describe(node: GraphNode, value: TensorSummary | None, grad: TensorSummary | None) -> tuple[str, ...]:
    """The lines under a node's title: what made it, its shape, its gradient."""
    made = {"leaf": "leaf · requires_grad", "data": f"{node.op} · data", "break": f"{node.op} · no gradient passes"}
    lines = [made.get(node.kind) or " · ".join(filter(None, (node.op, node.grad_fn)))]
    if value is not None and value.shape:
        lines.append(f"{value.shape} {value.dtype.removeprefix('torch.')}")
        if value.mean is not None and not value_text(value):
            lines.append(f"mean {number(value.mean)}")
    if grad is not None and node.kind == "leaf":
        text = value_text(grad)
        lines.append(f"grad {text}" if text else f"grad {grad.shape}")
    return tuple(shorten(line) for line in lines)
