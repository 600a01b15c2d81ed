"""Calls with the wrong number, names or kinds of arguments; and what cannot be called."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from typing import Any, Final

import torch

from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family

_SETTINGS: Final = {
    "learning_rate": "lr",
    "axis": "dim",
    "n_classes": "num_classes",
    "dims": "dim",
    "keepdims": "keepdim",
}
"""What other libraries call it."""

_KEYWORDS: Final = ("dtype", "device", "requires_grad", "dim", "keepdim", "generator", "out", "layout", "pin_memory")
"""Of functions written in C, which tell no signature."""


def keyword(failure: Failure, match: re.Match[str]) -> Advice | None:
    """An argument of a name that the function does not have."""
    name, wrong = match.group(1).removesuffix(".__init__"), match.group(2)
    node = failure.node
    known = _parameters(failure, node)
    near = next(
        (n for n in (_SETTINGS.get(wrong), *difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)) if n in known),
        None,
    )
    given = [k for k in node.keywords if k.arg == wrong] if isinstance(node, ast.Call) else []
    fixes: list[Any] = []
    if near and given and isinstance(node, ast.Call):
        text = failure.text.of(node)
        code = re.sub(rf"\b{re.escape(wrong)}(\s*=)", rf"{near}\1", text, count=1)
        fixes = failure.replaced(code)
    takes = "" if known == list(_KEYWORDS) else ", ".join(n for n in known[:12] if not n.startswith("_"))
    return Advice(
        f"`{name}` has no argument called `{wrong}`." + (f" It takes: {takes}." if takes else ""),
        f"Did you mean `{near}`?" if near else "Look at its arguments, and leave this one out.",
        [],
        fixes,
    )


def _parameters(failure: Failure, node: ast.AST | None) -> list[str]:
    """The arguments of what was called, as far as Python knows them."""
    if not isinstance(node, ast.Call):
        return []
    function = _evaluate(failure, node.func)
    if isinstance(function, torch.nn.Module):
        function = function.forward
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return list(_KEYWORDS)
    return [
        n for n, p in found.parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and n != "self"
    ]


def _evaluate(failure: Failure, node: ast.expr) -> Any:
    """What a dotted name stands for; None for anything else."""
    if isinstance(node, ast.Name):
        return failure.scope.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _evaluate(failure, node.value)
        return None if owner is None else inspect.getattr_static(owner, node.attr, None) or _plain(owner, node.attr)
    return None


def _plain(owner: Any, name: str) -> Any:
    """An attribute of a module of torch's; a learner's own object is not asked, its code would run."""
    return getattr(owner, name, None) if isinstance(owner, torch.nn.Module) or inspect.ismodule(owner) else None


def count(failure: Failure, match: re.Match[str]) -> Advice | None:
    """Too many or too few arguments for a function with a signature, a module's forward above all."""
    function = match.group(1)
    owner, _, method = function.rpartition(".")
    definition = _definition(failure, owner, method)
    if method == "forward" and definition is not None and not _takes_self(definition):
        arguments = ", ".join(a.arg for a in definition.args.args)
        old = failure.text.lines[definition.lineno - 1].decode(errors="replace")
        code = re.sub(r"\bforward\s*\(", "forward(self, " if arguments else "forward(self", old, count=1)
        from backend.wire.messages import FixRecord

        fix = FixRecord(
            line=definition.lineno, end_line=definition.lineno, code=code, label=f"def forward(self, {arguments})"
        )
        return Advice(
            f"Python passes the object itself as the first argument of a method. `forward` of `{owner}` does not "
            "take it.",
            f"Write `def forward(self, {arguments}):`.",
            [],
            [fix],
        )
    function = function.removesuffix(".__init__")
    known = [a for a in _arguments(failure, definition) if a != "self"]
    takes = f" It takes ({', '.join(known)})." if known else ""
    given = _given(failure)
    if "missing" in failure.message:
        names = re.findall(r"'(\w+)'", failure.message.split(":")[-1])
        made = f"{', '.join(f'`{n}`' for n in names)} {'is' if len(names) == 1 else 'are'} missing"
        what = (
            "Give it what is missing"
            if method != "forward" or not owner
            else f"Call the module with {', '.join(known)}"
        )
        return Advice(
            f"`{function}` was called without all that it needs: {made}.{takes}{given}", f"{what}.", _operands(failure)
        )
    return Advice(
        f"`{function}` was given more than it takes.{takes}{given}",
        "Leave the extra argument out, or add it to the definition."
        if definition is not None
        else "Leave the extra arguments out, or give them by name.",
        _operands(failure),
    )


