"""The numbers that a snippet computes with, as tensors.

Of the 2 in `x * 2` autograd makes a tensor, and the op below it would have to make that again: that takes longer than
to multiply. Where the result is the same to the last bit, it gets one that was kept.
"""

from __future__ import annotations

from typing import Any, Final

import torch

from backend.trace.layouts import PLAIN

MOST: Final = 1000
"""Numbers that are kept: a loop may make new ones for ever."""

NUMBERS: Final = frozenset({float, int})
"""What there are constants of."""

_LARGEST: Final = torch.finfo(torch.float32).max
_float32 = torch.float32
_strided = torch.strided
_dispatch_modes = torch._C._len_torch_dispatch_stack


class _Constants(dict[float, torch.Tensor]):
    """Made when they are asked for."""

    def __missing__(self, number: float) -> torch.Tensor | float:
        """Make one. Not of 0.0, which is equal to -0.0, and not of what float32 cannot hold or does not compare."""
        if not number or not -_LARGEST <= number <= _LARGEST:
            return number
        if len(self) >= MOST:
            self.clear()
        with torch._C.DisableTorchFunction():
            made = self[number] = torch.scalar_tensor(number, dtype=_float32, device="cpu")
        return made


_constants: Final = _Constants()


def with_constant(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of an op, a tensor and a number, with a tensor for the number.

    Only beside float32, where a number is rounded before it is used: for narrower types some kernels take it as it is.
    And a mode of the snippet's is to be asked with the number.
    """
    tensor, number = args
    if (
        type(tensor) in PLAIN
        and tensor.dtype is _float32
        and tensor.is_cpu
        and tensor.layout is _strided
        and not _dispatch_modes()
    ):
        return tensor, _constants[number]
    return args
