"""Layers that were made for inputs of another size: convolution, normalisation, embedding, recurrence, attention."""

from __future__ import annotations

import re
from typing import Any, Final

import torch

from backend.trace.advice.constructor import remade
from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family, count, dtype, plain, shape
from backend.trace.groups import type_of

_SETTINGS: Final = re.compile(
    r", (?:eps|momentum|affine|track_running_stats|stride|padding|padding_mode|bias|elementwise_affine)="
    r"(?:\([^)]*\)|[^,)]*)"
)


def _layer(failure: Failure, function: str) -> tuple[str, torch.nn.Module | None]:
    """What the failing layer is, as the beginning of a sentence, and itself."""
    module = failure.module
    if module is None:
        return f"This is {function}", None
    name = failure.name_of(module)
    return f"`{name}` is {kind_of(module)}" if name else f"This layer is {kind_of(module)}", module


def kind_of(module: torch.nn.Module) -> str:
    """As `Conv2d(3, 8, kernel_size=(3, 3))`: the class and its sizes, without the settings that do not matter here."""
    return _SETTINGS.sub("", type_of(module))


def _input(failure: Failure) -> Any:
    """What the innermost module, or the failing call, was given first."""
    if failure.modules and failure.modules[-1][1]:
        return failure.modules[-1][1][0]
    return failure.call.argument(0, "input") if failure.call is not None else None


def conv_channels(failure: Failure, match: re.Match[str]) -> Advice | None:
    """The input's channels are not the layer's in_channels."""
    x = _input(failure)
    if not isinstance(x, torch.Tensor):
        return None
    wanted, given = int(match.group(1)), int(match.group(2))
    this, module = _layer(failure, "a convolution")
    weight = getattr(module, "weight", None) if module is not None else None
    spatial = (weight.dim() if isinstance(weight, torch.Tensor) else x.dim()) - 2
    place = x.dim() - 1 - spatial
    operand = failure.operand(x, "input", clash=[place] if place >= 0 else [])
    explanation = (
        f"{this}: it takes {count(wanted, 'channel')}. `{operand.name}` is {shape(x)}, read as "
        f"{_layout(spatial, x.dim())}, so it has {given}."
    )
    if x.dim() == spatial + 1 and wanted == 1:
        return Advice(
            f"{explanation} A batch of pictures needs its channel dimension, even when there is only one channel.",
            f"Put it in: `{operand.name}.unsqueeze(1)` is {shape(x.unsqueeze(1))}.",
            [operand],
            failure.rewritten([(x, "{}.unsqueeze(1)")]),
        )
    if x.dim() >= 3 and x.shape[-1] == wanted:
        dims = [0, x.dim() - 1, *range(1, x.dim() - 1)]
        turned = f"{{}}.permute({', '.join(map(str, dims))})"
        text = turned.format(operand.name)
        return Advice(
            f"{explanation} The channels seem to stand last.",
            f"Bring them to the front: `{text}` is {shape(x.permute(dims))}.",
            [operand],
            failure.rewritten([(x, turned)]),
        )
    made = f"{type(module).__name__}({given}, …)" if module is not None else "a weight of that many input channels"
    return Advice(
        explanation,
        f"Make the layer for {count(given, 'channel')} ({made}), or give it an input of {wanted}.",
        [operand],
        [] if module is None else remade(failure, module, {"in_channels": given}),
    )


def _layout(spatial: int, dims: int) -> str:
    names = {1: ["length"], 2: ["height", "width"], 3: ["depth", "height", "width"]}.get(spatial, [])
    return f"[{', '.join((['batch'] if dims == spatial + 2 else []) + ['channels', *names])}]"


