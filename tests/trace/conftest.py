"""The tracer in this process, without the sandbox around it: torch is here, and is the oracle."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import torch

from backend.schema import GraphAnswer, Timings
from backend.trace.entry import Entry
from backend.trace.steps import ANYWHERE
from backend.wire.fold import Fold
from backend.wire.messages import DoneMessage, Job, ProblemMessage
from backend.wire.unpack import Unpacker

MESSAGE_BYTES = 32 << 20


@dataclass(frozen=True)
class Told:
    """What a run told, as the contract has it, and the questions that tests ask of it."""

    answer: GraphAnswer
    namespace: dict[str, Any] = field(repr=False)

    def step(self, index: int = -1) -> Any:
        return self.answer.steps[index]

    def graph(self, index: int = -1) -> Any:
        wanted = self.step(index).graph
        return next(g for g in self.answer.graphs if g.id == wanted)

    def node(self, name: str, index: int = -1) -> Any:
        """The last node that the snippet calls `name`."""
        return [n for n in self.graph(index).nodes if name in n.names][-1]

    def ops(self, index: int = -1) -> list[str]:
        return [n.op for n in self.graph(index).nodes if n.kind in ("op", "break")]

    def value(self, name: str, index: int = -1) -> Any:
        return _plain(self.step(index).values[self.node(name, index).id])

    def grad(self, name: str, index: int = -1) -> Any:
        return _plain(self.step(index).grads[self.node(name, index).id])

    def contributions(self, name: str, index: int = -1) -> list[Any]:
        """What came into the node along each edge, in the engine's order."""
        step, node = self.step(index), self.node(name, index).id
        edges = {e.id: e for e in self.graph(index).edges if e.source == node}
        return [_plain(step.edge_grads[e.edge]) for e in step.events if e.phase == "backward" and e.edge in edges]


def _plain(summary: Any) -> Any:
    values = summary.values
    return values[0] if summary.shape == [] and values is not None else values


def run_here(
    entry: Entry,
    send: Callable[[bytes], None],
    code: str,
    whole: AbstractContextManager[None] = ANYWHERE,
    **options: Any,
) -> dict[str, Any]:
    """Run a snippet in this process, leave the process as it was, and return the snippet's names."""
    streams, main = (sys.stdout, sys.stderr), sys.modules["__main__"]
    unraisable = sys.unraisablehook
    grad = torch.is_grad_enabled()
    try:
        with warnings.catch_warnings():
            entry.run(msgspec.msgpack.encode(Job(code=code, **options)), send, whole)
        return dict(sys.modules["__main__"].__dict__)
    finally:
        torch.set_grad_enabled(grad)
        sys.stdout, sys.stderr = streams
        sys.unraisablehook = unraisable
        sys.modules["__main__"] = main


@pytest.fixture
def trace(entry: Entry) -> Iterator[Callable[..., Told]]:
    """`trace(code, **options)` runs a snippet, checks every message as the server does, and folds them."""

    def run(code: str, **options: Any) -> Told:
        frames: list[bytes] = []
        namespace = run_here(entry, frames.append, code, **options)
        return Told(_fold(frames), namespace)

    state = torch.random.get_rng_state()
    yield run
    torch.random.set_rng_state(state)


def _fold(frames: list[bytes]) -> GraphAnswer:
    unpacker, fold = Unpacker(message_bytes=MESSAGE_BYTES), Fold(answer_bytes=1 << 30)
    status = ""
    problem = None
    for frame in frames:
        message = unpacker.read(frame)
        fold.add(message)
        if isinstance(message, DoneMessage):
            status = message.status
        if isinstance(message, ProblemMessage):
            problem = message
    assert status, "no done message came"
    return GraphAnswer.model_validate_json(fold.answer(status=status, problem=_problem(problem), timings=Timings()))


def _problem(message: Any) -> Any:
    from backend.schema import Problem

    if message is None:
        return None
    fields = msgspec.to_builtins(message)
    fields.pop("type")
    return Problem(**fields)
