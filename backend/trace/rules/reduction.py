"""Rules of ops that make one number of many: sums, means, extremes, norms; and of sorting and scanning."""

from __future__ import annotations

from typing import Final

from backend.trace.rules.entry import Given, Table, back, entry

_TAKEN = "the gradient at the place that was taken, zero elsewhere"
_SHARED = "the gradient, shared by the elements that equal the extreme; zero elsewhere"


def _over(given: Given) -> int:
    """How many elements went into each result."""
    count = 1
    for dim in given.dims():
        count *= given.shapes["self"][dim] if given.shapes["self"] else 1
    return count


def _expanded(given: Given) -> str:
    return back("grad", given) + ".expand(self.shape)"


def _mean(given: Given) -> str:
    return f"{back('grad', given)}.expand(self.shape) / {_over(given)}"


def _deviation(given: Given) -> str:
    """Grad / (n - correction) * (self - mean) / std."""
    return f"{back('grad', given)} * {_centred(given)} / ({_degrees(given)} * {back('result', given)})"


def _variance(given: Given) -> str:
    return f"{back('grad', given)} * 2 * {_centred(given)} / {_degrees(given)}"


def _centred(given: Given) -> str:
    return f"(self - self.mean({given.dims()}, keepdim=True))"


def _degrees(given: Given) -> float:
    correction = given["correction"]
    return _over(given) - (1 if correction is None else correction)


def _placed(given: Given) -> str:
    """One index in one dim was taken for each result."""
    if not given.shapes["self"]:
        return "grad"
    dim = given.dim()
    grad, index = back("grad", given), back("result1", given)
    return f"torch.zeros_like(self).scatter({dim}, {index}, {grad})"


def _ordered(given: Given) -> str:
    if not given.shapes["self"]:
        return "grad"
    return f"torch.zeros_like(self).scatter({given.dim()}, result1, grad)"


def _extreme(given: Given) -> str:
    if not given.shapes["self"]:
        return "grad"
    equal = f"(self == {back('result', given)})"
    return f"{back('grad', given)} * {equal} / {equal}.sum({given.dims()}, keepdim=True)"


def _norm(given: Given) -> str | None:
    """p-norm: self * |self|**(p - 2) * grad / result**(p - 1)."""
    order = given["ord"] if given["ord"] is not None else given["p"]
    order = 2 if order is None else order
    grad, result = back("grad", given), back("result", given)
    if order == 2:
        return f"{grad} * self / {result}"
    if order == 1:
        return f"{grad} * self.sgn()"
    if order == float("inf"):
        equal = f"(self.abs() == {result})"
        return f"{grad} * self.sgn() * {equal} / {equal}.sum({given.dims()}, keepdim=True)"
    if order < 2:
        return None
    return f"{grad} * self * self.abs() ** {order - 2} / {result} ** {order - 1}"


_NORM_WORDS = "the gradient times the input over the norm: the direction of the input"

RULES: Final[Table] = {
    "sum": entry(self=("grad.expand(self.shape)", "the gradient, the same for every element that was summed")),
    "sum.dim_IntList": entry(self=(_expanded, "the gradient, the same for every element that was summed")),
    "nansum": entry(
        self=(lambda g: f"{_expanded(g)} * ~self.isnan()", "the gradient for every element that was no NaN")
    ),
    "mean": entry(
        self=(lambda g: f"grad.expand(self.shape) / {max(g.size(), 1)}", "the gradient, shared equally by all elements")
    ),
    "mean.dim": entry(self=(_mean, "the gradient, shared equally by the elements of each mean")),
    "prod": entry(self=("grad * result / self", "the gradient times the product of the other factors")),
    "prod.dim_int": entry(
        self=(
            lambda g: f"{back('grad', g)} * {back('result', g)} / self",
            "the gradient times the product of the other factors",
        )
    ),
    "std.correction": entry(
        self=(_deviation, "the gradient times the element's distance from the mean, over the deviation and the count")
    ),
    "var.correction": entry(
        self=(_variance, "the gradient times twice the element's distance from the mean, over the count")
    ),
    "max": entry(self=("grad * (self == result) / (self == result).sum()", _SHARED)),
    "min": entry(self=("grad * (self == result) / (self == result).sum()", _SHARED)),
    "max.dim": entry(self=(_placed, _TAKEN)),
    "min.dim": entry(self=(_placed, _TAKEN)),
    "amax": entry(self=(_extreme, _SHARED)),
    "amin": entry(self=(_extreme, _SHARED)),
    "median.dim": entry(self=(_placed, _TAKEN)),
    "kthvalue": entry(self=(_placed, _TAKEN)),
    "mode": entry(self=(_placed, _TAKEN)),
    "median": entry(self=("grad * (self == result) / (self == result).sum()", _SHARED)),
    "cummax": entry(
        self=(
            lambda g: f"torch.zeros_like(self).scatter_add({g.dim()}, result1, grad)",
            "to each place that was the largest so far, the gradients of all the results that it stands in",
        )
    ),
    "cummin": entry(
        self=(
            lambda g: f"torch.zeros_like(self).scatter_add({g.dim()}, result1, grad)",
            "to each place that was the smallest so far, the gradients of all the results that it stands in",
        )
    ),
    "topk": entry(self=(_ordered, "the gradient at the places that were taken, zero elsewhere")),
    "sort": entry(self=(_ordered, "the gradient, put back into the order of the input")),
    "sort.stable": entry(self=(_ordered, "the gradient, put back into the order of the input")),
    "logsumexp": entry(
        self=(
            lambda g: f"{back('grad', g)} * (self - {back('result', g)}).exp()",
            "the gradient times each element's share of the sum: its softmax",
            r"{grad} \cdot e^{{{self} - {result}}}",
        )
    ),
    "cumsum": entry(
        self=(
            lambda g: f"grad.flip({g.dim()}).cumsum({g.dim()}).flip({g.dim()})",
            "the sum of the gradients from here to the end: every later result contains this element",
            r"\textstyle\sum_{{j \ge i}} \left({grad}\right)_j",
        )
    ),
    "cumprod": entry(
        self=(
            lambda g: f"(grad * result).flip({g.dim()}).cumsum({g.dim()}).flip({g.dim()}) / self",
            "the sum of gradient times result from here to the end, over the element",
            r"\tfrac{{1}}{{{self}_i}}\textstyle\sum_{{j \ge i}} \left({grad} \odot {result}\right)_j",
        )
    ),
    "linalg_vector_norm": entry(self=(_norm, _NORM_WORDS)),
    "norm.ScalarOpt_dim": entry(self=(_norm, _NORM_WORDS)),
    "norm.Scalar": entry(self=(_norm, _NORM_WORDS)),
    "dist": entry(
        self=(
            lambda g: "grad * (self - other) / result" if g["p"] in (None, 2) else None,
            "the gradient in the direction from the other point to this one",
        ),
        other=(
            lambda g: "grad * (other - self) / result" if g["p"] in (None, 2) else None,
            "the gradient in the direction from the other point to this one",
        ),
    ),
    "trace": entry(
        self=(
            lambda g: f"grad * torch.eye({g.shapes['self'][0]}, {g.shapes['self'][1]})",
            "the gradient on the diagonal, zero elsewhere",
        )
    ),
}
