"""One batch of tensors into numbers: small ones together as one flat array, larger ones in stacks, views once."""

from __future__ import annotations

import math
import struct
from typing import Final, NamedTuple

import numpy as np
import torch

from backend.trace.layouts import LAYOUTS, NARROW, Layout, matrix
from backend.trace.moments import exact, of_each
from backend.trace.stacks import Run, Stacks
from backend.trace.thumb import thumbnail
from backend.wire.messages import STATISTICS

_strided = torch.strided

Waiting = tuple[int, torch.Tensor]
"""A tensor, and where its summary belongs."""


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

_NAMES: Final[dict[torch.dtype, str]] = {}


class Reduction:
    """Reduces `tensors`, once, with gradients switched off. `preview` is the largest numel whose values are kept."""

    def __init__(self, preview: int, tensors: list[torch.Tensor]) -> None:
        self.preview = preview
        self.tensors = tensors
        self.results: list[Summary | None] = [None] * len(tensors)
        self._side = max(1, int(preview**0.5))

    def summaries(self) -> list[Summary]:
        """One for each tensor, in order."""
        with np.errstate(all="ignore"):  # what is strange in the learner's numbers is counted, not warned of
            return self._summaries()

    def _summaries(self) -> list[Summary]:
        small: dict[tuple[torch.Size, torch.dtype], list[Waiting]] = {}
        large: dict[int, list[Run]] = {}
        runs: dict[tuple[int, int], Run] = {}
        preview = self.preview
        for index, tensor in enumerate(self.tensors):
            if tensor.layout is not _strided or not tensor.is_cpu:
                self.results[index] = absent(tensor)
                continue
            layout = LAYOUTS[tensor.shape, tensor.stride(), tensor.dtype]
            if layout.numel <= preview or not layout.narrow:
                self._sort_out(index, tensor, layout, small)
                continue
            if tensor.is_neg():
                tensor = tensor.resolve_neg()
                layout = LAYOUTS[tensor.shape, tensor.stride(), tensor.dtype]
            elements = (tensor.data_ptr(), layout.elements)
            run = runs.get(elements)
            if run is None:
                run = runs[elements] = Run(layout.lying(tensor))
                alike = large.get(layout.alike)
                if alike is None:
                    large[layout.alike] = [run]
                else:
                    alike.append(run)
            shown = run.looks.get(layout.look)
            if shown is None:
                run.looks[layout.look] = [(index, layout)]
            else:
                shown.append((index, layout))
        if large:
            self._tell(large)
        if small:
            self._reduce_small(small, narrow=True)
            self._reduce_small(small, narrow=False)
        return self.results  # type: ignore[return-value]  # every place has been filled

    def _sort_out(
        self,
        index: int,
        tensor: torch.Tensor,
        layout: Layout,
        small: dict[tuple[torch.Size, torch.dtype], list[Waiting]],
    ) -> None:
        """What is not a larger tensor of a narrow type."""
        if not layout.numel or tensor.is_quantized:
            self.results[index] = absent(tensor)
        elif layout.dtype.is_complex:
            self.results[index] = _complex(tensor, self.preview)
        elif layout.numel <= self.preview:
            small.setdefault((tensor.shape, layout.dtype), []).append((index, tensor))
        else:
            self.results[index] = _wide(tensor, self._side)

    def _reduce_small(self, groups: dict[tuple[torch.Size, torch.dtype], list[Waiting]], *, narrow: bool) -> None:
        """Tensors of at most `preview` elements: every value, and statistics."""
        wanted = [(key, batch) for key, batch in groups.items() if (key[1] in NARROW) is narrow]
        if not wanted:
            return
        kind = torch.float32 if narrow else torch.float64
        stacks = [torch.stack([t for _, t in batch]).reshape(-1).to(kind).numpy() for _, batch in wanted]
        flat = np.concatenate(stacks) if len(stacks) > 1 else stacks[0]
        counts = np.repeat([key[0].numel() for key, _ in wanted], [len(batch) for _, batch in wanted])
        rows = of_each(flat, counts).astype(flat.dtype).tobytes()
        values = flat.tobytes()
        width = STATISTICS * flat.itemsize
        start = row = 0
        for (shape, dtype), batch in wanted:
            count, sizes, name = shape.numel(), tuple(shape), _name(dtype)
            size = count * flat.itemsize
            for index, _ in batch:
                payload = rows[row : row + width] + values[start : start + size]
                self.results[index] = Summary(sizes, name, "cpu", not narrow, count, None, payload)
                row += width
                start += size

    def _tell(self, runs: dict[int, list[Run]]) -> None:
        """Tensors that are too large to be sent: statistics and a thumbnail."""
        stacks = Stacks(self._side)
        for alike in runs.values():
            stacks.add(alike)
        results, made = self.results, tuple.__new__  # the class's own takes twice the time
        for shown, thumb, payload in stacks.told():
            for index, layout in shown:
                results[index] = made(Summary, (layout.shape, layout.name, "cpu", False, 0, thumb, payload))


def _name(dtype: torch.dtype) -> str:
    name = _NAMES.get(dtype)
    if name is None:
        name = _NAMES[dtype] = str(dtype)
    return name


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
    return Summary(tuple(tensor.shape), _name(tensor.dtype), tensor.device.type, False, 0, None, _NONE32)


def _complex(tensor: torch.Tensor, preview: int) -> Summary:
    """Complex numbers have no order, so no statistics: values only, real and imaginary part in turn."""
    count = tensor.numel() if tensor.numel() <= preview else 0
    payload = _NONE64
    if count:
        pairs = torch.view_as_real(tensor.resolve_conj()).to(torch.float64).reshape(-1)
        payload += pairs.numpy().tobytes()
    return Summary(tuple(tensor.shape), _name(tensor.dtype), tensor.device.type, True, count, None, payload)


def _wide(tensor: torch.Tensor, side: int) -> Summary:
    """The same for a type that travels as float64."""
    real = tensor.detach().resolve_neg().to(torch.float64).contiguous()
    flat = real.view(-1).numpy()
    row = exact(flat)
    cells = thumbnail(matrix(flat, LAYOUTS[real.shape, real.stride(), real.dtype].look), side, finite=not row[4:].any())
    thumb = (cells.shape[0], cells.shape[1])
    return Summary(tuple(tensor.shape), _name(tensor.dtype), "cpu", True, 0, thumb, row.tobytes() + cells.tobytes())
