"""Rules of convolutions, pooling and resampling."""

from __future__ import annotations

from typing import Final

from backend.trace.rules.entry import Given, Table, entry


def _options(given: Given) -> str:
    shown = [f"{name}={list(given[name])}" for name in ("stride", "padding", "dilation")]
    return ", ".join([*shown, f"groups={given['groups']}"])


def _rank(given: Given) -> int:
    return len(given.shapes["input"]) - 2


def _input(given: Given) -> str | None:
    rank = _rank(given)
    if rank not in (1, 2, 3):
        return None
    if given["transposed"]:
        return f"F.conv{rank}d(grad, weight, {_options(given)})"
    return f"torch.nn.grad.conv{rank}d_input(input.shape, weight, grad, {_options(given)})"


def _weight(given: Given) -> str | None:
    rank = _rank(given)
    if rank not in (1, 2, 3):
        return None
    if given["transposed"]:
        return f"torch.nn.grad.conv{rank}d_weight(grad, weight.shape, input, {_options(given)})"
    return f"torch.nn.grad.conv{rank}d_weight(input, weight.shape, grad, {_options(given)})"


def _max_pool(given: Given) -> str:
    """`result1` counts within one image."""
    rank = len(given.shapes["self"])
    start = max(rank - 2, 0)
    return (
        f"torch.zeros_like(self).flatten({start})"
        f".scatter_add({start}, result1.flatten({start}), grad.flatten({start})).reshape(self.shape)"
    )


def _average(given: Given) -> str | None:
    """Each window's gradient to all its elements, in equal parts: what a convolution with ones does backwards."""
    shape = given.shapes["self"]
    if (
        len(shape) != 4
        or given["ceil_mode"]
        or given["divisor_override"]
        or (not given["count_include_pad"] and any(given["padding"]))
    ):
        return None
    kernel = _pair(given["kernel_size"])
    stride = _pair(given["stride"]) if given["stride"] else kernel
    channels = shape[1]
    ones = f"torch.ones({channels}, 1, {kernel[0]}, {kernel[1]}).to(grad) / {kernel[0] * kernel[1]}"
    options = f"stride={stride}, padding={_pair(given['padding'])}, groups={channels}"
    return f"torch.nn.grad.conv2d_input(self.shape, {ones}, grad, {options})"


def _pair(value: list[int]) -> list[int]:
    return list(value) * 2 if len(value) == 1 else list(value)


def _adaptive(given: Given) -> str | None:
    shape, out = given.shapes["self"], given.outputs[0]
    if len(shape) != 4 or shape[2] % out[2] or shape[3] % out[3]:
        return None
    rows, columns = shape[2] // out[2], shape[3] // out[3]
    spread = f"grad.repeat_interleave({rows}, 2).repeat_interleave({columns}, 3)"
    return f"{spread} / {rows * columns}"


def _nearest(given: Given) -> str | None:
    shape, out = given.shapes["self"], given.outputs[0]
    if any(large % small for large, small in zip(out[2:], shape[2:], strict=True)):
        return None
    blocks = [*shape[:2], shape[2], out[2] // shape[2], shape[3], out[3] // shape[3]]
    return f"grad.reshape({blocks}).sum([3, 5])"


_KEPT = "each window's gradient to the element that was its largest, zero to the others"

RULES: Final[Table] = {
    "convolution": entry(
        input=(
            _input,
            "the gradient convolved back: each input gets, from every window that it stood in, gradient times weight",
            r"{grad} \star^{{\top}} {weight}",
        ),
        weight=(
            _weight,
            "the input correlated with the gradient: each weight gets gradient times the input that it met, summed",
            r"{input} \star {grad}",
        ),
        bias=(
            lambda g: f"grad.sum({[0, *range(2, len(g.outputs[0]))]})",
            "the gradient, summed over everything that the bias was added to",
        ),
    ),
    "max_pool2d_with_indices": entry(self=(_max_pool, _KEPT, r"\operatorname{{place}}({grad})")),
    "adaptive_max_pool2d": entry(self=(_max_pool, _KEPT, r"\operatorname{{place}}({grad})")),
    "avg_pool2d": entry(
        self=(
            _average,
            "each window's gradient to all its elements, in equal parts",
            r"\tfrac{{1}}{{n}}\textstyle\sum_{{\text{{windows}}}} {grad}",
        )
    ),
    "_adaptive_avg_pool2d": entry(
        self=(
            _adaptive,
            "each window's gradient to all its elements, in equal parts",
            r"\tfrac{{1}}{{n}}\,{grad} \cdot \mathbf{{1}}",
        )
    ),
    "upsample_nearest2d": entry(
        self=(_nearest, "the gradients of all the copies, summed", r"\textstyle\sum_{{\text{{copies}}}} {grad}")
    ),
}
