"""Rules of ops that take elements by index, or put them there."""

from __future__ import annotations

from typing import Final

from backend.trace.rules.entry import Given, Table, entry

_BACK = "each gradient put back where its element was taken from; what was taken twice gets the sum"
_OVER = "the gradient, zero where it was written over"


def _places(given: Given) -> str | None:
    """`[indices[0], :, indices[1]]` as torch takes it: a tuple, None for a dim that is taken whole."""
    pattern = given["indices"]
    count = sum(name.startswith("indices[") for name in given.shapes)
    if pattern is None:
        return ", ".join(f"indices[{i}]" for i in range(count)) + ("," if count == 1 else "")
    numbers = iter(range(count))
    parts = ["slice(None)" if kept == ":" else f"indices[{next(numbers)}]" for kept in pattern]
    return ", ".join(parts) + ("," if len(parts) == 1 else "")


def _index(given: Given) -> str:
    if given["indices"] is None:
        return f"torch.zeros_like(self).index_put(({_places(given)}), grad, accumulate=True)"
    places = f"torch.arange({given.size()}).reshape(self.shape)[{_places(given)}].flatten()"
    return f"torch.zeros_like(self).flatten().index_add(0, {places}, grad.flatten()).reshape(self.shape)"


def _embedding(given: Given) -> str | None:
    weight = given.shapes["weight"]
    if given["sparse"] or given["scale_grad_by_freq"]:
        return None
    padding = given["padding_idx"]
    rows = f"torch.zeros_like(weight).index_add(0, indices.flatten(), grad.reshape(-1, {weight[1]}))"
    if padding is None or padding < 0:
        return rows
    return f"{rows}.index_fill(0, torch.tensor({padding}), 0)"


RULES: Final[Table] = {
    "index.Tensor": entry(self=(_index, _BACK, r"\operatorname{{place}}({grad})")),
    "index_select": entry(
        self=(
            lambda g: f"torch.zeros_like(self).index_add({g.dim()}, index, grad)",
            _BACK,
            r"\operatorname{{place}}({grad})",
        )
    ),
    "gather": entry(
        self=(
            lambda g: f"torch.zeros_like(self).scatter_add({g.dim()}, index, grad)",
            _BACK,
            r"\operatorname{{scatter\_add}}(\mathbf{{0}}, {index}, {grad})",
        )
    ),
    "take": entry(
        self=(
            "torch.zeros_like(self).flatten().index_add(0, index.flatten(), grad.flatten()).reshape(self.shape)",
            _BACK,
            r"\operatorname{{place}}({grad})",
        )
    ),
    "masked_select": entry(
        self=(
            "torch.zeros_like(self).masked_scatter(mask, grad)",
            "the gradients at the places that were selected, zero elsewhere",
            r"\operatorname{{place}}({grad})",
        )
    ),
    "embedding": entry(
        weight=(
            _embedding,
            "to each row that was looked up its gradient; a row looked up twice gets the sum, the others zero",
            r"\textstyle\sum_{{i:\,{indices}_i = \text{{row}}}} \left({grad}\right)_i",
        )
    ),
    "scatter.src": entry(
        self=(lambda g: f"grad.scatter({g.dim()}, index, 0)", _OVER),
        src=(lambda g: f"grad.gather({g.dim()}, index)", "the gradient at the place that it was put to"),
    ),
    "scatter.value": entry(self=(lambda g: f"grad.scatter({g.dim()}, index, 0)", _OVER)),
    "scatter_add": entry(
        self=("grad", "the gradient as it is: adding changes nothing of it"),
        src=(lambda g: f"grad.gather({g.dim()}, index)", "the gradient at the place that it was added to"),
    ),
    "index_add": entry(
        self=("grad", "the gradient as it is: adding changes nothing of it"),
        source=(
            lambda g: f"grad.index_select({g.dim()}, index) * alpha",
            "the gradient at the place that it was added to",
        ),
    ),
    "index_copy": entry(
        self=(lambda g: f"grad.index_fill({g.dim()}, index, 0)", _OVER),
        source=(lambda g: f"grad.index_select({g.dim()}, index)", "the gradient at the place that it was copied to"),
    ),
    "index_fill.int_Scalar": entry(self=(lambda g: f"grad.index_fill({g.dim()}, index, 0)", _OVER)),
    "index_put": entry(
        self=(
            lambda g: "grad" if g["accumulate"] else f"grad.index_put(({_places(g)}), torch.tensor(0.0).to(grad))",
            _OVER,
            r"\operatorname{{zero}}({grad})",
        ),
        values=(
            lambda g: f"grad[{_places(g)}].sum_to_size(values.shape)",
            "the gradient at the place that it was put to",
        ),
    ),
}
