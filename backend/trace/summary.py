"""Tensors into numbers, as they come: each is read once, while the processor's cache still holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import numpy as np
import torch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from backend.trace.kernels import summarise
from backend.trace.layouts import PLAIN, Layout, layouts
from backend.trace.reduction import LEAST, Summary, absent, number, rare

PAGE: Final = 1 << 18
"""Bytes of the pieces of memory in which numbers are kept until they are taken."""

Key = tuple[int, Any, int]
"""What a tensor is: kind, owner, output. See `wire.messages.SLOT_KINDS`."""

Summaries = Sequence[tuple[Key, Summary]]

_float32 = torch.float32
_dispatch_modes = torch._C._len_torch_dispatch_stack
_function_modes = torch._C._len_torch_function_stack
_transforms = torch._C._functorch.peek_interpreter_stack

_made: Final = tuple.__new__  # the class's own takes twice the time


class Summariser:
    """Collects tensors' numbers. `preview` is the largest numel whose values are kept."""

    def __init__(self, preview: int) -> None:
        self._preview = preview
        self._layouts = layouts(preview)
        self._found: list[Any] = []
        """Of one tensor after the other its key, its Layout, Summary or float, and with a Layout where its numbers are.
        In one list, and not in a tuple each: those were a sixth of all the memory that is filled while a snippet runs.
        """
        self._pages = [np.empty(PAGE, dtype=np.uint8)]
        self._page = 0
        """The one that is being filled."""
        self._address: int = self._pages[0].ctypes.data
        self._end = 0
        """What is used of it, in bytes."""

    def add(self, key: Key, tensor: torch.Tensor, *, modes: bool = True) -> None:
        """Take a tensor's numbers. No mode hears it being read; `modes`: some may be on."""
        if type(tensor) not in PLAIN:
            self._rarely(key, tensor)
        elif modes and _function_modes():
            with torch._C.DisableTorchFunction():
                self._read(key, tensor)
        elif (
            tensor.dim()
            or tensor.dtype is not _float32
            or not tensor.is_cpu
            or (modes and _dispatch_modes())
            or _transforms() is not None
        ):
            self._read(key, tensor)
        else:  # a single number costs less than its memory
            try:
                self._found += (key, tensor.item(), 0)
            except RuntimeError:  # it has no memory any more, or is a wrapper that has outlived its transform
                self._rarely(key, tensor)

    def again(self, summaries: Summaries) -> None:
        """Take what has been summarised before."""
        for summary in summaries:
            self._found += (*summary, 0)

    def take(self) -> Summaries:
        """All summaries since the last `take`, in the order of `add`."""
        found, self._found = self._found, []
        pages = [page.tobytes() for page in self._pages[: self._page]]
        pages.append(self._pages[self._page][: self._end].tobytes())
        self._turn_to(0)
        summaries: list[tuple[Key, Summary]] = []
        every = iter(found)
        for key, what, place in zip(every, every, every, strict=True):
            if isinstance(what, Layout):
                start = place % PAGE
                payload = pages[place // PAGE][start : start + what.size]
                summary: Summary = _made(Summary, (*what.told, payload))
            else:
                summary = number(what) if isinstance(what, float) else what
            summaries.append((key, summary))
        return summaries

    def _read(self, key: Key, tensor: torch.Tensor) -> None:
        try:
            address = tensor.data_ptr()
        except RuntimeError:  # sparse, or a wrapper of some transform
            address = 0
        if address >= LEAST and tensor.is_cpu and not tensor.is_neg():
            layout = self._layouts[tensor.shape, tensor.stride(), tensor.dtype]
            if layout.plan:
                if self._end + layout.room > PAGE:
                    self._turn_to(self._page + 1)
                start = self._end
                summarise(layout.plan, address, self._address + start)
                self._end = start + layout.room
                self._found += (key, layout, self._page * PAGE + start)
                return
        self._rarely(key, tensor)

    def _turn_to(self, page: int) -> None:
        if page == len(self._pages):
            self._pages.append(np.empty(PAGE, dtype=np.uint8))
        self._page, self._address, self._end = page, self._pages[page].ctypes.data, 0

    def _rarely(self, key: Key, tensor: torch.Tensor) -> None:
        """Take what the kernel does not read as it lies."""
        if type(tensor) in PLAIN and (tensor.layout is not torch.strided or not tensor.is_cpu):
            self._found += (key, absent(tensor), 0)
            return
        with _unheard():
            try:
                summary = rare(tensor, self._preview)
            except RuntimeError:  # such a wrapper cannot be read: its shape is all there is to say
                summary = absent(tensor)
        self._found += (key, summary, 0)


class Silent(Summariser):
    """Takes nothing: for a step that is recorded and not told."""

    def __init__(self) -> None:
        super().__init__(0)

    def add(self, key: Key, tensor: torch.Tensor, *, modes: bool = True) -> None:
        """Leave it."""

    def again(self, summaries: Summaries) -> None:
        """Leave them."""


@contextmanager
def _unheard() -> Iterator[None]:
    """No mode hears what torch is asked for inside, no transform changes it, and no graph has it."""
    grad = torch.is_grad_enabled()
    torch._C._set_grad_enabled(False)
    try:
        with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction(), _outside_transforms():
            yield
    finally:
        torch._C._set_grad_enabled(grad)


def _outside_transforms() -> AbstractContextManager[Any]:
    """Inside `torch.func.grad` or `vmap`, ops on plain tensors would be transformed too."""
    if _transforms() is None:
        return nullcontext()
    return temporarily_clear_interpreter_stack()
