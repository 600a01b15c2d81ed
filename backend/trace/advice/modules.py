"""Writing modules and giving them to optimizers."""

from __future__ import annotations

import ast
import difflib
import re
from typing import Any, Final

import torch

from backend.trace.advice.expression import called
from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family


def no_init(failure: Failure, _match: re.Match[str]) -> Advice:
    """super().__init__() was forgotten."""
    name, fixes = "Your class", []
    for kind in _classes(failure):
        init = next((s for s in kind.body if isinstance(s, ast.FunctionDef) and s.name == "__init__"), None)
        covers = failure.line is not None and kind.lineno <= failure.line <= (kind.end_lineno or 0)
        named = kind.name in re.findall(r"\w+", failure.message)
        if init is None or not (covers or named) or "super().__init__" in ast.unparse(init):
            continue
        name = f"`{kind.name}`"
        first = init.body[0]
        line = first.lineno
        if line > init.lineno:
            fixes = [failure.text.insert(line, "super().__init__()", f"super().__init__(), before line {line}")]
    return Advice(
        f"{name} is an nn.Module, and a module has to set itself up before it can hold layers or be called.",
        "Make `super().__init__()` the first line of its `__init__`.",
        [],
        fixes,
    )


def _classes(failure: Failure) -> list[ast.ClassDef]:
    return [node for node in ast.walk(failure.text.tree) if isinstance(node, ast.ClassDef)]


def no_forward(failure: Failure, match: re.Match[str]) -> Advice:
    """A module without forward, or with one that is called otherwise."""
    name = match.group(1)
    kind = next((k for k in _classes(failure) if k.name == name), None)
    methods = [s for s in kind.body if isinstance(s, ast.FunctionDef)] if kind is not None else []
    near = difflib.get_close_matches("forward", [m.name for m in methods], n=1, cutoff=0.6)
    fixes = []
    if near:
        method = next(m for m in methods if m.name == near[0])
        here = failure.text.lines[method.lineno - 1].decode(errors="replace")
        code = here.replace(f"def {near[0]}", "def forward", 1)
        fixes = [_line(method.lineno, code, "def forward")]
        suggestion = f"`{near[0]}` in line {method.lineno} should probably be called `forward`."
    else:
        nested = [n for m in methods for n in ast.walk(m) if isinstance(n, ast.FunctionDef) and n.name == "forward"]
        suggestion = (
            f"`forward` in line {nested[0].lineno} stands inside another method: move it to the left, under the class."
            if nested
            else "Write `def forward(self, x):` in the class, and return the result in it."
        )
    return Advice(
        f"Calling a module calls its method `forward`, and `{name}` has none.",
        suggestion,
        [],
        fixes,
    )


def _line(line: int, code: str, label: str) -> Any:
    from backend.wire.messages import FixRecord

    return FixRecord(line=line, end_line=line, code=code, label=label)


def plain_parameter(failure: Failure, match: re.Match[str]) -> Advice:
    """A tensor where a Parameter is."""
    name = match.group(1)
    statement = failure.text.statement(failure.line or 0)
    fixes = []
    code = "nn.Parameter(…)"
    if isinstance(statement, ast.Assign):
        value = failure.text.of(statement.value)
        code = f"{failure.text.of(statement.targets[0])} = nn.Parameter({value})"
        fixes = [failure.text.fix([(statement, code)], code)]
    return Advice(
        f"`{name}` is a parameter of this module, which the optimizer and state_dict know. A plain tensor cannot "
        "take its "
        "place.",
        f"Wrap it: `{code}`. To change the values and keep the parameter, use `copy_` under `torch.no_grad()`.",
        [],
        fixes,
    )


def sequential(failure: Failure, _match: re.Match[str]) -> Advice:
    """nn.Sequential([…])."""
    node = failure.node
    fixes = []
    code = "nn.Sequential(*layers)"
    if isinstance(node, ast.Call) and len(node.args) == 1:
        code = f"{failure.text.of(node.func)}(*{failure.text.of(node.args[0])})"
        fixes = failure.replaced(code)
    return Advice(
        "nn.Sequential takes the layers one by one, not a list of them.",
        f"Unpack the list with a star: `{code}`.",
        [],
        fixes,
    )


