"""Where the elements of a tensor lie in memory: views of the same elements are told by it, and read once."""

from __future__ import annotations

from ctypes import c_char, string_at
from typing import Any, Final

import numpy as np
import torch

from backend.trace.moments import Array

NARROW: Final = frozenset(
    {torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8, torch.int8, torch.int16}
)
"""Types whose every value float32 holds exactly; the others travel as float64."""

_NUMPY: Final = {
    torch.float32: "f",
    torch.float64: "d",
    torch.float16: "e",
    torch.int64: "q",
    torch.int32: "i",
    torch.int16: "h",
    torch.int8: "b",
    torch.uint8: "B",
    torch.bool: "?",
    torch.bfloat16: "H",
}
"""numpy's names of types; of bfloat16, which it does not know, the bits."""

Look = tuple[int, int, int, int]
"""A matrix among elements in a row, from the first on: height, width, steps from row to row and column to column."""

Reading = tuple[tuple[int, ...], tuple[int, ...]]
"""Sizes and strides under which each element comes once, in the order in which they lie."""


class Layout:
    """What is the same for all tensors of one shape, strides and type."""

    __slots__ = (
        "alike",
        "contiguous",
        "direct",
        "dtype",
        "elements",
        "look",
        "memory",
        "name",
        "narrow",
        "numel",
        "readable",
        "reading",
        "row_major",
        "shape",
        "single",
        "strides",
    )

    def __init__(self, shape: torch.Size, strides: tuple[int, ...], dtype: torch.dtype) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.name = str(dtype)
        self.narrow = dtype in NARROW
        self.numel = numel = shape.numel()
        self.readable = numel > 0 and dtype in _NUMPY
        """`values` can read it."""
        self.single = dtype is torch.float32 and not shape
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
        self.direct = dtype is torch.float32 and ordered is not None and len(ordered[0][0]) == 1
        """They are float32 side by side, in whatever order: `flat` reads them where they lie."""
        self.row_major = strides == packed == _packed(self.shape)
        self.strides = tuple(stride * dtype.itemsize for stride in strides)
        span = 1 + sum((size - 1) * stride for size, stride in zip(self.shape, strides, strict=True))
        self.memory: Any = c_char * ((span if numel else 0) * dtype.itemsize)
        """From the first element to the last."""

    def values(self, address: int) -> bytes:
        """The elements that lie at an address, row by row: see `numbers`."""
        if self.row_major:
            return string_at(address, self.memory._length_)
        return np.ndarray(self.shape, _NUMPY[self.dtype], self.memory.from_address(address), 0, self.strides).tobytes()

    def flat(self, address: int) -> Array:
        """The memory at an address as one row of float32. Not a copy, and valid as long as the tensor is."""
        return np.frombuffer(self.memory.from_address(address), np.float32)

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


def numbers(values: bytes, dtype: torch.dtype) -> Array:
    """What `Layout.values` has read, in the type in which it travels: float32 or float64."""
    read = np.frombuffer(values, _NUMPY[dtype])
    if dtype is torch.bfloat16:
        return (read.astype(np.uint32) << 16).view(np.float32)
    return read.astype(np.float32 if dtype in NARROW else np.float64)


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
