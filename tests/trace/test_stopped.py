"""A stop comes anywhere: what is being told is told to its end, nothing is lost, and nothing is told twice."""

from __future__ import annotations

import signal
import sys
from collections import defaultdict
from types import FrameType
from typing import Any

import pytest

from backend.sandbox.sender import Sender
from backend.sandbox.stopping import Stopper, line_of
from backend.trace import counting, following, steps, telling
from backend.trace.entry import Entry
from backend.wire.messages import DoneMessage, GraphMessage, ScalarsMessage, StepMessage
from backend.wire.unpack import Unpacker
from tests.trace.conftest import run_here

LOOP = """
w = torch.tensor([1.0, 2.0], requires_grad=True)
for i in range({turns}):
    loss = ((w * 3) ** 2).sum() if i % 2 else (w * 2).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
    w.grad.zero_()
    print(i)
"""
OPTIMIZED = """
model = nn.Linear(2, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for i in range({turns}):
    opt.zero_grad()
    loss = model(torch.ones(2)).square().sum()
    loss.backward()
    opt.step()
"""
"""Its steps are followed, and others are only counted."""

MESSAGE_BYTES = 1 << 20
TELLING = {
    telling.__file__,
    counting.__file__,
    following.__file__,
    steps.Steps._complete.__code__,
    steps.Steps.next_step.__code__,
}
"""Where steps are completed and told: files, and pieces of code."""


class Job(Sender):
    """The sandbox's sender and stopper, writing to a list; the stop comes `during` the message of that number."""

    def __init__(self, during: int = 0) -> None:
        super().__init__(MESSAGE_BYTES)
        self.frames: list[bytes] = []
        self._during = during
        self.stopper = Stopper(-1, -1, self, lambda *_: None)

    def _write(self, frame: bytes) -> None:
        self.frames.append(frame)
        if len(self.frames) == self._during:
            self.stop(sys._getframe())

    def stop(self, frame: FrameType) -> None:
        """What the signal does."""
        self.stopper._on_signal(signal.SIGTERM, frame)

    def run(self, entry: Entry, trace: str, turns: int, loop: str = LOOP) -> list[object]:
        """What the run tells, checked as the server does: what comes twice is refused."""
        run_here(entry, self, loop.format(turns=turns), self, trace=trace)
        unpacker = Unpacker(message_bytes=MESSAGE_BYTES)
        return [unpacker.read(frame) for frame in self.frames]


def check(told: list[object]) -> None:
    """Every step that has begun to be told has a graph, its numbers, and a message if they say that it has one."""
    scalars = [message for message in told if isinstance(message, ScalarsMessage)]
    steps = [message.index for message in told if isinstance(message, StepMessage)]
    assert [message.index for message in scalars] == list(range(len(scalars)))
    assert steps == [message.index for message in scalars if message.traced]
    used = {message.graph for message in told if isinstance(message, StepMessage)}
    assert used == {message.id for message in told if isinstance(message, GraphMessage)}


@pytest.mark.parametrize("trace", ["every", "sampled"])
def test_a_stop_during_any_message_loses_and_repeats_nothing(entry: Entry, trace: str) -> None:
    whole = Job().run(entry, trace, turns=4)
    last = max(place for place, message in enumerate(whole) if isinstance(message, ScalarsMessage))
    stops = 0
    for during in range(1, last + 2):
        told = Job(during).run(entry, trace, turns=4)
        check(told)
        done = told[-1]
        assert isinstance(done, DoneMessage)
        stops += done.status == "cancelled"
    assert stops >= 12


def at_line(number: int, entry: Entry, loop: str) -> tuple[list[object], list[tuple[str, int]]]:
    """A run that is stopped at that line of those that tell steps, counted as they are run, and all those lines."""
    job, lines = Job(), []

    def line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            lines.append((frame.f_code.co_filename, frame.f_lineno))
            if len(lines) == number:
                sys.settrace(None)
                job.stop(frame)
        return line

    def call(frame: FrameType, _: str, __: Any) -> Any:
        telling = not TELLING.isdisjoint((frame.f_code, frame.f_code.co_filename))
        return line if telling and line_of(frame) is not None else None

    traced = sys.gettrace()
    sys.settrace(call)
    try:
        return job.run(entry, "sampled", turns=78, loop=loop), lines
    finally:
        sys.settrace(traced)


@pytest.mark.parametrize("loop", [LOOP, OPTIMIZED], ids=["by hand", "with an optimizer"])
def test_a_stop_at_any_line_that_tells_steps_loses_and_repeats_nothing(
    entry: Entry, loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (telling, counting):
        monkeypatch.setattr(module, "WAIT_SECONDS", 60.0)  # or lines would be others each time
    if loop is OPTIMIZED:
        monkeypatch.setattr(steps, "is_sampled", lambda index: index < 8 or index % 11 in (3, 4))
    _, lines = at_line(0, entry, loop)
    times = defaultdict(list)
    for number, place in enumerate(lines, start=1):
        times[place].append(number)
    assert len(times) > 60
    for place, numbers in times.items():
        told, _ = at_line(numbers[len(numbers) * 19 // 20], entry, loop)
        done = told[-1]
        assert isinstance(done, DoneMessage)
        assert done.status == "cancelled", place
        check(told)
