"""Values that were overwritten: which tensor, in which line, and who still needed it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any, Final

import torch

from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family, shape
from backend.trace.records import Op, Site, Value

_VIEWS: Final = re.compile(
    r"select|slice|view|t|transpose|permute|(?:un)?squeeze|expand|diagonal|narrow|as_strided|alias|detach|unbind|"
    r"split|split_with_sizes|movedim|unfold|real|imag"
)
"""Ops whose result is the same memory."""

_NEEDED: Final = "one of the variables needed"


@dataclass(frozen=True)
class _Overwritten:
    value: Value
    site: Site | None
    needed_by: Op | None


def modified(failure: Failure, _match: re.Match[str]) -> Advice:
    """Backward found another value than forward saved."""
    found = _find(failure)
    explanation = "backward needs a value as it was in the forward pass, and an in-place operation has overwritten it."
    suggestion = "Use the operation that makes a new tensor: `x = x + 1` instead of `x += 1`."
    if found is None:
        return Advice(explanation, suggestion)
    span = failure.source.span(found.site)
    tensor = found.value.ref()
    name = (failure.name_of(tensor) if tensor is not None else None) or next(iter(found.value.names), "a tensor")
    line = span.line if span is not None else None
    written = f"`{failure.source.text(line)}`" if line is not None else "an in-place operation"
    needed = (
        f"the backward of {found.needed_by.call.name if found.needed_by.call else found.needed_by.info.packet} needs"
        if (found.needed_by is not None)
        else "backward needs"
    )
    what = f"`{name}`, {shape(found.value.shape)}"
    explanation = f"Line {line} ({written}) overwrote {what}, and {needed} the value that it had before."
    operands = [failure.operand(tensor, name)] if tensor is not None else []
    if found.value.is_leaf or (tensor is not None and tensor.is_leaf and tensor.requires_grad):
        return Advice(
            explanation,
            f"Do every backward before line {line}, or compute the forward pass again after it.",
            operands,
        )
    more, fixes = _without(failure, line, name)
    return Advice(explanation, more or suggestion, operands, fixes)


def _without(failure: Failure, line: int | None, name: str) -> tuple[str | None, list[Any]]:
    """The overwriting line, made harmless."""
    statement = failure.text.statement(line) if line is not None else None
    if line is None or statement is None:
        return None, []
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        code = _spelled(failure, statement)
        return f"Make a new tensor in line {line}: `{code}`.", [
            failure.text.fix([(statement, code)], f"{code}, in line {line}")
        ]
    code = f"{name} = {name}.clone()"
    if not name.isidentifier():
        return f"Overwrite a copy: take a `.clone()` of `{name}` before line {line}.", []
    return f"Overwrite a copy: put `{code}` before line {line}.", [
        failure.text.insert(line, code, f"{code}, before line {line}")
    ]


def _spelled(failure: Failure, statement: ast.AugAssign) -> str:
    """`x += y` as `x = x + y`."""
    target, value = failure.text.of(statement.target), failure.text.of(statement.value)
    operator = ast.unparse(ast.BinOp(ast.Name("a"), statement.op, ast.Name("b")))[2:-2]
    plain = isinstance(statement.value, ast.Name | ast.Constant | ast.Call | ast.Attribute | ast.Subscript)
    return f"{target} = {target} {operator} {value if plain else f'({value})'}"


def _find(failure: Failure) -> _Overwritten | None:
    recorder = failure.recorder
    step = recorder.step
    for op in reversed(step.ops):
        for name, kept in op.saved or ():
            if isinstance(kept, str) and kept.startswith(_NEEDED):
                value = _argument(op, name)
                site = _writer(failure, value) if value is not None else None
                if value is not None and site is not None:
                    return _Overwritten(value, site, op)
    shape_told = re.search(r"\[torch\.\w+ \[(.*?)\]\]", failure.message)
    sizes = sorted(shape_told.group(1).split(", ")) if shape_told is not None else []
    for op in step.ops:
        for value in op.inputs:
            # a layer saves its weight turned
            if value.written is not None and sorted(map(str, value.shape)) == sizes:
                return _Overwritten(value, value.written, op)
    return None


def _argument(op: Op, name: str) -> Value | None:
    """The tensor that torch saved as `name`."""
    if name.startswith("result") or name in ("output", "grid"):
        return op.values[0] if op.values else None
    plain = {key for key, _ in op.attributes}
    tensors = [argument for argument in op.info.arguments if argument not in plain]
    place = tensors.index(name) if name in tensors else -1
    return op.inputs[place] if 0 <= place < len(op.inputs) else None


def _writer(failure: Failure, value: Value) -> Site | None:
    """Where the memory of a value was written to afterwards."""
    if value.written is not None:
        return value.written
    tensor = value.ref()
    memory = None if tensor is None else tensor.untyped_storage().data_ptr()
    own = value.op.number if value.op is not None else -1
    for op in failure.recorder.step.ops:
        if not op.info.writes or op.number <= own:
            continue
        if any(_sees(written, value) for written in op.inputs[:1]):
            return op.site
        for out in op.values:
            target = out.ref()
            if target is not None and memory is not None and target.untyped_storage().data_ptr() == memory:
                return op.site
    return None


def _sees(view: Value, value: Value) -> bool:
    """Whether a tensor is `value`, or a view of it."""
    while view is not value:
        if view.op is None or _VIEWS.fullmatch(view.op.info.packet) is None or not view.op.inputs:
            return False
        view = view.op.inputs[0]
    return True


def leaf(failure: Failure, match: re.Match[str]) -> Advice | None:
    """An in-place operation on a parameter."""
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor):
        return None
    operand = failure.operand(x, "leaf")
    statement = failure.text.statement(failure.line or 0)
    fixes: list[Any] = []
    if statement is not None and failure.line is not None and statement.lineno == statement.end_lineno:
        text = failure.text.of(statement)
        fixes = [failure.text.fix([(statement, f"with torch.no_grad(): {text}")], f"with torch.no_grad(): {text}")]
    other = f"`{operand.name} = {operand.name}.clone()`" if match.group(1) else "a new tensor, under another name"
    return Advice(
        f"`{operand.name}` is a leaf that requires a gradient. Overwritten in place, autograd could not tell its old "
        "value "
        "from the new one.",
        f"If this is an update of a parameter, write it under `with torch.no_grad():`. Otherwise make {other}.",
        [operand],
        fixes,
    )


FAMILIES: Final = (
    Family("modified_in_place", "RuntimeError", r"modified by an inplace operation", modified),
    Family(
        "leaf_in_place",
        "RuntimeError",
        r"a (view of a )?leaf Variable that requires grad is being used in an in-place operation",
        leaf,
    ),
)
