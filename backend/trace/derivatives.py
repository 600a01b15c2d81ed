"""The derivative rule of each op, for each input, in words and in LaTeX.

The rules are those of torch's own `derivatives.yaml` (in the wheel: torchgen/packaged/autograd/derivatives.yaml);
`source` names the entry. `G` stands for the gradient that entered the node. Ops without a rule here say
nothing: the saved tensors then tell what backward uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from backend.trace.records import Op
from backend.wire.messages import Rule

Words = tuple[str, str]
"""(text, LaTeX), with {self}, {other} … for the inputs, {out} for the result and {G} for its gradient."""

_ELEMENTWISE: Final[Mapping[str, tuple[str, Words]]] = {
    "neg": ("neg", ("-grad", "-{G}")),
    "exp": ("exp", ("grad * result", r"{G} \cdot e^{{{self}}}")),
    "log": ("log", ("grad / self", r"{G} \cdot \frac{{1}}{{{self}}}")),
    "sqrt": ("sqrt", ("grad / (2 * result)", r"{G} \cdot \frac{{1}}{{2\sqrt{{{self}}}}}")),
    "rsqrt": ("rsqrt", ("-0.5 * grad * result**3", r"{G} \cdot \left(-\tfrac{{1}}{{2}}\,{self}^{{-3/2}}\right)")),
    "sin": ("sin", ("grad * self.cos()", r"{G} \cdot \cos {self}")),
    "cos": ("cos", ("grad * -self.sin()", r"{G} \cdot (-\sin {self})")),
    "tan": ("tan", ("grad * (1 + result**2)", r"{G} \cdot (1 + \tan^2 {self})")),
    "tanh": ("tanh", ("grad * (1 - result**2)", r"{G} \cdot (1 - \tanh^2 {self})")),
    "sigmoid": ("sigmoid", ("grad * result * (1 - result)", r"{G} \cdot \sigma({self})\,(1 - \sigma({self}))")),
    "relu": ("relu", ("grad where result > 0, else 0", r"{G} \cdot [\,{self} > 0\,]")),
    "abs": ("abs", ("grad * self.sgn()", r"{G} \cdot \operatorname{{sgn}} {self}")),
    "square": ("pow.Tensor_Scalar", ("grad * 2 * self", r"{G} \cdot 2\,{self}")),
    "gelu": ("gelu", ("grad * gelu'(self)", r"{G} \cdot \bigl(\Phi({self}) + {self}\,\varphi({self})\bigr)")),
    "silu": (
        "silu",
        (
            "grad * sigmoid(self) * (1 + self * (1 - sigmoid(self)))",
            r"{G} \cdot \sigma({self})\,\bigl(1 + {self}\,(1-\sigma({self}))\bigr)",
        ),
    ),
    "clone": ("clone", ("grad", "{G}")),
    "sum": ("sum", ("grad, expanded to self's shape", r"{G} \cdot \mathbf{{1}}")),
    "mean": ("mean", ("grad / self.numel(), expanded to self's shape", r"\frac{{1}}{{n}}\,{G} \cdot \mathbf{{1}}")),
    "t": ("t", ("grad.t()", r"{G}^{{\top}}")),
    "transpose": ("transpose.int", ("grad.transpose(dim0, dim1)", r"{G}^{{\top}}")),
    "permute": ("permute", ("grad, permuted back", r"\operatorname{{permute}}^{{-1}}({G})")),
    "view": ("view", ("grad.reshape(self.shape)", r"\operatorname{{reshape}}({G})")),
    "reshape": ("view", ("grad.reshape(self.shape)", r"\operatorname{{reshape}}({G})")),
    "unsqueeze": ("unsqueeze", ("grad.squeeze(dim)", r"\operatorname{{squeeze}}({G})")),
    "squeeze": ("squeeze", ("grad, unsqueezed to self's shape", r"\operatorname{{unsqueeze}}({G})")),
    "expand": ("expand", ("grad summed over the expanded dims", r"\textstyle\sum {G}")),
    "select": ("select.int", ("grad at the selected place, 0 elsewhere", r"\operatorname{{place}}({G})")),
    "slice": ("slice.Tensor", ("grad at the sliced places, 0 elsewhere", r"\operatorname{{place}}({G})")),
    "_softmax": (
        "_softmax",
        ("(grad - (grad * result).sum(dim)) * result", r"\bigl({G} - \textstyle\sum {G} \odot {out}\bigr) \odot {out}"),
    ),
    "_log_softmax": ("_log_softmax", ("grad - exp(result) * grad.sum(dim)", r"{G} - e^{{{out}}} \textstyle\sum {G}")),
}

_BINARY: Final[Mapping[str, tuple[str, tuple[Words, ...]]]] = {
    "add": ("add.Tensor", (("grad", "{G}"), ("grad * alpha", "{G}"))),
    "sub": ("sub.Tensor", (("grad", "{G}"), ("-grad * alpha", "-{G}"))),
    "mul": ("mul.Tensor", (("grad * other", r"{G} \cdot {b}"), ("grad * self", r"{G} \cdot {a}"))),
    "div": (
        "div.Tensor",
        (
            ("grad / other", r"{G} \cdot \frac{{1}}{{{b}}}"),
            ("-grad * self / other**2", r"{G} \cdot \left(-\frac{{{a}}}{{{b}^2}}\right)"),
        ),
    ),
    "mm": ("mm", (("grad @ mat2.t()", r"{G}\,{b}^{{\top}}"), ("self.t() @ grad", r"{a}^{{\top}}\,{G}"))),
    "bmm": ("bmm", (("grad @ mat2.mT", r"{G}\,{b}^{{\top}}"), ("self.mT @ grad", r"{a}^{{\top}}\,{G}"))),
    "mv": ("mv", (("grad outer vec", r"{G}\,{b}^{{\top}}"), ("self.t() @ grad", r"{a}^{{\top}}\,{G}"))),
    "dot": ("dot", (("grad * tensor", r"{G} \cdot {b}"), ("grad * self", r"{G} \cdot {a}"))),
    "addmm": (
        "addmm",
        (
            ("grad, summed over the broadcast rows", r"\textstyle\sum {G}"),
            ("grad @ mat2.t()", r"{G}\,{c}^{{\top}}"),
            ("mat1.t() @ grad", r"{b}^{{\top}}\,{G}"),
        ),
    ),
    "maximum": (
        "maximum",
        (
            ("grad where self >= other", r"{G} \cdot [{a} \ge {b}]"),
            ("grad where self < other", r"{G} \cdot [{a} < {b}]"),
        ),
    ),
    "minimum": (
        "minimum",
        (
            ("grad where self <= other", r"{G} \cdot [{a} \le {b}]"),
            ("grad where self > other", r"{G} \cdot [{a} > {b}]"),
        ),
    ),
    "mse_loss": (
        "mse_loss",
        (
            ("grad * 2 * (self - target) / numel", r"{G} \cdot \tfrac{{2}}{{n}}\,({a} - {b})"),
            ("grad * 2 * (target - self) / numel", r"{G} \cdot \tfrac{{2}}{{n}}\,({b} - {a})"),
        ),
    ),
}

_PLAIN_NAME = re.compile(r"[A-Za-z]\Z")


def rules(op: Op, loss: str) -> list[Rule]:
    """The rule for every tensor input of `op` that wants a gradient; empty where none is written down.

    `loss` is what the tensor that backward started from is called: the L of ∂L/∂x.
    """
    top = rf"\partial {symbol([loss], 'L')}"
    packet = op.info.packet.rstrip("_") if not op.info.packet.endswith("__") else op.info.packet
    names = [symbol(v.names, fallback) for v, fallback in zip(op.inputs, _argument_names(op), strict=False)]
    if packet == "pow":
        return _pow(op, names, top)
    found = _ELEMENTWISE.get(packet)
    if found is not None:
        entry, rule = found
        return [_derivative(op, 0, entry, rule, names, top)] if op.inputs and op.inputs[0].requires_grad else []
    several = _BINARY.get(packet)
    if several is None:
        return []
    entry, each = several
    if len(op.inputs) < len(each):
        names = _with_number(op, names)
    return [
        _derivative(op, place, entry, each[place], names, top)
        for place, value in enumerate(op.inputs[: len(each)])
        if value.requires_grad
    ]


def _with_number(op: Op, names: list[str]) -> list[str]:
    """`a * 3`: the other factor is a plain number, and stands in the rule as itself."""
    number = next((v for n, v in op.attributes if n in ("other", "exponent") and isinstance(v, (int, float))), None)
    return [*names, f"{number:g}" if number is not None else r"\text{other}"]


def _pow(op: Op, names: list[str], top: str) -> list[Rule]:
    exponent = next((v for n, v in op.attributes if n == "exponent"), None)
    if not isinstance(exponent, (int, float)) or not op.inputs[0].requires_grad:
        return []
    less = exponent - 1
    power = "" if less == 1 else f"^{{{{{less:g}}}}}"
    rule = ("grad * exponent * self**(exponent - 1)", rf"{{G}} \cdot {exponent:g}\,{{a}}{power}")
    return [_derivative(op, 0, "pow.Tensor_Scalar", rule, names, top)]


def _derivative(op: Op, place: int, entry: str, rule: Words, names: list[str], top: str) -> Rule:
    out = symbol(op.values[0].names if op.values else [], "out")
    text, latex = rule
    a, b, c = (names[i] if i < len(names) else r"\text{?}" for i in range(3))
    right = latex.format(G=rf"\frac{{{top}}}{{\partial {out}}}", self=a, a=a, b=b, c=c, out=out)
    left = rf"\frac{{{top}}}{{\partial {names[place]}}}"
    arguments = _argument_names(op)
    return Rule(
        input=arguments[place] if place < len(arguments) else f"input{place}",
        target_input=place,
        text=text,
        latex=f"{left} = {right}",
        source=f"derivatives.yaml: {entry}",
    )


def _argument_names(op: Op) -> list[str]:
    plain = {name for name, _ in op.attributes}
    return [name for name in op.info.arguments if name not in plain]


def symbol(names: list[str], fallback: str) -> str:
    """A name as LaTeX: one letter as a variable, more of them as upright text."""
    name = names[0] if names else fallback
    if _PLAIN_NAME.match(name):
        return name
    escaped = name.replace("\\", "").replace("_", r"\_").replace("{", "").replace("}", "").replace("$", "")
    return rf"\text{{{escaped}}}"
