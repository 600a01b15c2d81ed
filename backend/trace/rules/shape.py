"""Rules of ops that move elements and change none: views, joins and cuts."""

from __future__ import annotations

from typing import Final

from backend.trace.rules.entry import Given, Table, entry

_SHAPED = "the gradient in the input's shape: a view moves no value"
_CUT = "the gradient at the places that were taken, zero elsewhere"
_PART = "its part of the gradient"


def _permute(given: Given) -> str:
    rank = len(given.shapes["self"])
    order = [d % rank for d in given["dims"]]
    return f"grad.permute({[order.index(d) for d in range(rank)]})"


def _select(given: Given) -> str:
    dim = given.dim()
    return f"torch.zeros_like(self).select_scatter(grad, {dim}, {given['index']})"


def _slice(given: Given) -> str:
    dim, start, end, step = given.dim(), given["start"], given["end"], given["step"] or 1
    length = given.shapes["self"][dim]
    end = length if end is None or end > length else end
    step_text = "" if step == 1 else f", step={step}"
    return f"torch.zeros_like(self).slice_scatter(grad, {dim}, {start or 0}, {end}{step_text})"


def _joined(given: Given) -> str:
    """`grad`, `grad1` … of all outputs, one behind the other."""
    return f"torch.cat([{', '.join(_grads(given))}], {given.dim()})"


def _stacked(given: Given) -> str:
    return f"torch.stack([{', '.join(_grads(given))}], {given.dim()})"


def _grads(given: Given) -> list[str]:
    return ["grad" if i == 0 else f"grad{i}" for i in range(len(given.outputs))]


def _part(given: Given) -> str:
    rank = len(given.outputs[0])
    dim = (given["dim"] or 0) % rank
    shapes = [shape for name, shape in given.shapes.items() if name.startswith("tensors")]
    lengths = [shape[dim] if len(shape) == rank else 0 for shape in shapes]
    start = sum(lengths[: given.place])
    return f"grad.narrow({dim}, {start}, {lengths[given.place]})"


def _layer(given: Given) -> str:
    return f"grad.select({(given['dim'] or 0) % len(given.outputs[0])}, {given.place})"


def _squeezed(given: Given) -> str:
    shape = given.shapes["self"]
    gone = [d for d in given.dims() if shape[d] == 1] if shape else []
    return "grad" + "".join(f".unsqueeze({d})" for d in gone)


def _expand(given: Given) -> str:
    small, large = given.shapes["self"], given.outputs[0]
    return unbroadcast("grad", large, small)


def unbroadcast(expression: str, large: tuple[int, ...], small: tuple[int, ...]) -> str:
    """`expression`, of shape `large`, summed over the dims that broadcasting made of shape `small`."""
    if large == small:
        return expression
    expression = expression if expression.isidentifier() else f"({expression})"
    front = len(large) - len(small)
    if front > 0:
        expression += f".sum({_listed(range(front))})"
    ones = [d for d, length in enumerate(small) if length == 1 and large[front + d] != 1]
    return f"{expression}.sum({_listed(ones)}, keepdim=True)" if ones else expression


def _listed(dims: range | list[int]) -> str:
    return str(dims[0]) if len(dims) == 1 else str(list(dims))


def _repeat(given: Given) -> str:
    """Blocks in front of each dim, summed away."""
    repeats, shape = list(given["repeats"]), given.shapes["self"]
    extra = len(repeats) - len(shape)
    blocks: list[int] = []
    for place, count in enumerate(repeats):
        blocks += [count] if place < extra else [count, shape[place - extra]]
    over = [*range(extra), *(extra + 2 * d for d in range(len(shape)))]
    return f"grad.reshape({blocks}).sum({_listed(over)})"


def _pad(given: Given) -> str:
    return f"F.pad(grad, {[-width for width in given['pad']]})"


def _windows(g: Given) -> str:
    """The rule of unfold; a number has one window, of itself."""
    shape = g.shapes["self"]
    if not shape:
        return "grad.reshape(())"
    dim = g["dimension"] % len(shape)
    windows = f"torch.arange({shape[dim]}).unfold(0, {g['size']}, {g['step']}).flatten()"
    return f"torch.zeros_like(self).index_add({dim}, {windows}, grad.movedim(-1, {dim + 1}).flatten({dim}, {dim + 1}))"


def _roll(given: Given) -> str:
    return (
        f"grad.roll({[-s for s in given['shifts']]}, {list(given['dims'] or [])})"
        if given["dims"]
        else (f"grad.flatten().roll({-given['shifts'][0]}).reshape(self.shape)")
    )


RULES: Final[Table] = {
    "view": entry(self=("grad.reshape(self.shape)", _SHAPED)),
    "_unsafe_view": entry(self=("grad.reshape(self.shape)", _SHAPED)),
    "_reshape_alias": entry(self=("grad.reshape(self.shape)", _SHAPED)),
    "t": entry(self=("grad.t()", "the gradient, transposed back")),
    "transpose.int": entry(self=("grad.transpose(dim0, dim1)", "the gradient, transposed back")),
    "permute": entry(self=(_permute, "the gradient, its dims put back in order")),
    "unsqueeze": entry(
        self=(lambda g: f"grad.squeeze({g['dim'] % len(g.outputs[0])})", "the gradient without the new dim")
    ),
    "squeeze": entry(self=(_squeezed, "the gradient with the dims of size 1 put back")),
    "squeeze.dim": entry(self=(_squeezed, "the gradient with the dims of size 1 put back")),
    "squeeze.dims": entry(self=(_squeezed, "the gradient with the dims of size 1 put back")),
    "expand": entry(self=(_expand, "the gradients of all the copies, summed")),
    "repeat": entry(self=(_repeat, "the gradients of all the copies, summed")),
    "select.int": entry(self=(_select, _CUT)),
    "slice.Tensor": entry(self=(_slice, _CUT)),
    "diagonal": entry(
        self=(
            lambda g: f"torch.zeros_like(self).diagonal_scatter(grad, {g['offset']}, {g['dim1']}, {g['dim2']})",
            "the gradient on the diagonal, zero elsewhere",
        )
    ),
    "diag_embed": entry(
        self=("grad.diagonal(offset, dim1, dim2)", "the diagonal of the gradient"),
    ),
    "split.Tensor": entry(self=(_joined, "the gradients of the parts, joined again")),
    "split_with_sizes": entry(self=(_joined, "the gradients of the parts, joined again")),
    "unsafe_split.Tensor": entry(self=(_joined, "the gradients of the parts, joined again")),
    "unsafe_split_with_sizes": entry(self=(_joined, "the gradients of the parts, joined again")),
    "unbind.int": entry(self=(_stacked, "the gradients of the parts, stacked again")),
    "cat": entry(tensors=(_part, _PART)),
    "stack": entry(tensors=(_layer, _PART)),
    "flip": entry(self=("grad.flip(dims)", "the gradient, turned back")),
    "roll": entry(self=(_roll, "the gradient, rolled back")),
    "tril": entry(self=("grad.tril(diagonal)", "the gradient below the diagonal, zero above")),
    "triu": entry(self=("grad.triu(diagonal)", "the gradient above the diagonal, zero below")),
    "constant_pad_nd": entry(self=(_pad, "the gradient without the padding")),
    "pixel_shuffle": entry(
        self=("F.pixel_unshuffle(grad, upscale_factor)", "the gradient, put back where it came from")
    ),
    "unfold": entry(
        self=(
            _windows,
            "the gradients of all the windows that an element stands in, summed",
            r"\textstyle\sum_{{\text{{windows}}}} {grad}",
        )
    ),
}