def _definition(failure: Failure, owner: str, method: str) -> ast.FunctionDef | None:
    for node in ast.walk(failure.text.tree):
        if isinstance(node, ast.ClassDef) and node.name == owner:
            return next((s for s in node.body if isinstance(s, ast.FunctionDef) and s.name == method), None)
        if not owner and isinstance(node, ast.FunctionDef) and node.name == method:
            return node
    return None


def _takes_self(definition: ast.FunctionDef) -> bool:
    first = definition.args.args[0].arg if definition.args.args else None
    static = any(isinstance(d, ast.Name) and d.id in ("staticmethod", "classmethod") for d in definition.decorator_list)
    used = {n.id for n in ast.walk(definition) if isinstance(n, ast.Name)}
    return (
        static
        or first in ("self", "s", "this", "cls")
        or ("self" not in used and first not in ("x", "input", "inputs"))
    )


def _arguments(failure: Failure, definition: ast.FunctionDef | None) -> list[str]:
    if definition is not None:
        return [a.arg for a in definition.args.args]
    if failure.module is not None:
        try:
            return list(inspect.signature(failure.module.forward).parameters)
        except (TypeError, ValueError):
            return []
    return _parameters(failure, failure.node) if isinstance(failure.node, ast.Call) else []


def _given(failure: Failure) -> str:
    node = failure.node
    if not isinstance(node, ast.Call):
        return ""
    given = ", ".join(failure.text.of(a) for a in [*node.args, *node.keywords])
    return f" It was given ({given})." if len(given) < 80 else f" It was given {len(node.args)} arguments."


def _operands(failure: Failure) -> list[Any]:
    given = failure.modules[-1][1] if failure.modules else ()
    return [failure.operand(t, f"argument {i}") for i, t in enumerate(given) if isinstance(t, torch.Tensor)][:8]


def wants_tensor(failure: Failure, match: re.Match[str]) -> Advice | None:
    """A list, a number, an array or a tuple where a tensor belongs."""
    function, argument, kind = match.groups()
    node = failure.node
    source = node.args[0] if isinstance(node, ast.Call) and node.args else None
    what = failure.text.short(source) if source is not None else None
    name = what or argument
    explanation = f"{function} works on tensors, and `{name}` is a {kind}."
    if kind == "tuple":
        return Advice(
            f"{explanation} Some layers return several things: nn.LSTM gives (output, (h, c)), attention (output, "
            "weights).",
            f"Take the part that you want: `{name}[0]`.",
            [],
            [failure.text.fix([(source, f"{failure.text.as_operand(source)}[0]")], f"{name}[0]")]
            if source is not None
            else [],
        )
    if kind == "NoneType":
        return Advice(
            f"{function} works on tensors, and `{name}` is None. A function that returns nothing gives None.",
            "Does the function, or the module's forward, end with `return`?",
        )
    make = "torch.from_numpy({}).float()" if "ndarray" in kind else "torch.tensor({})"
    code = make.format(name)
    fixes = [failure.text.fix([(source, make.format(failure.text.of(source)))], code)] if source is not None else []
    return Advice(explanation, f"Make it a tensor first: `{code}`.", [], fixes)