def empty(failure: Failure, _match: re.Match[str]) -> Advice:
    """An optimizer of nothing."""
    node = failure.node
    given = failure.text.of(node.args[0]) if isinstance(node, ast.Call) and node.args else "what it was given"
    if given.endswith(".parameters()"):
        model = given.removesuffix(".parameters()")
        near = _almost(failure.scope.get(model))
        if near is not None:
            return Advice(f"`{model}` has no parameters. {near[0]}", near[1])
        return Advice(
            f"`{model}` has no parameters. Layers count only when they are attributes of the module: in a plain list "
            "or a "
            "dict they are not found; and parameters() can be walked through only once.",
            "Make the layers attributes in `__init__`, or keep them in an `nn.ModuleList`.",
        )
    return Advice(
        f"An optimizer needs something to change, and `{given}` is empty. A generator such as parameters() is empty "
        "once it "
        "has been walked through.",
        "Give it `model.parameters()`, or a list of leaves that require a gradient: `[w, b]`.",
    )


def _almost(model: Any) -> tuple[str, str] | None:
    """What a module holds that would be parameters if it were held otherwise, and what to do."""
    if not isinstance(model, torch.nn.Module):
        return None
    for name, held in vars(model).items():
        if isinstance(held, torch.Tensor) and held.requires_grad:
            what = "a tensor that requires a gradient" if held.is_leaf else "the result of a computation"
            return (
                f"`self.{name}` is {what}, and only an nn.Parameter counts: `nn.Parameter(…) * 0.1` is none any more.",
                f"Compute first and wrap last: `self.{name} = nn.Parameter(… * 0.1)`.",
            )
        inside = held.values() if isinstance(held, dict) else held if isinstance(held, list | tuple) else ()
        if not name.startswith("_") and any(isinstance(item, torch.nn.Module) for item in inside):
            kind, wanted = type(held).__name__, "nn.ModuleDict" if isinstance(held, dict) else "nn.ModuleList"
            return (
                f"`self.{name}` is a plain {kind}: the layers in it are not found.",
                f"Keep them in an {wanted}: `self.{name} = {wanted}(…)`.",
            )
    return None


def not_leaf(failure: Failure, _match: re.Match[str]) -> Advice:
    """An optimizer of a computed tensor."""
    held = _computed(failure)
    names = ", ".join(f"`{n}`" for n, _ in held)
    fixes, code = [], "w = (torch.randn(3) * 0.1).requires_grad_()"
    for name, tensor in held[:1]:
        line = failure.made_at(tensor)
        statement = failure.text.statement(line) if line is not None else None
        if isinstance(statement, ast.Assign):
            code = f"{name} = ({failure.text.of(statement.value)}).detach().requires_grad_()"
            fixes = [failure.text.fix([(statement, code)], f"{code}, in line {line}")]
    return Advice(
        f"An optimizer changes leaves, tensors that were not computed. {names or 'One of these'} was computed from "
        "another "
        "tensor (it has a grad_fn).",
        f"Make it a leaf: first compute, then `requires_grad_()`: `{code}`.",
        [failure.operand(t, n) for n, t in held],
        fixes,
    )


def _computed(failure: Failure) -> list[tuple[str, torch.Tensor]]:
    node = failure.node
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} if node is not None else set()
    scope = failure.scope
    return [(n, scope[n]) for n in sorted(names) if isinstance(scope.get(n), torch.Tensor) and not scope[n].is_leaf]


def optimizer_of(failure: Failure, match: re.Match[str]) -> Advice | None:
    """A module or a tensor where the list of parameters belongs."""
    node = failure.node
    if not isinstance(node, ast.Call) or not node.args:
        return None
    kind = getattr(torch.optim, called(node), None)
    if not (isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)):
        return None
    given = failure.text.of(node.args[0])
    single = "iterable of Tensors" in failure.message
    code = f"[{given}]" if single else f"{failure.text.as_operand(node.args[0])}.parameters()"
    if match.group(0).startswith(("'method'", "'function'")):
        code = f"{given}()"
    what = "one tensor" if single else f"a {match.group(1)}"
    return Advice(
        f"An optimizer takes the list of what it should change, and `{given}` is {what}.",
        f"Give it `{code}`.",
        [],
        [failure.text.fix([(node.args[0], code)], failure.text.reading(node, [(node.args[0], code)]))],
    )


