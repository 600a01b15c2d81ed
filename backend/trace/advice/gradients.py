"""backward and what leaves the graph: no graph, used twice, not a scalar, numpy, item."""

from __future__ import annotations

import ast
import re
from typing import Any, Final

import torch

from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family, shape
from backend.trace.advice.missing import lost_leaf
from backend.trace.journeys import copied_behind
from backend.trace.nodes import break_reason
from backend.trace.records import Op, Value

_FACTORIES: Final = frozenset(
    {"tensor", "randn", "rand", "ones", "zeros", "full", "linspace", "arange", "eye", "empty"}
)


def not_scalar(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """Backward of a tensor with several elements."""
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor):
        return None
    operand = failure.operand(x, "tensor", clash=range(x.dim()))
    return Advice(
        f"backward() starts from one number, the loss. `{operand.name}` is {shape(x)}, so which of its {x.numel()} "
        "elements "
        "is meant?",
        f"Reduce it to one number first: `{operand.name}.sum().backward()` or `{operand.name}.mean().backward()`. Or "
        "say "
        f"what to weigh each element with: `{operand.name}.backward(torch.ones_like({_bare(operand.name)}))`.",
        [operand],
        _reduced(failure, x),
    )


def _bare(text: str) -> str:
    """Without the parentheses around it all, which a method call needs and an argument does not."""
    try:
        return text[1:-1] if text[0] == "(" and ast.parse(text[1:-1], mode="eval") else text
    except SyntaxError:
        return text


def _reduced(failure: Failure, x: torch.Tensor) -> list[Any]:
    node = failure.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "backward":
        loss, arguments = failure.text.as_operand(node.func.value), [*node.args, *node.keywords]
        given = ", ".join(failure.text.of(argument) for argument in arguments)
        return [fix for how in ("sum", "mean") for fix in failure.replaced(f"{loss}.{how}().backward({given})")]
    return [*failure.rewritten([(x, "{}.sum()")]), *failure.rewritten([(x, "{}.mean()")])]


