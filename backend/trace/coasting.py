"""The modes off: in iterations that are not told in full, of a loop that does the same in each.

The modes cost more than a small step does, also where they keep nothing. So where one iteration after the other has had
one backward and no other end of a step, and neither the next step nor the one after it is told, what runs from the
loop's head on is only counted: each backward is one step, and gives its loss. The step before one that is told is
recorded again, because what is told may begin with what that one has left. Whatever is not as expected puts the modes
back on.
"""

from __future__ import annotations

import inspect
from types import FrameType
from typing import Final

import torch

from backend.trace.iterations import Pass
from backend.trace.recorder import Recorder
from backend.trace.watching import Watching

ALIKE: Final = 4
"""So many iterations have been alike before the modes go off."""

_PAUSES: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
"""Code that others run in the middle of."""

_nodes: Final = torch._C._autograd._get_sequence_nr


class Coasting:
    """Says for each iteration of the loop that has the backwards whether the modes are on."""

    def __init__(self, recorder: Recorder, modes: Watching) -> None:
        self._recorder = recorder
        self._modes = modes
        self._last: Pass | None = None
        """The iteration that had the last backward."""
        self._alike = 0
        self._nodes = 0
        """How many nodes autograd had made when it was certain that the next step had not begun."""
        self.off = False
        self.torn = False
        """This iteration was not as expected, and its beginning was not seen: nothing in it is told in full."""

    # what happens, as the loops and the engine tell

    def begins(self, frame: FrameType) -> None:
        """An iteration of some loop begins in `frame`."""
        recorder, last, now = self._recorder, self._last, self._recorder.loops[-1]
        if last is None or now.loop != last.loop:
            return
        self.torn = False
        step = recorder.step
        following = step.index + step.closed
        untold = not (step.told or recorder.tells(following) or recorder.tells(following + 1))
        regular = self._follows(now)
        if not regular:
            self._alike = 0
        if not (untold and regular and self._alike >= ALIKE):
            self.wake()
        elif not self.off:
            self._sleep(frame)
        self._nodes = _nodes()

    def ends(self, loop: int) -> None:
        """An iteration of some loop has come to the end of its body."""
        if self._last is None or self._last.loop != loop:
            return
        if self.off:
            self._nodes = _nodes()
        elif not self._recorder.step.closed:
            self._alike = 0  # the next step has begun before its iteration

    def left(self, loop: int) -> None:
        """A loop is over, or an exception has left it."""
        if self.off and self._last is not None and self._last.loop == loop:
            self.wake()

    def backward(self) -> None:
        """The engine is about to run. If the modes are off and this is not expected, they are on afterwards."""
        path = self._recorder.loops
        now = path[-1] if path else None
        if now is not None and self._follows(now):
            self._alike += 1
        else:
            self._alike = 0
            self.torn = self.off
            self.wake()
        self._last = now

    def passed(self, loss: float | None) -> None:
        """A backward that nobody watched is done."""
        recorder = self._recorder
        if recorder.step.closed:
            recorder.next_step()
        step = recorder.step
        step.unseen = True
        step.number = loss
        recorder.backwards += 1
        recorder.close(step)
        self._nodes = _nodes()

    def irregular(self) -> None:
        """A step has ended without a backward."""
        self._alike = 0

    # the modes

    def wake(self) -> None:
        """Put the modes back on, if they are off."""
        if not self.off or not self._modes.on():
            return
        self.off = False
        recorder = self._recorder
        recorder.suspended -= 1
        recorder.know_grads()
        if _nodes() > self._nodes:
            if recorder.step.closed:
                recorder.next_step()
            recorder.step.unseen = True

    def _sleep(self, frame: FrameType) -> None:
        recorder = self._recorder
        if recorder.suspended or frame.f_code.co_flags & _PAUSES:
            return
        recorder.before_write()
        if self._modes.off():
            self.off = True
            recorder.suspended += 1
            recorder.batch = []

    def _follows(self, now: Pass) -> bool:
        """Whether that is the iteration after the one that had the last backward."""
        last = self._last
        if last is None or last.loop != now.loop:
            return False
        return now.iteration == (last.iteration + 1 if now.run == last.run else 0)
