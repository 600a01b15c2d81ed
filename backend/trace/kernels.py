"""A tensor's numbers in one go over its memory, by a function that numba compiles when the module is first imported.

numpy and torch need one call each for least, greatest, sum and sum of squares, and some more for a thumbnail: 20 us for
24,576 elements of float32, most of it for the calls. Here it is 2 us. Of the rules of floating point only the order of
additions is relaxed: NaN and infinities must be found.

All of it is in this one file, because what is compiled is kept on disk until this file changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, Final

import numpy as np
from numba import extending, njit, types

_intrinsic: Final[Any] = extending.intrinsic
_overload: Final[Any] = extending.overload

PIECE: Final = 4096
"""Elements that are looked at together. Sums are float32's inside a piece, and float64's over all pieces."""

LINES: Final = 256
"""Lines of a matrix that are added up in float32, before float64 takes their sums."""

CELLS: Final = 64
"""More than a line of a thumbnail has."""

SCRATCH: Final = (2 * PIECE + CELLS) * 8
"""Bytes of the memory that a plan points at: a piece as it is read, one that is added up, and a line of cells."""

CANCELLED: Final = 1e-2
"""Below this share of mean**2, a variance from sums of squares has lost its digits."""

SMALLEST: Final = 1e-28
"""Below this, a sum of squares has lost digits to float32's least exponent."""

FLOAT32, FLOAT64, INT64, INT32, INT16, INT8, UINT8, BFLOAT16, FLOAT16 = range(9)
"""What elements are, in a plan."""

# the places in a plan, all of 8 bytes
KIND, WIDTH, COPY, WIDE, COUNT, REPEAT, DENSE, VALUES, SHOWN, OUTER, INNER = range(11)
STEP_OUTER, STEP_INNER, CELLS_OUTER, CELLS_INNER, OUT_OUTER, OUT_INNER, DIMS = range(11, 18)
"""The sizes of `DIMS` dimensions follow, and then their strides; the last runs fastest."""


_OPTIONS: Final[dict[str, Any]] = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}

_inner: Final[Callable[[Any], Any]] = njit(**_OPTIONS)
"""A part of `summarise`: compiled with it, for the types that it is called with."""


def _kept(function: Any) -> Any:
    """Compile now, or take what was compiled before where a folder could keep it. All arguments are int64."""
    signature = types.void(*[types.int64] * function.__code__.co_argcount)
    try:
        return njit(signature, cache=True, **_OPTIONS)(function)
    except (RuntimeError, OSError, EOFError, UnpicklingError):  # there is none, or no room in it, or what it has is cut
        return njit(signature, **_OPTIONS)(function)


@_intrinsic
def _load(_: Any, address: Any, index: Any, like: Any) -> Any:
    """The element of the type of `like` with that index in the memory at an address."""

    def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = context.get_value_type(signature.return_type)
        pointer = builder.inttoptr(arguments[0], kind.as_pointer())
        return builder.load(builder.gep(pointer, [arguments[1]], inbounds=True))

    like = types.unliteral(like)
    return like(types.int64, types.int64, like), written


@_intrinsic
def _at(_: Any, plan: Any, place: Any) -> Any:
    """What a plan says there."""

    def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], context.get_value_type(types.int64).as_pointer())
        return builder.load(builder.gep(pointer, [arguments[1]], inbounds=True))

    return types.int64(types.int64, types.int64), written


@_intrinsic
def _store(_: Any, address: Any, index: Any, value: Any) -> Any:
    """Write an element of the type of `value`."""

    def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], arguments[2].type.as_pointer())
        builder.store(arguments[2], builder.gep(pointer, [arguments[1]], inbounds=True))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, value), written


@_intrinsic
def _as_float32(_: Any, bits: Any) -> Any:
    """The float32 with these 32 bits."""

    def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.uint32), written


@_intrinsic
def _bits(_: Any, number: Any) -> Any:
    """The other way round."""

    def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.uint32))

    return types.uint32(types.float32), written