def _two_losses(failure: Failure, first: ast.AST | None) -> str:
    """That backward can start from the sum of two losses, where it was called on one and then on the other."""
    roots = [
        failure.text.as_operand(call.func.value)
        for call in (first, failure.node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "backward"
    ]
    if len(roots) < 2 or roots[0] == roots[1]:
        return ""
    return f"Go back once, from the sum: `({' + '.join(roots)}).backward()` gives the same gradients. "


def twice(failure: Failure, _match: re.Match[str]) -> Advice:
    """The graph was freed by the first backward."""
    recorder = failure.recorder
    site = recorder.backward_site
    span = failure.source.span(site)
    first = span.line if span is not None else None
    explanation = "backward() frees what the graph saved, to save memory, so a graph can be used once."
    if first is not None and site == failure.site:
        older = _from_before(failure)
        named = f" `{older[0]}` was computed in an earlier iteration." if older else ""
        cut = f"`{older[0]} = {older[0]}.detach()`" if older else "`.detach()`"
        return Advice(
            f"{explanation} Line {first} runs in a loop, and this time it came to a part of the graph that it had "
            "freed "
            f"before.{named}",
            f"Compute everything anew in each iteration, or cut off what comes from the one before: {cut}.",
        )
    where = f" Line {first} has used this one up." if first is not None else ""
    fixes: list[Any] = []
    node = failure.text.at(*site) if site is not None else None
    if isinstance(node, ast.Call):
        text = failure.text.of(node)
        code = f"{text[:-1]}{', ' if node.args or node.keywords else ''}retain_graph=True)"
        fixes = [failure.text.fix([(node, code)], f"{code}, in line {first}")]
    else:
        code = "loss.backward(retain_graph=True)"
    both = _two_losses(failure, node)
    return Advice(
        f"{explanation}{where}",
        f"{both}Compute the forward pass again before the second backward, or let the first one keep the graph: "
        f"`{code}`.",
        [],
        fixes,
    )


def _from_before(failure: Failure) -> list[str]:
    """Names of what this step used and an earlier one computed."""
    step = failure.recorder.step
    mine = {id(op) for op in step.ops}
    held = {v for op in step.ops for v in op.inputs if v.op is not None and id(v.op) not in mine and v.op.grad_fn}
    return [name for v in held for name in v.names[:1]]


def no_graph(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """Why there is nothing to go back through: cut somewhere, or nothing at the start wants a gradient."""
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor):
        return None
    operand = failure.operand(x, "tensor")
    value = failure.value(x)
    cut, leaves = _history(value)
    if cut is not None:
        span = failure.source.span(cut.site)
        line = f" in line {span.line}" if span is not None else ""
        lost = _lost(failure, cut)
        if lost is not None:
            return Advice(
                f"`{operand.name}` has no graph: it was computed without a leaf. {lost.explanation}",
                lost.suggestion,
                [operand],
                lost.fixes,
            )
        return Advice(
            f"`{operand.name}` has no graph: its way back to the leaves is cut{line}. {_sentence(break_reason(cut))}.",
            _switched_off(failure, cut, span.line if span is not None else None)
            or _mend(cut, f"line {span.line}" if span is not None else "it"),
            [operand],
        )
    copy = copied_behind(failure.recorder.copies, value)
    if copy is not None:
        names = [n for n in (failure.name_of(v.ref()) for v in copy.sources) if n]
        whose = ", ".join(f"`{name}`" for name in names) or "other tensors"
        return Advice(
            f"`{operand.name}` has no graph: torch.tensor(…) copies the numbers of {whose} into a new tensor, and "
            "leaves their history behind.",
            f"Keep the history: `{copy.kept(names)}`.",
            [operand],
        )
    if value is not None and value.op is None and value.origin is None:
        return Advice(
            f"`{operand.name}` has no graph, and what computed it was not watched.",
            "Look whether it was computed under `torch.no_grad()`, or from tensors of which none requires a gradient.",
            [operand],
        )
    names = [n for n in (failure.name_of(v.ref()) for v in leaves) if n]
    whom = ", ".join(f"`{n}`" for n in names[:4])
    explanation = (
        f"`{operand.name}` was computed from tensors of which none requires a gradient{f' ({whom})' if whom else ''}, "
    )
    fixes = [fix for v in leaves for fix in _wanted(failure, v)][:3]
    after = f", or after it: `{names[0]}.requires_grad_()`" if names else ""
    return Advice(
        f"{explanation}so autograd recorded no graph to go back through.",
        f"Say which one should learn, where it is made: `requires_grad=True`{after}.",
        [operand, *(failure.operand(v.ref(), "leaf") for v in leaves[:4] if (t := v.ref()) is not None and t is not x)],
        fixes,
    )


def _history(value: Value | None) -> tuple[Op | None, list[Value]]:
    """The nearest op at which the gradient's way is cut, if there is one; and the floating point leaves."""
    seen: set[int] = set()
    leaves: list[Value] = []
    stack = [value] if value is not None else []
    while stack:
        here = stack.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        op = here.op
        if op is None:
            if here.dtype.is_floating_point:
                leaves.append(here)
            continue
        if not here.requires_grad and any(v.requires_grad for v in op.inputs):
            return op, []
        stack.extend(reversed(op.inputs))
    return None, leaves


def _lost(failure: Failure, cut: Op) -> Advice | None:
    """The way is cut by an update that gave the leaf's name to its result."""
    names = [name for value in cut.inputs if value.requires_grad for name in value.names]
    return next((lost for name in names if (lost := lost_leaf(failure, cut, name)) is not None), None)


def _sentence(words: str) -> str:
    """With a capital letter, unless it begins with code."""
    return words if words.partition(" ")[0].endswith("()") else f"{words[0].upper()}{words[1:]}"


def _switched_off(failure: Failure, cut: Op, line: int | None) -> str | None:
    """Gradients are off, and no `with` around the line did it: `set_grad_enabled`, or a decorator."""
    if cut.grad_enabled or line is None or (cut.call is not None and cut.call.custom):
        return None
    for node in ast.walk(failure.text.tree):
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0):
            for decorator in node.decorator_list:
                text = failure.text.of(decorator)
                if text.removesuffix("()").endswith(("no_grad", "inference_mode")):
                    return f"Take the decorator `@{text}` off `{node.name}`, in line {decorator.lineno}."
    switches = [
        call
        for call in failure.text.calls("set_grad_enabled")
        if call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value is False and call.lineno <= line
    ]
    withs = [item for node in ast.walk(failure.text.tree) if isinstance(node, ast.With) for item in node.items]
    last = next((call for call in reversed(switches) if all(item.context_expr is not call for item in withs)), None)
    if last is None:
        return None
    code = failure.text.of(last).replace("False", "True")
    return f"Line {last.lineno} switched gradients off for all that follows: `{code}` switches them on again."


