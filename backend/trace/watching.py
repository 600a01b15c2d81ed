"""Which recorder is recording, and its modes: put on for a run, and taken off where nothing is to be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch

from backend.trace.modes import ForwardMode, FunctionMode
from backend.trace.recorder import Recorder

if TYPE_CHECKING:
    from backend.trace.following import Following

_active: list[Watching] = []
"""The one that is recording in this process, if any. One process, one run."""


class _Stack:
    """One of torch's two stacks of modes. What the snippet has put on top stays there, in its order.

    `with mode:` takes off at its end whatever lies on top.
    """

    def __init__(
        self,
        count: Callable[[], int],
        length: Callable[[], int],
        at: Callable[[int], Any],
        pop: Callable[[], Any],
        push: Callable[[Any], None],
    ) -> None:
        self._count, self.length, self._at, self._pop, self._push = count, length, at, pop, push
        """`count` is torch's own; `length` takes longer: it leaves out kinds of modes that there is one of at most."""

    def place(self, mode: Any) -> int | None:
        """How many lie under the mode; None where it is not there, or is being asked and so taken off for a while."""
        if self._count() == 1 and self._at(0) is mode:
            return 0
        for place in range(self.length() - 1, -1, -1):
            if self._at(place) is mode:
                return place
        return None

    def has_only(self, mode: Any) -> bool:
        """Whether no other mode is on it."""
        return self._count() == (self.place(mode) is not None)

    def take(self, place: int) -> None:
        """Take off the mode at that place."""
        if place + 1 == self._count():
            self._pop()
            return
        above = self._lift(place + 1)
        self._pop()
        for other in reversed(above):
            self._push(other)

    def put(self, mode: Any, place: int) -> None:
        """Put a mode on, over so many, as far as they are still there."""
        above = self._lift(place)
        self._push(mode)
        for other in reversed(above):
            self._push(other)

    def _lift(self, place: int) -> list[Any]:
        return [] if self._count() <= place else [self._pop() for _ in range(self.length() - place)]


_INFRA: Final = tuple(torch._C._TorchDispatchModeKey.__members__.values())
"""Of each such kind there is one mode at most, a FakeTensorMode say, under all others and counted after them."""


def _dispatches() -> int:
    count = torch._C._len_torch_dispatch_stack()
    for kind in _INFRA:
        if torch._C._get_dispatch_mode(kind) is not None:
            count -= 1
    return count


_FUNCTIONS: Final = _Stack(
    torch._C._len_torch_function_stack,
    torch._C._len_torch_function_stack,
    torch._C._get_function_stack_at,
    torch._C._pop_torch_function_stack,
    torch._C._push_on_torch_function_stack,
)
_DISPATCHES: Final = _Stack(
    torch._C._len_torch_dispatch_stack,
    _dispatches,
    torch._C._get_dispatch_stack_at,
    partial(torch._C._pop_torch_dispatch_stack, None),
    torch._C._push_on_torch_dispatch_stack,
)


class Watching:
    """`with Watching(recorder):` everything torch does is recorded."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._function, self._forward = FunctionMode(recorder), ForwardMode(recorder)
        self._under: tuple[int | None, int | None] | None = None
        """How many modes lie under ours, while they are off; None for one that was not there."""

    def __enter__(self) -> Watching:
        for mode in (self._function, self._forward):
            mode.__enter__()  # type: ignore[no-untyped-call]  # torch annotates neither
        _active.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        _active.clear()
        self.off()
        _DISPATCHES.put(self._forward, _DISPATCHES.length())
        self._forward.__exit__(*error)  # type: ignore[no-untyped-call]  # not only taken off: it keeps count of modes

    def off(self, *, both: bool = True) -> bool:
        """Take the modes off. False where they are off.

        Torch itself takes one off while it is asked. Unless `both` are to be there, the other is enough.
        """
        if self._under is not None:
            return False
        function, forward = _FUNCTIONS.place(self._function), _DISPATCHES.place(self._forward)
        missing = (function is None) + (forward is None)
        if missing == 2 or (missing and both):
            return False
        self._under = function, forward
        if forward is not None:
            _DISPATCHES.take(forward)
        if function is not None:
            _FUNCTIONS.take(function)
        return True

    def on(self) -> None:
        """Put them back where they were: under those that the snippet has put on since."""
        if self._under is not None:
            function, forward = self._under
            self._under = None
            if function is not None:
                _FUNCTIONS.put(self._function, function)
            if forward is not None:
                _DISPATCHES.put(self._forward, forward)

    def alone(self) -> bool:
        """No mode is on but ours: none of the snippet's."""
        return _FUNCTIONS.has_only(self._function) and _DISPATCHES.has_only(self._forward)

    def aside(self) -> AbstractContextManager[None]:
        """What runs inside is torch's own business: nothing of it is seen."""
        return Aside(self.recorder, partial(self.off, both=False), self.on)

    def quiet(self) -> AbstractContextManager[None]:
        """The same, in less time where no mode and no tensor of the snippet's own would miss being asked."""
        return self.recorder.paused() if self.alone() and not self.recorder.subclasses else self.aside()

    @contextmanager
    def back(self) -> Iterator[None]:
        """Inside `aside`: the learner's code has the word again."""
        recorder = self.recorder
        recorder.suspended -= 1
        off = self._under is not None
        self.on()
        try:
            yield
        finally:
            recorder.finish_op()
            if off:
                self.off(both=False)
            recorder.suspended += 1


class Aside:
    """`with` it: what runs inside is not the learner's, and is not heard. A generator would take twice the time."""

    __slots__ = ("_is_off", "_off", "_on", "_recorder")

    def __init__(self, recorder: Recorder, off: Callable[[], bool], on: Callable[[], None]) -> None:
        self._recorder, self._off, self._on = recorder, off, on
        self._is_off = False

    def __enter__(self) -> None:
        self._recorder.suspended += 1
        self._is_off = self._off()

    def __exit__(self, *error: object) -> None:
        if self._is_off:
            self._on()
        self._recorder.suspended -= 1


def put_on(mode: Any) -> None:
    """A mode of ours that hears ops, over all others."""
    torch._C._push_on_torch_dispatch_stack(mode)


def take_off(mode: Any) -> bool:
    """Take that mode off. False where it is not on."""
    place = _DISPATCHES.place(mode)
    if place is not None:
        _DISPATCHES.take(place)
    return place is not None


def active() -> Recorder | None:
    """The recorder that is recording now."""
    return _active[0].recorder if _active else None


def watching() -> Watching | None:
    """The modes of the run in this process, unless what runs now is not the learner's code."""
    return _active[0] if _active and not _active[0].recorder.suspended else None


def counting() -> bool:
    """Whether iterations are only counted: then nobody looks at what they do."""
    return bool(_active) and _active[0].recorder.counting is not None


def following() -> Following | None:
    """What follows the iteration that is under way, if one does."""
    coasting = _active[0].recorder.coasting if _active else None
    return None if coasting is None else coasting.following


def listening() -> Watching | None:
    """The same as `watching`, also where the modes are off and a step is still to be told."""
    if not _active:
        return None
    modes = _active[0]
    if not modes.recorder.suspended:
        return modes
    coasting = modes.recorder.coasting
    return modes if coasting is not None and coasting.off and coasting.listens() else None
