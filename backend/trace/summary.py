"""Tensors into numbers, many at a time.

Summarising a tensor on its own costs more than most ops do, nearly all of it in the calls. So tensors wait here, and are
reduced together: all small ones as one flat array cut by `reduceat`, each large one with three passes.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import torch

from backend.wire.messages import STATISTICS

THUMB: Final = 32
"""Largest side of a thumbnail, in cells."""

NARROW: Final = frozenset({torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8, torch.int8, torch.int16})
"""Types whose every value float32 holds exactly; the others travel as float64."""

Array = np.ndarray[Any, np.dtype[Any]]


class Summary(NamedTuple):
    """One tensor's numbers, and what they are the numbers of."""

    shape: tuple[int, ...]
    dtype: str
    device: str
    wide: bool
    count: int
    thumb: tuple[int, int] | None
    payload: bytes
    """STATISTICS numbers, then the values or the thumbnail: float64 if `wide`, else float32."""


_NONE32: Final = np.array([np.nan] * 4 + [0.0] * 2, dtype=np.float32).tobytes()
_NONE64: Final = np.array([np.nan] * 4 + [0.0] * 2, dtype=np.float64).tobytes()

_NAMES: Final[dict[torch.dtype, str]] = {}


class Summariser:
    """Collects tensors and reduces them in batches.

    `add` keeps a reference, not a copy: whoever writes to a tensor must call `flush` before. `preview` is the largest
    numel whose values are kept; `budget` bytes may wait at the most.
    """

    def __init__(self, preview: int, budget: int = 64 << 20) -> None:
        self.preview = preview
        self.budget = budget
        self.results: list[Summary | None] = []
        self._waiting: list[tuple[int, torch.Tensor]] = []
        self._bytes = 0

    def add(self, tensor: torch.Tensor) -> int:
        """Take a tensor; the index into `results` where its summary will be after the next `flush`."""
        index = len(self.results)
        self.results.append(None)
        self._waiting.append((index, tensor))
        self._bytes += tensor.numel()
        if self._bytes > self.budget // 4 or len(self._waiting) > 8192:
            self.flush()
        return index

    def take(self) -> list[Summary]:
        """All summaries since the last `take`, in the order of `add`."""
        self.flush()
        results = self.results
        self.results = []
        return results  # type: ignore[return-value]  # flush has filled every place

    def flush(self) -> None:
        """Reduce everything that waits."""
        if not self._waiting:
            return
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        grad = torch.is_grad_enabled()
        inference = torch.is_inference_mode_enabled()
        torch._C._set_grad_enabled(False)
        try:
            with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
                self._reduce(waiting)
        finally:
            if not inference:
                torch._C._set_grad_enabled(grad)

    def _reduce(self, waiting: list[tuple[int, torch.Tensor]]) -> None:
        small: list[tuple[int, torch.Tensor]] = []
        wide: list[tuple[int, torch.Tensor]] = []
        for index, tensor in waiting:
            if not _has_values(tensor):
                self.results[index] = _absent(tensor)
            elif tensor.dtype.is_complex:
                self.results[index] = _complex(tensor, self.preview)
            elif tensor.numel() > self.preview:
                self.results[index] = _large(tensor)
            elif tensor.dtype in NARROW:
                small.append((index, tensor))
            else:
                wide.append((index, tensor))
        if small:
            self._reduce_small(small, torch.float32, wide=False)
        if wide:
            self._reduce_small(wide, torch.float64, wide=True)

    def _reduce_small(self, batch: list[tuple[int, torch.Tensor]], dtype: torch.dtype, *, wide: bool) -> None:
        parts = [t.reshape(-1) for _, t in batch]
        flat = torch.cat(parts).to(dtype).numpy()
        counts = np.array([len(p) for p in parts])
        block = _statistics(flat, counts)
        values = flat.tobytes()
        rows = block.astype(flat.dtype).tobytes()
        item = flat.itemsize
        width = STATISTICS * item
        position = 0
        for row, (index, tensor) in enumerate(batch):
            end = position + int(counts[row]) * item
            payload = rows[row * width : (row + 1) * width] + values[position:end]
            position = end
            self.results[index] = Summary(
                tuple(tensor.shape), _name(tensor.dtype), tensor.device.type, wide, int(counts[row]), None, payload
            )


def _name(dtype: torch.dtype) -> str:
    name = _NAMES.get(dtype)
    if name is None:
        name = _NAMES[dtype] = str(dtype)
    return name


def _has_values(tensor: torch.Tensor) -> bool:
    return tensor.numel() > 0 and tensor.layout is torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized


def _absent(tensor: torch.Tensor) -> Summary:
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


def _large(tensor: torch.Tensor) -> Summary:
    """Statistics in three passes (min and max, sum, sum of squares), values only as a thumbnail."""
    wide = tensor.dtype not in NARROW
    real = tensor.detach()
    if real.dtype is not torch.float32 and real.dtype is not torch.float64:
        real = real.to(torch.float64 if wide else torch.float32)
    flat = real.reshape(-1)
    numbers = _large_statistics(flat)
    thumb = _thumb(real)
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
    if variance < 1e-3 * mean * mean:
        # the two terms nearly cancel, and float32 has not digits enough: take the exact way
        variance = float(flat.to(torch.float64).var())
    return (float(low), float(high), mean, max(variance, 0.0) ** 0.5, 0.0, 0.0)


def _thumb(real: torch.Tensor) -> Array:
    """Block means of the last two dims (of the first slice, if there are more), at most THUMB x THUMB."""
    while real.dim() > 2:
        real = real[0]
    if real.dim() == 1:
        real = real.unsqueeze(0)
    array = real.numpy()
    for axis in (0, 1):
        size = array.shape[axis]
        if size > THUMB:
            starts = np.arange(THUMB) * size // THUMB
            lengths = np.diff(np.append(starts, size)).astype(array.dtype)
            array = np.add.reduceat(array, starts, axis=axis) / (lengths[:, None] if axis == 0 else lengths)
    return array
