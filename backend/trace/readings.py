"""Numbers that the snippet prints, with the words that they are printed under.

A learner who prints `acc 0.93` in a loop wants to see how it runs, and need not give it a name for that. Text is all
there is to go by: `print` has made it of whatever it was given. Where that says numbers only, the call itself is read.
"""

from __future__ import annotations

import ast
import re
from typing import Final

_NUMBER: Final = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf)"
_WORD: Final = r"[^\W\d_][\w/.%-]*"
_READING: Final = re.compile(
    rf"(?<![\w.])(?P<label>{_WORD}(?:[ ]{_WORD})?)[ ]*[:=|]?[ ]*(?:tensor\()?"
    rf"(?<!\w)(?P<number>{_NUMBER})(?![\w.]*\w)(?!,[ ]*\d)"
)
"""`loss 0.5`, `val loss: 0.5`, `acc=93.2%`, `loss tensor(0.5, grad_fn=…)`; not the `2` of `1/2` or of `[1, 2]`."""

_BARE: Final = re.compile(rf"(?:tensor\()?({_NUMBER})(?:(?:, \w+=[^)]*)?\))?")
_COUNTS: Final = frozenset({"batch", "epoch", "it", "iter", "iteration", "step"})
"""Where in the run it is: that is told as loop variables are."""

_LABEL_LIMIT: Final = 40


class Readings:
    """Reads the rows that the snippet with that syntax tree prints."""

    def __init__(self, tree: ast.AST) -> None:
        self._calls: dict[int, list[str]] = {}
        """Line of a `print` -> what it is called with."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                self._calls[node.lineno] = [_label(part) for argument in node.args for part in _parts(argument)]

    def read(self, row: str, line: int | None) -> dict[str, float]:
        """Label -> number, of one row that `line` printed."""
        row = row.strip()
        bare = [_BARE.fullmatch(part) for part in re.split(r"\s+(?![^(]*\))", row)]
        if all(bare):
            return self._bare([float(found[1]) for found in bare if found is not None], line)
        return {
            found["label"][:_LABEL_LIMIT]: float(found["number"])
            for found in _READING.finditer(row)
            if found["label"].lower() not in _COUNTS
        }

    def _bare(self, numbers: list[float], line: int | None) -> dict[str, float]:
        """A row of numbers: each has the label of the expression that gave it, if there is one for each."""
        written = self._calls.get(line or 0, [])
        if len(written) == len(numbers):
            return {label: n for label, n in zip(written, numbers, strict=True) if not label.startswith("__")}
        return {f"line {line}": numbers[0]} if len(numbers) == 1 and line is not None else {}


def _parts(argument: ast.expr) -> list[ast.expr]:
    """What `print` writes for one argument: each `{…}` of an f-string on its own."""
    if not isinstance(argument, ast.JoinedStr):
        return [argument]
    return [part.value for part in argument.values if isinstance(part, ast.FormattedValue)]


def _label(expression: ast.expr) -> str:
    return ast.unparse(expression).removesuffix(".item()")[:_LABEL_LIMIT]