def conv_dims(failure: Failure, match: re.Match[str]) -> Advice | None:
    """An input of too few or too many dimensions."""
    x = _input(failure)
    if not isinstance(x, torch.Tensor):
        return None
    this, module = _layer(failure, "a convolution")
    spatial = int(match.group(1)) - 1
    operand = failure.operand(x, "input", clash=range(x.dim()))
    explanation = (
        f"{this}: it takes {_layout(spatial, spatial + 2)}, or {_layout(spatial, spatial + 1)} for a single "
        f"one. `{operand.name}` is {shape(x)}."
    )
    if x.dim() == spatial and getattr(module, "in_channels", 1) == 1:
        text = f"{operand.name}[None, None]"
        return Advice(
            explanation,
            f"Put batch and channel in front: `{text}` is {shape(x[None, None])}.",
            [operand],
            failure.rewritten([(x, "{}[None, None]")]),
        )
    return Advice(explanation, "Bring the input to one of these forms, with unsqueeze, flatten or reshape.", [operand])


def kernel(failure: Failure, match: re.Match[str]) -> Advice | None:
    """The picture has become smaller than the kernel."""
    x = _input(failure)
    this, _ = _layer(failure, "a convolution")
    operands = (
        [failure.operand(x, "input", clash=range(max(x.dim() - 2, 0), x.dim()))] if isinstance(x, torch.Tensor) else []
    )
    given = f" `{operands[0].name}` is {shape(x)}." if operands else ""
    return Advice(
        f"{this}, and moves a window of {match.group(2)} over the input, which (padding included) has only "
        f"{match.group(1)}.{given}",
        "Use a larger picture, fewer layers that shrink it, a smaller kernel_size, or padding.",
        operands,
    )


def batch_norm(failure: Failure, match: re.Match[str]) -> Advice | None:
    """num_features is not the number of channels."""
    x = _input(failure)
    if not isinstance(x, torch.Tensor):
        return None
    given, wanted = int(match.group(1)), int(match.group(2))
    this, module = _layer(failure, "batch_norm")
    operand = failure.operand(x, "input", clash=[1] if x.dim() > 1 else [])
    return Advice(
        f"{this}: it keeps a mean and a variance for each of {wanted} channels (dimension 1). "
        f"`{operand.name}` is {shape(x)}: {given} channels.",
        f"Make the layer for {count(given, 'channel')}: `nn.{type(module).__name__}({given})`."
        if module is not None
        else f"Give running_mean and running_var {given} elements.",
        [operand],
        [] if module is None else remade(failure, module, {"num_features": given}),
    )


def batch_norm_dims(failure: Failure, match: re.Match[str]) -> Advice | None:
    """BatchNorm1d, 2d or 3d for an input of another number of dimensions."""
    x = _input(failure)
    this, module = _layer(failure, "a layer")
    if not isinstance(x, torch.Tensor) or module is None:
        return None
    right = {2: "BatchNorm1d", 3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}.get(x.dim())
    operand = failure.operand(x, "input", clash=range(x.dim()))
    channels = x.shape[1] if x.dim() > 1 else 1
    return Advice(
        f"{this}: it takes {match.group(1)} input. `{operand.name}` is {shape(x)}: {x.dim()}D.",
        f"For this input use `nn.{right}({channels})`." if right else "Put the missing dimensions in with unsqueeze.",
        [operand],
    )


def one_value(failure: Failure, match: re.Match[str]) -> Advice | None:
    """Batch norm of a batch of one, in training mode."""
    this, _ = _layer(failure, "batch_norm")
    x = _input(failure)
    return Advice(
        f"{this} in training mode: it computes mean and variance over the batch, and a batch of shape "
        f"{match.group(1)} has one value per channel. One value has no variance.",
        "Use a batch of at least two, or switch to evaluation with `model.eval()`, which uses the running statistics.",
        [failure.operand(x, "input", clash=[0])] if isinstance(x, torch.Tensor) else [],
    )


def layer_norm(failure: Failure, match: re.Match[str]) -> Advice | None:
    """normalized_shape is not how the input ends."""
    x = _input(failure)
    if not isinstance(x, torch.Tensor) or not x.dim():
        return None
    wanted = [int(part) for part in match.group(1).split(",") if part.strip()]
    this, module = _layer(failure, "layer_norm")
    operand = failure.operand(x, "input", clash=range(max(x.dim() - len(wanted), 0), x.dim()))
    ends = list(x.shape[-len(wanted) :])
    made = f"nn.LayerNorm({ends[0] if len(ends) == 1 else ends})"
    fixes = remade(failure, module, {"normalized_shape": ends[0]}) if module is not None and len(ends) == 1 else []
    return Advice(
        f"{this}: it normalises over the last dimensions, and they must be {wanted}. `{operand.name}` is "
        f"{shape(x)}, which ends in {ends}.",
        f"Make the layer for what the input ends in: `{made}`.",
        [operand],
        fixes,
    )


