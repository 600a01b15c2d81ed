"""The rule of scaled dot-product attention, where torch has one op for it: softmax's, between two products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from backend.trace.rules.entry import Given, Table, entry


def _scale(given: Given) -> float:
    scale = given["scale"]
    return given.shapes["query"][-1] ** -0.5 if scale is None else float(scale)


def _probabilities(given: Given) -> str | None:
    query, key = given.shapes["query"], given.shapes["key"]
    if given["dropout_p"] not in (None, 0.0):
        return None
    scores = f"query @ key.mT * {_scale(given)!r}"
    if given["is_causal"]:
        return f"({scores}).masked_fill(torch.ones({query[-2]}, {key[-2]}).triu(1).bool(), -torch.inf).softmax(-1)"
    if _is_masked(given):
        return f"({scores} + attn_mask).softmax(-1)"
    return f"({scores}).softmax(-1)"


def _is_masked(given: Given) -> bool:
    return "attn_mask" in given.shapes


def _scores(given: Given) -> str | None:
    """The gradient of the scores: softmax's rule on the gradient of the probabilities."""
    p = _probabilities(given)
    return p and f"({p} * (grad @ value.mT - (grad * result).sum(-1, keepdim=True)) * {_scale(given)!r})"


def _then(part: Callable[[Given], str | None], code: str) -> Callable[[Given], str | None]:
    """What `part` gives, if that is written down, and `code` behind it."""

    def expression(given: Given) -> str | None:
        found = part(given)
        return found and found + code

    return expression


def _words(plain: str) -> Callable[[Given], str]:
    """What is said of every attention, and of its mask."""

    def words(given: Given) -> str:
        if given["is_causal"]:
            return f"{plain}; the causal mask makes both 0 where a position would see a later one"
        return f"{plain}; both are 0 where the mask is -inf" if _is_masked(given) else plain

    return words


def _scaled(given: Given) -> str:
    """LaTeX behind what is scaled."""
    return r" / \sqrt{{d}}" if given["scale"] is None else rf" \cdot {float(given['scale']):.4g}"


def _gradient(given: Given) -> str:
    return (
        r"P \odot \bigl({grad}\,{value}^{{\top}} - \textstyle\sum {grad} \odot {result}\bigr)"
        rf"{_scaled(given)}"
    )


def _where(given: Given) -> str:
    """LaTeX of what P is, with its mask."""
    mask, more = "", ""
    if given["is_causal"]:
        mask, more = " + M", r",\quad M_{{ij}} = \begin{{cases}} 0 & j \le i \\ -\infty & j > i \end{{cases}}"
    elif _is_masked(given):
        mask = " + {attn_mask}"
    return (
        r",\quad P = \operatorname{{softmax}}\bigl({query}\,{key}^{{\top}}" + _scaled(given) + mask + r"\bigr)" + more
    )


RULES: Final[Table] = {
    "_scaled_dot_product_flash_attention_for_cpu": entry(
        query=(
            _then(_scores, " @ key"),
            _words("the gradient of the scores, by softmax's rule from the probabilities, times the keys"),
            lambda g: rf"{_gradient(g)}\;{{key}}{_where(g)}",
        ),
        key=(
            _then(_scores, ".mT @ query"),
            _words(
                "the gradient of the scores, by softmax's rule from the probabilities, transposed times the queries"
            ),
            lambda g: rf"\bigl({_gradient(g)}\bigr)^{{{{\top}}}}{{query}}{_where(g)}",
        ),
        value=(
            _then(_probabilities, ".mT @ grad"),
            _words("the probabilities transposed times the gradient"),
            lambda g: rf"P^{{{{\top}}}}{{grad}}{_where(g)}",
        ),
    ),
}
