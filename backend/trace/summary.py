"""Tensors into numbers, many at a time.

Summarising a tensor on its own costs more than most ops do, nearly all of it in the calls. So tensors wait here, and
are reduced together when somebody is about to write to one, or when enough are waiting. A single number is taken at
once: reading it costs less than keeping its tensor.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import torch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from backend.trace.reduction import Reduction, Summary, absent, number

MOST_WAITING: Final = 8192
MOST_ELEMENTS: Final = 16 << 20
"""How much may wait: references keep memory alive that the snippet would have given back."""

Key = tuple[int, Any, int]
"""What a tensor is: kind, owner, output. See `wire.messages.SLOT_KINDS`."""

Summaries = list[tuple[Key, Summary]]

_PLAIN: Final = frozenset({torch.Tensor, torch.nn.Parameter})
_float32 = torch.float32
_strided = torch.strided
_function_modes = torch._C._len_torch_function_stack
_dispatch_modes = torch._C._len_torch_dispatch_stack
_transforms = torch._C._functorch.peek_interpreter_stack


class Summariser:
    """Collects tensors and reduces them in batches.

    `add` keeps a reference, not a copy: whoever writes to a tensor must call `flush` before. `preview` is the largest
    numel whose values are kept. A run may be stopped at any instruction: nothing is lost or counted twice then.
    """

    def __init__(self, preview: int) -> None:
        self.preview = preview
        self._waiting: list[tuple[Key, torch.Tensor]] = []
        self._done: list[tuple[Key, Summary | float]] = []
        self._elements = 0

    def add(self, key: Key, tensor: torch.Tensor, *, silent: bool = False) -> None:
        """Take a tensor. `silent`: all modes are switched off here, so nobody hears it being read."""
        if (
            tensor.dtype is _float32
            and not tensor.dim()
            and (silent or not (_function_modes() or _dispatch_modes()))
            and tensor.is_cpu
            and tensor.layout is _strided
            and type(tensor) in _PLAIN
            and _transforms() is None
        ):
            self._done.append((key, tensor.item()))
            return
        self._waiting.append((key, tensor))
        self._elements += tensor.numel()
        if self._elements > MOST_ELEMENTS or len(self._waiting) > MOST_WAITING:
            self.flush()

    def again(self, summaries: Summaries) -> None:
        """Take what has been summarised before."""
        self._done.extend(summaries)

    def take(self) -> Summaries:
        """All summaries since the last `take`, in the order of `add`."""
        self.flush()
        done, self._done = self._done, []
        return [(key, number(found) if isinstance(found, float) else found) for key, found in done]

    def flush(self) -> None:
        """Reduce everything that waits."""
        waiting = self._waiting
        if not waiting:
            return
        grad = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)
        try:
            with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction(), _outside_transforms():
                summaries = Reduction(self.preview, [tensor for _, tensor in waiting]).summaries()
        except RuntimeError:
            # a kind of tensor that cannot be read (a wrapper of some transform): its shape is all there is to say
            summaries = [absent(tensor) for _, tensor in waiting]
        finally:
            torch._C._set_grad_enabled(grad)
        self._waiting, self._elements = [], 0
        self._done.extend(zip((key for key, _ in waiting), summaries, strict=True))


class Silent(Summariser):
    """Takes nothing: for a step that is recorded and not told."""

    def __init__(self) -> None:
        super().__init__(0)

    def add(self, key: Key, tensor: torch.Tensor, *, silent: bool = False) -> None:
        """Leave it."""

    def again(self, summaries: Summaries) -> None:
        """Leave them."""


def _outside_transforms() -> AbstractContextManager[Any]:
    """Inside `torch.func.grad` or `vmap`, ops on plain tensors would be transformed too."""
    if torch._C._functorch.peek_interpreter_stack() is None:
        return nullcontext()
    return temporarily_clear_interpreter_stack()
