"""An expression as LaTeX. What is shown is what is computed: there is no second text that could say something else."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from backend.trace.rules.expression import parsed

_PLAIN_NAME = re.compile(r"[A-Za-z]\Z")

_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(5)
"""How tightly a term holds together."""

_FUNCTIONS: Final[Mapping[str, str]] = {
    "cos": r"\cos",
    "sin": r"\sin",
    "sinh": r"\sinh",
    "cosh": r"\cosh",
    "tanh": r"\tanh",
    "log": r"\ln",
    "sigmoid": r"\sigma",
    "sgn": r"\operatorname{sgn}",
}
_WRAPPED: Final[Mapping[str, str]] = {
    "exp": "e^{%s}",
    "sqrt": r"\sqrt{%s}",
    "rsqrt": r"\frac{1}{\sqrt{%s}}",
    "abs": "|%s|",
    "conj": r"\overline{%s}",
    "trunc": r"\operatorname{trunc}(%s)",
    "floor": r"\lfloor %s \rfloor",
}
_UNSEEN: Final = frozenset({"unsqueeze", "squeeze"})
"""What moves only the shape is left to the words."""
_COMPARED: Final[Mapping[type, str]] = {
    ast.Gt: ">",
    ast.GtE: r"\ge",
    ast.Lt: "<",
    ast.LtE: r"\le",
    ast.Eq: "=",
    ast.NotEq: r"\ne",
}


def symbol(names: Sequence[str], fallback: str) -> str:
    """A name as LaTeX: one letter as a variable, more of them as upright text."""
    name = names[0] if names else fallback
    if _PLAIN_NAME.match(name):
        return name
    escaped = name.replace("\\", "").replace("_", r"\_").replace("{", "").replace("}", "").replace("$", "")
    return rf"\text{{{escaped}}}"


@lru_cache(maxsize=4096)
def latex(text: str, symbols: tuple[tuple[str, str], ...], elementwise: frozenset[str]) -> str:
    """`text` with the names' symbols. `elementwise`: tensors with dims, whose product is written with a circle."""
    return _Writer(dict(symbols), elementwise).write(parsed(text), _SUM)