def _mend(cut: Op, line: str) -> str:
    if cut.info.packet in ("detach", "detach_"):
        return f"Leave the `.detach()` in {line} out of the way from the leaves to the loss."
    if cut.call is not None and cut.call.custom:
        return (
            f"Let `{cut.call.name}.forward` return it without `mark_non_differentiable`, and its backward bring the "
            "gradient."
        )
    if not cut.grad_enabled:
        return f"Compute it outside of `torch.no_grad()`: move {line} out of the block."
    return (
        "Use an operation that has a derivative: for example softmax instead of argmax, or a loss instead of a count."
    )


def _wanted(failure: Failure, leaf: Value) -> list[Any]:
    """The line that makes a leaf, with requires_grad=True."""
    site = leaf.origin.site if leaf.origin is not None else None
    node = failure.text.at(*site) if site is not None else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in _FACTORIES:
        return []
    if any(k.arg in (None, "requires_grad") for k in node.keywords):
        return []
    text = failure.text.of(node)
    code = f"{text[:-1].rstrip().rstrip(',')}, requires_grad=True)"
    return [failure.text.fix([(node, code)], f"{code}, in line {node.lineno}")]


def no_derivative(failure: Failure, match: re.Match[str]) -> Advice:
    """Backward came to an op that torch cannot differentiate."""
    packet = match.group(1)
    op = next((o for o in reversed(failure.recorder.step.ops) if (o.grad_fn or "").endswith("NotImplemented")), None)
    node = failure.text.at(*op.site) if op is not None and op.site is not None else None
    if not isinstance(node, ast.expr):
        return Advice(
            f"Backward came to {packet}, for which torch defines no derivative.",
            "Use another operation there, or cut its result off with detach() where no gradient should pass.",
        )
    text = failure.text.as_operand(node)
    fixes = [failure.text.fix([(node, f"{text}.detach()")], f"{text}.detach(), in line {node.lineno}")]
    return Advice(
        f"Backward came to line {node.lineno}, `{failure.text.of(node)}`: torch defines no derivative for {packet}.",
        f"Use another operation there, or cut its result off where no gradient should pass: `{text}.detach()`.",
        [],
        fixes if isinstance(node, ast.Call | ast.BinOp) else [],
    )


def numpy(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """Numpy knows no graph."""
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor):
        return None
    operand = failure.operand(x, "tensor")
    return Advice(
        f"`{operand.name}` belongs to a graph, and numpy cannot follow gradients.",
        f"Take it out of the graph first: `{operand.name}.detach().numpy()`.",
        [operand],
        failure.rewritten([(x, "{}.detach()")]),
    )


def item(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """One number out of several elements."""
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor):
        return None
    operand = failure.operand(x, "tensor", clash=range(x.dim()))
    return Advice(
        f"A Python number has one value, and `{operand.name}` is {shape(x)}: {x.numel()} elements.",
        f"Reduce it first (`{operand.name}.sum()`, `{operand.name}.mean()`), pick one element, or take them all as a "
        "list: "
        f"`{operand.name}.tolist()`.",
        [operand],
        _inside_call(failure) or failure.rewritten([(x, "{}.sum()")]),
    )


