"""Calls with the wrong number or names of arguments; and what cannot be called."""

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
    function = evaluate(failure, node.func)
    if function is None:
        return []
    if isinstance(function, torch.nn.Module):
        function = function.forward
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return list(_KEYWORDS)
    return [
        n for n, p in found.parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and n != "self"
    ]


def evaluate(failure: Failure, node: ast.expr) -> Any:
    """What a dotted name stands for; None for anything else."""
    if isinstance(node, ast.Name):
        return failure.scope.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = evaluate(failure, node.value)
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
    if known == list(_KEYWORDS):
        known = []  # not known at all
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
            [failure.operand(evaluate(failure, node.func), text)],
            failure.replaced(code),
        )
    if kind == "module":
        return Advice(f"`{text}` is a module, a box of functions.", f"Call one of the functions in it: `{text}.…(…)`.")
    return Advice(
        f"`{text}` is a {kind}, and only functions, classes and modules can be called.", "Leave the parentheses out."
    )


FAMILIES: Final = (
    Family("unexpected_keyword", "TypeError", r"([\w.]+)\(\) got an unexpected keyword argument '(\w+)'", keyword),
    Family("argument_count", "TypeError", r"([\w.]+)\(\) (?:missing \d+ required|takes .* positional argument)", count),
    Family("not_callable", "TypeError", r"'([\w.]+)' object is not callable", not_callable),
)