class _Writer:
    def __init__(self, symbols: dict[str, str], elementwise: frozenset[str]) -> None:
        self._symbols = symbols
        self._elementwise = elementwise

    def write(self, node: ast.expr, around: int) -> str:
        """LaTeX of a term; in parentheses where it holds together less tightly than what is around it."""
        text, strength = self._term(node)
        return text if strength >= around else rf"\left({text}\right)"

    def _term(self, node: ast.expr) -> tuple[str, int]:
        if isinstance(node, ast.Name):
            return self._symbols.get(node.id, rf"\text{{{_escaped(node.id)}}}"), _ATOM
        if isinstance(node, ast.Constant):
            return _constant(node.value), _ATOM if not _negative(node.value) else _SIGN
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.Compare):
            sign = _COMPARED[type(node.ops[0])]
            return rf"[\,{self.write(node.left, _SUM)} {sign} {self.write(node.comparators[0], _SUM)}\,]", _ATOM
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        return rf"\text{{{_escaped(ast.unparse(node))}}}", _ATOM

    def _binary(self, node: ast.BinOp) -> tuple[str, int]:
        op = node.op
        if isinstance(op, ast.Div):
            if any(isinstance(n, ast.Name) and n.id.startswith("grad") for n in ast.walk(node.left)):
                return (
                    rf"{self.write(node.left, _PRODUCT)} \cdot \frac{{1}}{{{self.write(node.right, _SUM)}}}",
                    _PRODUCT,
                )
            return rf"\frac{{{self.write(node.left, _SUM)}}}{{{self.write(node.right, _SUM)}}}", _ATOM
        if isinstance(op, ast.Pow):
            return f"{self.write(node.left, _ATOM)}^{{{self.write(node.right, _SUM)}}}", _POWER
        if isinstance(op, ast.Mult):
            sign = r"\odot" if self._has_dims(node.left) and self._has_dims(node.right) else r"\cdot"
            return f"{self.write(node.left, _PRODUCT)} {sign} {self.write(node.right, _POWER)}", _PRODUCT
        if isinstance(op, ast.MatMult):
            return rf"{self.write(node.left, _POWER)}\,{self.write(node.right, _POWER)}", _PRODUCT
        sign = "-" if isinstance(op, ast.Sub) else "+"
        return f"{self.write(node.left, _SUM)} {sign} {self.write(node.right, _PRODUCT)}", _SUM

    def _unary(self, node: ast.UnaryOp) -> tuple[str, int]:
        if isinstance(node.op, ast.Invert):
            return rf"\lnot {self.write(node.operand, _ATOM)}", _SIGN
        return f"-{self.write(node.operand, _PRODUCT)}", _SIGN

    def _attribute(self, node: ast.Attribute) -> tuple[str, int]:
        if node.attr in ("mT", "T"):
            return f"{self.write(node.value, _ATOM)}^{{\\top}}", _POWER
        return rf"\text{{{_escaped(ast.unparse(node))}}}", _ATOM

    def _subscript(self, node: ast.Subscript) -> tuple[str, int]:
        place = node.slice
        if isinstance(place, ast.Tuple) and any(isinstance(p, ast.Constant) and p.value is None for p in place.elts):
            return self._term(node.value)
        whole = ast.unparse(node)
        return self._symbols.get(whole, rf"{self.write(node.value, _ATOM)}[{_escaped(ast.unparse(place))}]"), _ATOM

    def _call(self, node: ast.Call) -> tuple[str, int]:
        function = node.func
        if not isinstance(function, ast.Attribute):
            return self._plain(node, ast.unparse(function), [])
        if isinstance(function.value, ast.Name) and function.value.id in ("torch", "F"):
            return self._torch(node, function.attr)
        if isinstance(function.value, ast.Attribute):
            root = ast.unparse(function.value)
            if root.startswith("torch."):
                return self._plain(node, function.attr, [])
        return self._method(node, function.attr, function.value)

    def _torch(self, node: ast.Call, name: str) -> tuple[str, int]:
        if name == "where":
            test, yes, no = node.args
            cases = f"{self.write(yes, _SUM)} & {self.write(test, _SUM)} \\\\ {self.write(no, _SUM)} & \\text{{else}}"
            return rf"\begin{{cases}} {cases} \end{{cases}}", _ATOM
        if name == "zeros_like":
            return r"\mathbf{0}", _ATOM
        return self._plain(node, name, [])

    def _method(self, node: ast.Call, name: str, value: ast.expr) -> tuple[str, int]:
        if name in _FUNCTIONS:
            text, strength = self._term(value)
            return rf"{_FUNCTIONS[name]} {text}" if strength == _ATOM and name != "sigmoid" else (
                rf"{_FUNCTIONS[name]}\left({text}\right)"
            ), _POWER
        if name in _WRAPPED:
            return _WRAPPED[name] % self.write(value, _SUM), _ATOM
        if name in _UNSEEN:
            return self._term(value)
        if name == "t":
            return f"{self.write(value, _ATOM)}^{{\\top}}", _POWER
        if name == "expand":
            return rf"{self.write(value, _PRODUCT)} \cdot \mathbf{{1}}", _PRODUCT
        if name == "sum":
            return self._sum(node, value), _PRODUCT
        if name == "outer":
            return rf"{self.write(value, _POWER)}\,{self.write(node.args[0], _ATOM)}^{{\top}}", _PRODUCT
        return self._plain(node, name, [value])

    def _sum(self, node: ast.Call, value: ast.expr) -> str:
        dims = f"_{{\\text{{dim {_escaped(ast.unparse(node.args[0]))}}}}}" if node.args else ""
        return rf"\textstyle\sum{dims} {self.write(value, _PRODUCT)}"

    def _plain(self, node: ast.Call, name: str, first: list[ast.expr]) -> tuple[str, int]:
        arguments = [self.write(a, _SUM) for a in (*first, *node.args)]
        listed = r",\,".join(arguments)
        return rf"\operatorname{{{_escaped(name)}}}({listed})", _ATOM

    def _has_dims(self, node: ast.expr) -> bool:
        return any(isinstance(n, ast.Name) and n.id in self._elementwise for n in ast.walk(node))


def _constant(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) != float("inf") else (r"\infty" if value > 0 else r"-\infty")
    return str(value) if isinstance(value, int) else rf"\text{{{_escaped(str(value))}}}"


def _negative(value: Any) -> bool:
    return isinstance(value, (int, float)) and value < 0


def _escaped(text: str) -> str:
    return text.replace("\\", "").replace("_", r"\_").replace("{", "").replace("}", "").replace("$", "")