def not_callable(failure: Failure, match: re.Match[str]) -> Advice | None:
    """`x.shape()`, `x.grad()`, `x(0)`."""
    node = failure.node
    if not isinstance(node, ast.Call):
        return None
    kind = match.group(1)
    text = failure.text.of(node.func)
    attribute = node.func.attr if isinstance(node.func, ast.Attribute) else None
    if attribute is not None and not node.args:
        return Advice(
            f"`{text}` is not a function but a {kind}: it is there without being called.",
            f"Leave the parentheses out: `{text}`.",
            [],
            failure.replaced(text),
        )
    if attribute is not None and kind in ("torch.Size", "tuple", "list"):
        code = f"{text}[{', '.join(failure.text.of(a) for a in node.args)}]"
        return Advice(
            f"`{text}` is a {kind}: parentheses call, brackets pick.", f"Write `{code}`.", [], failure.replaced(code)
        )
    if kind in ("Tensor", "Parameter") and node.args:
        code = f"{text}[{', '.join(failure.text.of(a) for a in node.args)}]"
        return Advice(
            f"`{text}` is a tensor, and a tensor is no function: parentheses call, brackets pick elements.",
            f"To pick, write `{code}`; to multiply, write the `*`.",
            [failure.operand(_evaluate(failure, node.func), text)],
            failure.replaced(code),
        )
    if kind == "module":
        return Advice(f"`{text}` is a module, a box of functions.", f"Call one of the functions in it: `{text}.…(…)`.")
    return Advice(
        f"`{text}` is a {kind}, and only functions, classes and modules can be called.", "Leave the parentheses out."
    )


