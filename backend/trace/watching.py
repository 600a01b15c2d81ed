"""Which recorder is recording, and its modes: put on for a run, and taken off where nothing is to be seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from backend.trace.modes import ForwardMode, FunctionMode
from backend.trace.recorder import Recorder

_active: list[Watching] = []
"""The one that is recording in this process, if any. One process, one run."""

_functions = torch._C._len_torch_function_stack
_dispatches = torch._C._len_torch_dispatch_stack


class Watching:
    """`with Watching(recorder):` everything torch does is recorded."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._function, self._forward = FunctionMode(recorder), ForwardMode(recorder)
        self._under: tuple[int, int] | None = None
        """How many modes lie under ours, while they are off."""

    def __enter__(self) -> Watching:
        self._put_on()
        _active.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        _active.clear()
        if self._under is None:
            self._take_off()

    def off(self) -> bool:
        """Take the modes off. False where that cannot be: they are off, or the snippet has put its own on top."""
        functions, dispatches = _functions(), _dispatches()
        if (
            self._under is not None
            or not functions
            or not dispatches
            or torch._C._get_function_stack_at(functions - 1) is not self._function
            or torch._C._get_dispatch_stack_at(dispatches - 1) is not self._forward
        ):
            return False
        self._take_off()
        self._under = functions - 1, dispatches - 1
        return True

    def on(self) -> bool:
        """Put them back. False where the snippet has put modes of its own on since: theirs would be taken off first."""
        if self._under is None:
            return True
        if self._under != (_functions(), _dispatches()):
            return False
        self._under = None
        self._put_on()
        return True

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What runs inside is torch's own business: nothing of it is seen."""
        recorder = self.recorder
        recorder.suspended += 1
        off = self.off()
        try:
            yield
        finally:
            if off:
                self.on()
            recorder.suspended -= 1

    @contextmanager
    def back(self) -> Iterator[None]:
        """Inside `aside`: the learner's code has the word again."""
        recorder = self.recorder
        recorder.suspended -= 1
        off = self._under is not None and self.on()
        try:
            yield
        finally:
            recorder.finish_op()
            recorder.summariser.flush()
            if off:
                self.off()
            recorder.suspended += 1

    def _put_on(self) -> None:
        for mode in (self._function, self._forward):
            mode.__enter__()  # type: ignore[no-untyped-call]  # torch annotates neither

    def _take_off(self) -> None:
        for mode in (self._forward, self._function):
            mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # likewise


def active() -> Recorder | None:
    """The recorder that is recording now."""
    return _active[0].recorder if _active else None


def watching() -> Watching | None:
    """The modes of the run in this process, unless what runs now is not the learner's code."""
    return _active[0] if _active and not _active[0].recorder.suspended else None
