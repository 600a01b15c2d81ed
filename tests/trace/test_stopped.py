"""A stop comes at the end of a message, whichever it is: what was being told is told to its end, and nothing twice."""

from __future__ import annotations

import sys

import pytest

from backend.errors import Stopped
from backend.sandbox.stopping import line_of
from backend.trace.entry import Entry
from backend.wire.messages import DoneMessage, GraphMessage, ScalarsMessage, StepMessage
from backend.wire.unpack import Unpacker
from tests.trace.conftest import run_here

LOOP = """
w = torch.tensor([1.0, 2.0], requires_grad=True)
for i in range(4):
    loss = ((w * 3) ** 2).sum() if i % 2 else (w * 2).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
    w.grad.zero_()
    print(i)
"""


def told(entry: Entry, trace: str, stop_after: int) -> list[object]:
    """What a run tells that is stopped in its snippet at the end of the message of that number, and checked."""
    frames: list[bytes] = []

    def send(frame: bytes) -> None:
        frames.append(frame)
        if len(frames) == stop_after and line_of(sys._getframe()) is not None:
            raise Stopped("cancelled")

    run_here(entry, send, LOOP, trace=trace)
    unpacker = Unpacker(message_bytes=1 << 20)
    return [unpacker.read(frame) for frame in frames]


@pytest.mark.parametrize("trace", ["every", "sampled"])
def test_a_stop_at_the_end_of_any_message_loses_and_repeats_nothing(entry: Entry, trace: str) -> None:
    whole = told(entry, trace, 0)
    last = max(place for place, message in enumerate(whole) if isinstance(message, ScalarsMessage))
    stops = 0
    for stop_after in range(1, last + 2):
        found = told(entry, trace, stop_after)  # the check refuses what comes twice
        done = found[-1]
        assert isinstance(done, DoneMessage)
        stops += done.status == "cancelled"
        steps = [message.index for message in found if isinstance(message, StepMessage)]
        scalars = [message.index for message in found if isinstance(message, ScalarsMessage)]
        assert steps == list(range(len(steps)))
        assert scalars == steps
        used = {message.graph for message in found if isinstance(message, StepMessage)}
        assert used == {message.id for message in found if isinstance(message, GraphMessage)}
    assert stops >= 12
