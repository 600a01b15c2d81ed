"""Every way in which the tracer takes statistics gives what torch gives, for all shapes, types and strange values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch

from backend.trace.kernels import PIECE
from backend.trace.records import VALUE
from backend.trace.reduction import Summary
from backend.trace.summary import PAGE, Summariser
from backend.wire.messages import STATISTICS

PREVIEW = 64
SIDE = 8

DTYPES = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
)
SHAPES = (
    (),
    (1,),
    (7,),
    (64,),
    (65,),
    (3, 5),
    (8, 8),
    (9, 8),
    (16, 33),
    (100, 3),
    (2, 3, 17, 31),
    (4, 64, 40),
    (300, 1),
)

STRANGE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "nothing strange": lambda t: t,
    "one NaN": lambda t: _put(t, {0: math.nan}),
    "one infinity": lambda t: _put(t, {-1: math.inf}),
    "both infinities and NaN": lambda t: _put(t, {0: math.inf, 1: -math.inf, 2: math.nan}),
    "all NaN": lambda t: torch.full_like(t, math.nan),
    "all the same": lambda t: torch.full_like(t, 0.1),
    "far from zero": lambda t: t * 1e-3 + 1000.0,
    "somewhat far from zero": lambda t: t + 25.0,
    "large": lambda t: t * 1e30,
}


def _put(tensor: torch.Tensor, values: dict[int, float]) -> torch.Tensor:
    flat = tensor.clone().reshape(-1)
    for place, value in values.items():
        flat[place % flat.numel()] = value
    return flat.reshape(tensor.shape)


def make(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(math.prod(shape) + len(shape))
    if dtype.is_floating_point:
        return torch.randn(shape, generator=generator).to(dtype)
    return torch.randint(0, 2 if dtype is torch.bool else 100, shape, generator=generator).to(dtype)


def read(summary: Summary) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    numbers = np.frombuffer(summary.payload, np.float64 if summary.wide else np.float32)
    return numbers[:STATISTICS].astype(np.float64), numbers[STATISTICS:]


def check(summary: Summary, tensor: torch.Tensor) -> None:
    """The summary says what torch says of the tensor, element by element and in float64."""
    assert summary.shape == tuple(tensor.shape)
    assert summary.dtype == str(tensor.dtype)
    (low, high, mean, std, nan, inf), shown = read(summary)
    wide = tensor.detach().to(torch.float64)
    finite = wide[torch.isfinite(wide)]
    assert (nan, inf) == (float(wide.isnan().sum()), float(wide.isinf().sum()))
    if not finite.numel():
        assert all(math.isnan(number) for number in (low, high, mean, std))
    else:
        scale = float(finite.abs().max())
        assert (low, high) == (float(finite.min()), float(finite.max()))
        assert mean == pytest.approx(float(finite.mean()), rel=1e-6, abs=1e-6 * scale)
        # statistics travel as float32 for the narrow types: std can be no better than that
        expected = float(finite.std()) if finite.numel() > 1 else math.nan
        assert std == pytest.approx(expected, rel=1e-4, abs=1e-12 * scale, nan_ok=True)
    if tensor.numel() <= PREVIEW:
        assert np.array_equal(shown, wide.reshape(-1).numpy(), equal_nan=True)
    else:
        assert summary.thumb is not None
        check_thumb(shown.reshape(summary.thumb), tensor)


def check_thumb(shown: np.ndarray[Any, Any], tensor: torch.Tensor) -> None:
    """Each cell is the mean of its block; blocks differ by at most one element a side, and cover the matrix."""
    matrix = tensor.detach().to(torch.float64)
    while matrix.dim() > 2:
        matrix = matrix[0]
    matrix = matrix.reshape(1, -1) if matrix.dim() == 1 else matrix
    height, width = matrix.shape
    rows, columns = shown.shape
    assert rows * columns <= PREVIEW
    down = [*(np.arange(rows) * height // rows), height]
    right = [*(np.arange(columns) * width // columns), width]
    for i in range(rows):
        for j in range(columns):
            block = matrix[down[i] : down[i + 1], right[j] : right[j + 1]]
            size = float(block[block.isfinite()].abs().max()) if block.isfinite().any() else 1.0
            assert shown[i, j] == pytest.approx(float(block.mean()), rel=1e-5, abs=1e-5 * size, nan_ok=True)


def reduce(*tensors: torch.Tensor) -> list[Summary]:
    return summaries(tensors, PREVIEW)


def summaries(tensors: Iterable[torch.Tensor], preview: int) -> list[Summary]:
    summariser = Summariser(preview)
    for place, tensor in enumerate(tensors):
        summariser.add((VALUE, None, place), tensor)
    taken = summariser.take()
    assert [key[2] for key, _ in taken] == list(range(len(taken)))
    return [summary for _, summary in taken]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_shape_of_a_type(dtype: torch.dtype) -> None:
    tensors = [make(shape, dtype) for shape in SHAPES]
    for together in (tensors, *([t] for t in tensors)):
        for summary, tensor in zip(reduce(*together), together, strict=True):
            check(summary, tensor)


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_strange_values(name: str, dtype: torch.dtype) -> None:
    tensors = [STRANGE[name](make(shape, dtype)) for shape in SHAPES]
    for summary, tensor in zip(reduce(*tensors), tensors, strict=True):
        check(summary, tensor)


@pytest.mark.parametrize("elements", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 17, 1_000_003])
def test_long_tensors_are_taken_in_pieces(elements: int) -> None:
    plain = make((elements,), torch.float32)
    for name in ("nothing strange", "both infinities and NaN", "far from zero", "large"):
        tensor = STRANGE[name](plain)
        check(reduce(tensor)[0], tensor)


def test_parts_of_a_tensor_have_numbers_of_their_own() -> None:
    """q, k and v begin side by side, with the same shape and strides; each is seen in three shapes."""
    whole = make((2, 16, 3 * 24), torch.float32)
    parts = [part for _ in range(8) for part in whole.clone().split(24, dim=2)]
    views = [view for p in parts for view in (p, p.view(2, 16, 4, 6), p.view(2, 16, 4, 6).transpose(1, 2))]
    views += [whole[:, :8], whole[:1], whole[:1, :, ::2], whole[:1, :8]]  # all from the same element on
    for summary, view in zip(reduce(*views), views, strict=True):
        check(summary, view)


def test_views_are_what_they_show() -> None:
    base = make((24, 36), torch.float32)
    four = make((2, 3, 16, 24), torch.float32)
    views = [
        base,
        base.t(),
        base.view(2, 12, 36),
        base.view(-1),
        base[:, ::2],
        base[3:20],
        base.t()[1:],
        base[:1].expand(24, 36),
        base.as_strided((20, 30), (1, 24)),
        four,
        four.transpose(1, 2),
        four.transpose(-1, -2),
        four.permute(3, 0, 2, 1),
        four.to(memory_format=torch.channels_last),
        four.permute(0, 2, 3, 1).unsqueeze(0),
        four.flip(0),
        torch._neg_view(base),
        torch._neg_view(base).t(),
        torch.nn.Parameter(base).t(),
        (torch.nn.Parameter(base) * 2).view(36, 24),
    ]
    for together in (views, views[::-1], *([v] for v in views)):
        for summary, view in zip(reduce(*together), together, strict=True):
            check(summary, view)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_views_of_any_kind(dtype: torch.dtype) -> None:
    """Cut, stepped through, repeated and turned around, at random: of numbers, strange ones and none but one."""
    generator = torch.Generator().manual_seed(7)

    def draw(most: int) -> int:
        return int(torch.randint(most, (), generator=generator))

    views = []
    for _ in range(80):
        base = make(tuple(1 + draw(9 if dim else 70) for dim in range(draw(4) + 1)), dtype)
        if dtype.is_floating_point:
            base = STRANGE[list(STRANGE)[draw(len(STRANGE))]](base).to(dtype)
        view = base
        for dim in range(base.dim()):
            view = view.narrow(dim, 0, 1 + draw(view.shape[dim])) if draw(2) else view
            view = view[(slice(None),) * dim + (slice(draw(2), None, 1 + draw(3)),)]
        view = view.permute(*torch.randperm(view.dim(), generator=generator).tolist())
        if draw(3) == 0:
            view = view.unsqueeze(draw(view.dim() + 1))
            view = view.expand([5 if size == 1 else size for size in view.shape])
        views.append(view)
    for summary, view in zip(reduce(*views), views, strict=True):
        if view.numel():
            check(summary, view)


def test_thumbnails_of_tall_tensors_lose_no_digits() -> None:
    tall = [torch.full((2_000_000, 1), 0.1), torch.ones(20_000_000, 1, dtype=torch.bool)]
    for tensor in (*tall, *(one.t() for one in tall)):
        for preview in (1, PREVIEW):
            shown = read(summaries([tensor], preview)[0])[1]
            assert shown == pytest.approx(np.full(shown.shape, float(tensor[0, 0])), rel=2e-6)


def test_what_is_repeated_without_end_is_read_once() -> None:
    one = make((1, 3), torch.float32)
    endless = [one.expand(10**9, 3), one.t().expand(3, 10**9), one[:, :1].expand(10**9, 10**9)]
    for summary, view in zip(reduce(*endless), endless, strict=True):
        assert summary.shape == tuple(view.shape)
        values = view[:3, :3].double()
        statistics, shown = read(summary)
        expected = [values.min(), values.max(), values.mean(), values.std(correction=0)]
        assert statistics[:4] == pytest.approx([float(number) for number in expected], abs=1e-6)
        assert summary.thumb is not None
        assert np.isin(shown, values.float().numpy()).all()
    overlapping = torch.ones(2 * 10**6).as_strided((10**6, 10**6), (1, 1))
    assert reduce(overlapping)[0].shape == (10**6, 10**6)  # more elements than are looked at: its shape is told


def test_views_of_other_types_share_no_numbers() -> None:
    base = make((20, 20), torch.float32)
    pair = [base, base.view(torch.int32)]
    for summary, tensor in zip(reduce(*pair), pair, strict=True):
        check(summary, tensor)


def test_a_thumbnail_of_all_cells_and_of_one() -> None:
    tensor = make((40, 50), torch.float32)
    one = summaries([tensor], 1)[0]
    all_cells = summaries([tensor], 1024)[0]
    assert one.thumb == (1, 1)
    assert read(one)[1][0] == pytest.approx(float(tensor.mean()), abs=1e-6)
    assert all_cells.thumb == (32, 32)


@pytest.mark.parametrize("numel", [4, 100])
def test_complex_numbers_have_values_and_no_order(numel: int) -> None:
    tensor = torch.complex(make((numel,), torch.float32), make((numel, 2), torch.float32)[:, 0])
    for given in (tensor, tensor.conj()):
        statistics, shown = read(reduce(given)[0])
        assert np.isnan(statistics[:4]).all()
        expected = torch.view_as_real(given.resolve_conj()).to(torch.float64).reshape(-1).numpy()
        assert np.array_equal(shown, expected if numel <= PREVIEW else expected[:0])


@pytest.mark.parametrize(
    "tensor",
    [
        torch.empty(0),
        torch.empty(3, 0),
        torch.empty(5, 6, device="meta"),
        torch.eye(4).to_sparse(),
    ],
    ids=["empty", "empty rows", "meta", "sparse"],
)
def test_what_has_no_values_has_its_shape(tensor: torch.Tensor) -> None:
    summary = reduce(make((3,), torch.float32), tensor)[1]
    assert (summary.shape, summary.dtype) == (tuple(tensor.shape), str(tensor.dtype))
    assert (summary.values, summary.thumb) == (0, None)
    assert np.isnan(read(summary)[0][:4]).all()


def test_small_views_have_their_values_row_by_row() -> None:
    base = make((4, 6), torch.float32)
    views = [base.t(), base[:, ::2], base[1:3, 2:], base[:1].expand(3, 6), base.flip(0), torch._neg_view(base)]
    for summary, view in zip(reduce(*views), views, strict=True):
        check(summary, view)
    for dtype in DTYPES:
        check(reduce(base.to(dtype).t())[0], base.to(dtype).t())


def test_a_gradient_of_zeros_without_memory_is_zeros() -> None:
    for shape in ((2, 3), (20, 30)):
        check(reduce(torch._efficientzerotensor(shape))[0], torch.zeros(shape))


@pytest.mark.parametrize("shape", [(), (5,), (20, 20), (300, 300)])
def test_what_is_written_afterwards_is_not_seen(shape: tuple[int, ...]) -> None:
    tensor = make(shape, torch.float32)
    before = tensor.clone()
    summariser = Summariser(PREVIEW)
    summariser.add((VALUE, None, 0), tensor)
    tensor.zero_()
    check(summariser.take()[0][1], before)


def test_numbers_of_any_amount_are_kept_until_they_are_taken() -> None:
    tensors = [make((shape,), dtype) for shape in (1, 7, 64, 65) for dtype in (torch.float32, torch.int64)]
    many = tensors * (2 * PAGE // sum(tensor.nbytes for tensor in tensors))
    summariser = Summariser(PREVIEW)
    for _ in range(2):  # the second time, the memory is used again
        for place, tensor in enumerate(many):
            summariser.add((VALUE, None, place), tensor)
        taken = list(summariser.take())
        assert [key[2] for key, _ in taken] == list(range(len(many)))
        for (_, summary), tensor in zip(taken[-len(tensors) :] + taken[: len(tensors)], tensors * 2, strict=True):
            check(summary, tensor)
        assert summariser.take() == []


def test_a_tensor_that_was_looked_at_can_still_be_resized() -> None:
    for shape in ((5,), (20, 20), (300, 300)):
        tensors = [make(shape, torch.float32), make(shape, torch.float64)]
        reduce(*tensors, *(tensor.t() for tensor in tensors))
        assert all(tensor.untyped_storage().resizable() for tensor in tensors)


@pytest.mark.parametrize("shape", [(5,), (20, 20)])
def test_memory_that_was_taken_away_is_not_read(shape: tuple[int, ...]) -> None:
    tensor = make(shape, torch.float32)
    part = tensor[1:]
    tensor.untyped_storage().resize_(0)
    for given in (tensor, part):
        summary = reduce(given)[0]
        assert summary.shape == tuple(given.shape)
        assert np.isnan(read(summary)[0][:4]).all()