def setting(_failure: Failure, match: re.Match[str]) -> Advice:
    """A learning rate below zero, a beta of 1."""
    what, given = match.group(1).removesuffix(" value"), match.group(2)
    if what.startswith("beta"):
        return Advice(
            f"A beta says how much of the running average is kept in each step: from 0 to just below 1, not {given}.",
            "The usual ones are `betas=(0.9, 0.999)`.",
        )
    return Advice(
        f"The {what} cannot be below zero, and it is {given}.",
        "Use a small positive number such as 0.1 or 0.001; to go uphill, say `maximize=True`."
        if what == "learning rate"
        else "Use zero or a small positive number.",
    )


def requires_grad_of_computed(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """requires_grad = False on what has a grad_fn."""
    call = failure.call
    x = call.tensors[0] if call is not None and call.tensors else None
    if not isinstance(x, torch.Tensor):
        return None
    node = failure.node
    name = failure.text.of(node.value) if isinstance(node, ast.Attribute) else failure.name_of(x) or "x"
    code = f"{name} = {name}.detach()"
    statement = failure.text.statement(failure.line or 0)
    fixes = (
        [failure.text.fix([(statement, code)], code)]
        if isinstance(statement, ast.Assign) and name.isidentifier()
        else []
    )
    return Advice(
        f"`{name}` was computed ({x.grad_fn.name() if x.grad_fn is not None else 'no leaf'}): whether it requires a "
        "gradient "
        "follows from what it was computed from. Only leaves can be switched.",
        f"To go on without its history, cut it off: `{code}`.",
        [failure.operand(x, name)],
        fixes,
    )


def state_dict(failure: Failure, match: re.Match[str]) -> Advice:
    """load_state_dict of another architecture."""
    sizes = re.search(r"size mismatch for ([\w.]+):.*?Size\((\[.*?\])\).*?Size\((\[.*?\])\)", failure.message)
    if sizes is not None:
        return Advice(
            f"The values for `{sizes.group(1)}` have shape {sizes.group(2)}, the module's parameter "
            f"{sizes.group(3)}: they come "
            "from a model of other sizes.",
            "Make the model with the sizes that the values were saved with.",
        )
    keys = re.findall(r'"([\w.]+)"', failure.message)
    return Advice(
        f"The names do not match those of {match.group(1)}: {', '.join(keys[:6])}.",
        "The keys are those of `model.state_dict()`: the path of each parameter. `strict=False` loads those that "
        "match.",
    )


FAMILIES: Final = (
    Family(
        "module_init",
        "AttributeError",
        r"before Module\.__init__\(\) call|"
        r"no attribute '_(?:(?:backward|forward)_(?:pre_)?hooks|modules|parameters|buffers)'",
        no_init,
    ),
    Family("module_forward", "NotImplementedError", r'Module \[(\w+)\] is missing the required "forward"', no_forward),
    Family("plain_parameter", "TypeError", r"cannot assign '.*' as parameter '(\w+)'", plain_parameter),
    Family("sequential_list", "TypeError", r"list is not a Module subclass", sequential),
    Family("optimizer_empty", "ValueError", r"optimizer got an empty parameter list", empty),
    Family(
        "optimizer_setting",
        "ValueError",
        r"Invalid (learning rate|momentum value|weight_decay value|epsilon value|beta parameter at index \d): (\S+)",
        setting,
    ),
    Family("optimizer_not_leaf", "ValueError", r"can't optimize a non-leaf Tensor", not_leaf),
    Family(
        "optimizer_argument",
        "TypeError",
        r"'(\w+)' object is not iterable|(iterable) of Tensors or dicts",
        optimizer_of,
    ),
    Family(
        "requires_grad_of_computed",
        "RuntimeError",
        r"you can only change requires_grad flags of leaf",
        requires_grad_of_computed,
    ),
    Family("state_dict", "RuntimeError", r"Error\(s\) in loading state_dict for (\w+)", state_dict),
)
