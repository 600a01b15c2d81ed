"""The rules of one recorded op."""

from __future__ import annotations

from typing import Final

from backend.trace.records import Gaps, Op
from backend.trace.rules import (
    activation,
    algebra,
    attention,
    convolution,
    elementwise,
    indexing,
    loss,
    normalization,
    reduction,
    shape,
)
from backend.trace.rules.entry import Given, Rule, Table, Told
from backend.trace.rules.expression import conjugated, names_in, specialised, values_in
from backend.trace.rules.latex import latex, symbol
from backend.trace.rules.shape import unbroadcast
from backend.wire.messages import Rule as RuleMessage

RULES: Final[Table] = (
    elementwise.RULES
    | activation.RULES
    | reduction.RULES
    | algebra.RULES
    | attention.RULES
    | shape.RULES
    | indexing.RULES
    | loss.RULES
    | normalization.RULES
    | convolution.RULES
)


def derivatives(op: Op, inputs: list[str], start: str) -> list[RuleMessage]:
    """The rule for every tensor input of `op` that wants a gradient, `inputs` being their names.

    Where none is written down, what is known is told: which function of torch, or of the learner, computes the gradient
    and what it kept for that. `start` is what the tensor that backward started from is called: the L of ∂L/∂x.
    """
    wanted = [place for place in range(len(inputs)) if op.inputs[place].requires_grad]
    if not wanted:
        return []
    call = _Call(op, inputs, _symbols(op, inputs, start))
    return [told for told in map(call.derivative, wanted) if told is not None]


_BIASED: Final = frozenset({"addmm", "addmv", "addbmm", "baddbmm", "addr"})
"""Their first input is stretched to the shape of the product."""


def summed(op: Op, place: int) -> list[int]:
    """The dimensions of the result along which an input was broadcast: backward sums the gradient over them."""
    shape = op.inputs[place].shape
    if not op.values or shape == op.values[0].shape:
        return []
    entry = RULES.get(op.info.entry)
    if not (entry is not None and entry.broadcasts) and not (place == 0 and op.info.packet in _BIASED):
        return []
    whole = op.values[0].shape
    lead = len(whole) - len(shape)
    return [*range(lead), *(lead + i for i, size in enumerate(shape) if size == 1 != whole[lead + i])]


class _Call:
    """One op, about to be explained."""

    def __init__(self, op: Op, inputs: list[str], symbols: dict[str, str]) -> None:
        self.op = op
        self.inputs = inputs
        self.symbols = symbols
        self.entry = RULES.get(op.info.entry) if _is_torchs(op) else None
        self.arguments = {**op.info.defaults, **dict(op.attributes)}
        self.shapes = {name: tuple(value.shape) for name, value in zip(inputs, op.inputs, strict=True)}
        self.outputs = tuple(tuple(value.shape) for value in op.values)

    def derivative(self, place: int) -> RuleMessage | None:
        """The rule for one input; None where a Function has it among its inputs twice."""
        name = self.inputs[place]
        rule = self.entry.rules.get(name.partition("[")[0]) if self.entry is not None else None
        text = self._text(rule, place) if rule is not None else None
        if rule is None or text is None:
            again = self.op.inputs[place] in self.op.inputs[:place]
            return None if again else _function(self.op, place, name, self.symbols)
        entry, given = self.op.info.entry, self._given(name)
        return RuleMessage(
            input=name,
            target_input=place,
            text=text,
            words=_told(rule.words, given),
            latex=f"{_left(self.symbols, name)} = {self._latex(rule, text, given)}",
            source=f"derivatives.yaml: {entry}",
        )

    def _given(self, name: str) -> Given:
        return Given(self.arguments, self.shapes, self.outputs, name)

    def _text(self, rule: Rule, place: int) -> str | None:
        name = self.inputs[place]
        given = self._given(name)
        expression = rule.expression if isinstance(rule.expression, str) else rule.expression(given)
        if expression is None:
            return None
        tensors = {of.partition("[")[0] for of in self.shapes}
        mentioned = sorted(names_in(expression) & self.arguments.keys() - tensors)
        text: str | None = specialised(expression, tuple((of, repr(self.arguments[of])) for of in mentioned))
        if text is not None and _is_complex(self.op):
            text = _conjugated(self.op, place, text)
        if text is not None and self.entry is not None and self.entry.broadcasts:
            text = unbroadcast(text, self.outputs[0], self.shapes[name])
        return text

    def _latex(self, rule: Rule, text: str, given: Given) -> str:
        if rule.latex:
            return _told(rule.latex, given).format(**self.symbols)
        elementwise = {name for name, shape in self.shapes.items() if shape}
        if self.outputs and self.outputs[0]:
            elementwise |= {"grad", "result"}
        return latex(text, tuple(self.symbols.items()), frozenset(elementwise))


def _told(told: Told, given: Given) -> str:
    return told if isinstance(told, str) else told(given)