def embedding_type(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """Floats where indices belong."""
    module = failure.module
    x = _input(failure) if isinstance(module, torch.nn.Embedding) else None
    if x is None and failure.call is not None and failure.call.name == "embedding":
        x = failure.call.argument(0, "input")
    if not isinstance(x, torch.Tensor):
        return None
    operand = failure.operand(x, "indices")
    return Advice(
        f"An embedding looks rows up by their number, so it takes whole numbers. `{operand.name}` is {dtype(x)}.",
        f"Make them whole numbers: `{operand.name}.long()`.",
        [operand],
        failure.rewritten([(x, "{}.long()")]),
    )


def recurrent(failure: Failure, match: re.Match[str]) -> Advice | None:
    """input_size of an RNN, LSTM or GRU."""
    x = _input(failure)
    this, module = _layer(failure, "a layer")
    if not isinstance(x, torch.Tensor) or module is None:
        return None
    given = int(match.group(2))
    operand = failure.operand(x, "input", clash=[x.dim() - 1])
    return Advice(
        f"{this}: at each time it takes input_size = {match.group(1)} numbers, the input's last dimension. "
        f"`{operand.name}` is {shape(x)}: {given}.",
        f"Make the layer for {given}: `nn.{type(module).__name__}({given}, {getattr(module, 'hidden_size', 1)})`.",
        [operand],
        remade(failure, module, {"input_size": given}),
    )


FAMILIES: Final = (
    Family("conv_channels", "RuntimeError", r"to have (\d+) channels, but got (\d+) channels instead", conv_channels),
    Family("conv_dims", "RuntimeError", r"Expected (\d)D \(unbatched\) or \dD \(batched\) input to conv", conv_dims),
    Family("conv_kernel", "RuntimeError", r"input size per channel: \((.*?)\)\. Kernel size: \((.*?)\)", kernel),
    Family("batch_norm_channels", "RuntimeError", r"running_mean should contain (\d+) elements not (\d+)", batch_norm),
    Family("batch_norm_dims", "ValueError", r"expected ([\dD or]+) input \(got \dD input\)", batch_norm_dims),
    Family("batch_norm_one", "ValueError", r"more than 1 value per channel .*torch\.Size\((\[.*\])\)", one_value),
    Family("layer_norm_shape", "RuntimeError", r"Given normalized_shape=\[(.*?)\]", layer_norm),
    Family("embedding_dtype", "RuntimeError", r"Expected tensor for argument #1 'indices'", embedding_type),
    Family("recurrent_size", "RuntimeError", r"equal to input_size\. Expected (\d+), got (\d+)", recurrent),
    Family(
        "group_norm",
        "ValueError",
        r"num_channels \((\d+)\) must be divisible by num_groups \((\d+)\)",
        plain(
            "Each group gets num_channels / num_groups channels, and that must be a whole number.",
            "Choose num_groups so that it divides num_channels: `nn.GroupNorm(4, 8)` has 4 groups of 2.",
        ),
    ),
    Family(
        "dropout_probability",
        "ValueError",
        r"dropout probability has to be between 0 and 1",
        plain(
            "p is the share of elements that dropout sets to zero, so it lies between 0 and 1.",
            "For 50 percent write `nn.Dropout(0.5)`.",
        ),
    ),
    Family(
        "attention_heads",
        "AssertionError",
        r"embed_dim must be divisible by num_heads",
        plain(
            "Each head of the attention gets embed_dim / num_heads numbers, and that must be a whole number.",
            "Choose num_heads so that it divides embed_dim: `nn.MultiheadAttention(12, 3)` gives each head 4.",
        ),
    ),
)
