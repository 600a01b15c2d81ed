"""Thumbnails: what a large tensor looks like, in a few cells."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch

THUMB: Final = 32
"""Largest side of a thumbnail, in cells; it never has more cells than `preview` allows values."""

Array = np.ndarray[Any, np.dtype[Any]]


def first_slice(tensor: torch.Tensor) -> torch.Tensor:
    """The last two dimensions, at the first place of all others."""
    while tensor.dim() > 2:
        tensor = tensor.select(0, 0)
    return tensor


def thumbs(stack: torch.Tensor, side: int) -> Array:
    """Block means of the last two dims (of the first slice, if there are more), at most `side` * `side` cells.

    `stack` is [k, ...]; the result is [k, rows, columns].
    """
    while stack.dim() > 3:
        stack = stack.select(1, 0)
    if stack.dim() == 2:
        stack = stack.unsqueeze(1)
    height, width = stack.shape[1:]
    room = side * side
    rows = min(height, side, THUMB) if width > side else min(height, THUMB, room // width)
    columns = min(width, THUMB, room // max(1, rows))
    means = _narrow(_shorten(stack, max(1, rows)), max(1, columns)).numpy()
    if not np.isfinite(means).all():
        # a weight of 0 times NaN is NaN: where there is one, each block is reduced by itself
        return _block_means(_block_means(stack.numpy(), 1, max(1, rows)), 2, max(1, columns))
    return means


def _shorten(stack: torch.Tensor, rows: int) -> torch.Tensor:
    """[k, height, width] -> [k, rows, width], by block means."""
    k, height, width = stack.shape
    if height <= rows:
        return stack
    if height % rows == 0:
        return stack.reshape(k, rows, height // rows, width).sum(2) / (height // rows)
    return _weights(height, rows, stack.dtype).t() @ stack


def _narrow(stack: torch.Tensor, columns: int) -> torch.Tensor:
    """[k, height, width] -> [k, height, columns], by block means. A product: sums over short last axes are slow."""
    width = stack.shape[2]
    return stack if width <= columns else stack @ _weights(width, columns, stack.dtype)


_made: dict[tuple[int, int, torch.dtype], torch.Tensor] = {}


def _weights(size: int, cells: int, dtype: torch.dtype) -> torch.Tensor:
    """[size, cells]: what each element has to do with the mean of each block."""
    key = (size, cells, dtype)
    weights = _made.get(key)
    if weights is None:
        edges = np.append(np.arange(cells) * size // cells, size)
        block = np.repeat(np.arange(cells), np.diff(edges))
        table = np.zeros((size, cells))
        table[np.arange(size), block] = 1.0 / np.diff(edges)[block]
        weights = _made[key] = torch.from_numpy(table).to(dtype)
    return weights


def _block_means(array: Array, axis: int, cells: int) -> Array:
    """`array` with `axis` cut into `cells` blocks of nearly equal length, and each replaced by its mean."""
    size = array.shape[axis]
    if size <= cells:
        return array
    starts = np.arange(cells) * size // cells
    lengths = np.diff(starts, append=size).astype(array.dtype)
    means: Array = np.add.reduceat(array, starts, axis=axis) / lengths.reshape(-1, *[1] * (array.ndim - axis - 1))
    return means
