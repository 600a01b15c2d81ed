"""Rules of ops that treat each element by itself, with one input or several."""

from __future__ import annotations

from typing import Final

from backend.trace.rules.entry import Given, Table, broadcasting, entry

_FLAT = "zero: the op is flat between its jumps"


def _power(given: Given) -> str:
    exponent = given["exponent"]
    if exponent == 0:
        return "grad * 0"
    return f"grad * {exponent} * self ** {exponent - 1}"


def _clamp(given: Given) -> str:
    low, high = given["min"], given["max"]
    tests = [f"(self >= {low})"] if low is not None else []
    tests += [f"(self <= {high})"] if high is not None else []
    return " * ".join(["grad", *tests])


def _between(given: Given) -> str:
    tests = ["(self >= min)"] if "min" in given.shapes else []
    tests += ["(self <= max)"] if "max" in given.shapes else []
    return " * ".join(["grad", *tests])


ONE_INPUT: Final[Table] = {
    "neg": entry(self=("-grad", "the gradient with its sign turned")),
    "exp": entry(self=("grad * result", "the gradient times the result: exp is its own derivative")),
    "exp2": entry(self=("grad * result * 0.6931471805599453", "the gradient times the result times ln 2")),
    "expm1": entry(self=("grad * (result + 1)", "the gradient times exp of the input")),
    "log": entry(self=("grad / self", "the gradient divided by the input")),
    "log2": entry(self=("grad / (self * 0.6931471805599453)", "the gradient divided by the input times ln 2")),
    "log10": entry(self=("grad / (self * 2.302585092994046)", "the gradient divided by the input times ln 10")),
    "log1p": entry(self=("grad / (self + 1)", "the gradient divided by one more than the input")),
    "sqrt": entry(self=("grad / (2 * result)", "the gradient divided by twice the root")),
    "rsqrt": entry(self=("-0.5 * grad * result ** 3", "minus half the gradient times the result cubed")),
    "reciprocal": entry(self=("-grad * result ** 2", "minus the gradient times the result squared")),
    "sin": entry(self=("grad * self.cos()", "the gradient times the cosine")),
    "cos": entry(self=("grad * -self.sin()", "the gradient times minus the sine")),
    "tan": entry(self=("grad * (1 + result ** 2)", "the gradient times one plus the tangent squared")),
    "asin": entry(self=("grad * (1 - self ** 2).rsqrt()", "the gradient over the root of one minus the input squared")),
    "acos": entry(self=("grad * -(1 - self ** 2).rsqrt()", "minus what asin has")),
    "atan": entry(self=("grad / (self ** 2 + 1)", "the gradient divided by one plus the input squared")),
    "sinh": entry(self=("grad * self.cosh()", "the gradient times cosh")),
    "cosh": entry(self=("grad * self.sinh()", "the gradient times sinh")),
    "tanh": entry(self=("grad * (1 - result ** 2)", "the gradient times one minus the result squared")),
    "asinh": entry(self=("grad * (self ** 2 + 1).rsqrt()", "the gradient over the root of the input squared plus one")),
    "acosh": entry(
        self=("grad * (self ** 2 - 1).rsqrt()", "the gradient over the root of the input squared minus one")
    ),
    "atanh": entry(self=("grad / (1 - self ** 2)", "the gradient divided by one minus the input squared")),
    "sigmoid": entry(self=("grad * (1 - result) * result", "the gradient times the result times what it lacks to one")),
    "abs": entry(self=("grad * self.sgn()", "the gradient times the sign of the input")),
    "sign": entry(self=("grad * 0", _FLAT)),
    "sgn": entry(self=("grad * 0", _FLAT)),
    "ceil": entry(self=("grad * 0", _FLAT)),
    "floor": entry(self=("grad * 0", _FLAT)),
    "round": entry(self=("grad * 0", _FLAT)),
    "trunc": entry(self=("grad * 0", _FLAT)),
    "frac": entry(self=("grad", "the gradient as it is: cutting whole numbers off changes no slope")),
    "erf": entry(self=("grad * 1.1283791670955126 * (-self ** 2).exp()", "the gradient times the bell curve")),
    "erfc": entry(self=("grad * -1.1283791670955126 * (-self ** 2).exp()", "the gradient times minus the bell curve")),
    "logit": entry(
        self=(
            lambda g: "grad / (self * (1 - self))" if g["eps"] is None else None,
            "the gradient divided by the input times what it lacks to one",
        )
    ),
    "lgamma": entry(self=("grad * self.digamma()", "the gradient times digamma of the input")),
    "deg2rad": entry(self=("grad * 0.017453292519943295", "the gradient times pi / 180")),
    "rad2deg": entry(self=("grad * 57.29577951308232", "the gradient times 180 / pi")),
    "nan_to_num": entry(self=("grad * self.isfinite()", "the gradient where the input was finite, else zero")),
    "pow.Tensor_Scalar": entry(self=(_power, "the gradient times the exponent times the power below")),
    "clamp": entry(self=(_clamp, "the gradient where the input lies within the bounds, else zero")),
    "clamp_min": entry(self=("grad * (self >= min)", "the gradient where the input is not below the bound, else zero")),
    "clamp_max": entry(self=("grad * (self <= max)", "the gradient where the input is not above the bound, else zero")),
    "clone": entry(self=("grad", "the gradient as it is")),
    "alias": entry(self=("grad", "the gradient as it is")),
    "_to_copy": entry(self=("grad", "the gradient as it is, in the input's own dtype")),
    "_conj": entry(self=("grad.conj()", "the gradient, conjugated")),
    "view_as_real": entry(self=("torch.view_as_complex(grad)", "the gradient, its pairs read as complex numbers")),
    "view_as_complex": entry(self=("torch.view_as_real(grad)", "the gradient, its parts read as pairs")),
    "mul.Scalar": entry(self=("grad * other", "the gradient times the number")),
    "div.Scalar": entry(self=("grad / other", "the gradient divided by the number")),
    "add.Scalar": entry(self=("grad", "the gradient as it is: a sum passes it on")),
    "sub.Scalar": entry(self=("grad", "the gradient as it is: a difference passes it on")),
    "rsub.Scalar": entry(self=("-grad * alpha", "the gradient with its sign turned")),
    "fmod.Scalar": entry(self=("grad", "the gradient as it is: the remainder has the input's slope")),
    "remainder.Scalar": entry(self=("grad", "the gradient as it is: the remainder has the input's slope")),
    "masked_fill.Scalar": entry(self=("grad.masked_fill(mask, 0)", "the gradient, zero where it was filled")),
    "pow.Scalar": entry(
        exponent=(
            lambda g: f"grad * result * torch.tensor({float(g['self'])!r}).log()",
            "the gradient times the result times the logarithm of the base",
        )
    ),
    "native_dropout": entry(
        input=(
            lambda g: f"grad * result1 * {1 / (1 - g['p'])!r}" if g["train"] is not False and g["p"] < 1 else "grad",
            "the gradient where the element was kept, scaled up like the element itself",
        )
    ),
}

