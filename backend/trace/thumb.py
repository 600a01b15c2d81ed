"""Thumbnails: what a large tensor looks like, in a few cells."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import torch

from backend.trace.layouts import Look
from backend.trace.moments import Array

THUMB: Final = 32
"""Largest side of a thumbnail, in cells; it never has more cells than `preview` allows values."""


@cache
def cells(height: int, width: int, side: int) -> tuple[int, int]:
    """Rows and columns of the thumbnail of a [height, width] matrix: at most `side` * `side` cells."""
    room = side * side
    rows = min(height, side, THUMB) if width > side else min(height, THUMB, room // width)
    rows = max(1, rows)
    return rows, max(1, min(width, THUMB, room // rows))


def thumbnail(matrix: Array, side: int, *, finite: bool) -> Array:
    """Block means of a [height, width] matrix: [rows, columns] with the numbers of `cells`.

    `finite`: there is no NaN and no infinity among the elements.
    """
    rows, columns = cells(matrix.shape[0], matrix.shape[1], side)
    if not finite:
        # a weight of 0 times NaN is NaN: each block is reduced by itself
        return _block_means(_block_means(matrix, 0, rows), 1, columns)
    if matrix.strides[0] < matrix.strides[1]:  # a transposed view: read in the order in which its elements lie
        return _means(matrix.T, columns, rows).T
    return _means(matrix, rows, columns)


def thumbnails(stack: torch.Tensor, look: Look, side: int) -> Array:
    """The same for many: [rows, numel] elements, finite ones, and what is to be seen of each row as a matrix."""
    height, width, down, right = look
    rows, columns = cells(height, width, side)
    step = stack.stride(0)
    if down < right:
        across = stack.as_strided((stack.shape[0], width, height), (step, right, down))
        return _means_of_each(across, columns, rows).transpose(0, 2, 1)
    return _means_of_each(stack.as_strided((stack.shape[0], height, width), (step, down, right)), rows, columns)


def _means_of_each(stack: torch.Tensor, rows: int, columns: int) -> Array:
    count, height, width = stack.shape
    each = 1
    if height <= rows:
        means: Array = stack.numpy()
    elif height % rows:
        means = _weights(height, rows, "f", 1).T @ stack.numpy()
    else:
        each = height // rows
        means = stack.unflatten(1, (rows, each)).sum(2).numpy()
    if width > _WIDE:
        means = _block_means(means, 2, columns)
    elif width > columns:
        weights = _weights(width, columns, "f", each)
        products: Array = means.reshape(-1, width).dot(weights).reshape(count, -1, columns)
        return products
    return means / each if each > 1 else means


def _means(matrix: Array, rows: int, columns: int) -> Array:
    height, width = matrix.shape
    each = 1
    if height > rows:
        if height % rows:
            matrix = _weights(height, rows, matrix.dtype.char, 1).T @ matrix
        else:
            each = height // rows
            matrix = _sums(matrix.reshape(rows, each, width))
    if width > _WIDE:  # a product would lose digits
        matrix = _block_means(matrix, 1, columns)
        return matrix / each if each > 1 else matrix
    if width > columns:  # a product: sums over short last axes are slow
        matrix = matrix.dot(_weights(width, columns, matrix.dtype.char, each))
    elif each > 1:
        matrix = matrix / each
    return matrix


def _sums(blocks: Array) -> Array:
    """Sums over the second axis of three. torch is quicker at many short rows, numpy at everything else."""
    if blocks.size > _MANY and blocks.shape[2] < _SHORT:
        return np.asarray(torch.from_numpy(blocks).sum(1).numpy())
    return np.asarray(np.add.reduce(blocks, 1))


_MANY: Final = 1 << 14
_SHORT: Final = 96
_WIDE: Final = 4096

_made: dict[tuple[int, int, str, int], Array] = {}


def _weights(size: int, cells: int, kind: str, each: int) -> Array:
    """[size, cells]: what each element, itself the sum of `each`, has to do with the mean of each block."""
    key = (size, cells, kind, each)
    weights = _made.get(key)
    if weights is None:
        edges = np.append(np.arange(cells) * size // cells, size)
        block = np.repeat(np.arange(cells), np.diff(edges))
        table = np.zeros((size, cells))
        table[np.arange(size), block] = 1.0 / np.diff(edges)[block] / each
        weights = _made[key] = table.astype(kind)
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
