"""min, max, mean, std, and how many elements are NaN or infinite: of one tensor, or of many short ones at once.

NaN and infinities are counted and left out of the other four; std is the one with n - 1, NaN for a single element.
To be called under `np.errstate(all="ignore")`: strange numbers are expected here.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import Any, Final

import numpy as np
from torch import from_numpy

from backend.wire.messages import STATISTICS

Array = np.ndarray[Any, np.dtype[Any]]

PIECE: Final = 1 << 16
"""Elements of a long array that are looked at together: they stay in the processor's cache for all four looks."""

CANCELLED: Final = 1e-3
"""Below this share of mean**2, a variance from sums of squares has lost its digits."""

SMALLEST: Final = 1e-28
"""Below this, a sum of squares has lost digits to float32's least exponent."""

_MANY: Final = 1 << 15
"""Elements from which torch adds up faster than a product with ones, whose call costs less."""

_PACK32: Final = struct.Struct(f"<{STATISTICS}f").pack

_ONES: Final = np.ones(_MANY, dtype=np.float32)


def packed(flat: Array) -> tuple[bytes, bool]:
    """The statistics of a float32 array of at least one element, as float32; and whether all of it is finite.

    Sums are taken in float32 over pieces, and added up in float64. Where that would lose too much, `exact` looks again.
    """
    count = len(flat)
    if count <= PIECE:
        low, high, total, squares = map(float, _looks(flat))
    else:
        low, high, total, squares = _by_pieces(flat)
    if low == high and math.isfinite(low):
        return _PACK32(low, low, low, 0.0 if count > 1 else math.nan, 0.0, 0.0), True
    mean = total / count
    variance = (squares - total * mean) / (count - 1) if count > 1 else math.nan
    if math.isfinite(squares) and variance >= CANCELLED * mean * mean:
        return _PACK32(low, high, mean, math.sqrt(variance), 0.0, 0.0), True
    row = exact(flat, mean)
    return row.astype(np.float32).tobytes(), not row[4:].any()


def of_rows(counts: Array, low: Array, high: Array, total: Array, squares: Array) -> tuple[Array, Array]:
    """The statistics of rows: [rows, STATISTICS], float32. Of each row: the least, the greatest, sum, sum of squares.

    And which of them are doubtful, so that `exact` must look again: not finite, or with too few digits left.
    """
    rows = np.zeros((len(counts), STATISTICS), dtype=np.float32)
    total = total.astype(np.float64)
    squares = squares.astype(np.float64)
    mean = total / counts
    spread = squares - total * mean
    fine = (spread > CANCELLED * mean * mean * counts) & (squares > SMALLEST) & np.isfinite(squares)
    same = (low == high) & np.isfinite(low)
    rows[:, 0] = low
    rows[:, 1] = high
    rows[:, 2] = np.where(same, low, mean)
    rows[:, 3] = np.where(counts > 1, np.where(same, 0.0, np.sqrt(spread / (counts - 1))), np.nan)
    return rows, ~(fine | same)


def _by_pieces(flat: Array) -> tuple[float, float, float, float]:
    looks = np.array([_looks(flat[first : first + PIECE]) for first in range(0, len(flat), PIECE)], dtype=np.float64)
    return looks[:, 0].min(), looks[:, 1].max(), looks[:, 2].sum(), looks[:, 3].sum()


def _looks(piece: Array) -> tuple[float, float, float, float]:
    """The least, the greatest, the sum, and that of squares; NaN where there is one.

    Sums first, because they stream best from memory that is not in the cache yet. The places of the least and the
    greatest are found faster than they themselves.
    """
    total = piece.dot(_ONES[: len(piece)]) if len(piece) < _MANY else from_numpy(piece).sum().item()
    squares = piece.dot(piece)
    return piece[piece.argmin()], piece[piece.argmax()], total, squares


def exact(flat: Array, near: float = math.nan) -> Array:
    """The statistics of one array in float64, whatever is in it. `near`: about the mean, where that is known."""
    row = np.zeros(STATISTICS)
    finite = np.isfinite(flat)
    count = int(np.count_nonzero(finite))
    if count < len(flat):
        row[4] = np.count_nonzero(np.isnan(flat))
        row[5] = len(flat) - count - row[4]
        flat = flat[finite]
    if not count:
        row[:4] = np.nan
        return row
    row[0], row[1] = flat.min(), flat.max()
    wide = flat.astype(np.float64)
    origin = near if math.isfinite(near) else float(wide[0])
    wide -= origin
    shift = float(wide.sum()) / count
    row[2] = origin + shift
    wide -= shift
    row[3] = np.sqrt(np.dot(wide, wide) / (count - 1)) if count > 1 else np.nan
    return row


@lru_cache(maxsize=8)
def _runs(counts: tuple[int, ...]) -> tuple[Array, Array, Array, Array]:
    """Of runs that lie one behind the other: where each starts, its length, one less, and of each element its run.

    Kept, because in a loop they are the same in each step.
    """
    lengths = np.array(counts)
    return np.append(0, np.cumsum(lengths)[:-1]), lengths, lengths - 1, np.repeat(np.arange(len(counts)), lengths)


def of_each(flat: Array, counts: tuple[int, ...]) -> Array:
    """The statistics of each run of `counts` elements of `flat`: [len(counts), STATISTICS], float64."""
    starts, lengths, one_less, rows = _runs(counts)
    block = np.zeros((len(counts), STATISTICS))
    if np.isfinite(flat).all():
        block[:, 0] = np.minimum.reduceat(flat, starts)
        block[:, 1] = np.maximum.reduceat(flat, starts)
        wide = flat.astype(np.float64)
        mean = np.add.reduceat(wide, starts) / lengths
        block[:, 2] = mean
        wide -= mean[rows]
        wide *= wide
        block[:, 3] = np.sqrt(np.add.reduceat(wide, starts) / one_less)  # 0 / 0, of a single element, is NaN
        return block
    for row, (start, count) in enumerate(zip(starts, counts, strict=True)):
        block[row] = exact(flat[start : start + count])
    return block