SEVERAL_INPUTS: Final[Table] = {
    "add.Tensor": broadcasting(
        self=("grad", "the gradient as it is: a sum passes it on to both sides"),
        other=("grad * alpha", "the gradient as it is: a sum passes it on to both sides"),
    ),
    "sub.Tensor": broadcasting(
        self=("grad", "the gradient as it is"),
        other=("-grad * alpha", "the gradient with its sign turned: this side is taken away"),
    ),
    "rsub.Tensor": broadcasting(
        self=("-grad * alpha", "the gradient with its sign turned"), other=("grad", "the gradient as it is")
    ),
    "mul.Tensor": broadcasting(
        self=("grad * other", "the gradient times the other factor"),
        other=("grad * self", "the gradient times the other factor"),
    ),
    "div.Tensor": broadcasting(
        self=("grad / other", "the gradient divided by the divisor"),
        other=("-grad * self / other ** 2", "minus the gradient times the dividend over the divisor squared"),
    ),
    "div.Tensor_mode": broadcasting(
        self=(lambda g: "grad / other" if g["rounding_mode"] is None else "grad * 0", _FLAT),
        other=(
            lambda g: "-grad * self / other ** 2" if g["rounding_mode"] is None else "grad * 0",
            _FLAT,
        ),
    ),
    "pow.Tensor_Tensor": broadcasting(
        self=("grad * exponent * self ** (exponent - 1)", "the gradient times the exponent times the power below"),
        exponent=("grad * result * self.log()", "the gradient times the result times the logarithm of the base"),
    ),
    "maximum": broadcasting(
        self=(
            "grad * ((self > other) + 0.5 * (self == other))",
            "the gradient where this side is the larger one; equals share it",
        ),
        other=(
            "grad * ((other > self) + 0.5 * (self == other))",
            "the gradient where this side is the larger one; equals share it",
        ),
    ),
    "minimum": broadcasting(
        self=(
            "grad * ((self < other) + 0.5 * (self == other))",
            "the gradient where this side is the smaller one; equals share it",
        ),
        other=(
            "grad * ((other < self) + 0.5 * (self == other))",
            "the gradient where this side is the smaller one; equals share it",
        ),
    ),
    "fmax": broadcasting(
        self=("grad * (self >= other)", "the gradient where this side is the larger one"),
        other=("grad * (other > self)", "the gradient where this side is the larger one"),
    ),
    "fmin": broadcasting(
        self=("grad * (self <= other)", "the gradient where this side is the smaller one"),
        other=("grad * (other < self)", "the gradient where this side is the smaller one"),
    ),
    "atan2": broadcasting(
        self=("grad * other / (self ** 2 + other ** 2)", "the gradient times the other side over the radius squared"),
        other=(
            "grad * -self / (self ** 2 + other ** 2)",
            "minus the gradient times the other side over the radius squared",
        ),
    ),
    "hypot": broadcasting(
        self=("grad * self / result", "the gradient times this side over the hypotenuse"),
        other=("grad * other / result", "the gradient times this side over the hypotenuse"),
    ),
    "fmod.Tensor": broadcasting(
        self=("grad", "the gradient as it is"),
        other=("-grad * (self / other).trunc()", "minus the gradient times how often it goes in"),
    ),
    "remainder.Tensor": broadcasting(
        self=("grad", "the gradient as it is"),
        other=("-grad * (self / other).floor()", "minus the gradient times how often it goes in"),
    ),
    "logaddexp": broadcasting(
        self=("grad * (self - result).exp()", "the gradient times this side's share of the sum"),
        other=("grad * (other - result).exp()", "the gradient times this side's share of the sum"),
    ),
    "xlogy.Tensor": broadcasting(
        self=("grad * other.log()", "the gradient times the logarithm"),
        other=("grad * self / other", "the gradient times the factor over the logarithm's input"),
    ),
    "xlogy.Scalar_Self": entry(
        other=("grad * self / other", "the gradient times the factor over the logarithm's input")
    ),
    "lerp.Scalar": broadcasting(
        self=("grad * (1 - weight)", "the gradient times what the weight lacks to one"),
        end=("grad * weight", "the gradient times the weight"),
    ),
    "lerp.Tensor": broadcasting(
        self=("grad * (1 - weight)", "the gradient times what the weight lacks to one"),
        end=("grad * weight", "the gradient times the weight"),
        weight=("grad * (end - self)", "the gradient times the way from start to end"),
    ),
    "addcmul": broadcasting(
        self=("grad", "the gradient as it is"),
        tensor1=("grad * (tensor2 * value)", "the gradient times the other factor"),
        tensor2=("grad * (tensor1 * value)", "the gradient times the other factor"),
    ),
    "addcdiv": broadcasting(
        self=("grad", "the gradient as it is"),
        tensor1=("grad * (value / tensor2)", "the gradient divided by the divisor"),
        tensor2=(
            "-grad * value * tensor1 / tensor2 ** 2",
            "minus the gradient times the dividend over the divisor squared",
        ),
    ),
    "where.self": broadcasting(
        self=("grad * condition", "the gradient where the condition holds, else zero"),
        other=("grad * ~condition", "the gradient where the condition does not hold, else zero"),
    ),
    "masked_fill.Tensor": broadcasting(
        self=("grad.masked_fill(mask, 0)", "the gradient, zero where it was filled"),
        value=("(grad * mask).sum()", "the gradient of every place that was filled, summed"),
    ),
    "clamp.Tensor": broadcasting(
        self=(_between, "the gradient where the input lies within the bounds, else zero"),
        min=(
            lambda g: "grad * (self < min) * (min < max)" if "max" in g.shapes else "grad * (self < min)",
            "the gradient where this bound was taken",
        ),
        max=("grad * (self > max)", "the gradient where this bound was taken"),
    ),
    "copysign.Tensor": broadcasting(
        self=("grad * self.sgn() * result.sgn()", "the gradient, its sign turned where the input's was"),
        other=("grad * 0", _FLAT),
    ),
}

RULES: Final[Table] = ONE_INPUT | SEVERAL_INPUTS
