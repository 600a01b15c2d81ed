"""Iterations of which only numbers are told, many in a row.

While the modes are off, to keep count of loops and steps takes longer than a small step's forward pass, and half of
that because it drives the step out of the processor's caches. So where it is certain of many iterations that none is
told in full, each is only noted: its loss, and what its names hold. What else there is to know of them is made up for
when that ends, or when something is not as expected.
"""

from __future__ import annotations

from time import perf_counter
from types import FrameType
from typing import TYPE_CHECKING, Final

import torch

from backend.trace.iterations import Pass
from backend.trace.telling import MOST_WAITING, WAIT_SECONDS

if TYPE_CHECKING:
    from backend.trace.coasting import Coasting
    from backend.trace.recorder import Recorder
    from backend.trace.turns import Turn, Turns

_transforms: Final = torch._C._functorch.peek_interpreter_stack


class Counting:
    """Of one loop, from the beginning of the iteration `now` on, which lie in `frame`; for fewer than so `many`."""

    __slots__ = (
        "_coasting",
        "_count",
        "_due",
        "_loss",
        "_many",
        "_noted",
        "_now",
        "_passed",
        "_recorder",
        "_turns",
        "frame",
        "loop",
    )

    def __init__(
        self, recorder: Recorder, coasting: Coasting, turns: Turns, frame: FrameType, now: Pass, many: int
    ) -> None:
        self._recorder, self._coasting, self._turns = recorder, coasting, turns
        self.loop, self.frame = now.loop, frame
        self._now, self._many = now, many
        self._noted: list[tuple[float | None, Turn]] = []
        """Of iterations that are over, the loss and what there was to see at the end."""
        self._due = perf_counter() + WAIT_SECONDS
        """When those are told."""
        self._count = 0
        """How many were told."""
        self._passed = False
        """The iteration that is under way has had its backward."""
        self._loss: float | None = None

    def takes(self) -> bool:
        """Whether the backward that is about to run is the one that was expected. If it is not, nothing is counted."""
        if self._passed or self.frame.f_lasti != self._turns.place or _transforms() is not None:
            self.stop()
            return False
        return True

    def passed(self, loss: float | None) -> None:
        """It has run."""
        self._passed, self._loss = True, loss

    def ahead(self) -> bool:
        """The iteration has come to the end of its body. Whether the next one is counted too."""
        if not self._passed or self._many < 2:
            self.stop()
            return False
        with self._recorder.paused():
            noted = self._loss, self._turns.glance()
        self._passed = False
        self._many -= 1
        self._noted.append(noted)
        if len(self._noted) == 1:
            self._recorder.awaits(self._give)
        elif len(self._noted) >= MOST_WAITING or perf_counter() > self._due:
            self._recorder.woken()
        self._coasting.rests()
        return True

    def _give(self) -> None:
        """Tell of the iterations that were noted: each of the step before it, as that is told when its turn is over."""
        noted, self._noted = self._noted, []
        for loss, glance in noted:
            self._recorder.pass_by(loss)
            self._turns.recall(glance)
        self._count += len(noted)
        self._due = perf_counter() + WAIT_SECONDS

    def stop(self) -> None:
        """Make up for what was not done. The iteration that is under way goes on as all others do."""
        recorder, coasting = self._recorder, self._coasting
        loop, run, frame, first = self._now
        with recorder.whole:
            self._give()
            recorder.counting = None
            recorder.loops = (*recorder.loops[:-1], Pass(loop, run, frame, first + self._count))
            if self._count:
                coasting.counted(Pass(loop, run, frame, first + self._count - 1), self._count)
            if self._passed:
                coasting.backward()
                coasting.passed(self._loss, look=False)