_ELEMENTWISE = {
    "add.Tensor",
    "sub.Tensor",
    "mul.Tensor",
    "div.Tensor",
    "neg",
    "reciprocal",
    "exp",
    "log",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "pow.Tensor_Scalar",
    "pow.Tensor_Tensor",
}
_LINEAR = {"mm", "bmm", "mv", "addmm", "addmv", "baddbmm", "prod", "cumsum", "linalg_inv_ex"}
HOLOMORPHIC: Final = _ELEMENTWISE | _LINEAR
"""Entries whose slope at the conjugate is the conjugate of the slope."""


def _is_complex(op: Op) -> bool:
    return any(value.dtype.is_complex for value in (*op.inputs, *op.values))


def _conjugated(op: Op, place: int, text: str) -> str | None:
    """The rule for complex numbers: torch's convention takes the conjugate of the slope. None: not written down."""
    if not op.inputs[place].dtype.is_complex:
        return None if values_in(text) else text
    return conjugated(text) if op.info.entry in HOLOMORPHIC or not values_in(text) else None


def _is_torchs(op: Op) -> bool:
    """Whether autograd recorded the op itself, and not a custom Function around it, or the writing through a view."""
    if op.grad_fn is None:
        return True
    recorded = op.grad_fn.split("::")[-1].lower().partition("backward")[0]
    return recorded in (_bare(op.info.packet), _bare(op.info.packet.removesuffix("_forward")))


def _bare(packet: str) -> str:
    return packet.replace("_", "")


_TORCHS_OWN: Final = {
    "CopySlices": "the gradient where the tensor was not written over; what was written gets the rest",
    "NotImplemented": "torch defines no derivative here: a backward that comes past ends with an error",
    "CheckpointFunctionBackward": "checkpoint runs its function once more, with autograd, and goes back through that",
    "BackwardHookFunctionBackward": "the gradient as it is: torch puts this node around a module with backward hooks",
}
"""Nodes that are no op's and no Function's of the snippet."""


def _function(op: Op, place: int, name: str, symbols: dict[str, str]) -> RuleMessage:
    """No rule is written down: the function that computes it, and what it uses."""
    full = op.grad_fn or ""
    function = full.split("::")[-1] or op.info.packet
    kept = list(dict.fromkeys(label for label, _ in op.saved or ()))
    uses = f" and what it saved: {', '.join(kept)}" if kept else " alone: it saved no tensor"
    if full.startswith("torch::") or function in _TORCHS_OWN:
        words = _TORCHS_OWN.get(function) or f"torch computes it in {function}, from the gradient{uses}"
        source = f"torch.autograd: {function.removesuffix('Backward')}"
    elif function[-1:].isdigit():
        words = f"torch computes it in {function}, from the gradient{uses}"
        source = f"derivatives.yaml: {op.info.entry}"
    else:
        words = f"your own {function.removesuffix('Backward')}.backward computes it, from the gradient{uses}"
        source = f"{function.removesuffix('Backward')}.backward"
    inside = ",\\ ".join([symbols["grad"], *(rf"\text{{{k}}}".replace("_", r"\_") for k in kept)])
    formula = rf"{_left(symbols, name)} = {symbol([function], function)}\left({inside}\right)"
    text = f"{function}({', '.join(['grad', *kept])})"
    return RuleMessage(
        input=name, target_input=place, text=text, words=words, latex=formula, source=source, kind="function"
    )


def _symbols(op: Op, inputs: list[str], start: str) -> dict[str, str]:
    """What stands in a formula for each name of an expression."""
    top = rf"\partial {symbol([start], 'L')}"
    out = symbol(op.values[0].names if op.values else [], "out")
    symbols = {"top": top, "grad": rf"\frac{{{top}}}{{\partial {out}}}", "result": out}
    for place, value in enumerate(op.values[1:], start=1):
        symbols[f"result{place}"] = symbol(value.names, f"result{place}")
        symbols[f"grad{place}"] = rf"\frac{{{top}}}{{\partial {symbols[f'result{place}']}}}"
    for name, value in zip(inputs, op.inputs, strict=True):
        symbols[name] = symbol(value.names, name)
    for name in ("weight",):
        symbols.setdefault(name, r"\mathbf{1}")
    return symbols


def _left(symbols: dict[str, str], name: str) -> str:
    return rf"\frac{{{symbols['top']}}}{{\partial {symbols[name]}}}"


def input_names(op: Op) -> list[str]:
    """Torch's name of each tensor input of `op`, in order: "self", "tensors[0]"."""
    plain = {name for name, value in op.attributes if not isinstance(value, Gaps)}
    many = op.info.lists
    passed = [
        name
        for name in op.info.tensors
        if name not in plain and not (many and name in op.info.defaults and name not in many)
    ]
    extra = len(op.inputs) - sum(name not in many for name in passed)
    names: list[str] = []
    for name in passed:
        names += [f"{name}[{i}]" for i in range(extra)] if name in many else [name]
    names += [f"input{i}" for i in range(len(names), len(op.inputs))]
    return names[: len(op.inputs)]
