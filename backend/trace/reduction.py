"""What has been found out about one tensor, and how it is found out about those that are read nowhere else."""

from __future__ import annotations

import math
import struct
from typing import Final, NamedTuple

import numpy as np
import torch

from backend.trace.kernels import summarise
from backend.trace.layouts import NARROW, layouts
from backend.wire.messages import STATISTICS

LEAST: Final = 1 << 16
"""Nothing lies below: it is the offset of a view whose memory was taken away."""


class Summary(NamedTuple):
    """One tensor's numbers, and what they are the numbers of."""

    shape: tuple[int, ...]
    dtype: str
    device: str
    wide: bool
    values: int
    thumb: tuple[int, int] | None
    payload: bytes
    """STATISTICS numbers, then the values or the thumbnail: float64 if `wide`, else float32."""


_NONE32: Final = np.array([np.nan] * 4 + [0.0] * 2, dtype=np.float32).tobytes()
_NONE64: Final = np.array([np.nan] * 4 + [0.0] * 2, dtype=np.float64).tobytes()


_PACK7: Final = struct.Struct(f"<{STATISTICS + 1}f").pack


def number(value: float) -> Summary:
    """A single float32."""
    if math.isfinite(value):
        statistics = value, value, value, math.nan, 0.0, 0.0
    else:
        statistics = math.nan, math.nan, math.nan, math.nan, value != value, value == value
    return Summary((), "torch.float32", "cpu", False, 1, None, _PACK7(*statistics, value))


def absent(tensor: torch.Tensor) -> Summary:
    """A tensor without values to look at: meta, empty, sparse. Its shape is all there is to say."""
    key = tensor.shape, tensor.dtype, tensor.device
    summary = _ABSENT.get(key)
    if summary is None:
        shape, dtype, device = key
        summary = _ABSENT[key] = Summary(tuple(shape), str(dtype), device.type, False, 0, None, _NONE32)
    return summary


_ABSENT: Final[dict[tuple[torch.Size, torch.dtype, torch.device], Summary]] = {}


def rare(tensor: torch.Tensor, preview: int) -> Summary:
    """A tensor of a kind that few snippets have: a copy is read."""
    if "fake_mode" in tensor.__dict__:
        return absent(tensor)  # a FakeTensor: asked for its memory, it warns
    strided = tensor.layout is torch.strided and tensor.is_cpu and not tensor.is_quantized
    if tensor._is_zerotensor():  # a gradient that is 0, and has no memory
        tensor = torch.zeros(tensor.shape, dtype=tensor.dtype)
    if not strided or not tensor.numel() or tensor.data_ptr() < LEAST:
        return absent(tensor)
    shape, dtype, count = tuple(tensor.shape), str(tensor.dtype), tensor.numel()
    if tensor.dtype.is_complex:
        # complex numbers have no order, so no statistics: values only, real and imaginary part in turn
        if count > preview:
            return Summary(shape, dtype, "cpu", True, 0, None, _NONE64)
        pairs = torch.view_as_real(tensor.detach().resolve_conj()).to(torch.float64, copy=True)
        return Summary(shape, dtype, "cpu", True, count, None, _NONE64 + pairs.numpy().tobytes())
    kind = torch.float32 if tensor.dtype in NARROW else torch.float64
    # a copy: a storage that numpy has seen cannot be resized any more
    real = tensor.detach().resolve_neg().to(kind, copy=True, memory_format=torch.contiguous_format)
    layout = layouts(preview)[real.shape, real.stride(), kind]
    if not layout.plan:
        return absent(tensor)
    numbers = np.empty(layout.size, dtype=np.uint8)
    summarise(layout.plan, real.data_ptr(), numbers.ctypes.data)
    return Summary(shape, dtype, *layout.told[2:], numbers.tobytes())
