"""The checked messages of a run -> the JSON of `schema.GraphAnswer`.

Graphs and steps are encoded as they arrive, while the sandbox still works, so little is left to do at the end.
"""

from __future__ import annotations

from typing import Final

import msgspec

from backend.schema import Problem, Timings
from backend.wire.messages import (
    BindingMessage,
    DoneMessage,
    GradcheckMessage,
    GradientMessage,
    GraphMessage,
    Message,
    NoticeMessage,
    OutputMessage,
    ProblemMessage,
    ProgressMessage,
    ResultMessage,
    ScalarsMessage,
    StepMessage,
)
from backend.wire.spelling import Speller, encode
from backend.wire.struct import struct_for

_TimingsStruct: Final = struct_for(Timings)


class AnswerTooLarge(Exception):
    """The JSON of what was recorded so far is over the limit; `Fold` keeps what fitted."""


class Fold:
    """Collects a run's messages. `answer_bytes` bounds the JSON, which is some five times as long as the messages."""

    def __init__(self, *, answer_bytes: int) -> None:
        self._room = answer_bytes
        self._speller = Speller()
        self._graphs: list[msgspec.Raw] = []
        self._steps: list[msgspec.Raw] = []
        self._scalars: list[msgspec.Raw] = []
        self._bindings: dict[tuple[int, str], msgspec.Raw] = {}
        self._output: list[msgspec.Raw] = []
        self._gradients: list[msgspec.Raw] = []
        self._gradcheck: msgspec.Raw | None = None
        self._notices: list[msgspec.Raw] = []
        self._result: msgspec.Raw | None = None

    def add(self, message: Message) -> None:
        """Take in one message that `Unpacker` has passed. What the tracer says of the end is not for the answer.

        Errors:
            WireError: numbers in a step that cannot be what they say they are.
            AnswerTooLarge: this message is left out, the answer keeps what came before.
        """
        if isinstance(message, DoneMessage | ProblemMessage | ProgressMessage):
            return
        kept = self._keep(self._speller.spell(message))
        if isinstance(message, StepMessage):
            self._steps.append(kept)
        elif isinstance(message, ScalarsMessage):
            self._scalars.append(kept)
        elif isinstance(message, GraphMessage):
            self._graphs.append(kept)
        elif isinstance(message, BindingMessage):
            self._bindings[message.line, message.name] = kept
        elif isinstance(message, GradientMessage):
            self._gradients.append(kept)
        elif isinstance(message, GradcheckMessage):
            self._gradcheck = kept
        elif isinstance(message, OutputMessage):
            self._output.append(kept)
        elif isinstance(message, NoticeMessage):
            self._notices.append(kept)
        elif isinstance(message, ResultMessage):
            self._result = kept

    def answer(self, *, status: str, problem: Problem | None, timings: Timings) -> bytes:
        """The JSON of the whole answer."""
        return encode(
            {
                "status": status,
                "graphs": self._graphs,
                "steps": self._steps,
                "scalars": self._scalars,
                "bindings": [self._bindings[place] for place in sorted(self._bindings)],
                "output": self._output,
                "result": self._result,
                "problem": problem and msgspec.Raw(problem.model_dump_json().encode()),
                "gradients": self._gradients,
                "gradcheck": self._gradcheck,
                "notices": self._notices,
                "timings": _TimingsStruct(**{name: round(ms, 3) for name, ms in timings}),
            }
        )

    def _keep(self, encoded: bytes) -> msgspec.Raw:
        if len(encoded) > self._room:
            raise AnswerTooLarge
        self._room -= len(encoded)
        return msgspec.Raw(encoded)
