"""One batch of tensors into numbers: small ones as one flat array, larger ones stacked by shape, the largest alone."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import torch

from backend.trace.thumb import Array, first_slice, thumbs
from backend.wire.messages import STATISTICS

ALONE: Final = 1 << 18
"""Elements from which a tensor is reduced on its own; stacking larger ones would only copy."""

CANCELLED: Final = 1e-3
"""Below this share of mean**2, a variance from sums of squares has lost its digits."""

NARROW: Final = frozenset(
    {torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8, torch.int8, torch.int16}
)
"""Types whose every value float32 holds exactly; the others travel as float64."""

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

_NAMES: Final[dict[torch.dtype, str]] = {}


class Reduction:
    """Reduces `tensors`, once. `preview` is the largest numel whose values are kept."""

    def __init__(self, preview: int, tensors: list[torch.Tensor]) -> None:
        self.preview = preview
        self.tensors = tensors
        self.results: list[Summary | None] = [None] * len(tensors)
        self._sides = max(1, int(preview**0.5))
        self._looked_at: dict[tuple[int, int], int] = {}
        self._again: list[tuple[torch.Size, list[tuple[int, int, torch.Tensor]]]] = []

    def summaries(self) -> list[Summary]:
        """One for each tensor, in order."""
        groups: dict[tuple[torch.Size, torch.dtype], list[Waiting]] = {}
        for pair in enumerate(self.tensors):
            tensor = pair[1]
            if tensor.is_cpu and tensor.layout is torch.strided and not tensor.is_quantized:
                key = (tensor.shape, tensor.dtype)
                if key in groups:
                    groups[key].append(pair)
                else:
                    groups[key] = [pair]
            else:
                self.results[pair[0]] = absent(tensor)
        small: list[tuple[int, list[Waiting]]] = []
        wide: list[tuple[int, list[Waiting]]] = []
        for (shape, dtype), batch in groups.items():
            numel = shape.numel()
            if numel == 0 or dtype.is_complex:
                for index, tensor in batch:
                    self.results[index] = _complex(tensor, self.preview) if numel else absent(tensor)
            elif numel <= self.preview:
                (small if dtype in NARROW else wide).append((numel, batch))
            else:
                self._reduce_large(shape, dtype, batch)
        self._finish_views()
        if small:
            self._reduce_small(small, torch.float32, wide=False)
        if wide:
            self._reduce_small(wide, torch.float64, wide=True)
        return self.results  # type: ignore[return-value]  # every place has been filled

    def _reduce_large(self, shape: torch.Size, dtype: torch.dtype, batch: list[Waiting]) -> None:
        if shape.numel() > ALONE or dtype is not torch.float32:
            for index, tensor in batch:
                self.results[index] = _large(tensor, self._sides)
            return
        at_once = max(1, ALONE // shape.numel())
        batch = self._without_views(shape, batch)
        for first in range(0, len(batch), at_once):
            self._reduce_alike(shape, batch[first : first + at_once])

    def _without_views(self, shape: torch.Size, batch: list[Waiting]) -> list[Waiting]:
        """`batch` less the tensors that show the very elements of one before: those need only their own thumbnail."""
        fresh: list[Waiting] = []
        again: list[tuple[int, int, torch.Tensor]] = []
        for index, tensor in batch:
            key = (tensor.data_ptr(), shape.numel())
            first = self._looked_at.get(key)
            if not _is_dense(tensor):
                fresh.append((index, tensor))
            elif first is None:
                self._looked_at[key] = index
                fresh.append((index, tensor))
            else:
                again.append((index, first, tensor))
        if again:
            self._again.append((shape, again))
        return fresh

    def _finish_views(self) -> None:
        """The views put aside: statistics of what they are views of, and a thumbnail in their own shape."""
        for shape, batch in self._again:
            parts = [first_slice(t) for _, _, t in batch]
            cells = thumbs(torch.stack(parts), self._sides)
            sides = (cells.shape[1], cells.shape[2])
            size = tuple(shape)
            for (index, first, _), thumb in zip(batch, cells, strict=True):
                known = self.results[first]
                assert known is not None
                payload = known.payload[: STATISTICS * 4] + thumb.tobytes()
                self.results[index] = Summary(size, "torch.float32", "cpu", False, 0, sides, payload)

    def _reduce_small(self, groups: list[tuple[int, list[Waiting]]], dtype: torch.dtype, *, wide: bool) -> None:
        """Tensors of at most `preview` elements, by (numel, tensors of one shape): every value, and statistics."""
        stacks = [torch.stack([t for _, t in batch]).reshape(-1).to(dtype).numpy() for _, batch in groups]
        flat = np.concatenate(stacks)
        counts = np.repeat([n for n, _ in groups], [len(batch) for _, batch in groups])
        rows = _statistics(flat, counts).astype(flat.dtype).tobytes()
        values = flat.tobytes()
        width = STATISTICS * flat.itemsize
        start = row = 0
        for numel, batch in groups:
            shape, name, size = tuple(batch[0][1].shape), _name(batch[0][1].dtype), numel * flat.itemsize
            for index, _ in batch:
                payload = rows[row : row + width] + values[start : start + size]
                self.results[index] = Summary(shape, name, "cpu", wide, numel, None, payload)
                row += width
                start += size

    def _reduce_alike(self, shape: torch.Size, batch: list[Waiting]) -> None:
        """Larger float32 tensors of one shape: stacked, and reduced along the stack."""
        turned = len(shape) == 2 and all(t.stride(0) == 1 for _, t in batch)
        # weights are often read through .t(): in the order in which they lie, they are reduced several times faster
        parts = [t.t() for _, t in batch] if turned else [t for _, t in batch]
        stack = torch.stack(parts) if len(parts) > 1 else parts[0].detach().unsqueeze(0)
        flat = stack.reshape(len(batch), -1)
        n = flat.shape[1]
        squares = torch.linalg.vector_norm(flat, dim=1).numpy().astype(np.float64) ** 2
        if not np.isfinite(squares).all():
            for index, tensor in batch:
                self.results[index] = _large(tensor, self._sides)
            return
        mean = flat.sum(1).numpy().astype(np.float64) / n
        variance = (squares - n * mean * mean) / (n - 1)
        if (variance < CANCELLED * mean * mean).any():
            # the two terms nearly cancel, and float32 has not digits enough: take the exact way
            variance = flat.to(torch.float64).var(1).numpy()
        rows = np.zeros((len(batch), STATISTICS), dtype=np.float32)
        rows[:, 0], rows[:, 1], rows[:, 2] = flat.amin(1).numpy(), flat.amax(1).numpy(), mean
        rows[:, 3] = np.sqrt(np.maximum(variance, 0.0))
        cells = thumbs(stack, self._sides)
        if turned:
            cells = cells.transpose(0, 2, 1)
        sides = (cells.shape[1], cells.shape[2])
        block = np.concatenate((rows, cells.reshape(len(batch), -1)), axis=1, dtype=np.float32).tobytes()
        width = len(block) // len(batch)
        size = tuple(shape)
        for row, (index, _) in enumerate(batch):
            payload = block[row * width : (row + 1) * width]
            self.results[index] = Summary(size, "torch.float32", "cpu", False, 0, sides, payload)


def _name(dtype: torch.dtype) -> str:
    name = _NAMES.get(dtype)
    if name is None:
        name = _NAMES[dtype] = str(dtype)
    return name


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


def _statistics(flat: Array, counts: Array) -> Array:
    """min, max, mean, std, nan, inf of each run of `counts` elements of `flat`, as a [len(counts), 6] float64 array."""
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    block = np.zeros((len(counts), STATISTICS))
    finite = np.isfinite(flat)
    if finite.all():
        block[:, 0] = np.minimum.reduceat(flat, starts)
        block[:, 1] = np.maximum.reduceat(flat, starts)
        exact = flat.astype(np.float64)
        mean = np.add.reduceat(exact, starts) / counts
        block[:, 2] = mean
        exact -= np.repeat(mean, counts)
        spread = np.add.reduceat(exact * exact, starts)
        with np.errstate(divide="ignore", invalid="ignore"):
            block[:, 3] = np.where(counts > 1, np.sqrt(spread / (counts - 1)), np.nan)
        return block
    for row, (start, count) in enumerate(zip(starts, counts, strict=True)):
        part = flat[start : start + count]
        block[row] = _finite_statistics(part[finite[start : start + count]], part)
    return block


def _finite_statistics(finite: Array, everything: Array) -> tuple[float, ...]:
    nan = float(np.isnan(everything).sum())
    inf = float(len(everything) - len(finite)) - nan
    if not len(finite):
        return (np.nan, np.nan, np.nan, np.nan, nan, inf)
    std = float(finite.std(ddof=1, dtype=np.float64)) if len(finite) > 1 else np.nan
    return (float(finite.min()), float(finite.max()), float(finite.mean(dtype=np.float64)), std, nan, inf)


def _large(tensor: torch.Tensor, side: int) -> Summary:
    """Statistics in three passes (min and max, sum, sum of squares), values only as a thumbnail."""
    wide = tensor.dtype not in NARROW
    real = tensor.detach()
    if real.dtype is not torch.float32 and real.dtype is not torch.float64:
        real = real.to(torch.float64 if wide else torch.float32)
    flat = real.reshape(-1)
    numbers = _large_statistics(flat)
    thumb = thumbs(real.unsqueeze(0), side)[0]
    kind = np.float64 if wide else np.float32
    payload = np.array(numbers, dtype=kind).tobytes() + np.ascontiguousarray(thumb, dtype=kind).tobytes()
    shape = (thumb.shape[0], thumb.shape[1])
    return Summary(tuple(tensor.shape), _name(tensor.dtype), tensor.device.type, wide, 0, shape, payload)


def _large_statistics(flat: torch.Tensor) -> tuple[float, ...]:
    n = flat.numel()
    squares = float(torch.dot(flat, flat))
    if not np.isfinite(squares):
        array = flat.numpy()
        return _finite_statistics(array[np.isfinite(array)], array)
    low, high = torch.aminmax(flat)
    mean = float(flat.sum()) / n
    variance = (squares - n * mean * mean) / (n - 1)
    if variance < CANCELLED * mean * mean:
        variance = float(flat.to(torch.float64).var())
    return (float(low), float(high), mean, max(variance, 0.0) ** 0.5, 0.0, 0.0)


def _is_dense(tensor: torch.Tensor) -> bool:
    """Whether its elements are exactly `numel` neighbours in memory, in whatever order of dimensions."""
    if tensor.is_contiguous():
        return True
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True
