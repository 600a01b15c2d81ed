"""A slot and the numbers it points at -> the tensor summary of the JSON answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from backend.errors import WireError
from backend.wire.layout import numel, slot_length
from backend.wire.messages import STATISTICS, Slot

INTEGERS: Final = ("torch.int", "torch.uint", "torch.bool", "torch.bits", "torch.qint", "torch.quint")
"""dtypes whose elements are written as JSON integers; bool as 0 and 1."""


class Summary(msgspec.Struct, gc=False):
    """`schema.TensorSummary`, as fast to make as Python allows: positional, and not tracked by the collector."""

    shape: list[int]
    dtype: str
    device: str
    numel: int
    min: float | str | None
    max: float | str | None
    mean: float | str | None
    std: float | str | None
    nan: int
    inf: int
    values: Sequence[Any] | None
    thumb: list[Sequence[Any]] | None


def spell(number: float) -> float | str:
    """The same number, or the word that stands for it in JSON."""
    if math.isfinite(number):
        return number
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


def spell_all(numbers: Sequence[float]) -> Sequence[float | str]:
    """The same numbers; only when one is not finite a new list."""
    total = sum(numbers)
    if total - total == 0.0:
        return numbers
    return [spell(number) for number in numbers]


class Reader:
    """Reads one slot out of any step of its graph. What does not change from step to step is worked out once."""

    __slots__ = ("_complex", "_end", "_integer", "_numel", "_sends_all", "_slot", "_start", "_thumb", "_values")

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._start = slot.offset
        self._values = slot.offset + STATISTICS
        self._end = slot.offset + slot_length(slot)
        self._numel = numel(slot.shape)
        self._sends_all = slot.count == self._numel
        self._complex = slot.dtype.startswith("torch.complex")
        self._integer = slot.dtype.startswith(INTEGERS)
        self._thumb = slot.thumb

    def read(self, buffer: Sequence[float]) -> Summary | None:
        """The summary, or None when the slot is empty in this step.

        Errors:
            WireError: a count that is no count.
        """
        low, high, mean, std, nan, inf = buffer[self._start : self._values]
        if nan == -1.0:
            return None
        if not (0.0 <= nan <= self._numel and 0.0 <= inf <= self._numel):
            raise WireError(f"slot at {self._start} counts {nan} NaN and {inf} infinite of {self._numel} elements")
        slot = self._slot
        return Summary(
            slot.shape,
            slot.dtype,
            slot.device,
            self._numel,
            self._whole(low),
            self._whole(high),
            None if mean != mean else spell(mean),
            None if std != std else spell(std),
            int(nan),
            int(inf),
            self._read_values(buffer) if self._sends_all else None,
            None if self._thumb is None else self._read_thumb(buffer, self._thumb),
        )

    def _whole(self, number: float) -> float | int | str | None:
        """A minimum or maximum: null when missing, an integer when the elements are integers."""
        if number != number:
            return None
        if self._integer and math.isfinite(number):
            return int(number)
        return spell(number)

    def _read_values(self, buffer: Sequence[float]) -> Sequence[Any]:
        values = buffer[self._values : self._end]
        spelled = spell_all(values)
        if self._complex:
            return list(zip(spelled[::2], spelled[1::2], strict=True))
        if self._integer and spelled is values:
            return [int(value) for value in values]
        return spelled

    def _read_thumb(self, buffer: Sequence[float], thumb: tuple[int, int]) -> list[Sequence[Any]]:
        height, width = thumb
        rows = range(self._values, self._values + height * width, width)
        return [spell_all(buffer[row : row + width]) for row in rows]
