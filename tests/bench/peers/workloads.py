"""The benchmark's snippets as what the other tools ask for: a module, and what it is called with."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch

SNIPPETS: Final = Path(__file__).parents[1] / "snippets"

NAMES: Final = (
    "w1_expression",
    "w3_ffn",
    "w4_encoder",
    "w5_gpt12",
    "w6_resnet50",
    "w7a_chain10k",
    "w7b_dag2k",
)


class Expression(torch.nn.Module):
    """w1."""

    def forward(self, a: torch.Tensor, b: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """The snippet's two lines."""
        return x * (a + b)


class Chain(torch.nn.Module):
    """w7a."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """10,000 ops one after the other."""
        y = x
        for _ in range(2500):
            y = y * 1.0001
            y = y + 0.01
            y = torch.sin(y)
            y = -y
        return y


class Dag(torch.nn.Module):
    """w7b."""

    def forward(self, *leaves: torch.Tensor) -> torch.Tensor:
        """2,000 ops, each of two earlier ones."""
        r = random.Random(0)
        v = list(leaves)
        used: set[int] = set()
        for _ in range(2000):
            m = len(v)
            j, k = m - 1 - min(m - 1, int(r.expovariate(0.1))), r.randrange(max(0, m - 60), m)
            used.update((j, k))
            op = r.choice((torch.minimum, torch.maximum, torch.atan2, lambda p, q: torch.lerp(p, q, 0.5)))
            v.append(op(v[j], v[k]))
        return torch.stack([v[i] for i in range(len(leaves), len(v)) if i not in used]).sum()


def _leaf(value: float) -> torch.Tensor:
    return torch.tensor(value, requires_grad=True)


_BY_HAND: Final[dict[str, Callable[[], tuple[torch.nn.Module, list[Any]]]]] = {
    "w1_expression": lambda: (Expression(), [_leaf(2.0), _leaf(3.0), _leaf(4.0)]),
    "w7a_chain10k": lambda: (Chain(), [_leaf(0.5)]),
    "w7b_dag2k": lambda: (Dag(), [_leaf(0.1 * (i + 1)) for i in range(4)]),
}


def workload(name: str) -> tuple[torch.nn.Module, list[Any]]:
    """The model of a snippet, and the arguments of its one call: `loss = model(…)`."""
    torch.manual_seed(0)
    if name in _BY_HAND:
        return _BY_HAND[name]()
    tree = ast.parse((SNIPPETS / f"{name}.py").read_text("utf-8"))
    *before, call, _backward = tree.body
    assert isinstance(call, ast.Assign)
    assert isinstance(call.value, ast.Call)
    namespace: dict[str, Any] = {"__name__": "workload"}
    exec(compile(ast.Module(before, []), name, "exec"), namespace)
    arguments = ast.Expression(ast.List(call.value.args, ast.Load()))
    return namespace["model"], eval(compile(ast.fix_missing_locations(arguments), name, "eval"), namespace)
