"""A family of errors: how it is recognised, and who explains it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from backend.trace.advice.failure import Advice, Failure

Explain = Callable[[Failure, "re.Match[str]"], Advice | None]


@dataclass(frozen=True)
class Family:
    """Errors of `kind` (a class name, or that of a base) whose message matches `pattern`.

    `explain` answers None where it turns out to be another family.
    """

    name: str
    kind: str
    pattern: str
    explain: Explain

    def advice(self, failure: Failure) -> Advice | None:
        """What to say, if the error is of this family."""
        if all(base.__name__ != self.kind for base in type(failure.error).__mro__):
            return None
        match = re.search(self.pattern, failure.message, re.DOTALL)
        return None if match is None else self.explain(failure, match)


def plain(explanation: str, suggestion: str) -> Explain:
    """The same words for every member of a family."""
    return lambda _failure, _match: Advice(explanation, suggestion)


def shape(what: Any) -> str:
    """A shape as torch prints it: `[2, 3]`."""
    return f"[{', '.join(map(str, what.shape if isinstance(what, torch.Tensor) else what))}]"


def dtype(tensor: torch.Tensor) -> str:
    """A type without "torch.": `float32`."""
    return str(tensor.dtype).removeprefix("torch.")


def product(sizes: Sequence[int]) -> str:
    """What the sizes come to: `2 × 3 = 6`; one size alone is itself."""
    return f"{' × '.join(map(str, sizes))} = {math.prod(sizes)}" if len(sizes) > 1 else str(math.prod(sizes))


def count(number: int, what: str) -> str:
    """A number with its noun: `1 channel`, `3 channels`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def attempt(function: Callable[..., Any], *tensors: torch.Tensor) -> torch.Tensor | None:
    """What a function gives for tensors of these shapes and types, computed without values; None if it fails."""
    try:
        out = function(*(torch.empty(t.shape, dtype=t.dtype, device="meta") for t in tensors))
    except (RuntimeError, IndexError, ValueError, TypeError):
        return None
    return out if isinstance(out, torch.Tensor) else None
