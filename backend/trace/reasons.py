"""Reasons why .grad is None, in sentences."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from backend.schema.gradients import Reason
from backend.trace.records import Copy, Op


@dataclass(frozen=True)
class Why:
    """One reason: its kind, a sentence, what to do, and the line that is to blame."""

    reason: Reason
    text: str
    suggestion: str | None = None
    cause: int | None = None


def at_line(line: int | None) -> str:
    """` in line 3`, or nothing where the line is not known."""
    return f" in line {line}" if line else ""


def cut_by(op: Op, name: str, line: int | None, *, of: str) -> Why:
    """`op` keeps gradients from `name`; `of` says what is on the other side."""
    place = at_line(line)
    packet = op.info.packet
    value = op.values[0] if op.values else None
    if packet == "_local_scalar_dense":
        return number(name, line)
    if packet in ("detach", "detach_"):
        return Why(
            "detach",
            f"{packet}(){place} cut {name} off: no gradient passes between it and what {of}",
            f"Leave the {packet}() out where a gradient should pass",
            line,
        )
    if value is not None and not (value.dtype.is_floating_point or value.dtype.is_complex):
        return Why(
            "dtype",
            f"{packet}{place} gives {_plain(value.dtype)}, and no small change leads from one such number to the next: "
            f"no gradient passes to {name}",
            "Compute in floating point what a gradient should pass",
            line,
        )
    if not op.grad_enabled:
        tensor = value.ref() if value is not None else None
        inference = tensor is not None and tensor.is_inference()
        mode = "torch.inference_mode()" if inference else "torch.no_grad()"
        leaf = next((n for v in op.inputs if v.requires_grad and v.op is None for n in v.names[:1]), None)
        return Why(
            "inference" if inference else "no_grad",
            f"{packet}{place} ran under {mode}: autograd did not record it, so no gradient passes to {name}",
            f"If that is an update, change the leaf in place, which then stays one: `{leaf} -= …`"
            if op.reads_grad and leaf
            else f"Compute outside of `{mode}` what a gradient should pass",
            line,
        )
    return Why("no_derivative", f"{packet}{place} has no derivative: no gradient passes to {name}", None, line)


def data(name: str, door: str, line: int | None) -> Why:
    """It comes from `.data`, or from what else gives a tensor without its history."""
    return Why(
        "data",
        f"{name} comes from {door}: the same numbers, and autograd does not know of them",
        "Use the tensor itself where a gradient should pass; to change it, write under `torch.no_grad()`",
        line,
    )


def whole_numbers(name: str, dtype: torch.dtype, line: int | None) -> Why:
    """It is of a type that has no gradients."""
    return Why(
        "dtype",
        f"{name} is {_plain(dtype)}: no small change leads from one such number to the next",
        "Compute in floating point what a gradient should pass",
        line,
    )


def number(name: str, line: int | None) -> Why:
    """A plain number is in between."""
    return Why(
        "item",
        f"item() takes the number out of torch{at_line(line)}: no gradient passes back to {name}",
        "Keep it a tensor in what the loss is computed from; item() is for printing",
        line,
    )


def copied(copy: Copy, name: str | None, line: int | None) -> Why:
    """`torch.tensor([a, b])` is in between, and behind it, if it has a `name`, what has no gradient."""
    whose = ", ".join(copy.names) or "other tensors"
    beyond = "" if name is None or name in copy.names else f", nor to {name}"
    return Why(
        "item",
        f"torch.tensor(…){at_line(line)} copies the numbers of {whose} into a new tensor without a history: no "
        f"gradient passes back to {whose}{beyond}",
        f"Keep the history: `{copy.kept(copy.names)}`",
        line,
    )


def emptied(name: str, line: int | None, text: str) -> Why:
    """It was there, and `line`, which reads `text`, set it to None."""
    if line and "zero_grad" not in text:
        return Why(
            "zeroed",
            f"{name}.grad was there, and line {line} set it to None",
            f"Read it between backward() and line {line}",
            line,
        )
    return Why(
        "zeroed",
        f"{name}.grad was there, and zero_grad{at_line(line)} set it to None (set_to_none=True is the default)",
        "Read it between backward() and zero_grad()",
        line,
    )


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