@_intrinsic
def _size(_: Any, like: Any) -> Any:
    """Bytes of what is of the type of `like`."""

    def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_constant(types.int64, like.bitwidth // 8)

    return types.int64(like), written


def _end(compared: str) -> Any:
    """The lesser or the greater of two numbers that are not NaN: only so is a loop of them one of vectors."""

    def end(_: Any, one: Any, other: Any) -> Any:
        def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            flags = ["nnan", "nsz"]
            one, other = arguments
            return builder.select(builder.fcmp_ordered(compared, one, other, flags=flags), one, other, flags=flags)

        return one(one, other), written

    return end


_lesser = _intrinsic(_end("<"))
_greater = _intrinsic(_end(">"))


@_intrinsic
def _cast(_: Any, value: Any, like: Any) -> Any:
    """The same number as one of the type of `like`."""

    def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.cast(builder, arguments[0], value, like)

    return like(value, like), written


@_inner
def _copy_as(source: int, step: int, count: int, target: int, kind: Any, like: Any) -> None:
    for i in range(count):
        _store(target, i, _cast(_load(source, i * step, kind), like))


@_inner
def _copy_halves(source: int, step: int, count: int, target: int, kind: int) -> None:
    for i in range(count):
        half = np.uint32(_load(source, i * step, np.uint16(0)))
        if kind == BFLOAT16:
            bits = np.uint32(half << np.uint32(16))
            _store(target, i, _as_float32(bits))
            continue
        sign = np.uint32((half & np.uint32(0x8000)) << np.uint32(16))
        rest = np.uint32((half & np.uint32(0x7FFF)) << np.uint32(13))
        if half & np.uint32(0x7C00) == np.uint32(0x7C00):  # infinity and NaN
            _store(target, i, _as_float32(np.uint32(sign | rest | np.uint32(0x7F800000))))
        else:  # 2**112 is between the two types' smallest exponents, and makes what is denormal right too
            _store(target, i, _as_float32(np.uint32(sign | _bits(_as_float32(rest) * np.float32(2.0**112)))))


def _copy(kind: Any, source: Any, step: Any, count: Any, target: Any, like: Any) -> Any:
    """`count` elements, `step` of them apart, to `target`, as what `like` is."""
    raise NotImplementedError


@_overload(_copy, jit_options=_OPTIONS)
def _copying(kind: Any, source: Any, step: Any, count: Any, target: Any, like: Any) -> Any:
    def narrow(kind: Any, source: Any, step: Any, count: Any, target: Any, like: Any) -> Any:
        if kind == FLOAT32:
            _copy_as(source, step, count, target, np.float32(0), like)
        elif kind == INT16:
            _copy_as(source, step, count, target, np.int16(0), like)
        elif kind == INT8:
            _copy_as(source, step, count, target, np.int8(0), like)
        elif kind == UINT8:
            _copy_as(source, step, count, target, np.uint8(0), like)
        else:
            _copy_halves(source, step, count, target, kind)

    def wide(kind: Any, source: Any, step: Any, count: Any, target: Any, like: Any) -> Any:
        if kind == FLOAT64:
            _copy_as(source, step, count, target, np.float64(0), like)
        elif kind == INT64:
            _copy_as(source, step, count, target, np.int64(0), like)
        else:
            _copy_as(source, step, count, target, np.int32(0), like)

    return narrow if like == types.float32 else wide


@_inner
def _gather(plan: int, source: int, first: int, count: int, target: int, like: Any) -> None:
    """Elements number `first` and following, in the order of the plan's dimensions, to `target`."""
    kind, dims = _at(plan, KIND), _at(plan, DIMS)
    sizes, steps, width = plan + 8 * (DIMS + 1), plan + 8 * (DIMS + 1 + dims), _at(plan, WIDTH)
    inner, step = _at(sizes, dims - 1), _at(steps, dims - 1)
    done = 0
    while done < count:
        rest, column = divmod(first + done, inner)
        place = column * step
        for dim in range(dims - 2, -1, -1):
            rest, at = divmod(rest, _at(sizes, dim))
            place += at * _at(steps, dim)
        run = min(count - done, inner - column)
        _copy(kind, source + place * width, step, run, target + done * _size(like), like)
        done += run


@_inner
def _row(kind: int, source: int, step: int, count: int, copy: int, like: Any) -> Any:
    """The address of elements that are `step` apart, side by side: where they lie, or in `copy`."""
    if step == 1 and kind in (FLOAT32, FLOAT64):
        return source
    _copy(kind, source, step, count, copy, like)
    return copy


@_inner
def _piece(plan: int, source: int, first: int, count: int, like: Any) -> Any:
    """The address of that many elements, in any order, side by side as what `like` is: where they lie, or of a copy."""
    if not plan:
        return source + first * _size(like)
    kind, copy = _at(plan, KIND), _at(plan, COPY)
    if not _at(plan, DENSE):
        _gather(plan, source, first, count, copy, like)
        return copy
    return _row(kind, source + first * _at(plan, WIDTH), np.int64(1), count, copy, like)


@_inner
def _look(address: int, count: int, like: Any) -> Any:
    """The least, the greatest, the sum and the sum of squares; the first two mean nothing where the last is NaN."""
    low = high = _load(address, 0, like)
    total = squares = _cast(0.0, like)
    for i in range(count):
        number = _load(address, i, like)
        low, high = _lesser(number, low), _greater(number, high)
        total += number
        squares += number * number
    return low, high, total, squares


@_inner
def _count(address: int, count: int, like: Any) -> Any:
    """How many are NaN, how many are infinite, and the least and the greatest of the others."""
    nans = infinite = 0
    low, high = math.inf, -math.inf
    for i in range(count):
        number = _cast(_load(address, i, like), 0.0)
        nans += number != number
        infinite += abs(number) == math.inf
        if abs(number) < math.inf:
            low, high = min(low, number), max(high, number)
    return nans, infinite, low, high


@_inner
def _apart(address: int, count: int, like: Any, origin: float) -> Any:
    """The sum of the finite ones' distances from `origin`, and that of their squares."""
    total = squares = 0.0
    for i in range(count):
        away = _cast(_load(address, i, like), 0.0) - origin
        away = away if abs(away) < math.inf else 0.0
        total += away
        squares += away * away
    return total, squares


@_inner
def _count_all(plan: int, source: int, count: int, like: Any) -> Any:
    nans = infinite = 0
    low, high = math.inf, -math.inf
    for first in range(0, count, PIECE):
        size = min(PIECE, count - first)
        found = _count(_piece(plan, source, first, size, like), size, like)
        nans, infinite = nans + found[0], infinite + found[1]
        low, high = min(low, found[2]), max(high, found[3])
    return nans, infinite, low, high


@_inner
def _around(plan: int, source: int, count: int, finite: int, near: float, like: Any) -> Any:
    """Mean and sum of squares around it of the finite elements, in float64. `near`: about the mean."""
    mean, squares = near, 0.0
    for _ in range(3):
        total = squares = 0.0
        for first in range(0, count, PIECE):
            size = min(PIECE, count - first)
            found = _apart(_piece(plan, source, first, size, like), size, like, mean)
            total, squares = total + found[0], squares + found[1]
        squares -= total * total / finite
        mean += total / finite
        if squares > CANCELLED * total * total / finite:
            break
    return mean, squares


@_inner
def _statistics(plan: int, source: int, count: int, repeat: int, out: int, like: Any) -> None:
    """Least, greatest, mean, deviation (the one with n - 1), number of NaN and of infinities.

    NaN and infinities are left out of the first four. Each element counts `repeat` times. Without a plan, the elements
    lie at `source` as what `like` is.
    """
    low, high = math.inf, -math.inf
    total = squares = 0.0
    for first in range(0, count, PIECE):
        size = min(PIECE, count - first)
        found = _look(_piece(plan, source, first, size, like), size, like)
        low, high = min(low, _cast(found[0], 0.0)), max(high, _cast(found[1], 0.0))
        total, squares = total + found[2], squares + found[3]
    nans = infinite = np.int64(0)
    finite = count
    mean = total / count
    spread = squares - total * mean
    fine = squares > SMALLEST and spread > CANCELLED * mean * mean * count
    if not math.isfinite(squares):
        fine = False
        nans, infinite, low, high = _count_all(plan, source, count, like)
        finite = count - nans - infinite
        mean = low / 2 + high / 2
    if low == high:
        mean, spread = low, 0.0
    elif not finite:
        low = high = mean = math.nan
    elif not fine:
        mean, spread = _around(plan, source, count, finite, mean, like)
    counted = finite * repeat
    _store(out, 0, _cast(low, like))
    _store(out, 1, _cast(high, like))
    _store(out, 2, _cast(mean, like))
    _store(out, 3, _cast(math.sqrt(spread * repeat / (counted - 1)) if counted > 1 else math.nan, like))
    _store(out, 4, _cast(nans * repeat, like))
    _store(out, 5, _cast(infinite * repeat, like))


@_inner
def _sum(address: int, count: int, like: Any) -> Any:
    total = _cast(0.0, like)
    for i in range(count):
        total += _load(address, i, like)
    return total


@_inner
def _next_edge(edge: int, over: int, parts: int, rest: int, least: int) -> Any:
    """Where the next of `parts` nearly equal parts of a size begins: at n * size // parts, without a division.

    `least` and `rest` are `divmod(size, parts)`; `over` is what all parts before have left.
    """
    edge, over = edge + least, over + rest
    if over >= parts:
        return edge + 1, over - parts
    return edge, over


@_inner
def _add_lines(address: int, step: int, lines: int, count: int, sums: int, like: Any) -> None:
    """Sums over lines that lie `step` bytes apart, four at a time: so fewer sums are stored and loaded again."""
    for i in range(count):
        _store(sums, i, _load(address, i, like))
    line = 1
    while line + 4 <= lines:
        first = address + line * step
        second, third, fourth = first + step, first + 2 * step, first + 3 * step
        for i in range(count):
            one = _load(first, i, like) + _load(second, i, like)
            other = _load(third, i, like) + _load(fourth, i, like)
            _store(sums, i, _load(sums, i, like) + (one + other))
        line += 4
    while line < lines:
        for i in range(count):
            _store(sums, i, _load(sums, i, like) + _load(address + line * step, i, like))
        line += 1


@_inner
def _line(plan: int, source: int, start: int, end: int, like: Any) -> Any:
    """The address of the sums over some lines of the matrix, or of the one line."""
    kind, copy, width = _at(plan, KIND), _at(plan, COPY), _at(plan, WIDTH)
    inner, down, right = _at(plan, INNER), _at(plan, STEP_OUTER), _at(plan, STEP_INNER)
    sums = copy + PIECE * 8
    address = source + start * down * width
    if right == 1 and kind in (FLOAT32, FLOAT64):
        if end - start == 1:
            return address
        _add_lines(address, down * width, end - start, inner, sums, like)
        return sums
    _copy(kind, address, right, inner, sums, like)
    for line in range(start + 1, end):
        _copy(kind, source + line * down * width, right, inner, copy, like)
        for i in range(inner):
            _store(sums, i, _load(sums, i, like) + _load(copy, i, like))
    return sums


@_inner
def _sum_of_block(plan: int, source: int, lines: int, count: int, like: Any) -> Any:
    """Of a block that is too wide for its sums over lines to be kept."""
    kind, copy, width = _at(plan, KIND), _at(plan, COPY), _at(plan, WIDTH)
    down, right = _at(plan, STEP_OUTER), _at(plan, STEP_INNER)
    total = 0.0
    for line in range(lines):
        for first in range(0, count, PIECE):
            size = min(PIECE, count - first)
            place = source + (line * down + first * right) * width
            total += _sum(_row(kind, place, right, size, copy, like), size, like)
    return total


@_inner
def _thumbnail(plan: int, source: int, out: int, like: Any) -> None:
    """The means of blocks of a matrix. Its inner dimension is the one in which elements lie closer together."""
    outer, inner = _at(plan, OUTER), _at(plan, INNER)
    rows, columns = _at(plan, CELLS_OUTER), _at(plan, CELLS_INNER)
    below, beside = _at(plan, OUT_OUTER), _at(plan, OUT_INNER)
    down, right = _at(plan, STEP_OUTER) * _at(plan, WIDTH), _at(plan, STEP_INNER) * _at(plan, WIDTH)
    high, more = divmod(outer, rows)
    wide, rest = divmod(inner, columns)
    narrow, totals = inner <= PIECE, _at(plan, COPY) + 2 * PIECE * 8
    start = over = np.int64(0)
    for row in range(rows):
        end, over = _next_edge(start, over, rows, more, high)
        for column in range(columns):
            _store(totals, column, 0.0)
        for line in range(start, end, LINES):
            until = min(end, line + LINES)
            added = _line(plan, source, line, until, like) if narrow else source
            left = beyond = np.int64(0)
            for column in range(columns):
                stop, beyond = _next_edge(left, beyond, columns, rest, wide)
                if narrow:
                    total = _cast(_sum(added + left * _size(like), stop - left, like), 0.0)
                else:
                    total = _sum_of_block(plan, source + line * down + left * right, until - line, stop - left, like)
                _store(totals, column, _load(totals, column, 0.0) + total)
                left = stop
        left = beyond = np.int64(0)
        for column in range(columns):
            stop, beyond = _next_edge(left, beyond, columns, rest, wide)
            mean = _load(totals, column, 0.0) / ((end - start) * (stop - left))
            _store(out, row * below + column * beside, _cast(mean, like))
            left = stop
        start = end


@_inner
def _told(plan: int, source: int, out: int, like: Any) -> None:
    count, repeat, shown = _at(plan, COUNT), _at(plan, REPEAT), out + _at(plan, SHOWN)
    if _at(plan, VALUES):
        _gather(plan, source, 0, count, shown, like)
        _statistics(np.int64(0), shown, count, np.int64(1), out, like)
    else:
        _statistics(plan, source, count, repeat, out, like)
        _thumbnail(plan, source, shown, like)


@_kept
def summarise(plan: int, source: int, out: int) -> None:
    """Write a tensor's statistics to `out`, and then its values or its thumbnail: float64 if the plan is wide.

    All three are addresses: of the plan, of the tensor's first element, and of memory of the length that is needed.
    """
    if _at(plan, WIDE):
        _told(plan, source, out, np.float64(0))
    else:
        _told(plan, source, out, np.float32(0))


@_kept
def summarise_all(plans: int, sources: int, outs: int, count: int) -> None:
    """The same for several tensors: three addresses of tables with `count` addresses each."""
    for place in range(count):
        summarise(_at(plans, place), _at(sources, place), _at(outs, place))
