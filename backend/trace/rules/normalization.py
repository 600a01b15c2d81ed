"""Rules of layer, batch and group norm: centre, scale, and take back what all elements of a group share."""

from __future__ import annotations

from typing import Final

from backend.trace.rules.entry import Given, Table, entry

_INPUT_LATEX = (
    r"\frac{{1}}{{\sigma}}\Bigl(g - \overline{{g}} - \hat{{x}}\,\overline{{g\,\hat{{x}}}}\Bigr),\quad "
    r"g = {grad}{weighted},\ \hat{{x}} = \tfrac{{{input} - \mu}}{{\sigma}}"
)
_INPUT_WORDS = (
    "the gradient over the deviation, without its mean and without its part along the normalised input: "
    "moving or scaling the whole group changes nothing"
)
_SCALE_WORDS = "the gradient times the normalised input, summed over everything that the scale was applied to"
_SHIFT_WORDS = "the gradient, summed over everything that the bias was added to"


def _latex(weighted: bool) -> str:
    return _INPUT_LATEX.replace("{weighted}", r" \odot {weight}" if weighted else "")


def _inner(g: str, normal: str, deviation: str, dims: str) -> str:
    """1/sigma * (g - mean(g) - x * mean(g * x)), x being the normalised input."""
    mean = f".mean({dims}, keepdim=True)"
    return f"{deviation} * ({g} - ({g}){mean} - {normal} * (({g}) * {normal}){mean})"


def _layer_dims(given: Given) -> list[int]:
    rank = len(given.shapes["input"])
    return list(range(rank - len(given["normalized_shape"]), rank))


def _layer_input(given: Given) -> str:
    g = "(grad * weight)" if "weight" in given.shapes else "grad"
    return _inner(g, "((input - result1) * result2)", "result2", str(_layer_dims(given)))


def _layer_sum(given: Given, expression: str) -> str:
    outer = list(range(_layer_dims(given)[0]))
    return f"({expression}).sum({outer})" if outer else expression


def _across(given: Given, name: str) -> str:
    """One number for each channel, in the shape of the input."""
    return f"{name}.reshape({[1, -1] + [1] * (len(given.shapes['input']) - 2)})"


def _batch_statistics(given: Given) -> tuple[str, str]:
    if given["training"]:
        return _across(given, "result1"), _across(given, "result2")
    return _across(given, "running_mean"), _across(given, f"(running_var + {given['eps']}).rsqrt()")


def _channels(given: Given) -> list[int]:
    return [0, *range(2, len(given.shapes["input"]))]


def _batch_input(given: Given) -> str:
    mean, deviation = _batch_statistics(given)
    g = f"(grad * {_across(given, 'weight')})" if "weight" in given.shapes else "grad"
    if not given["training"]:
        return f"{g} * {deviation}"
    return _inner(g, f"((input - {mean}) * {deviation})", deviation, str(_channels(given)))


def _batch_weight(given: Given) -> str:
    mean, deviation = _batch_statistics(given)
    return f"(grad * (input - {mean}) * {deviation}).sum({_channels(given)})"


def _grouped(given: Given, name: str = "input") -> str:
    shape = given.shapes["input"]
    return f"{name}.reshape({[shape[0], given['group'], -1]})"


def _group_normal(given: Given) -> str:
    return f"(({_grouped(given)} - result1.unsqueeze(-1)) * result2.unsqueeze(-1))"


def _group_input(given: Given) -> str:
    g = f"(grad * {_across(given, 'weight')})" if "weight" in given.shapes else "grad"
    g = _grouped(given, g)
    inner = _inner(g, _group_normal(given), "result2.unsqueeze(-1)", "2")
    return f"({inner}).reshape(input.shape)"


def _group_weight(given: Given) -> str:
    return f"(grad * {_group_normal(given)}.reshape(input.shape)).sum({_channels(given)})"


RULES: Final[Table] = {
    "native_layer_norm": entry(
        input=(_layer_input, _INPUT_WORDS, _latex(weighted=True)),
        weight=(lambda g: _layer_sum(g, "grad * (input - result1) * result2"), _SCALE_WORDS),
        bias=(lambda g: _layer_sum(g, "grad"), _SHIFT_WORDS),
    ),
    "native_batch_norm": entry(
        input=(_batch_input, _INPUT_WORDS, _latex(weighted=True)),
        weight=(_batch_weight, _SCALE_WORDS, r"\textstyle\sum {grad} \odot \hat{{x}}"),
        bias=(lambda g: f"grad.sum({_channels(g)})", _SHIFT_WORDS),
    ),
    "native_group_norm": entry(
        input=(_group_input, _INPUT_WORDS, _latex(weighted=True)),
        weight=(_group_weight, _SCALE_WORDS, r"\textstyle\sum {grad} \odot \hat{{x}}"),
        bias=(lambda g: f"grad.sum({_channels(g)})", _SHIFT_WORDS),
    ),
}
