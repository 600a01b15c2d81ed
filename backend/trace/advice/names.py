"""Names, attributes and imports that do not exist, and the near ones that do."""

from __future__ import annotations

import ast
import builtins
import difflib
import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

import torch

from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family
from backend.trace.advice.missing import nothing

_IMPORTS: Final[Mapping[str, str]] = {
    "np": "import numpy as np",
    "optim": "import torch.optim as optim",
    "Tensor": "from torch import Tensor",
    "Variable": "from torch.autograd import Variable",
    "Parameter": "from torch.nn import Parameter",
    "DataLoader": "from torch.utils.data import DataLoader",
    "TensorDataset": "from torch.utils.data import TensorDataset",
    "Dataset": "from torch.utils.data import Dataset",
    "functional": "import torch.nn.functional as functional",
    "dataclass": "from dataclasses import dataclass",
    "defaultdict": "from collections import defaultdict",
    "Counter": "from collections import Counter",
    "partial": "from functools import partial",
    "deepcopy": "from copy import deepcopy",
}
"""What a name that everybody uses is imported by."""

_ALIASES: Final[Mapping[str, str]] = {
    "plt": "matplotlib",
    "pd": "pandas",
    "sns": "seaborn",
    "tqdm": "tqdm",
    "tf": "tensorflow",
}

_UNAVAILABLE: Final[Mapping[str, str]] = {
    "torchvision": "Make images with torch.rand(3, H, W), and the model with torch.nn.",
    "matplotlib": "Leave it out: the page draws values, gradients and the loss by itself.",
    "seaborn": "Leave it out: the page draws values, gradients and the loss by itself.",
    "pandas": "Make the numbers in the snippet itself, with torch.tensor or numpy.",
    "sklearn": "Make the numbers in the snippet itself, for example with torch.randn.",
    "scipy": "Use torch.linalg, torch.special and numpy.",
    "tensorflow": "Write it with torch: torch.nn has the layers, torch.optim the optimizers.",
    "transformers": "Define the model in the snippet, for example with nn.TransformerEncoderLayer.",
    "tqdm": "Loop over the iterable itself.",
}
"""What to use instead of a package that is not installed."""

_AVAILABLE: Final = (
    "Available are torch, numpy and Python's standard library as far as it needs no files, network or processes."
)


_TORCH: Final = (("torch", torch), ("nn", torch.nn), ("F", torch.nn.functional), ("torch.optim", torch.optim))
"""Where a name without its module is looked for."""


def name_error(failure: Failure, match: re.Match[str]) -> Advice:
    """A name that nothing has."""
    name = match.group(1)
    if "referenced before assignment" in failure.message or "cannot access local variable" in failure.message:
        return Advice(
            f"`{name}` gets a value somewhere in this function, so Python takes it for the function's own, and here "
            "it has "
            "none yet.",
            f"Give `{name}` a value before this line, or another name to the one inside the function.",
        )
    statement = _IMPORTS.get(name)
    if statement is None and name in sys.modules and name not in _ALIASES:
        statement = f"import {name}"
    if statement is not None:
        return Advice(
            f"`{name}` was not imported.",
            f"Put `{statement}` at the top.",
            [],
            [failure.text.insert(1, statement, f"{statement}, at the top", indent=0)],
        )
    if name in _ALIASES:
        package = _ALIASES[name]
        return Advice(f"`{name}` was not imported, and {package} is not available here.", _UNAVAILABLE[package])
    own = difflib.get_close_matches(name, [k for k in failure.scope if not k.startswith("_")], n=1, cutoff=0.75)
    at_torch = next((f"{k}.{name}" for k, m in _TORCH if callable(getattr(m, name, None)) and not own), None)
    if at_torch is not None:
        return Advice(
            f"Nothing is called `{name}` here; torch has it.", f"Write `{at_torch}`.", [], _replace(failure, at_torch)
        )
    near = _near(name, [*failure.scope, *dir(builtins)])
    if near is None:
        return Advice(
            f"Nothing is called `{name}` here.",
            f"Define it in a line above: `{name} = torch.tensor(1.0, requires_grad=True)`, or whatever it should be.",
        )
    return Advice(f"Nothing is called `{name}` here.", f"Did you mean `{near}`?", [], _replace(failure, near))


