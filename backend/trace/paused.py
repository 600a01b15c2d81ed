"""What the tracer itself asks of torch: nothing of it is recorded, and no mode hears it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import torch

if TYPE_CHECKING:
    from backend.trace.steps import Steps

_function_modes = torch._C._len_torch_function_stack
_dispatch_modes = torch._C._len_torch_dispatch_stack

_NOTHING_ON: Final = nullcontext()


def paused(steps: Steps, *, modes: bool) -> AbstractContextManager[None]:
    """For `Steps.paused`. Without our `modes`, and where the snippet has none on, there is nothing to switch off."""
    if not modes and not _function_modes() and not _dispatch_modes():
        return _NOTHING_ON
    return Paused(steps)


class Paused:
    """A class, because it is entered a dozen times in a step, and a generator takes twice the time."""

    __slots__ = ("_dispatch", "_function", "_steps")

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def __enter__(self) -> None:
        self._steps.suspended += 1
        self._dispatch = torch._C._DisableTorchDispatch()  # in force as soon as it is made
        self._function = torch._C.DisableTorchFunction()
        self._dispatch.__enter__()
        self._function.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._function.__exit__(*error)
        self._dispatch.__exit__(*error)
        self._steps.suspended -= 1
