"""Larger tensors into numbers, those of one shape together: a call for a whole stack costs little more than for one.

Measured, for a tensor of 6,144 elements out of 300: 2 us for the copy into a stack and all its statistics, 5 us for
statistics in calls of its own. A stack is as high as the processor's cache allows; the copy brings the elements there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch

from backend.trace.layouts import Layout, Look, matrix
from backend.trace.moments import Array, exact, of_rows, packed
from backend.trace.thumb import thumbnail, thumbnails

LONG: Final = 1 << 15
"""Elements from which a tensor is reduced by itself: its copy into a stack would cost more than the calls."""

FEW: Final = 8
"""Below this many, a stack's calls cost more than those for each."""

STACK: Final = 1 << 17
"""Elements of a stack: with what it is copied from, it stays in the processor's cache for all that is asked of it."""

_buffer: Final = torch.empty(max(STACK, LONG), dtype=torch.float32)
"""Every stack of float32 in turn: memory that is asked for anew is anew cleared by the system, page by page."""

Entry = list[Any]
"""[what a tensor is, its summary]: the second is None as long as it waits."""

Shown = list[tuple[Entry, Layout]]
"""Tensors that look alike: where the summary of each belongs, and its layout."""

Told = tuple[Shown, tuple[int, int], bytes]
"""Tensors, the rows and columns of their thumbnail, and statistics and thumbnail as float32."""


class Run:
    """Elements, and the tensors that they are: one, and views of it that show them all."""

    __slots__ = ("_storage", "address", "layout", "looks", "tensor")

    def __init__(self, tensor: torch.Tensor, layout: Layout, address: int) -> None:
        self.tensor = tensor
        self.layout = layout
        self.address = address
        self._storage: int | None = 0
        self.looks: dict[Look, Shown] = {}

    @property
    def storage(self) -> int | None:
        """See `storage_of`."""
        if self._storage == 0:
            self._storage = storage_of(self.tensor)
        return self._storage

    def moved(self) -> bool:
        """The memory has been taken from under the tensor, by its storage's `resize_`: nothing is there to be read."""
        return self.tensor.data_ptr() != self.address

    def lying(self) -> torch.Tensor:
        """The elements, each once, in the order in which they lie."""
        return self.layout.lying(self.tensor)

    def flat(self) -> Array:
        """As one row of float32."""
        if self.layout.direct:
            return self.layout.flat(self.address)
        copied: Array = self.lying().contiguous().view(-1).to(torch.float32).numpy()
        return copied


def storage_of(tensor: torch.Tensor) -> int | None:
    """What tensors have in common that share memory. None where others, of numpy's making, may share it too."""
    try:
        storage = tensor.untyped_storage()
        return storage.data_ptr() if storage.resizable() else None
    except (RuntimeError, NotImplementedError):
        return None


class Stacks:
    """Reduces runs whose type's values float32 holds exactly. `side`: see `thumbnail`."""

    def __init__(self, side: int) -> None:
        self._side = side
        self._alone: list[Run] = []
        self._rows: list[Run] = []
        """The runs that were stacked."""
        self._found: list[tuple[int, int, tuple[Array, ...]]] = []
        """Of each stack: its height, the elements in a row, and what `of_rows` asks for."""
        self._thumbs: list[tuple[list[int], list[Shown], Array]] = []
        """Rows, the tensors of each that look alike, and their thumbnails."""

    def add(self, runs: list[Run]) -> None:
        """Take runs that can be stacked: their elements lie in the same shape."""
        numel = runs[0].layout.numel
        if numel >= LONG or len(runs) < FEW:
            self._alone += runs
            return
        height = STACK // numel
        for first in range(0, len(runs), height):
            self._reduce(runs[first : first + height], numel)

    def told(self) -> Iterator[Told]:
        """What has been found out about every tensor that was added."""
        for run in self._alone:
            flat = run.flat()
            statistics, finite = packed(flat)
            for look, shown in run.looks.items():
                cells = thumbnail(matrix(flat, look), self._side, finite=finite)
                yield shown, (cells.shape[0], cells.shape[1]), statistics + cells.astype(np.float32).tobytes()
        if self._rows:
            yield from self._told()

    def _reduce(self, runs: list[Run], numel: int) -> None:
        stack = _stacked(runs, numel)
        array = stack.numpy()
        found = stack.amin(1).numpy(), stack.amax(1).numpy(), stack.sum(1).numpy(), np.vecdot(array, array)
        wanted: dict[Look, tuple[list[int], list[Shown]]] = {}
        for row, run in enumerate(runs):
            for look, shown in run.looks.items():
                places, all_shown = wanted.setdefault(look, ([], []))
                places.append(row)
                all_shown.append(shown)
        first = len(self._rows)
        for look, (places, all_shown) in wanted.items():
            self._thumbs.append(([first + row for row in places], all_shown, self._thumbnails(stack, places, look)))
        self._found.append((len(runs), numel, found))
        self._rows += runs

    def _thumbnails(self, stack: torch.Tensor, rows: list[int], look: Look) -> Array:
        """Of some rows, or of all: to leave out a few would be to copy the others."""
        if len(rows) * 2 < len(stack):
            return thumbnails(stack[rows], look, self._side)
        # a copy: what is small enough to be its own thumbnail lies in the stack
        return thumbnails(stack, look, self._side)[rows]

    def _told(self) -> Iterator[Told]:
        counts = np.repeat([numel for _, numel, _ in self._found], [height for height, _, _ in self._found])
        parts = zip(*(found for _, _, found in self._found), strict=True)
        statistics, doubtful = of_rows(counts, *map(np.concatenate, parts))
        strange: dict[int, Array] = {}
        for row in np.flatnonzero(doubtful).tolist():
            flat = self._rows[row].flat()
            statistics[row] = exact(flat)
            if statistics[row, 4:].any():
                strange[row] = flat
        for rows, all_shown, cells in self._thumbs:
            sides = cells.shape[1], cells.shape[2]
            numbers = np.concatenate((statistics[rows], cells.reshape(len(rows), -1)), axis=1).astype(np.float32)
            payloads, size = numbers.tobytes(), numbers.shape[1] * numbers.itemsize
            for place, (row, shown) in enumerate(zip(rows, all_shown, strict=True)):
                payload = payloads[place * size : (place + 1) * size]
                if row in strange:
                    cut = thumbnail(matrix(strange[row], shown[0][1].look), self._side, finite=False)
                    payload = statistics[row].tobytes() + cut.astype(np.float32).tobytes()
                yield shown, sides, payload


def _stacked(runs: list[Run], numel: int) -> torch.Tensor:
    """[runs, numel] as float32, for as long as no other is asked for."""
    rows = [run.lying() for run in runs]
    count = len(rows)
    if runs[0].layout.dtype is not torch.float32:
        return torch.stack(rows).view(count, numel).to(torch.float32)
    stack = _buffer[: count * numel]
    torch.stack(rows, out=stack.view(count, *rows[0].shape))
    return stack.view(count, numel)