def _replace(failure: Failure, code: str) -> list[Any]:
    return failure.replaced(code) if isinstance(failure.node, ast.Name) else []


def _near(name: str, known: Iterable[str]) -> str | None:
    """The most similar name, letters' case aside; none of Python's inner ones."""
    candidates = [k for k in known if not k.startswith("_")]
    same = [k for k in candidates if k.lower() == name.lower()]
    if same:
        return same[0]
    found = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6 if len(name) > 3 else 0.66)
    return found[0] if found else None


def attribute(failure: Failure, match: re.Match[str]) -> Advice | None:
    """An attribute that a module, a tensor or an object does not have."""
    error = failure.error
    assert isinstance(error, AttributeError)
    owner, name = error.obj, match.group(1)
    node = failure.node
    text = failure.text.of(node.value) if isinstance(node, ast.Attribute) else None
    if owner is None:
        owner, text = _owner(failure, node), text
    special = _special(failure, owner, name, text or "x")
    if special is not None:
        return special
    known = _attributes(owner)
    near = _near(name, known)
    what = _called(owner)
    if near is not None:
        code = f"{text}.{near}" if text is not None else near
        fixes = failure.replaced(code) if isinstance(node, ast.Attribute) and node.attr == name else []
        return Advice(f"{what} has no `{name}`.", f"Did you mean `{code}`?", [], fixes)
    own = list(vars(owner).get("_modules", {})) if isinstance(owner, torch.nn.Module) else []
    more = f" It has: {', '.join(own)}." if own else ""
    hint = (
        "Set it in `__init__`, or check the spelling." if isinstance(owner, torch.nn.Module) else "Check the spelling."
    )
    return Advice(f"{what} has no `{name}`.{more}", hint)


def _owner(failure: Failure, node: ast.AST | None) -> Any:
    if not isinstance(node, ast.Attribute):
        return None
    if isinstance(node.value, ast.Name):
        return failure.scope.get(node.value.id)
    if re.search(r"module '([\w.]+)'", failure.message):
        return sys.modules.get(re.findall(r"module '([\w.]+)'", failure.message)[0])
    return None


def _attributes(owner: Any) -> list[str]:
    if isinstance(owner, torch.nn.Module):
        held = vars(owner)
        return [
            *held.get("_modules", {}),
            *held.get("_parameters", {}),
            *held.get("_buffers", {}),
            *dir(type(owner)),
            *held,
        ]
    return dir(owner) if inspect.ismodule(owner) or isinstance(owner, torch.Tensor) else dir(type(owner))


def _called(owner: Any) -> str:
    if inspect.ismodule(owner):
        return owner.__name__
    return "A tensor" if isinstance(owner, torch.Tensor) else f"{type(owner).__name__}"


def _special(failure: Failure, owner: Any, name: str, text: str) -> Advice | None:
    if owner is None and "NoneType" in failure.message:
        node = failure.node
        return nothing(failure, node.value if isinstance(node, ast.Attribute) else None, f"`{text}` is None.")
    if inspect.isroutine(owner):
        return _uncalled(failure, owner, name, text)
    if name == "backward" and isinstance(owner, (int, float)):
        return Advice(
            f"`{text}` is a plain Python number: it has no graph to go back through. `.item()` and float() take a "
            "number out "
            "of torch for good.",
            "Call backward on the tensor, before `.item()`; for example `loss = (w * 2).sum()`, `loss.backward()`.",
        )
    if name == "backward" and isinstance(owner, torch.nn.Module):
        return _loss_function(failure, text)
    if name == "append" and isinstance(owner, torch.Tensor):
        return Advice("A tensor has a fixed size.", f"Make a longer one: `torch.cat([{text}, torch.tensor([3.0])])`.")
    if name == "data" or not isinstance(owner, (tuple, list)):
        return None
    return Advice(
        f"`{text}` is a {type(owner).__name__} of {len(owner)} parts, not a tensor.",
        f"Take the part that you want: `{text}[0]`.",
        [],
        failure.replaced(f"{text}[0].{name}") if owner and hasattr(owner[0], name) else [],
    )


