"""Errors of devices: a GPU that is not there, and the meta device, which has shapes and no values."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

from backend.trace.advice.expression import called
from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family

_GPUS: Final = re.compile(r"(cuda|mps|xpu)(:\d+)?\Z")


def no_gpu(failure: Failure, _match: re.Match[str]) -> Advice:
    """A device that this machine lacks, written where it failed or where it got its name."""
    return Advice(
        "There is no GPU here: tensors live on the CPU.",
        "Leave `.cuda()` and `device=` out, or choose the device with "
        '`device = "cuda" if torch.cuda.is_available() else "cpu"`.',
        [],
        _on_cpu(failure),
    )


def _on_cpu(failure: Failure) -> list[Any]:
    node = failure.node
    if not isinstance(node, ast.Call):
        return []
    if called(node) == "cuda" and isinstance(node.func, ast.Attribute):
        return failure.replaced(failure.text.of(node.func.value))
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    names = {argument.id for argument in given if isinstance(argument, ast.Name)}
    bound = [
        one.value
        for one in ast.walk(failure.text.tree)
        if isinstance(one, ast.Assign) and any(isinstance(t, ast.Name) and t.id in names for t in one.targets)
    ]
    for argument in (*given, *bound):
        for part in ast.walk(argument):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and _GPUS.match(part.value):
                label = f'"cpu"{f", in line {part.lineno}" if part.lineno != failure.line else ""}'
                return [failure.text.fix([(part, '"cpu"')], label)]
    return []


def meta(failure: Failure, _match: re.Match[str]) -> Advice:
    """A number was wanted of what has none, or values were to be mixed with shapes."""
    call = failure.call
    there = [failure.operand(t, "a tensor") for t in call.tensors if t.is_meta] if call is not None else []
    who = f"`{there[0].name}` is" if there else "One of the tensors is"
    return Advice(
        f"{who} on the meta device: it has a shape and a type, and no values.",
        "Look at shapes and counts there (`x.shape`, `p.numel()`), and make on the CPU, with the same "
        "code without `meta`, what is to have values. All tensors of one operation are on one device.",
        there,
    )


FAMILIES: Final = (
    Family(
        "no_gpu",
        "Exception",
        r"not compiled with CUDA|No CUDA GPUs|Found no NVIDIA|from the '(?:CUDA|MPS|XPU)' backend",
        no_gpu,
    ),
    Family("meta", "Exception", r"\bmeta tensors?\b|on device meta\b|\bmeta is not on the expected|device meta", meta),
)
