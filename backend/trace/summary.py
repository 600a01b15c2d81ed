"""Tensors into numbers, many at a time.

Summarising a tensor on its own costs more than most ops do, nearly all of it in the calls. So of small tensors the
values are copied, and larger ones wait here until somebody is about to write to them, or until enough are waiting; then
they are reduced together. A single number is taken at once: reading it costs less than keeping its tensor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import Any, Final

import numpy as np
import torch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from backend.trace.layouts import LAYOUTS
from backend.trace.reduction import Small, Summary, absent, number, rare, reduce_runs, reduce_small, side_of
from backend.trace.stacks import LONG, Entry, Run, storage_of

MOST_ELEMENTS: Final = 16 << 20
"""How much may wait: references keep memory alive that the snippet would have given back."""

MOST_WAITING: Final = 8192

MOST_LONG: Final = 1 << 20
"""The same for tensors that gain nothing from waiting: so few that they are still in the processor's cache."""

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

    `add` keeps a reference, not a copy: whoever writes to a tensor must call `before_write` before. `preview` is the
    largest numel whose values are kept. A run may be stopped at any instruction: nothing is lost or counted twice then.
    """

    def __init__(self, preview: int) -> None:
        self.preview = preview
        self._entries: list[Entry] = []
        self._sorted = 0
        """So many of them have been looked at."""
        self._elements = 0
        self._long_elements = 0
        self._small: list[Small] = []
        self._rare: list[Entry] = []
        self._runs: dict[tuple[int, int], Run] = {}
        """By address, and what the elements are there (see `Layout.elements`)."""
        self._long: list[Run] = []
        """Those of them that gain nothing from waiting: they are never many."""
        self._short: list[Run] = []
        """The others, as they come, until somebody writes."""
        self._stored: dict[int | None, list[Run]] = {}
        """The others after that, by what they lie in (see `storage_of`)."""

    def add(self, key: Key, tensor: torch.Tensor, *, silent: bool = False) -> None:
        """Take a tensor. `silent`: all modes are switched off here, so nobody hears it being read."""
        numel = tensor.numel()
        if (
            numel == 1
            and tensor.dtype is _float32
            and not tensor.dim()
            and (silent or not (_function_modes() or _dispatch_modes()))
            and tensor.is_cpu
            and tensor.layout is _strided
            and type(tensor) in _PLAIN
            and _transforms() is None
        ):
            self._entries.append([key, tensor.item()])
            return
        self._entries.append([key, tensor])
        if numel < LONG:
            self._elements += numel
            if self._elements > MOST_ELEMENTS or len(self._entries) - self._sorted > MOST_WAITING:
                self.flush()
            return
        if tensor.is_cpu:
            self._long_elements += numel
        if self._long_elements > MOST_LONG:
            self._sort()
            long, self._long, self._long_elements = self._long, [], 0
            self._reduce(long)

    def again(self, summaries: Summaries) -> None:
        """Take what has been summarised before."""
        self._entries.extend([key, summary] for key, summary in summaries)

    def take(self) -> Summaries:
        """All summaries since the last `take`, in the order of `add`."""
        self.flush()
        if self._small:
            with np.errstate(all="ignore"):
                reduce_small(self._small)
            self._small = []
        entries, self._entries, self._sorted = self._entries, [], 0
        return [(key, number(found) if isinstance(found, float) else found) for key, found in entries]

    def before_write(self, tensors: Iterable[torch.Tensor]) -> None:
        """These are about to be written to: reduce what shows the same memory, and copy what is small."""
        self._sort()
        if not self._rare and not self._runs:
            return
        with torch._C.DisableTorchFunction():
            written = {storage_of(tensor) for tensor in tensors}
            if not self._rare and None not in written:
                self._reduce(self._lying_in(written))
                return
        self.flush()

    def _lying_in(self, storages: set[int | None]) -> list[Run]:
        """The runs whose memory is that of any of these; they wait no longer."""
        for run in self._short:
            self._stored.setdefault(run.storage, []).append(run)
        self._short = []
        found = [run for run in self._long if run.storage in storages]
        if found:
            self._long = [run for run in self._long if run.storage not in storages]
        for storage in storages:
            found += self._stored.pop(storage, ())
        return found

    def flush(self) -> None:
        """Reduce everything that waits with its tensor."""
        self._sort()
        self._reduce(list(self._runs.values()))
        if self._rare:
            with _unheard():
                for entry in self._rare:
                    tensor = entry[1]
                    try:
                        entry[1] = rare(tensor, self.preview)
                    except RuntimeError:
                        # such a wrapper cannot be read: its shape is all there is to say
                        entry[1] = absent(tensor)
            self._rare = []
        self._elements = self._long_elements = 0

    def _sort(self) -> None:
        """Look at what has been added: copy what is small, and find what shows the same elements."""
        if len(self._entries) == self._sorted:
            return
        preview, small, rare, runs = self.preview, self._small, self._rare, self._runs
        with torch._C.DisableTorchFunction():
            for entry in islice(self._entries, self._sorted, None):
                tensor = entry[1]
                if not isinstance(tensor, torch.Tensor):
                    continue
                if tensor.layout is not _strided or not tensor.is_cpu:
                    entry[1] = absent(tensor)
                    continue
                if type(tensor) not in _PLAIN or tensor.is_neg():
                    rare.append(entry)
                    continue
                try:
                    address = tensor.data_ptr()
                except RuntimeError:  # a wrapper of some transform
                    address = 0
                layout = LAYOUTS[tensor.shape, tensor.stride(), tensor.dtype]
                if not address:
                    rare.append(entry)
                elif layout.numel > preview and layout.narrow:
                    place = address, layout.elements
                    run = runs.get(place)
                    if run is None:
                        run = runs[place] = Run(tensor, layout, address)
                        (self._long if layout.numel >= LONG else self._short).append(run)
                    looks = run.looks
                    look = layout.look
                    if look in looks:
                        looks[look].append((entry, layout))
                    else:
                        looks[look] = [(entry, layout)]
                    entry[1] = None
                elif layout.numel <= preview and layout.readable:
                    small.append((entry, layout, layout.values(address)))
                    entry[1] = None
                else:
                    rare.append(entry)
        self._sorted = len(self._entries)

    def _reduce(self, runs: list[Run]) -> None:
        if not runs:
            return
        with _unheard():
            reduce_runs(runs, side_of(self.preview))
        if len(runs) == len(self._runs):
            self._runs, self._stored, self._long, self._short = {}, {}, [], []
            return
        for run in runs:
            del self._runs[run.address, run.layout.elements]


class Silent(Summariser):
    """Takes nothing: for a step that is recorded and not told."""

    def __init__(self) -> None:
        super().__init__(0)

    def add(self, key: Key, tensor: torch.Tensor, *, silent: bool = False) -> None:
        """Leave it."""

    def again(self, summaries: Summaries) -> None:
        """Leave them."""


@contextmanager
def _unheard() -> Iterator[None]:
    """No mode hears what torch is asked for inside, no transform changes it, and no graph has it.

    What is strange in the learner's numbers is counted, and numpy does not warn of it.
    """
    grad = torch.is_grad_enabled()
    torch._C._set_grad_enabled(False)
    try:
        with (
            torch._C._DisableTorchDispatch(),
            torch._C.DisableTorchFunction(),
            _outside_transforms(),
            np.errstate(all="ignore"),
        ):
            yield
    finally:
        torch._C._set_grad_enabled(grad)


def _outside_transforms() -> AbstractContextManager[Any]:
    """Inside `torch.func.grad` or `vmap`, ops on plain tensors would be transformed too."""
    if _transforms() is None:
        return nullcontext()
    return temporarily_clear_interpreter_stack()
