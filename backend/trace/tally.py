"""The numbers of a step that is followed: two calls of the kernel, before backward and after, read all its tensors.

What is read, and where it goes, is the same each time; only addresses are new.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from operator import is_
from typing import Any, Final

import numpy as np
import torch

from backend.trace.kernels import summarise_all
from backend.trace.layouts import Layout, Layouts
from backend.trace.pattern import ARRIVES, GRADIENT, KEPT, LEAF, LEAVES, TENSOR, Pattern
from backend.trace.reduction import LEAST, Summary
from backend.trace.summary import Key

_Tensor = torch.Tensor

SOURCES: Final = (LEAF, KEPT, GRADIENT, TENSOR, ARRIVES, LEAVES)
"""Of what is taken after backward, in the order of the rows."""

_made: Final = tuple.__new__


class Unlike(Exception):
    """The step is not like those before."""


class Taken(Sequence[tuple[Key, Summary]]):
    """The summaries of one step. Each is made when somebody asks for it: most are only sent, and lie ready for that.

    `floats` and `doubles` are the numbers of all, one after the other, as a step's message has them.
    """

    def __init__(self, places: list[tuple[Key, Any, int, int]], floats: bytes, doubles: bytes) -> None:
        self._places = places
        self.floats, self.doubles = floats, doubles

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: Any) -> Any:
        """One of them; nobody asks for a slice."""
        return self._make(*self._places[place])

    def __iter__(self) -> Iterator[tuple[Key, Summary]]:
        return (self._make(*one) for one in self._places)

    def _make(self, key: Key, told: Any, start: int, end: int) -> tuple[Key, Summary]:
        numbers = self.doubles if told[3] else self.floats
        return key, _made(Summary, (*told, numbers[start:end]))


class Tally:
    """Reads the tensors of one step after the other that are like those of a pattern."""

    def __init__(self, pattern: Pattern, layouts: Layouts) -> None:
        fixed = [row for row in pattern.forward if pattern.fixed[row.number] is not None]
        fresh = [row for row in pattern.forward if pattern.fixed[row.number] is None]
        parts = {source: [row for row in pattern.later if row.source == source] for source in SOURCES}
        self._fixed: list[Any] = [pattern.fixed[row.number] for row in fixed]
        self._fixed_at: list[int] = []
        """Where they were: they are the same objects in each step, and are looked at again only if they have moved."""
        self._fresh = [row.number for row in fresh]
        self._leaves = [row.leaf for row in parts[LEAF]]
        self._kept: list[tuple[Any, Any, list[str]]] = []
        """Optimizer, leaf, and the names under which the optimizer keeps something for it."""
        for row in parts[KEPT]:
            if not self._kept or self._kept[-1][1] is not row.leaf:
                self._kept.append((row.optimizer, row.leaf, []))
            self._kept[-1][2].append(row.name)
        self._still: list[Any] = []
        self._still_at: list[int] = []
        """What an optimizer keeps, and where it was: nearly always the same as well."""
        self._grads = [row.leaf for row in parts[GRADIENT]]
        self._own = [row.number for row in parts[TENSOR]]
        self._caught = [row.key for row in (*parts[ARRIVES], *parts[LEAVES])]
        self._rows = [*fixed, *fresh, *(row for source in SOURCES for row in parts[source])]
        self._first = len(pattern.forward)
        """Of those that are taken after backward."""
        self._layouts = layouts
        self._known: list[Layout | None] = [None] * len(self._rows)
        """The layout of each row's tensor."""
        self._places, self._pages = self._laid_out(pattern)
        starts = {key: self._pages[told[3]].ctypes.data + start for key, told, start, _ in self._places}
        self._plans, self._sources = np.zeros(len(self._rows), np.int64), np.zeros(len(self._rows), np.int64)
        self._outs = np.array([starts[row.key] for row in self._rows], np.int64)
        self._tables = [table.ctypes.data for table in (self._plans, self._sources, self._outs)]
        self._packs = [struct.Struct(f"{count}q").pack_into for count in (self._first, len(pattern.later))]

    def _laid_out(self, pattern: Pattern) -> tuple[list[tuple[Key, Any, int, int]], list[Any]]:
        """Where the numbers of each key lie, in the order of the pattern's; and memory for float32 and float64."""
        rows, ends, places = {row.key: row for row in self._rows}, [0, 0], []
        for key in pattern.order:
            row = rows[key]
            wide = row.told[3]
            places.append((key, row.told, ends[wide], ends[wide] + row.bytes))
            ends[wide] += row.bytes
        return places, [np.zeros(end, np.uint8) for end in ends]

    def begin(self, tensors: list[_Tensor | None]) -> None:
        """Take those of the forward pass.

        Raises:
            Unlike: one does not look as those before.
        """
        found = [tensor.data_ptr() for tensor in self._fixed]
        if found != self._fixed_at:
            self._fixed_at = self._addresses(0, self._fixed)
        found += self._addresses(len(found), [tensors[number] for number in self._fresh])
        self._take(0, found)

    def end(self, tensors: list[_Tensor | None], caught: dict[Key, list[Any]]) -> Taken:
        """Take the others. All of the step, in the order of the pattern's.

        Raises:
            Unlike: likewise, or one has not come.
        """
        still = self._leaves.copy()
        for optimizer, leaf, names in self._kept:
            still += map(optimizer.state[leaf].get, names)
        same = len(still) == len(self._still) and all(map(is_, still, self._still))
        found = [tensor.data_ptr() for tensor in still] if same else []
        if not same or found != self._still_at:
            found = self._addresses(self._first, still)
            self._still, self._still_at = still, found.copy()
        moving = [leaf.grad for leaf in self._grads]
        moving += [tensors[number] for number in self._own]
        for key in self._caught:
            if len(caught[key]) != 1:
                raise Unlike
            moving += caught[key]
        found += self._addresses(self._first + len(found), moving)
        self._take(self._first, found)
        return Taken(self._places, self._pages[0].tobytes(), self._pages[1].tobytes())

    def _take(self, first: int, addresses: list[int]) -> None:
        self._packs[first > 0](self._sources.data, first * 8, *addresses)
        plans, sources, outs = self._tables
        summarise_all(plans + first * 8, sources + first * 8, outs + first * 8, len(addresses))

    def _addresses(self, first: int, tensors: list[Any]) -> list[int]:
        """Where the tensors of the rows from `first` on lie."""
        layouts, known = self._layouts, self._known
        found = []
        for place, tensor in enumerate(tensors, first):
            layout = layouts[tensor.shape, tensor.stride(), tensor.dtype]
            if layout is not known[place]:
                if layout.told != self._rows[place].told or not layout.plan:
                    raise Unlike
                known[place] = layout
                self._plans[place] = layout.plan
            found.append(tensor.data_ptr())
        if found and min(found) < LEAST:
            raise Unlike
        return found
