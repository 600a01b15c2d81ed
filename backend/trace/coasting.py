"""The modes off: in iterations that are not told in full, of a loop that does the same in each.

The modes cost more than a small step does, also where they keep nothing. So where one iteration after the other has had
a backward, or a few, and no other end of a step, and none of its next steps is told, what runs from the loop's head on
is only counted: each backward is one step, and gives its loss. Whatever is not as expected puts the modes back on.

They go on again when the iteration before one that is told is over, and its step may be told then if it uses nothing
that iterations before have left, as far as that can be seen: in a loop where steps do, the step before is recorded too.
They go off when the iteration that was told is over, unless more was seen to be added to a step in the iteration
behind it than `zero_grad`, which needs no modes to be heard.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, Final

import torch

from backend.trace.counting import Counting
from backend.trace.following import Followed, Following
from backend.trace.iterations import Pass, Path
from backend.trace.recorder import Recorder
from backend.trace.records import Value
from backend.trace.repertoire import Repertoire
from backend.trace.source import PAUSES
from backend.trace.watching import Watching

ALIKE: Final = 4
"""So many iterations have been alike before the modes go off."""

_nodes: Final = torch._C._autograd._get_sequence_nr
_function_modes: Final = torch._C._len_torch_function_stack
_dispatch_modes: Final = torch._C._len_torch_dispatch_stack


class Coasting:
    """Says for each iteration of the loop that has the backwards whether the modes are on."""

    def __init__(self, recorder: Recorder, modes: Watching) -> None:
        self._recorder = recorder
        self._modes = modes
        self._last: Pass | None = None
        """The iteration that had the last backward."""
        self._backwards = 0
        """How many it has had."""
        self._most = 0
        """How many an iteration of that loop has had at most."""
        self._alike = 0
        self._nodes = 0
        """How many nodes autograd had made when it was certain that the next step had not begun."""
        self._began = 0
        """How many ops there had been at the end of the iteration before."""
        self._apart = 0
        """So many iterations that were seen, one after the other, have used nothing that was left by others."""
        self._linked: set[int] = set()
        """Loops whose steps use what is left by steps before, though that was not to be expected."""
        self._added: set[int] = set()
        """Loops in whose iterations there is more for the step before than `zero_grad`."""
        self._events: list[Any] | None = None
        """Of the step that was over when this iteration began."""
        self._before = self._heard = 0
        """How many there were, and how many with those that need no modes to be heard."""
        self._empties = False
        """The last iteration that was seen began with a `zero_grad`."""
        self.off = False
        self.torn = False
        """This iteration was not as expected, and its beginning was not seen: nothing in it is told in full."""
        self.lost: BaseException | None = None
        """The error that has left an iteration which was not seen."""
        self.lost_at: Path = ()
        self._bare = False
        """The step before this iteration was not seen."""
        self._woken = False
        """This iteration is the first that is seen."""
        self.repertoire = Repertoire(recorder, modes)
        self.following: Following | None = None
        """This iteration is followed."""
        self._followed: Followed | None = None
        """The last step, if it was."""
        self._passed = False
        """This iteration has had a backward that was not recorded."""

    # what happens, as the loops and the engine tell

    def begins(self, frame: FrameType) -> None:
        """An iteration of some loop begins in `frame`."""
        recorder, last, now = self._recorder, self._last, self._recorder.loops[-1]
        if last is None or now.loop != last.loop:
            return
        self.torn = False
        if self._follows(now) and self._backwards <= self._most:
            self._alike += 1
            self._apart += not self.off
        else:
            self._alike = self._apart = 0
            self._most = max(self._most, self._backwards)
        step = recorder.step
        if self._alike >= ALIKE and not self._is_wanted(now):
            self._sleep(frame)
            self._count(frame, now)
        elif self._is_followed(now.loop, step.index + step.closed):
            self._follow(now.loop, frame)
        else:
            self.wake()
            self._rehearse(now.loop)
        self._nodes = _nodes()
        self._events = step.events if step.closed and not self.off else None
        self._before = self._heard = len(step.events)

    def ends(self, loop: int) -> None:
        """An iteration of some loop has come to the end of its body; the path says the next one."""
        last, recorder = self._last, self._recorder
        if last is None or last.loop != loop:
            return
        self._began = recorder.count
        step = recorder.step
        self.repertoire.rest(loop)
        if self.following is not None:
            self._end_following(self.following)
        if not self.off:
            if not step.closed:  # the next step has begun before its iteration
                self._alike = 0
                if self._woken:
                    recorder.leave_untold()  # it would have been this one's, if all before had been seen
            self._bare = self._woken = False
            return
        self._nodes = _nodes()
        if step.closed and self._tells_some(step.index + 1) and not self._is_followed(loop, step.index + 1):
            self.wake()
            self._bare = True

    def left(self, loop: int) -> None:
        """A loop is over, or an exception has left it."""
        if self._last is not None and self._last.loop == loop:
            if self.off:
                self.lost, self.lost_at = sys.exception(), self._recorder.loops
            self._bare = False
            self.repertoire.rest(loop)
            self.wake()

    def backward(self) -> None:
        """The engine is about to run. If the modes are off and this is not expected, they are on afterwards."""
        path, last = self._recorder.loops, self._last
        now = path[-1] if path else None
        if now is not None and now == last:
            self._backwards += 1
            return
        if now is None or not self._follows(now):
            self._alike = self._apart = 0
            self.torn = self.off
            self.wake()
            if now is None or last is None or now.loop != last.loop:
                self._most = 0
            if last is not None:
                self.repertoire.rest(last.loop)
        elif self._events is not None:
            self._empties = self._heard > self._before
            if len(self._events) > self._heard:
                self._added.add(now.loop)
        self._last, self._backwards, self._events = now, 1, None

    def passed(self, loss: float | None, *, look: bool = True) -> None:
        """A backward that nobody watched is done. Unless `look`, in the same place as the last one."""
        recorder = self._recorder
        self._passed, self._followed = True, None
        if self.following is None and recorder.is_bare() and recorder.turns is not None:
            with recorder.whole:
                recorder.pass_by(loss)
                recorder.closed_in, recorder.closed_at = recorder.loops, recorder.count
                recorder.turns.close(look=look)
            self.rests()
            return
        if recorder.step.closed:
            recorder.next_step()
        if self.following is None or self.following.lost:
            recorder.leave_untold()
        step = recorder.step
        step.unseen = True
        step.number = loss
        recorder.backwards += 1
        recorder.close(step)
        self._nodes = _nodes()

    def emptied(self, before: int) -> None:
        """A `zero_grad` was heard; `before` it, the step had so many events."""
        events = self._recorder.step.events
        if events is self._events and before == self._heard:
            self._heard = len(events)

    def used(self, value: Value) -> None:
        """A step uses, for the first time, what none of its own ops has made."""
        made = value.op or value.origin
        if value.used or self._recorder.step.unseen or (made is not None and made.number >= self._began):
            return
        self._apart = 0
        if self._bare and self._last is not None:
            self._linked.add(self._last.loop)
            self._recorder.leave_untold()

    def rests(self) -> None:
        """It is certain that the next step has not begun."""
        self._nodes = _nodes()

    def counted(self, last: Pass, count: int) -> None:
        """So many iterations were only counted, each with one backward."""
        self._last, self._backwards = last, 1
        self._alike += count

    def irregular(self) -> None:
        """A step has ended without a backward."""
        self._alike = 0

    # steps that are like one before

    def _is_followed(self, loop: int, index: int) -> bool:
        """Whether the step of that number, in the next iteration of the loop, is to be followed."""
        if self._alike < ALIKE or self._most != 1 or self.repertoire.of(loop) is None:
            return False
        return self._recorder.samples(index)

    def _follow(self, loop: int, frame: FrameType) -> None:
        """Follow the iteration that begins; where that cannot be, it is recorded."""
        self._sleep(frame)
        following = self.repertoire.of(loop)
        if following is not None and self.off and not _function_modes() and not _dispatch_modes():
            self.following, self._passed = following, False
            following.begin()
        else:
            self.wake()

    def _end_following(self, following: Following) -> None:
        """The iteration that was followed is over, or was left."""
        recorder, last, begun = self._recorder, self._last, following.begun
        with recorder.whole:
            self.following = None
            followed = following.end(recorder.step)
            if last is None or not begun:
                return
            self._followed = followed
            if followed is not None:
                self.repertoire.followed(last.loop)
                return
            if not self._passed and recorder.step.closed:
                recorder.next_step()  # whose beginning nobody saw
            recorder.leave_untold()
            recorder.step.unseen = True
            self.repertoire.missed(last.loop)

    def _rehearse(self, loop: int) -> None:
        """Hear what the iteration that begins, and is recorded, will do, if it uses nothing that was left by others."""
        if self._most == 1 and self._apart >= ALIKE <= self._alike and loop not in self._linked | self._added:
            self.repertoire.rehearse(loop)

    # the modes

    def listens(self) -> bool:
        """Whether a `zero_grad` is to be heard although the modes are off: for a step that is still to be told."""
        recorder = self._recorder
        if not recorder.step.told or not self._empties or (self.following is not None and self.following.begun):
            return False
        return recorder.suspended == 1 and _nodes() == self._nodes

    def wake(self) -> None:
        """Put the modes back on, if they are off."""
        if self._recorder.counting is not None:
            self._recorder.counting.stop()
        if not self.off:
            return
        recorder = self._recorder
        if self.following is not None:
            self._end_following(self.following)
        if self._followed is not None:
            with recorder.paused():
                self._followed.hand_over(recorder.step)
            self._followed = None
        with recorder.paused():
            recorder.know_grads()
        self._modes.on()
        self.off, self._woken = False, True
        recorder.woken()
        recorder.suspended -= 1
        if _nodes() > self._nodes:
            if recorder.step.closed:
                recorder.next_step()
            recorder.leave_untold()
            recorder.step.unseen = True

    def _is_wanted(self, now: Pass) -> bool:
        """Whether the iteration that begins is to be seen."""
        step = self._recorder.step
        following = step.index + step.closed
        if self._tells_some(following) or (step.told and now.loop in self._added):
            return True
        apart = self._apart >= ALIKE and now.loop not in self._linked
        return not apart and self._tells_some(following + self._most, iterations=1)

    def _tells_some(self, following: int, *, iterations: int = 0) -> bool:
        """Whether any of the steps from that number on that one iteration may have is told in full."""
        return not self.torn and self._recorder.tells_some(following, self._most, iterations=iterations)

    def _sleep(self, frame: FrameType) -> None:
        recorder = self._recorder
        if self.off or recorder.suspended or frame.f_code.co_flags & PAUSES:
            return
        if self._modes.off():
            self.off = True
            recorder.suspended += 1
            recorder.rest()

    def _count(self, frame: FrameType, now: Pass) -> None:
        """From this iteration on only count them, as far as it is certain what comes."""
        recorder, turns = self._recorder, self._recorder.turns
        if self._most != 1 or not self.off or turns is None or not turns.counts(frame) or not recorder.is_bare():
            return
        # less one: the step before one that is told may have to be recorded
        many = recorder.untold_for(recorder.step.index + recorder.step.closed) - 1
        if many > 1:
            recorder.counting = Counting(recorder, self, turns, frame, now, many)

    def _follows(self, now: Pass) -> bool:
        """Whether that is the iteration after the one that had the last backward."""
        last = self._last
        if last is None or last.loop != now.loop:
            return False
        return now.iteration == (last.iteration + 1 if now.run == last.run else 0)
