"""Where the elements of a tensor lie in memory: views of the same elements are told by it, and read once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch

from backend.trace.moments import Array

NARROW: Final = frozenset(
    {torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8, torch.int8, torch.int16}
)
"""Types whose every value float32 holds exactly; the others travel as float64."""

Look = tuple[int, int, int, int]
"""A matrix among elements in a row, from the first on: height, width, steps from row to row and column to column."""

Reading = tuple[tuple[int, ...], tuple[int, ...]]
"""Sizes and strides under which each element comes once, in the order in which they lie."""


class Layout:
    """What is the same for all tensors of one shape, strides and type."""

    __slots__ = ("alike", "contiguous", "dtype", "elements", "look", "name", "narrow", "numel", "reading", "shape")

    def __init__(self, shape: torch.Size, strides: tuple[int, ...], dtype: torch.dtype) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.name = str(dtype)
        self.narrow = dtype in NARROW
        self.numel = shape.numel()
        ordered = _ordered(self.shape, strides)
        self.reading: Reading | None = None if ordered is None else ordered[0]
        """None where elements overlap or mingle, as in an expanded tensor: that is copied first."""
        packed = _packed(self.shape) if ordered is None else ordered[1]
        self.contiguous = ordered is not None and packed == _packed(self.shape) and len(ordered[0][0]) == 1
        self.look: Look = _look(self.shape, packed)
        self.elements: int = _numbered.setdefault(
            (self.reading, dtype) if ordered is not None else (self.shape, strides, dtype), len(_numbered)
        )
        """Two tensors that begin at one address and have this in common have the same elements."""
        lying = self.shape if self.contiguous or self.reading is None else self.reading[0]
        self.alike: int = _numbered.setdefault(("alike", lying, dtype), len(_numbered))
        """What is `lying` of tensors that have this in common can be stacked."""

    def lying(self, tensor: torch.Tensor) -> torch.Tensor:
        """The elements of `tensor` in the order in which they lie."""
        if self.contiguous:
            return tensor
        return tensor.contiguous() if self.reading is None else tensor.as_strided(*self.reading)


_numbered: dict[Any, int] = {}


class Layouts(dict[tuple[torch.Size, tuple[int, ...], torch.dtype], Layout]):
    """By shape, strides and type, made when they are asked for."""

    def __missing__(self, key: tuple[torch.Size, tuple[int, ...], torch.dtype]) -> Layout:
        """Make one."""
        made = self[key] = Layout(*key)
        return made


LAYOUTS: Final = Layouts()


def matrix(flat: Array, look: Look) -> Array:
    """[height, width]: what `look` sees of elements in a row."""
    height, width, down, right = look
    step = flat.itemsize
    return np.ndarray((height, width), flat.dtype, flat, 0, (down * step, right * step))


def _ordered(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[Reading, tuple[int, ...]] | None:
    """How the elements are read in their order, and the strides that the tensor has once they lie side by side."""
    sizes: list[int] = []
    steps: list[int] = []
    packed = list(_packed(shape))
    count = span = 1
    for stride, size, dim in sorted(zip(strides, shape, range(len(shape)), strict=True)):
        if size == 1:
            continue
        if stride < span:
            return None
        packed[dim] = count
        count *= size
        span += (size - 1) * stride
        if sizes and stride == sizes[-1] * steps[-1]:
            sizes[-1] *= size
        else:
            sizes.append(size)
            steps.append(stride)
    if not sizes or steps[0] != 1:
        sizes.insert(0, 1)
        steps.insert(0, 1)
    return (tuple(reversed(sizes)), tuple(reversed(steps))), tuple(packed)


def _packed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a contiguous tensor."""
    strides: list[int] = []
    count = 1
    for size in reversed(shape):
        strides.append(count)
        count *= size
    return tuple(reversed(strides))


def _look(shape: tuple[int, ...], packed: tuple[int, ...]) -> Look:
    """The last two dimensions, at the first place of all others."""
    if len(shape) < 2:
        width = shape[0] if shape else 1
        return 1, width, width, 1
    height, width = shape[-2:]
    down, right = packed[-2:]
    # a step that is never taken: as in a matrix that lies row by row
    if width == 1:
        right = 1
    if height == 1:
        down = width * right
    return height, width, down, right


_INDICES: Final = {
    torch.sparse_coo: ("_indices",),
    torch.sparse_csr: ("crow_indices", "col_indices"),
    torch.sparse_bsr: ("crow_indices", "col_indices"),
    torch.sparse_csc: ("ccol_indices", "row_indices"),
    torch.sparse_bsc: ("ccol_indices", "row_indices"),
}
"""The methods that give what a sparse tensor keeps beside its values."""


def stored_bytes(tensor: torch.Tensor) -> int | None:
    """Bytes of the values that a sparse tensor stores, and of their places; None for what is not sparse."""
    indices = _INDICES.get(tensor.layout)
    if indices is None:
        return None
    values = "_values" if tensor.layout is torch.sparse_coo else "values"
    with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
        parts: list[torch.Tensor] = [getattr(tensor, name)() for name in (values, *indices)]
    return sum(part.numel() * part.itemsize for part in parts)
