"""What a rule is made of, and what it may know of the op that it is asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Given:
    """One op, as a rule sees it: what it was called with."""

    arguments: Mapping[str, Any]
    """Everything that is not a tensor, defaults included."""
    shapes: Mapping[str, tuple[int, ...]]
    """Of each tensor input, by its name: "self", "tensors[1]"."""
    outputs: tuple[tuple[int, ...], ...]
    input: str
    """The input that the gradient is wanted of."""

    def __getitem__(self, name: str) -> Any:
        """The plain argument of that name, or None."""
        return self.arguments.get(name)

    @property
    def place(self) -> int:
        """Which one of a list of tensors: 1 for "tensors[1]"."""
        return int(self.input.partition("[")[2].rstrip("]") or 0)

    def dims(self, name: str = "dim", of: str = "self") -> list[int]:
        """The dims of that argument, counted from the front and in order; all of them where it is None or empty."""
        rank = len(self.shapes[of])
        dim = self.arguments.get(name)
        given = list(range(rank)) if dim is None or dim == [] else [dim] if isinstance(dim, int) else list(dim)
        return sorted(d % rank if rank else 0 for d in given)

    def dim(self, name: str = "dim", of: str = "self") -> int:
        """One dim, counted from the front."""
        return self.dims(name, of)[0] if self.shapes[of] else 0

    def size(self, of: str = "self") -> int:
        """The number of elements."""
        count = 1
        for length in self.shapes[of]:
            count *= length
        return count


Expression = str | Callable[[Given], str | None]
"""torch code in the names of grad, the inputs, the arguments and result, result1 …; None: not written down."""


Told = str | Callable[[Given], str]
"""Words or LaTeX, where it depends on how the op was called what they say."""


@dataclass(frozen=True)
class Rule:
    """The rule for one input. `latex`, with names in braces, where the expression's own would be hard to read."""

    expression: Expression
    words: Told
    latex: Told | None = None


@dataclass(frozen=True)
class Entry:
    """All rules of one entry of derivatives.yaml."""

    rules: Mapping[str, Rule]
    broadcasts: bool = False
    """The inputs are broadcast against each other: what is too much is summed."""


def entry(**rules: tuple[Expression, Told] | tuple[Expression, Told, Told]) -> Entry:
    """An entry whose gradients have the shapes of their inputs by themselves."""
    return Entry({name: Rule(*rule) for name, rule in rules.items()})


def broadcasting(**rules: tuple[Expression, Told] | tuple[Expression, Told, Told]) -> Entry:
    """An entry of an elementwise op with several inputs."""
    return Entry({name: Rule(*rule) for name, rule in rules.items()}, broadcasts=True)


def back(expression: str, given: Given, *, name: str = "dim", of: str = "self") -> str:
    """`expression`, which lacks the reduced dims, with a dim of size 1 in the place of each."""
    if given["keepdim"] or not given.shapes[of]:
        return expression
    return expression + "".join(f".unsqueeze({dim})" for dim in given.dims(name, of))


Table = dict[str, Entry]