def _uncalled(failure: Failure, owner: Any, name: str, text: str) -> Advice:
    """`loss = x.sum` and then `loss.backward()`: a method that was not called."""
    method = getattr(owner, "__name__", text)
    for node in ast.walk(failure.text.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute) and node.value.attr == method:
            code = f"{failure.text.of(node.value)}()"
            return Advice(
                f"`{text}` is the function `{method}` itself, not what it returns: line {node.lineno} does not call "
                "it.",
                f"Call it, with parentheses: `{code}`.",
                [],
                [failure.text.fix([(node.value, code)], f"{code}, in line {node.lineno}")],
            )
    code = f"{text}().{name}"
    return Advice(
        f"`{text}` is a function, and was not called.",
        f"Call it first, with parentheses: `{code}`.",
        [],
        failure.replaced(code) if isinstance(failure.node, ast.Attribute) and failure.node.attr == name else [],
    )


def _loss_function(failure: Failure, text: str) -> Advice:
    """`loss.backward()` where loss is an nn.MSELoss: a class was given what its object takes."""
    fact = f"`{text}` is the loss function, not the loss."
    made = next(
        (
            s.value
            for s in ast.walk(failure.text.tree)
            if isinstance(s, ast.Assign)
            and [failure.text.of(t) for t in s.targets] == [text]
            and isinstance(s.value, ast.Call)
            and s.value.args
        ),
        None,
    )
    if made is None:
        return Advice(
            fact,
            f"Call it, and go back from what it returns: `loss = {text}(prediction, target)`, `loss.backward()`.",
        )
    function = failure.text.of(made.func)
    # `loss_fn = nn.MSELoss`, somewhere above: the parentheses belong there
    plain = next(
        (
            s.value
            for s in ast.walk(failure.text.tree)
            if isinstance(s, ast.Assign)
            and [failure.text.of(t) for t in s.targets] == [function]
            and isinstance(s.value, ast.Name | ast.Attribute)
        ),
        made.func,
    )
    code = f"{failure.text.of(plain)}()"
    return Advice(
        f"{fact} `{function}` is a class: calling it in line {made.lineno} made a loss function, and took the tensors "
        "for its settings.",
        f"Make the loss function first, then call it: `{code}` in line {plain.lineno}.",
        [],
        [failure.text.fix([(plain, code)], f"{code}, in line {plain.lineno}")],
    )


def import_error(failure: Failure, _match: re.Match[str]) -> Advice:
    """A package that is not there, or a name that it does not have."""
    error = failure.error
    assert isinstance(error, ImportError)
    name = error.name or str(error)
    if isinstance(error, ModuleNotFoundError):
        root = name.split(".")[0]
        near = _near(root, ["torch", "numpy", "math", "random", "collections", "itertools", "functools", "dataclasses"])
        if near is not None and root not in _UNAVAILABLE and near != root:
            return Advice(f"{name!r} is not available here.", f"Did you mean `import {near}`? {_AVAILABLE}")
        return Advice(f"{name!r} is not available here.", _UNAVAILABLE.get(root, _AVAILABLE))
    wanted = re.findall(r"cannot import name '(\w+)'", failure.message)
    near = _near(wanted[0], dir(sys.modules[name])) if wanted and name in sys.modules else None
    meant = f"Did you mean `{near}`? " if near else ""
    return Advice(
        f"{name!r} is there, but what is imported from it is not.", f"{meant}Check the spelling. {_AVAILABLE}"
    )


FAMILIES: Final = (
    Family("unknown_name", "NameError", r"(?:name|variable) '(\w+)'", name_error),
    Family("unknown_attribute", "AttributeError", r"has no attribute '(\w+)'", attribute),
    Family("import", "ImportError", r"", import_error),
)
