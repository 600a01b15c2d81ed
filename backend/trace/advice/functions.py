"""What a custom autograd.Function must return, and tensors that autograd cannot keep."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

import torch

from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family, count, shape


def how_many(failure: Failure, match: re.Match[str]) -> Advice:
    """Backward returned more or fewer gradients than forward took inputs."""
    name, wanted, given = match.group(1), int(match.group(2)), int(match.group(3))
    forward, backward = _methods(failure, name)
    inputs = [a.arg for a in forward.args.args][1:] if forward is not None else []
    took = f" ({', '.join(inputs)})" if len(inputs) == wanted else ""
    returned = _returned(backward)
    where = f", in line {returned.lineno}" if returned is not None else ""
    code = "return …" if returned is None else failure.text.of(returned)
    fixes = []
    if returned is not None and given < wanted:
        code += ", None" * (wanted - given)
        fixes = [failure.text.fix([(returned, code)], f"{code}, in line {returned.lineno}")]
    return Advice(
        f"`{name}.forward` takes {count(wanted, 'input')}{took} after ctx, so `{name}.backward` must return "
        f"{count(wanted, 'gradient')}, one for each and in their order. It returned {given}{where}.",
        f"Return one for each; None stands for an input that is to get none: `{code}`."
        if given < wanted
        else "Return one for each input of forward, and nothing for ctx.",
        [],
        fixes,
    )


def of_what_shape(failure: Failure, match: re.Match[str]) -> Advice:
    """A gradient of another shape than the input that it is for."""
    name, place, given, wanted = match.group(1), int(match.group(2)), match.group(3), match.group(4)
    forward, backward = _methods(failure, name)
    inputs = [a.arg for a in forward.args.args][1:] if forward is not None else []
    whose = f"`{inputs[place]}`" if place < len(inputs) else f"input {place}"
    returned = _returned(backward)
    where = f" in line {returned.lineno}" if returned is not None else ""
    return Advice(
        f"A gradient has the shape of what it is the gradient of: {whose} of `{name}.forward` is {wanted}, and what "
        f"`{name}.backward` returned for it{where} is {given}.",
        "If forward reduced or stretched its input, backward does the reverse: expand for sum, sum for expand.",
    )


def _methods(failure: Failure, name: str) -> tuple[ast.FunctionDef | None, ast.FunctionDef | None]:
    kinds = [n for n in ast.walk(failure.text.tree) if isinstance(n, ast.ClassDef) and n.name == name]
    methods = {s.name: s for kind in kinds[:1] for s in kind.body if isinstance(s, ast.FunctionDef)}
    return methods.get("forward"), methods.get("backward")


def _returned(method: ast.FunctionDef | None) -> ast.Return | None:
    """What a method returns, if in one place alone."""
    found = [n for n in ast.walk(method) if isinstance(n, ast.Return) and n.value is not None] if method else []
    return found[0] if len(found) == 1 else None


def inference(failure: Failure, match: re.Match[str]) -> Advice | None:
    """A tensor that was made under inference_mode, where autograd must keep or change it."""
    call = failure.call
    given = call.tensors if call is not None else []
    given = given or [t for _, args in failure.modules for t in args if isinstance(t, torch.Tensor)]
    x = next((t for t in given if t.is_inference()), None)
    if x is None:
        return None
    operand = failure.operand(x, "a tensor")
    line = failure.made_at(x)
    made = f" in line {line}" if line not in (None, failure.line) else ""  # else it is where it was written to
    return Advice(
        f"`{operand.name}`, {shape(x)}, was made{made} under torch.inference_mode(): autograd never records such a "
        f"tensor, and here it would have to {'keep it for backward' if match.group(1) else 'note the change'}.",
        "Use `torch.no_grad()` there, whose results may be used afterwards, or go on with a copy: "
        f"`{operand.name}.clone()`.",
        [operand],
        failure.rewritten([(x, "{}.clone()")]) if match.group(1) else [],
    )


def assigned(failure: Failure, match: re.Match[str]) -> Advice:
    """`w.grad = …` of another shape or type."""
    kind, given, wanted = match.group(1), match.group(2), match.group(3)
    statement = failure.text.statement(failure.line or 0)
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    name = failure.text.of(target.value) if isinstance(target, ast.Attribute) else "the tensor"
    what = "shape" if kind == "size" else "type"
    return Advice(
        f"`{name}.grad` has the {what} of `{name}`, {wanted.lower()}. What is assigned has {given.lower()}.",
        f"Make it like `{name}`: `torch.zeros_like({name})`; or set it to None, which is what zero_grad does.",
    )


FAMILIES: Final[tuple[Any, ...]] = (
    Family(
        "function_gradients",
        "RuntimeError",
        r"function (\w+)Backward returned an incorrect number of gradients \(expected (\d+), got (\d+)\)",
        how_many,
    ),
    Family(
        "function_gradient_shape",
        "RuntimeError",
        r"Function (\w+)Backward returned an invalid gradient at index (\d+) - got (\[.*?\]) but expected shape "
        r"compatible with (\[.*?\])",
        of_what_shape,
    ),
    Family(
        "inference_tensor",
        "RuntimeError",
        r"Inference tensors (cannot be saved for backward)|Inplace update to inference tensor|"
        r"requires_grad=True on inference tensor",
        inference,
    ),
    Family(
        "gradient_assigned",
        "RuntimeError",
        r"attempting to assign a gradient (?:of|with) (size|dtype) '(.*?)' to a tensor (?:of|with) \w+ '(.*?)'",
        assigned,
    ),
)
