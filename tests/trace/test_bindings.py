"""What stands beside the lines, while the snippet runs and when it has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backend.trace import bindings
from backend.trace.entry import Entry
from backend.wire.messages import BindingMessage, GraphMessage, StepMessage
from backend.wire.unpack import Unpacker
from tests.trace.conftest import run_here

LOOP = """w = torch.tensor(5.0, requires_grad=True)
total = 0.0
for i in range(4):
    loss = (w - 2) ** 2
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
    total += 1.5
name = "after"
"""

BRANCHES = """w = torch.tensor(5.0, requires_grad=True)
for i in range(6):
    if i % 2:
        loss = w * w
    else:
        loss = w * 3
    loss.backward()
    w.grad = None
"""

Frames = Callable[..., list[Any]]


@pytest.fixture
def messages(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> Frames:
    """The messages of a run that looks at its names after every step, and does not rest."""
    monkeypatch.setattr(bindings, "SHARE", 0)

    def run(code: str, pause: float = 0.0) -> list[Any]:
        monkeypatch.setattr(bindings, "PAUSE_SECONDS", pause)
        frames: list[bytes] = []
        run_here(entry, frames.append, code)
        unpacker = Unpacker(message_bytes=32 << 20)
        return [unpacker.read(frame) for frame in frames]

    return run


def named(name: str, told: list[Any]) -> list[Any]:
    return [message for message in told if isinstance(message, BindingMessage) and message.name == name]


def test_they_are_told_with_the_first_step_and_not_only_at_the_end(messages: Frames) -> None:
    told = messages(LOOP)
    second = [place for place, m in enumerate(told) if isinstance(m, StepMessage)][1]
    early = [(m.line, m.name, m.text) for m in told[:second] if isinstance(m, BindingMessage)]
    assert (1, "w", "5.0") in early
    assert (4, "loss", "9.0") in early
    assert (9, "total", "1.5") in early


def test_a_tensor_is_told_once_for_each_structure_and_then_its_last_value(messages: Frames) -> None:
    told = messages(BRANCHES)
    graphs = [m.id for m in told if isinstance(m, GraphMessage)]
    assert len(graphs) == 2
    squared, tripled = ([m for m in named("loss", told) if m.line == line] for line in (4, 6))
    assert [(m.graph, m.step) for m in tripled] == [(graphs[0], 0), (graphs[0], 4)]
    assert [(m.graph, m.step) for m in squared] == [(graphs[1], 1), (graphs[1], 5)]
    assert {m.graph for m in named("w", told)} == set(graphs)


def test_what_is_no_tensor_is_told_when_it_has_changed(messages: Frames) -> None:
    told = messages(LOOP)
    assert [m.text for m in named("total", told)] == ["1.5", "3.0", "4.5", "6.0"]
    assert [m.text for m in named("name", told)] == ["'after'"]


def test_in_between_it_rests(messages: Frames) -> None:
    told = messages(LOOP, pause=3600.0)
    assert [m.text for m in named("total", told)] == ["1.5", "6.0"]
    assert [m.step for m in named("loss", told)] == [0, 3]
    assert {m.step for m in named("loss", messages(BRANCHES, pause=3600.0))} == {0, 1, 4, 5}


def test_no_repr_of_the_learner_s_own_is_asked_while_the_snippet_runs(messages: Frames) -> None:
    told = messages(
        "class Thing:\n    asked = 0\n    def __repr__(self):\n        Thing.asked += 1\n"
        "        return f'asked {Thing.asked}'\n"
        "things, thing = [Thing()], Thing()\nmodel = nn.Linear(1, 1)\n" + LOOP
    )
    assert [m.text for m in named("things", told)] == ["[asked 1]"]
    assert [m.text for m in named("thing", told)] == ["asked 2"]


def test_the_last_value_is_that_of_the_answer(messages: Frames, trace: Any) -> None:
    for code in (LOOP, BRANCHES):
        last = {(m.line, m.name): m.text for m in messages(code) if isinstance(m, BindingMessage)}
        assert last == {(b.line, b.name): b.text for b in trace(code).answer.bindings}
