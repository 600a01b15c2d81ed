"""What is the same for all tensors of one shape, strides and type: how they are read, and what is told of them."""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import numpy as np
import torch

from backend.trace import kernels
from backend.wire.messages import STATISTICS

PLAIN: Final = frozenset({torch.Tensor, torch.nn.Parameter})
"""Classes of tensors that do nothing of their own when they are asked for something."""

NARROW: Final = frozenset(
    {torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8, torch.int8, torch.int16}
)
"""Types whose every value float32 holds exactly; the others travel as float64."""

_KINDS: Final = {
    torch.float32: kernels.FLOAT32,
    torch.float64: kernels.FLOAT64,
    torch.int64: kernels.INT64,
    torch.int32: kernels.INT32,
    torch.int16: kernels.INT16,
    torch.int8: kernels.INT8,
    torch.uint8: kernels.UINT8,
    torch.bool: kernels.UINT8,
    torch.bfloat16: kernels.BFLOAT16,
    torch.float16: kernels.FLOAT16,
}

THUMB: Final = 32
"""Largest side of a thumbnail, in cells; it never has more cells than `preview` allows values."""

MOST: Final = 1 << 30
"""Elements that are looked at: a tensor with more is nearly always a view that shows the same memory many times."""

MOST_LAYOUTS: Final = 10_000
"""Shapes, strides and types that are remembered: a loop may make new ones for ever."""

_copies: Final = np.empty(kernels.SCRATCH, dtype=np.uint8)

Dimensions = list[tuple[int, int]]
"""Sizes and strides, the one that runs fastest last."""


class Layout:
    """How tensors of one shape, strides and type are summarised. `preview`: the largest numel whose values are told.

    A larger tensor has a thumbnail: of the last two dimensions, at the first place of all others.
    """

    __slots__ = ("_plan", "plan", "room", "size", "told")

    def __init__(self, shape: torch.Size, strides: tuple[int, ...], dtype: torch.dtype, preview: int) -> None:
        numel, wide = shape.numel(), dtype not in NARROW
        each = 8 if wide else 4
        whole = numel <= preview
        thumb = None if whole else cells(*_sides(shape), max(1, int(preview**0.5)))
        self.told = (tuple(shape), str(dtype), "cpu", wide, numel if whole else 0, thumb)
        """A summary but for its numbers."""
        self.plan = 0
        """The address of the kernel's plan; 0 if it cannot read such a tensor."""
        self.size = self.room = 0
        """Bytes of the numbers, and the same so that what follows lies at a multiple of 8."""
        if dtype not in _KINDS or not numel:
            return
        dimensions = list(zip(shape, strides, strict=True))
        repeat = 1 if whole else math.prod(size for size, stride in dimensions if not stride)
        looked = _joined([one for one in dimensions if whole or one[1]])
        if numel // repeat > MOST:
            return
        entries = [0] * (kernels.DIMS + 1)
        entries[kernels.KIND] = _KINDS[dtype]
        entries[kernels.WIDTH] = dtype.itemsize
        entries[kernels.COPY] = _copies.ctypes.data
        entries[kernels.WIDE] = wide
        entries[kernels.COUNT] = numel // repeat
        entries[kernels.REPEAT] = repeat
        entries[kernels.DENSE] = _side_by_side(looked)
        entries[kernels.VALUES] = whole
        entries[kernels.SHOWN] = STATISTICS * each
        if thumb is not None:
            entries[kernels.OUTER : kernels.DIMS] = _matrix(shape, strides, thumb)
        entries[kernels.DIMS] = len(looked)
        self._plan = np.array(entries + [size for size, _ in looked] + [stride for _, stride in looked], np.int64)
        self.plan = self._plan.ctypes.data
        shown = numel if thumb is None else thumb[0] * thumb[1]
        self.size = (STATISTICS + shown) * each
        self.room = -(-self.size // 8) * 8


class Layouts(dict[tuple[torch.Size, tuple[int, ...], torch.dtype], Layout]):
    """By shape, strides and type, made when they are asked for."""

    def __init__(self, preview: int) -> None:
        super().__init__()
        self.preview = preview

    def __missing__(self, key: tuple[torch.Size, tuple[int, ...], torch.dtype]) -> Layout:
        """Make one."""
        if len(self) >= MOST_LAYOUTS:
            self.clear()
        made = self[key] = Layout(*key, self.preview)
        return made


@cache
def layouts(preview: int) -> Layouts:
    """Those for one `preview`: what they are does not change from run to run."""
    return Layouts(preview)


@cache
def cells(height: int, width: int, side: int) -> tuple[int, int]:
    """Rows and columns of the thumbnail of a [height, width] matrix: at most `side` * `side` cells."""
    room = side * side
    rows = min(height, side, THUMB) if width > side else min(height, THUMB, room // width)
    rows = max(1, rows)
    return rows, max(1, min(width, THUMB, room // rows))


def _sides(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the last two dimensions."""
    height, width = (1, 1, *shape)[-2:]
    return height, width


def _matrix(shape: tuple[int, ...], strides: tuple[int, ...], thumb: tuple[int, int]) -> list[int]:
    """The part of a plan from OUTER on: the matrix of which there is a thumbnail, read in the order that memory has."""
    (height, width), (rows, columns) = _sides(shape), thumb
    down, right = (0, 0, *strides)[-2:]
    # what comes again and again is read once for each cell
    height, width = height if down else rows, width if right else columns
    if height > 1 and width > 1 and 0 < down < right:
        return [width, height, right, down, columns, rows, 1, columns]
    return [height, width, down, right if width > 1 else 1, rows, columns, columns, 1]


def _joined(dimensions: Dimensions) -> Dimensions:
    """The same with fewer dimensions: those that run on into each other are one."""
    joined: Dimensions = []
    for size, stride in dimensions:
        if size == 1:
            continue
        if joined and joined[-1][1] == size * stride:
            joined[-1] = joined[-1][0] * size, stride
        else:
            joined.append((size, stride))
    return joined or [(1, 1)]


def _side_by_side(dimensions: Dimensions) -> bool:
    """Whether the elements fill their memory, in whatever order."""
    count = 1
    for size, stride in sorted(dimensions, key=lambda one: one[1]):
        if stride != count:
            return False
        count *= size
    return True


_INDICES: Final = {
    torch.sparse_coo: ("_indices",),
    torch.sparse_csr: ("crow_indices", "col_indices"),
    torch.sparse_bsr: ("crow_indices", "col_indices"),
    torch.sparse_csc: ("ccol_indices", "row_indices"),
    torch.sparse_bsc: ("ccol_indices", "row_indices"),
}
"""The methods that give what a sparse tensor keeps beside its values."""


def stored_bytes(tensor: torch.Tensor) -> int | None:
    """Bytes of the values that a sparse tensor stores, and of their places; None for what is not sparse.

    Errors:
        NotImplementedError: a nested tensor, which has no shape.
    """
    if tensor.layout is torch.jagged:
        raise NotImplementedError("nested tensors have no shape")
    indices = _INDICES.get(tensor.layout)
    if indices is None:
        return None
    values = "_values" if tensor.layout is torch.sparse_coo else "values"
    with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
        parts: list[torch.Tensor] = [getattr(tensor, name)() for name in (values, *indices)]
    return sum(part.numel() * part.itemsize for part in parts)
