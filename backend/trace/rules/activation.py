"""Rules of activation functions and of the softmax family."""

from __future__ import annotations

from typing import Final

from backend.trace.rules.entry import Given, Table, broadcasting, entry

_LOSES = "the gradient where the input lies in the open range, else zero"


def _gelu(given: Given) -> str:
    if given["approximate"] == "tanh":
        inner = "(0.7978845608028654 * (self + 0.044715 * self ** 3)).tanh()"
        slope = f"(1 - {inner} ** 2) * 0.7978845608028654 * (1 + 0.134145 * self ** 2)"
        return f"grad * (0.5 * (1 + {inner}) + 0.5 * self * {slope})"
    return (
        "grad * (0.5 * (1 + (self * 0.7071067811865476).erf()) + self * (-0.5 * self ** 2).exp() * 0.3989422804014327)"
    )


def _elu(given: Given) -> str:
    alpha, scale, inner = given["alpha"], given["scale"], given["input_scale"]
    below = f"{alpha} * {inner} * (self * {inner}).exp()" if inner != 1 else f"{alpha} * self.exp()"
    return f"grad * {scale} * torch.where(self > 0, 1.0, {below})"


def _softplus(given: Given) -> str:
    beta, threshold = given["beta"], given["threshold"]
    return f"grad * torch.where(self * {beta} > {threshold}, 1.0, (self * {beta}).sigmoid())"


RULES: Final[Table] = {
    "relu": entry(
        self=(
            "grad * (result > 0)",
            "the gradient where the input was positive, else zero",
            r"{grad} \cdot [\,{self} > 0\,]",
        )
    ),
    "leaky_relu": entry(
        self=(
            "grad * torch.where(self > 0, 1.0, negative_slope)",
            "the gradient where the input was positive, else the gradient times the slope",
        )
    ),
    "elu": entry(
        self=(_elu, "the gradient where the input was positive, else the gradient times the slope of the exponential")
    ),
    "celu": entry(
        self=(
            "grad * torch.where(self > 0, 1.0, (self / alpha).exp())",
            "the gradient where the input was positive, else the gradient times the slope of the exponential",
        )
    ),
    "gelu": entry(
        self=(
            _gelu,
            "the gradient times the slope: the share of the bell curve below the input, plus the input times the curve",
            r"{grad} \cdot \bigl(\Phi({self}) + {self}\,\varphi({self})\bigr)",
        )
    ),
    "silu": entry(
        self=(
            "grad * self.sigmoid() * (1 + self * (1 - self.sigmoid()))",
            "the gradient times the slope of x times sigmoid(x)",
            r"{grad} \cdot \sigma({self})\,\bigl(1 + {self}\,(1-\sigma({self}))\bigr)",
        )
    ),
    "mish": entry(
        self=(
            "grad * (F.softplus(self).tanh() + self * self.sigmoid() * (1 - F.softplus(self).tanh() ** 2))",
            "the gradient times the slope of x times tanh(softplus(x))",
            r"{grad} \cdot \bigl(t + {self}\,\sigma({self})\,(1 - t^2)\bigr),\quad t = \tanh(\ln(1 + e^{{{self}}}))",
        )
    ),
    "softplus": entry(self=(_softplus, "the gradient times the sigmoid; as it is where the function is straight")),
    "hardtanh": entry(self=("grad * (self > min_val) * (self < max_val)", _LOSES)),
    "hardsigmoid": entry(
        self=("grad / 6 * (self > -3) * (self < 3)", "a sixth of the gradient between -3 and 3, else zero")
    ),
    "hardswish": entry(
        self=(
            "grad * torch.where(self < -3, 0.0, torch.where(self <= 3, self / 3 + 0.5, 1.0))",
            "the gradient times the slope: zero up to -3, rising to one at 3",
        )
    ),
    "log_sigmoid_forward": entry(
        self=("grad * (-self).sigmoid()", "the gradient times the sigmoid of minus the input")
    ),
    "threshold": entry(
        self=("grad * (self > threshold)", "the gradient where the input passes the threshold, else zero")
    ),
    "softshrink": entry(self=("grad * (result != 0)", "the gradient where something was left, else zero")),
    "hardshrink": entry(self=("grad * (self.abs() > lambd)", "the gradient where the input was kept, else zero")),
    "_prelu_kernel": broadcasting(
        self=(
            "grad * torch.where(self > 0, 1.0, weight)",
            "the gradient where the input was positive, else the gradient times the slope",
        ),
        weight=("grad * self * (self <= 0)", "the gradient times the input where it was not positive, summed"),
    ),
    "glu": entry(
        self=(
            lambda g: (
                f"torch.cat([grad * self.chunk(2, {g.dim()})[1].sigmoid(), "
                f"grad * self.chunk(2, {g.dim()})[0] * self.chunk(2, {g.dim()})[1].sigmoid() "
                f"* (1 - self.chunk(2, {g.dim()})[1].sigmoid())], {g.dim()})"
            ),
            "to the first half the gradient times the gate; to the gate the gradient times that half and its slope",
            r"\bigl[\,{grad}\,\sigma(b),\ {grad}\,a\,\sigma(b)(1-\sigma(b))\,\bigr],\quad {self} = [a, b]",
        )
    ),
    "_softmax": entry(
        self=(
            lambda g: f"(grad - (grad * result).sum({g.dim()}, keepdim=True)) * result",
            "the result times how far the gradient lies above its weighted mean: raising one element lowers the others",
            r"\bigl({grad} - \textstyle\sum {grad} \odot {result}\bigr) \odot {result}",
        )
    ),
    "_log_softmax": entry(
        self=(
            lambda g: f"grad - result.exp() * grad.sum({g.dim()}, keepdim=True)",
            "the gradient, minus each element's probability times the sum of the gradients",
            r"{grad} - e^{{{result}}} \textstyle\sum {grad}",
        )
    ),
    "_safe_softmax": entry(
        self=(
            lambda g: f"(grad - (grad * result).sum({g.dim()}, keepdim=True)) * result",
            "the result times how far the gradient lies above its weighted mean: raising one element lowers the others",
            r"\bigl({grad} - \textstyle\sum {grad} \odot {result}\bigr) \odot {result}",
        )
    ),
}