def combined(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """`"loss: " + tensor`, None + tensor."""
    node = failure.node
    if not isinstance(node, ast.BinOp):
        return None
    left, right = failure.text.of(node.left), failure.text.of(node.right)
    if "NoneType" in failure.message:
        name = left if "'NoneType' and" in failure.message else right
        return Advice(
            f"`{name}` is None. A function that returns nothing gives None, and `.grad` is None before backward.",
            "Does the function, or the module's forward, end with `return`? Has backward been called?",
        )
    if "str" in failure.message and isinstance(node.op, ast.Add):
        code = _formatted(node, left, right)
        return Advice(
            "Text and numbers are not added to each other.",
            f"Write the number into the text: `{code}`."
            if code
            else "Write the number into the text, with an f-string.",
            [],
            failure.replaced(code) if code else [],
        )
    return Advice(
        f"{failure.message[0].upper()}{failure.message[1:]}: `{left}` and `{right}` do not go together.",
        "Convert one of them, for example with `torch.tensor(...)` or `float(...)`.",
    )


def _formatted(node: ast.BinOp, left: str, right: str) -> str | None:
    """`"loss: " + x` as an f-string; None where the text has quotes or braces of its own."""
    parts = []
    for side, text in ((node.left, left), (node.right, right)):
        literal = side.value if isinstance(side, ast.Constant) and isinstance(side.value, str) else None
        if any(c in text[1:-1] if literal is not None else c in text for c in '"{}\\'):
            return None
        parts.append(f"{{{text}}}" if literal is None else literal)
    return f'f"{"".join(parts)}"'


def scalar_shape(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """len() or iteration over a tensor with no dimension."""
    node = failure.node
    length = failure.message.startswith("len()")
    source = node.args[0] if length and isinstance(node, ast.Call) and node.args else node
    name = failure.text.short(source) if isinstance(source, ast.expr) else None
    name = name or "the tensor"
    return Advice(
        f"`{name}` has shape []: it is a single number, without elements to count or to walk through.",
        f"Use its value, `{name}.item()`, or give it a dimension: `{name}.reshape(1)`.",
        [],
        [failure.text.fix([(source, f"{failure.text.as_operand(source)}.reshape(1)")], f"{name}.reshape(1)")]
        if isinstance(source, ast.expr)
        else [],
    )


def size_argument(failure: Failure, match: re.Match[str]) -> Advice | None:
    """`torch.randint(0, 10)`, `torch.ones(2.0)`."""
    function, kind = match.groups()
    node = failure.node
    if function == "randint" and isinstance(node, ast.Call) and len(node.args) == 2:
        code = f"torch.randint({failure.text.of(node.args[0])}, {failure.text.of(node.args[1])}, (1,))"
        return Advice("randint takes low, high and a size.", f"Say how many: `{code}`.", [], failure.replaced(code))
    return Advice(
        f"Sizes are whole numbers, and here is a {kind}.",
        f"Write them as whole numbers: `torch.{function}(2, 3)`; `//` divides to a whole number, `int(...)` converts.",
    )


def not_iterable(failure: Failure, match: re.Match[str]) -> Advice | None:
    """`for i in 3`."""
    node = failure.node
    if not isinstance(node, ast.expr):
        return None
    text = failure.text.of(node)
    if match.group(1) == "int":
        return Advice(
            f"`{text}` is one number, and a loop walks through several things.",
            f"To count from 0, write `range({text})`.",
            [],
            failure.replaced(f"range({text})"),
        )
    return Advice(
        f"`{text}` is a {match.group(1)}, and one cannot walk through it.", "Use a list, a tensor or a range."
    )


def tensors_in_list(failure: Failure, match: re.Match[str]) -> Advice | None:
    """`torch.cat(a, b)`: the tensors belong in one list."""
    node = failure.node
    if not isinstance(node, ast.Call):
        return None
    inner = ", ".join(failure.text.of(a) for a in node.args)
    rest = "".join(f", {failure.text.of(k)}" for k in node.keywords)
    code = f"{failure.text.of(node.func)}([{inner}]{rest})"
    return Advice(
        f"{match.group(1)} takes its tensors as one list, and the first argument here is a single tensor.",
        f"Put brackets around them: `{code}`.",
        [],
        failure.replaced(code),
    )


def list_element(_failure: Failure, match: re.Match[str]) -> Advice:
    """A number among the tensors of a list."""
    return Advice(
        f"All elements of the list must be tensors; number {match.group(1)} (counted from 0) is a {match.group(2)}.",
        "Make it one: `torch.tensor([1.0])` has one element and one dimension.",
    )


def ragged(_failure: Failure, match: re.Match[str]) -> Advice:
    """Rows of different lengths."""
    return Advice(
        f"All rows of a tensor have equal lengths. At dim {match.group(2)} one has {match.group(3)} where the first "
        "has "
        f"{match.group(1)}.",
        "Fill the shorter rows up (torch.nn.utils.rnn.pad_sequence does), or keep the rows as a list of tensors.",
    )


FAMILIES: Final = (
    Family("unexpected_keyword", "TypeError", r"([\w.]+)\(\) got an unexpected keyword argument '(\w+)'", keyword),
    Family("argument_count", "TypeError", r"([\w.]+)\(\) (?:missing \d+ required|takes .* positional argument)", count),
    Family(
        "size_argument",
        "TypeError",
        r"(\w+)\(\): argument 'size' \(position \d+\) must be tuple of ints, not (\w+)",
        size_argument,
    ),
    Family(
        "wants_list",
        "TypeError",
        r"(\w+)\(\): argument 'tensors' .*must be tuple of Tensors, not Tensor",
        tensors_in_list,
    ),
    Family(
        "wants_tensor",
        "TypeError",
        r"(\w+)\(\): argument '(\w+)' .*must be (?:Tensor|tuple of Tensors), not ([\w.]+)",
        wants_tensor,
    ),
    Family("not_callable", "TypeError", r"'([\w.]+)' object is not callable", not_callable),
    Family("not_combined", "TypeError", r"unsupported operand type|can only concatenate", combined),
    Family("no_dimension", "TypeError", r"len\(\) of a 0-d tensor|iteration over a 0-d tensor", scalar_shape),
    Family("not_iterable", "TypeError", r"'(\w+)' object is not iterable", not_iterable),
    Family(
        "list_element", "TypeError", r"expected Tensor as element (\d+) in argument \d+, but got (\w+)", list_element
    ),
    Family("ragged", "ValueError", r"expected sequence of length (\d+) at dim (\d+) \(got (\d+)\)", ragged),
)
