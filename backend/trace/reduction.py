"""Tensors into numbers: of small ones all values, larger ones in stacks, views once with what they view."""

from __future__ import annotations

import math
import struct
from itertools import chain
from typing import Final, NamedTuple

import numpy as np
import torch

from backend.trace.layouts import LAYOUTS, NARROW, Layout, matrix, numbers
from backend.trace.moments import Array, exact, of_each
from backend.trace.stacks import Entry, Run, Stacks
from backend.trace.thumb import thumbnail
from backend.wire.messages import STATISTICS


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

_made: Final = tuple.__new__  # the class's own takes twice the time

Small = tuple[Entry, Layout, bytes]
"""A tensor of few elements: where its summary belongs, what it is, and its values (see `Layout.values`)."""


def reduce_small(batch: list[Small]) -> None:
    """Tensors whose values are all told: those, and statistics."""
    kinds: dict[torch.dtype, list[Small]] = {}
    for small in batch:
        kinds.setdefault(small[1].dtype, []).append(small)
    for wide in (False, True):
        groups = [group for dtype, group in kinds.items() if (dtype in NARROW) is not wide]
        if groups:
            flat = [numbers(b"".join([values for _, _, values in group]), group[0][1].dtype) for group in groups]
            _reduce_alike(list(chain.from_iterable(groups)), np.concatenate(flat), wide=wide)


def _reduce_alike(batch: list[Small], flat: Array, *, wide: bool) -> None:
    counts = tuple([layout.numel for _, layout, _ in batch])
    rows = of_each(flat, counts).astype(flat.dtype).tobytes()
    values, size = flat.tobytes(), flat.itemsize
    width = STATISTICS * size
    row = start = 0
    for (entry, layout, _), count in zip(batch, counts, strict=True):
        end = start + count * size
        payload = rows[row : row + width] + values[start:end]
        entry[1] = _made(Summary, (layout.shape, layout.name, "cpu", wide, count, None, payload))
        row, start = row + width, end


def reduce_runs(runs: list[Run], side: int) -> None:
    """Tensors of narrow types that are too large to be told whole: statistics and a thumbnail. `side`: see there."""
    alike: dict[int, list[Run]] = {}
    for run in runs:
        if run.moved():
            for entry, _ in chain.from_iterable(run.looks.values()):
                entry[1] = absent(run.tensor)
            continue
        known = alike.get(run.layout.alike)
        if known is None:
            alike[run.layout.alike] = [run]
        else:
            known.append(run)
    stacks = Stacks(side)
    for several in alike.values():
        stacks.add(several)
    for shown, thumb, payload in stacks.told():
        for entry, layout in shown:
            entry[1] = _made(Summary, (layout.shape, layout.name, "cpu", False, 0, thumb, payload))


def number(value: float) -> Summary:
    """A single float32."""
    if not math.isfinite(value):
        nan = math.nan
        return Summary(
            (),
            "torch.float32",
            "cpu",
            False,
            1,
            None,
            _PACK7(nan, nan, nan, nan, value != value, value == value, value),
        )
    return Summary((), "torch.float32", "cpu", False, 1, None, _PACK7(value, value, value, math.nan, 0.0, 0.0, value))


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
    """A tensor of a kind that few snippets have, by itself."""
    strided = tensor.layout is torch.strided and tensor.is_cpu and not tensor.is_quantized
    if tensor._is_zerotensor():  # a gradient that is 0, and has no memory
        tensor = torch.zeros(tensor.shape, dtype=tensor.dtype)
    if not strided or not tensor.numel() or not tensor.data_ptr():
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
    flat = real.view(-1).numpy()
    row = exact(flat)
    if count <= preview:
        shown, thumb = flat, None
    else:
        look = LAYOUTS[real.shape, real.stride(), kind].look
        shown = thumbnail(matrix(flat, look), side_of(preview), finite=not row[4:].any())
        thumb, count = (shown.shape[0], shown.shape[1]), 0
    payload = row.astype(flat.dtype).tobytes() + shown.astype(flat.dtype).tobytes()
    return Summary(shape, dtype, "cpu", kind is torch.float64, count, thumb, payload)


def side_of(preview: int) -> int:
    """The side of a thumbnail that has as many cells as a tensor may have values."""
    return max(1, int(preview**0.5))
