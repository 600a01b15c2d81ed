"""What a run tells while it runs: each step that is complete, and the numbers of its turn when that is over."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec

from backend.trace.bindings import Bindings
from backend.trace.build import Builder
from backend.trace.notices.caution import Told
from backend.trace.notices.lookout import Lookout
from backend.trace.recorder import Recorder
from backend.trace.records import Step
from backend.trace.summary import Summaries
from backend.trace.turns import Turns
from backend.wire.messages import NoticeMessage, ProgressMessage, ScalarsMessage, StepMessage


class Outbox:
    """Packs messages, each of at most so many bytes."""

    def __init__(self, send: Callable[[bytes], None], message_bytes: int) -> None:
        self._send = send
        self._message_bytes = message_bytes
        self.cut = False
        """A message was too large."""

    def send(self, message: Any) -> None:
        """Pack a message and hand it on; one that is too large is replaced by a word about it."""
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
        self._counted: Step | None = None
        """The step whose numbers were sent last."""

    def step(self, step: Step, summaries: Summaries) -> None:
        """A step is complete."""
        if not step.told:
            if not step.unseen:
                self._builder.names.resolve(step)
            return
        self.end_turn()
        if step is self._told:
            self._send_unsent()
            return
        started = self._clock()
        with _uncollected():
            messages = self._builder.messages(step, summaries, last=self.ending)
        self._told, self._unsent = step, deque(messages)
        self._send_unsent()
        self._fresh = len(messages) > 1
        sent = messages[-1]
        if isinstance(sent, StepMessage) and not self._outbox.cut:
            node_of = partial(self._builder.node_of, step, summaries)
            self._lookout.look(Told(step, summaries, node_of), new=self._fresh, loss=sent.loss)
        self.seconds += self._clock() - started

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

    def end_turn(self) -> None:
        """Send the numbers of the step whose turn is over, if there is one, and how far the run has got."""
        turns = self._recorder.turns
        if self._untold is not None and turns is not None:
            with self._recorder.whole:
                self._tell_numbers(self._untold, turns)

    def _tell_numbers(self, step: Step, turns: Turns) -> None:
        started = self._clock()
        with self._recorder.paused():
            turn = turns.end(closed=step.closed, loss=step.number)
            progress = turns.progress()
        self._untold, self._counted = None, step
        send = self._outbox.send
        send(ScalarsMessage(index=step.index, loss=step.number, values=turn.values, traced=step.told, loops=turn.loops))
        if progress is not None:
            send(ProgressMessage(step=progress.step, rate=progress.rate, total=progress.total, left=progress.left))
        if self.bindings is not None and not self.ending:
            self.bindings.turn(fresh=self._fresh)
        self._fresh = False
        self.seconds += self._clock() - started


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
