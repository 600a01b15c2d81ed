"""What a run tells while it runs: each step that is complete, and the numbers of its turn when that is over."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any, Final

import msgspec

from backend.trace.bindings import Bindings
from backend.trace.build import Builder
from backend.trace.notices.caution import Told
from backend.trace.notices.lookout import Lookout
from backend.trace.recorder import Recorder
from backend.trace.records import Step
from backend.trace.summary import Summaries
from backend.trace.turns import Turn, Turns
from backend.wire.messages import NoticeMessage, ProgressMessage, ScalarsMessage, StepMessage

MOST_WAITING: Final = 32
WAIT_SECONDS: Final = 0.005
"""So many small messages wait for each other, and so long."""


class Outbox:
    """Packs messages, each of at most so many bytes."""

    def __init__(self, send: Callable[[bytes], None], message_bytes: int) -> None:
        self._send = send
        self.before: Callable[[], None] | None = None
        """Sends what is to come before the next message."""
        self._message_bytes = message_bytes
        self.cut = False
        """A message was too large."""

    def send(self, message: Any) -> None:
        """Pack a message and hand it on; one that is too large is replaced by a word about it."""
        if self.before is not None:
            self.before()
        frame = msgspec.msgpack.encode(message)
        if len(frame) > self._message_bytes:
            text = f"a {type(message).__name__} of {len(frame)} bytes is over the limit of {self._message_bytes}"
            frame = msgspec.msgpack.encode(NoticeMessage(kind="too_large", message=text))
            self.cut = True
        self._send(frame)


class Telling:
    """Tells the steps of one run, as `recorder` completes them."""

    def __init__(
        self, recorder: Recorder, builder: Builder, lookout: Lookout, outbox: Outbox, clock: Callable[[], float]
    ) -> None:
        self._recorder = recorder
        self._builder = builder
        self._lookout = lookout
        self._outbox = outbox
        self._clock = clock
        self.seconds = 0.0
        """What the telling has taken, which is none of the snippet's time."""
        self._timing = False
        """Something is being told."""
        self.ending = False
        """The snippet is over: every step is told as far as it has come."""
        self.bindings: Bindings | None = None
        """Tells what the names hold at the end of each turn."""
        self._told: Step | None = None
        """The step that was told last. Where memory has run out in the middle of telling it, it comes again, as the
        recorder has not gone on from it."""
        self._unsent: deque[Any] = deque()
        """What is still to be sent of it."""
        self._fresh = False
        """Its structure was new."""
        self._untold: Step | None = None
        """A step that is over, and whose turn is not: its numbers are still to be sent."""
        self._waiting: deque[Callable[[], None]] = deque()
        """Each tells something of a step that was not recorded: one by one, that takes as long as such steps do."""
        self._since = 0.0
        """When the first of them came."""
        self._counted: Step | None = None
        """The step whose numbers were sent last."""

    def step(self, step: Step, summaries: Summaries) -> None:
        """A step is complete."""
        if not step.told:
            if not step.unseen:
                self._builder.names.resolve(step)
            return
        self.end_turn()
        if not self.ending and self._builder.known(step) is not None:
            self.later(partial(self._tell_again, step, summaries))
            return
        if step is self._told:
            self._send_unsent()
            return
        with self._timed():
            with _uncollected():
                messages = self._builder.messages(step, summaries, last=self.ending)
            self._told, self._unsent = step, deque(messages)
            self._send_unsent()
            self._fresh = len(messages) > 1
            sent = messages[-1]
            if isinstance(sent, StepMessage):
                self._look(step, summaries, new=self._fresh)

    def _look(self, step: Step, summaries: Summaries, *, new: bool) -> None:
        """Whether there is anything to say of a step that was sent."""
        if not self._outbox.cut:
            node_of = partial(self._builder.node_of, step, summaries)
            self._lookout.look(Told(step, summaries, node_of), new=new, loss=step.number)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """What runs inside is telling. Once: what is told may have others to be told before it."""
        if self._timing:
            yield
            return
        self._timing, started = True, self._clock()
        try:
            yield
        finally:
            self.seconds += self._clock() - started
            self._timing = False

    def _send_unsent(self) -> None:
        """Send what is left to be sent of the step that is told; nothing after what was too large."""
        while self._unsent:
            self._outbox.cut = False
            self._outbox.send(self._unsent.popleft())
            if self._outbox.cut:
                self._unsent.clear()

    def over(self, step: Step) -> None:
        """A step is over, told in full or not. What the rest of its turn computes and prints still belongs to it."""
        turns = self._recorder.turns
        if turns is None or step is self._counted:
            return
        if step is not self._untold:
            self.end_turn()
            self._untold = step
        if self.ending or not turns.goes_on():
            self.end_turn()

    def passed(self, step: Step) -> None:
        """A step and its turn are over, and nothing was seen of it."""
        turns = self._recorder.turns
        assert turns is not None
        self.later(partial(self._send_numbers, step.index, step.number, turns.end(closed=True, loss=step.number)))

    def later(self, tell: Callable[[], None]) -> None:
        """Do that before anything else is told, and soon."""
        now = perf_counter()
        if not self._waiting:
            self._since, self._outbox.before = now, self._send_waiting
        self._waiting.append(tell)
        if now - self._since > WAIT_SECONDS or len(self._waiting) >= MOST_WAITING:
            self.flush()

    def _send_waiting(self) -> None:
        with self._recorder.whole:
            try:
                while self._waiting:
                    self._outbox.before = None  # this one comes before the rest, also if the last one has added to it
                    self._waiting.popleft()()
            finally:
                self._outbox.before = self._send_waiting if self._waiting else None

    def _send_numbers(self, index: int, loss: float | None, turn: Turn, *, traced: bool = False) -> None:
        values, loops = turn.values, turn.loops
        self._outbox.send(ScalarsMessage(index=index, loss=loss, values=values, traced=traced, loops=loops))

    def flush(self) -> None:
        """Send what waits, and how far the run has got."""
        with self._timed(), self._recorder.whole:
            self._send_waiting()
            self._tell_progress()

    def _tell_again(self, step: Step, summaries: Summaries) -> None:
        """A step that is like one that was told."""
        (message,) = self._builder.messages(step, summaries)
        self._outbox.cut = False
        self._outbox.send(message)
        self._look(step, summaries, new=False)

    def end_turn(self) -> None:
        """Send the numbers of the step whose turn is over, if there is one, and how far the run has got."""
        turns = self._recorder.turns
        if self._untold is not None and turns is not None:
            with self._recorder.whole:
                self._tell_numbers(self._untold, turns)

    def _tell_numbers(self, step: Step, turns: Turns) -> None:
        with self._timed():
            with self._recorder.paused():
                turn = turns.end(closed=step.closed, loss=step.number)
            self._untold, self._counted = None, step
            tell = partial(self._send_numbers, step.index, step.number, turn, traced=step.told)
            if step.like is not None:
                self.later(tell)
                return
            tell()
            self._tell_progress()

    def _tell_progress(self) -> None:
        """How far the run has got, and what its names hold, if it is time to say so."""
        with self._recorder.paused():
            progress = self._recorder.turns.progress() if self._recorder.turns is not None else None
        if progress is not None:
            total, left = progress.total, progress.left
            self._outbox.send(ProgressMessage(step=progress.step, rate=progress.rate, total=total, left=left))
        if self.bindings is not None and not self.ending:
            self.bindings.turn(fresh=self._fresh)
        self._fresh = False


@contextmanager
def _uncollected() -> Iterator[None]:
    """A description is many objects and no circle: the collector would look at them, over and over, for nothing."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
