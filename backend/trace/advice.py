"""What the most frequent errors mean and what to do about them, in a learner's words."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from backend.trace.denied import Advice, denied

_PATTERNS: Final[tuple[tuple[str, str, Advice], ...]] = (
    (
        "RuntimeError",
        r"grad can be implicitly created only for scalar outputs",
        (
            "backward() starts from one number, the loss. This tensor has several elements, so which one is meant?",
            "Reduce it to a scalar first (`.sum()` or `.mean()`), or say what to weigh each element with: "
            "`y.backward(torch.ones_like(y))`.",
        ),
    ),
    (
        "RuntimeError",
        r"Trying to backward through the graph a second time",
        (
            "backward() frees what the graph saved, to save memory, so the same graph can be used once.",
            "Compute the forward pass again before the second backward(), or keep the graph: "
            "`loss.backward(retain_graph=True)`.",
        ),
    ),
    (
        "RuntimeError",
        r"does not require grad and does not have a grad_fn",
        (
            "No tensor that this one was computed from requires a gradient, so there is no graph to go back through.",
            "Create the inputs with `requires_grad=True`, and compute outside `torch.no_grad()` and without "
            "`.detach()` or `.item()`.",
        ),
    ),
    (
        "RuntimeError",
        r"[Oo]nly Tensors of floating point (and complex )?dtype can require gradients",
        (
            "A gradient says what a small change does, and whole numbers have no small changes.",
            "Make it floating point: write `2.0` instead of `2`, or pass `dtype=torch.float32`.",
        ),
    ),
    (
        "RuntimeError",
        r"modified by an inplace operation",
        (
            "backward needs a value as it was in the forward pass, and an in-place operation (one ending in `_`, `+=`, "
            "or an assignment to a slice) has overwritten it.",
            "Use the operation that makes a new tensor: `x = x + 1` instead of `x += 1`.",
        ),
    ),
    (
        "RuntimeError",
        r"a leaf Variable that requires grad is being used in an in-place operation",
        (
            "autograd could not tell the old value of this leaf from the new one.",
            "If this is an update of a parameter, write it under `with torch.no_grad():`. Otherwise make a new tensor.",
        ),
    ),
    (
        "RuntimeError",
        r"mat1 and mat2 shapes cannot be multiplied|size mismatch|inconsistent tensor size|must be 2D|batch1",
        (
            "In `A @ B` the last dimension of A must equal the second to last of B: [n, k] @ [k, m] gives [n, m].",
            "Look at both shapes. Often one has to be transposed (`B.T`), or the layer's in_features must be the "
            "input's last dimension.",
        ),
    ),
    (
        "RuntimeError",
        r"The size of tensor a \(\d+\) must match the size of tensor b",
        (
            "Two shapes go together if, from the right, each pair of sizes is equal or one of them is 1 "
            "(broadcasting). These do not.",
            "Print both shapes; `unsqueeze`, `reshape` or `.T` brings the sizes that belong together under each other.",
        ),
    ),
    (
        "RuntimeError",
        r"shape '.*' is invalid for input of size",
        (
            "view and reshape keep the number of elements.",
            "The product of the new sizes must be the old one; `-1` in one place lets torch work it out.",
        ),
    ),
    (
        "RuntimeError",
        r"expected (?:m1 and m2|scalar type|both|all tensors|.*) .*(?:dtype|scalar type|type)",
        (
            "Two tensors of different types met in one operation.",
            "Convert one: `.float()`, `.long()`, or `.to(other.dtype)`.",
        ),
    ),
    (
        "IndexError",
        r"Dimension out of range",
        (
            "`dim` counts the dimensions from 0; negative ones count from the back.",
            "Compare `dim` with the tensor's number of dimensions, `x.ndim`.",
        ),
    ),
    (
        "IndexError",
        r"index out of range in self|out of bounds|out of range",
        (
            "An index points past the end.",
            "Indices go from 0 to size - 1. For an embedding, every index must be smaller than num_embeddings.",
        ),
    ),
    (
        "RuntimeError",
        r"can't start new thread|Resource temporarily unavailable",
        (
            "The sandbox does not start processes or many threads.",
            "Run it in the snippet's own thread; DataLoader works with num_workers=0.",
        ),
    ),
    (
        "AttributeError",
        r"cannot assign (module|parameters?) before Module.__init__\(\) call",
        (
            "nn.Module has to set itself up before it can hold layers.",
            "Make `super().__init__()` the first line of your `__init__`.",
        ),
    ),
    (
        "TypeError",
        r"can't convert np.ndarray|numpy\(\)",
        ("The tensor still belongs to a graph.", "Use `x.detach().numpy()`."),
    ),
    (
        "RecursionError",
        r"",
        ("A function called itself too often without coming to an end.", "Check the case in which it should stop."),
    ),
    (
        "EOFError",
        r"EOF when reading a line",
        ("input() waits for a keyboard, and the snippet has none.", "Write the value into the snippet: `x = 3`."),
    ),
    (
        "Exception",
        r"not compiled with CUDA|No CUDA GPUs|Found no NVIDIA|from the '(?:CUDA|MPS|XPU)' backend",
        (
            "There is no GPU here: tensors live on the CPU.",
            "Leave `.cuda()` and `device=` out, or choose the device with "
            '`device = "cuda" if torch.cuda.is_available() else "cpu"`.',
        ),
    ),
    (
        "RuntimeError",
        r"^ZeroDivisionError$",
        (
            "A tensor of whole numbers was divided by zero, and whole numbers have no infinity.",
            "Make it floating point, with `.float()`, or check the divisor.",
        ),
    ),
    (
        "ZeroDivisionError",
        r"",
        ("A plain Python number was divided by zero.", "Torch tensors give inf or nan instead; check the divisor."),
    ),
)

_UNAVAILABLE: Final[Mapping[str, str]] = {
    "torchvision": "Make images with torch.rand(3, H, W), and the model with torch.nn.",
    "matplotlib": "Leave it out: the page draws values, gradients and the loss by itself.",
    "seaborn": "Leave it out: the page draws values, gradients and the loss by itself.",
    "pandas": "Make the numbers in the snippet itself, with torch.tensor or numpy.",
    "sklearn": "Make the numbers in the snippet itself, for example with torch.randn.",
    "transformers": "Define the model in the snippet, for example with nn.TransformerEncoderLayer.",
    "tqdm": "Loop over the iterable itself.",
}
"""What to use instead of a package that is not installed."""


def advise(error: BaseException, namespace: Mapping[str, Any]) -> Advice:
    """Explanation and suggestion for an exception, as far as its family is known."""
    advice = denied(error)
    if advice != (None, None):
        return advice
    if isinstance(error, NameError):
        return _name_error(error, namespace)
    if isinstance(error, ImportError):
        return _import_error(error)
    text = str(error)
    names = {base.__name__ for base in type(error).__mro__}
    for kind_name, pattern, advice in _PATTERNS:
        if kind_name in names and re.search(pattern, text):
            return advice
    return None, None


def _name_error(error: NameError, namespace: Mapping[str, Any]) -> Advice:
    name = error.name or ""
    near = difflib.get_close_matches(name, [*namespace, "torch", "nn", "F", "math", "print", "range", "len"], n=1)
    if near and not near[0].startswith("__"):
        return f"Nothing is called {name!r} here.", f"Did you mean {near[0]!r}?"
    if name in sys.modules:
        return f"{name!r} is a module that was not imported.", f"Put `import {name}` at the top."
    return (
        f"Nothing is called {name!r} here.",
        f"Define it first, for example `{name} = torch.tensor(1.0, requires_grad=True)`.",
    )


def _import_error(error: ImportError) -> Advice:
    name = error.name or str(error)
    available = (
        "Available are torch, numpy and Python's standard library as far as it needs no files, network or processes."
    )
    if isinstance(error, ModuleNotFoundError):
        return f"{name!r} is not available here.", _UNAVAILABLE.get(name.split(".")[0], available)
    return f"{name!r} is there, but what is imported from it is not.", f"Check the spelling. {available}"