def _inside_call(failure: Failure) -> list[Any]:
    node = failure.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "item":
        base = failure.text.as_operand(node.func.value)
        return [*failure.replaced(f"{base}.sum().item()"), *failure.replaced(f"{base}.tolist()")]
    return []


def truth(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """`if x > 0` for several elements; and a loss class that was given the tensors."""
    module = failure.frame is not None and _loss_class(failure)
    if module:
        return module
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor):
        return None
    operand = failure.operand(x, "tensor", clash=range(x.dim()))
    node = failure.node
    text = failure.text.as_operand(node) if isinstance(node, ast.expr) else f"({operand.name})"
    fixes = (
        [*failure.replaced(f"{text}.all()"), *failure.replaced(f"{text}.any()")] if isinstance(node, ast.expr) else []
    )
    return Advice(
        f"Python asks for one yes or no, and here are {x.numel()}, one for each element of {shape(x)}.",
        f"Say which you mean: `{text}.all()` or `{text}.any()`. To choose element by element, use torch.where.",
        [operand],
        fixes,
    )


def _loss_class(failure: Failure) -> Advice | None:
    """`nn.MSELoss(pred, y)`: the class was given what its object takes."""
    node = failure.node
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    if not name.endswith("Loss"):
        return None
    arguments = ", ".join(failure.text.of(a) for a in node.args)
    code = f"{failure.text.of(node.func)}()({arguments})"
    return Advice(
        f"{name} is a class: calling it makes a loss, and its arguments are settings. The prediction and the target go "
        "into what it makes.",
        f"Make it first, then call it: `{code}`.",
        [],
        failure.replaced(code),
    )


def unused(_failure: Failure, _match: re.Match[str]) -> Advice:
    """autograd.grad for something the result does not depend on."""
    return Advice(
        "The result was not computed from this tensor, so there is no gradient. Perhaps a copy was used (`x * 1`, "
        "`x.clone()`), or x was made after it.",
        "Ask for a tensor that the result was computed from, or get None for it with `allow_unused=True`.",
    )


def seed_shape(failure: Failure, match: re.Match[str]) -> Advice | None:
    """backward(v) with a v of another shape."""
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor) or call is None:
        return None
    operand = failure.operand(x, "tensor")
    seed = [failure.operand(t, "gradient", clash=range(t.dim())) for t in call.tensors[1:2]]
    code = f"{operand.name}.backward(torch.ones_like({operand.name}))"
    return Advice(
        f"What backward starts with has one number for each element: `{operand.name}` is {shape(x)}, and the given "
        "gradient "
        f"is {match.group(1)}.",
        f"Give it the same shape, for example `{code}`.",
        [operand, *seed],
        failure.rewritten([(t, f"torch.ones_like({operand.name})") for t in call.tensors[1:2]]),
    )


FAMILIES: Final = (
    Family("backward_not_scalar", "RuntimeError", r"implicitly created only for scalar outputs", not_scalar),
    Family("backward_twice", "RuntimeError", r"Trying to backward through the graph a second time", twice),
    Family("no_graph", "RuntimeError", r"does not require grad and does not have a grad_fn", no_graph),
    Family("no_derivative", "RuntimeError", r"derivative for aten::(\w+) is not implemented", no_derivative),
    Family("numpy_of_graph", "RuntimeError", r"Can't call numpy\(\) on Tensor that requires grad", numpy),
    Family(
        "item_of_several", "Exception", r"cannot be converted to Scalar|only one element tensors can be converted", item
    ),
    Family("truth_of_several", "RuntimeError", r"Boolean value of Tensor with (?:more than one|no) value", truth),
    Family("gradient_unused", "RuntimeError", r"appears to not have been used in the graph", unused),
    Family(
        "gradient_shape",
        "RuntimeError",
        r"Mismatch in shape: grad_output\[0\] has a shape of torch\.Size\((.*?)\)",
        seed_shape,
    ),
)
