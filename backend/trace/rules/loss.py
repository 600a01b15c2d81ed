"""Rules of loss functions."""

from __future__ import annotations

from typing import Final

from backend.trace.rules.entry import Given, Table, entry

MEAN = 1
"""`at::Reduction`: 0 none, 1 mean, 2 sum."""

_AGAINST = "the gradient times how far the prediction lies from the target, twice, over the count"


def _shared(given: Given, expression: str, of: str = "self") -> str:
    """A mean shares the gradient by all elements."""
    if given["reduction"] != MEAN:
        return f"grad * {expression}"
    return f"grad * {expression} / {given.size(of)}"


def _weighted(given: Given, expression: str) -> str:
    return f"{expression} * weight" if "weight" in given.shapes else expression


def _nll(given: Given) -> str | None:
    """-grad at the target's place, over the sum of the weights that count (`result1`) where it is a mean."""
    if len(given.shapes["self"]) not in (1, 2, 4):
        return None
    dim = 1 if len(given.shapes["self"]) > 1 else 0
    weight = "weight[target.clamp(min=0)]" if "weight" in given.shapes else "1.0"
    counted = f"-grad * {weight} * (target != {given['ignore_index']})"
    if given["reduction"] == MEAN:
        counted += " / result1"
    where = "target.clamp(min=0)"
    return f"torch.zeros_like(self).scatter({dim}, {where}.unsqueeze({dim}), ({counted}).unsqueeze({dim}))"


def _smooth(given: Given) -> str:
    beta = given["beta"]
    difference = "(self - target)"
    if beta == 0:
        return _shared(given, f"{difference}.sgn()")
    return _shared(given, f"({difference} / {beta}).clamp(-1, 1)")


def _huber(given: Given) -> str:
    delta = given["delta"]
    return _shared(given, f"(self - target).clamp(-{delta}, {delta})")


_NLL_LATEX = r"-\frac{{1}}{{n}}\,{grad} \cdot [\text{{class}} = {target}]"
_NLL_WORDS = "minus the gradient at the target's class, zero at the others; a mean shares it by the rows that count"
_SMOOTH_WORDS = "the gradient times the distance from the target, cut off where the loss is straight"

RULES: Final[Table] = {
    "mse_loss": entry(
        self=(lambda g: _shared(g, "2 * (self - target)"), _AGAINST),
        target=(lambda g: _shared(g, "2 * (target - self)"), _AGAINST),
    ),
    "nll_loss_forward": entry(self=(_nll, _NLL_WORDS, _NLL_LATEX)),
    "nll_loss2d_forward": entry(self=(_nll, _NLL_WORDS, _NLL_LATEX)),
    "binary_cross_entropy": entry(
        self=(
            lambda g: _shared(g, _weighted(g, "(self - target) / (self * (1 - self)).clamp(min=1e-12)")),
            "the gradient times how far the probability lies from the target, over p times 1 - p",
        ),
    ),
    "binary_cross_entropy_with_logits": entry(
        self=(
            lambda g: None if "pos_weight" in g.shapes else _shared(g, _weighted(g, "(self.sigmoid() - target)")),
            "the gradient times how far the probability, sigmoid of the logit, lies from the target",
        ),
    ),
    "smooth_l1_loss": entry(self=(_smooth, _SMOOTH_WORDS)),
    "huber_loss": entry(self=(_huber, _SMOOTH_WORDS)),
    "soft_margin_loss": entry(
        self=(
            lambda g: _shared(g, "-target * (-target * self).sigmoid()"),
            "minus the gradient times the target times how much the margin is missed",
        )
    ),
}
