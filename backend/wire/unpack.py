"""Bytes out of the sandbox -> checked messages. Whoever wrote them is hostile until the check is through."""

from __future__ import annotations

import math
import re
from typing import Final, cast, get_args

import msgspec

from backend.errors import WireError
from backend.schema.answer import Status
from backend.wire.layout import check_events, check_slots, check_step, check_updates
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
from backend.wire.topology import NAME_LIMIT, check_topology

MESSAGES_LIMIT: Final = 2_000_000
"""Messages of one run: a loop may turn some 100,000 times in ten seconds, and each turn has its scalars."""

EVENTS_LIMIT: Final = 200_000_000
"""Events of one run that steps take from their graphs: a few bytes may stand for many."""

NAMES_LIMIT: Final = 256
"""Scalars of one iteration."""

TEXT_LIMIT: Final = 200
"""Characters of their names, and of a loop variable's value."""

STATUSES: Final = frozenset(get_args(Status))
NODE_ID: Final = re.compile(r"n[0-9]{1,9}")
LINE_LIMIT: Final = 2**31
LEAVES_LIMIT: Final = 256
"""Of a gradcheck; and of each the elements."""
ELEMENTS_LIMIT: Final = 256
TRACEBACK_LIMIT: Final = 1_000
OPERANDS_LIMIT: Final = 32
FIXES_LIMIT: Final = 8
DIMENSIONS_LIMIT: Final = 64
"""Of a tensor; torch itself stops there."""
SIZE_LIMIT: Final = 2**63

Note = (
    BindingMessage | GradcheckMessage | GradientMessage | OutputMessage | ResultMessage | NoticeMessage | ProblemMessage
)

_DECODER: Final = msgspec.msgpack.Decoder(cast("type[Message]", Message))


class Unpacker:
    """Reads one run's frames, in order. It remembers the graphs, so that a step can be checked against its own."""

    def __init__(self, *, message_bytes: int, messages: int = MESSAGES_LIMIT) -> None:
        self._message_bytes = message_bytes
        self._messages = messages
        self._count = 0
        self._graphs: dict[str, GraphMessage] = {}
        self._last_step = -1
        self._last_scalars = -1
        self._implied = 0
        self._done = False

    def read(self, frame: bytes) -> Message:
        """The message in one frame (without its length), checked from end to end in time linear in its length.

        Errors:
            WireError: anything that the wire does not allow; nothing else escapes.
        """
        self._count += 1
        if len(frame) > self._message_bytes:
            raise WireError(f"message of {len(frame)} bytes, at most {self._message_bytes} are allowed")
        if self._count > self._messages:
            raise WireError(f"more than {self._messages} messages")
        if self._done:
            raise WireError("a message after the one that said it was the last")
        message = decode(frame)
        if isinstance(message, GraphMessage):
            self._read_graph(message)
        elif isinstance(message, StepMessage):
            self._read_step(message)
        elif isinstance(message, DoneMessage):
            _check_done(message)
            self._done = True
        elif isinstance(message, ScalarsMessage):
            self._read_scalars(message)
        elif isinstance(message, ProgressMessage):
            _check_progress(message)
        else:
            _check_note(message)
        return message

    def graph(self, graph_id: str) -> GraphMessage:
        """The graph of that id.

        Errors:
            WireError: it was never sent.
        """
        try:
            return self._graphs[graph_id]
        except KeyError:
            raise WireError(f"no graph {graph_id[:40]!r} was sent") from None

    def _read_graph(self, message: GraphMessage) -> None:
        if message.id in self._graphs:
            raise WireError(f"graph {message.id[:40]!r} was sent twice")
        check_topology(message)
        check_slots(message)
        check_events("the graph", message.events, message)
        check_updates("the graph", message.updates, message)
        self._graphs[message.id] = message

    def _read_step(self, message: StepMessage) -> None:
        if not self._last_step < message.index < LINE_LIMIT:
            raise WireError(f"step {message.index} after step {self._last_step}")
        graph = self.graph(message.graph)
        check_step(message, graph)
        if message.events is None:
            self._implied += len(graph.events)
            if self._implied > EVENTS_LIMIT:
                raise WireError(f"more than {EVENTS_LIMIT} events")
        self._last_step = message.index

    def _read_scalars(self, message: ScalarsMessage) -> None:
        if not self._last_scalars < message.index < LINE_LIMIT:
            raise WireError(f"scalars of iteration {message.index} after those of {self._last_scalars}")
        _check_scalars(message)
        self._last_scalars = message.index


def decode(frame: bytes) -> Message:
    """MessagePack -> struct, its types checked and nothing else.

    Errors:
        WireError: whatever the decoder does not like.
    """
    try:
        return _DECODER.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, MemoryError, OverflowError, ValueError) as error:
        raise WireError(f"not a message: {str(error)[:200]}") from None


def _check_done(message: DoneMessage) -> None:
    if message.status not in STATUSES:
        raise WireError(f"done with status {message.status[:40]!r}")
    for name in ("run_ms", "trace_ms"):
        value = getattr(message, name)
        if not (math.isfinite(value) and value >= 0):
            raise WireError(f"done with {name} {value}")


def _check_scalars(message: ScalarsMessage) -> None:
    """So many names, each short. One that begins with two underscores would be `__proto__` to somebody."""
    for named in (message.values, message.loops):
        if len(named) > NAMES_LIMIT:
            raise WireError(f"scalars with {len(named)} names, at most {NAMES_LIMIT} are allowed")
        for name, value in named.items():
            if len(name) > TEXT_LIMIT or name.startswith("__"):
                raise WireError(f"scalars with the name {name[:40]!r}")
            if isinstance(value, str) and len(value) > TEXT_LIMIT:
                raise WireError(f"{name} with a text of {len(value)} characters, at most {TEXT_LIMIT} are allowed")


def _check_progress(message: ProgressMessage) -> None:
    """Numbers that can be."""
    for name in ("step", "rate", "total", "left"):
        value = getattr(message, name)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise WireError(f"progress with {name} {value}")


def _check_note(message: Note) -> None:
    """Bindings, output, results, notices and problems: their lines, and the node they point at."""
    kind = type(message).__name__.lower()
    _check_line(kind, message.line)
    if isinstance(message, BindingMessage | GradientMessage | ResultMessage | NoticeMessage):
        _check_node(kind, message.node, message.step)
    if isinstance(message, BindingMessage) and message.graph is not None and len(message.graph) > NAME_LIMIT:
        raise WireError(f"binding in a graph whose id has {len(message.graph)} characters")
    if isinstance(message, GradientMessage):
        _check_line("the cause of a gradient", message.cause)
    elif isinstance(message, GradcheckMessage):
        _check_gradcheck(message)
    elif isinstance(message, ProblemMessage):
        _check_problem(message)


def _check_gradcheck(message: GradcheckMessage) -> None:
    """How much a check of gradients brings, and that each number is one, at a place that its leaf has."""
    if len(message.leaves) > LEAVES_LIMIT:
        raise WireError(f"gradcheck of {len(message.leaves)} leaves, at most {LEAVES_LIMIT} are allowed")
    _check_finite(message.epsilon, message.loss)
    for leaf in message.leaves:
        _check_node("checked leaf", leaf.node, leaf.step)
        _check_finite(leaf.difference)
        if len(leaf.shape) > DIMENSIONS_LIMIT or any(not 0 <= size < SIZE_LIMIT for size in leaf.shape):
            raise WireError(f"checked leaf of shape {str(leaf.shape)[:80]}")
        if len(leaf.elements) > ELEMENTS_LIMIT:
            raise WireError(f"checked leaf of {len(leaf.elements)} elements, at most {ELEMENTS_LIMIT} are allowed")
        for element in leaf.elements:
            _check_finite(element.analytical, element.numerical, element.difference)
            places = zip(element.index, leaf.shape, strict=False)
            if len(element.index) != len(leaf.shape) or any(not 0 <= at < size for at, size in places):
                raise WireError(f"checked element at {str(element.index)[:80]} of shape {str(leaf.shape)[:80]}")


def _check_finite(*numbers: float | None) -> None:
    if any(number is not None and not math.isfinite(number) for number in numbers):
        raise WireError(f"gradcheck with the numbers {numbers}")


def _check_problem(message: ProblemMessage) -> None:
    """How much a problem brings, and that what it points at can be there."""
    if len(message.traceback) > TRACEBACK_LIMIT:
        raise WireError(f"problem with a traceback of {len(message.traceback)} frames")
    if len(message.operands) > OPERANDS_LIMIT or len(message.fixes) > FIXES_LIMIT:
        raise WireError(f"problem with {len(message.operands)} operands and {len(message.fixes)} fixes")
    for operand in message.operands:
        _check_line("operand", operand.line)
        _check_node("operand", operand.node, operand.step)
        shape = operand.shape or ()
        if len(shape) > DIMENSIONS_LIMIT or any(not 0 <= size < SIZE_LIMIT for size in shape):
            raise WireError(f"operand of shape {str(shape)[:80]}")
        if len(operand.clash) > len(shape) or any(not 0 <= place < len(shape) for place in operand.clash):
            raise WireError(f"operand of {len(shape)} dimensions with a clash in {str(operand.clash)[:80]}")
    for fix in message.fixes:
        if not 1 <= fix.line <= fix.end_line < LINE_LIMIT:
            raise WireError(f"fix of lines {fix.line} to {fix.end_line}")


def _check_line(kind: str, line: int | None) -> None:
    if line is not None and not 0 <= line < LINE_LIMIT:
        raise WireError(f"{kind} at line {line}")


def _check_node(kind: str, node: str | None, step: int | None) -> None:
    if node is not None and NODE_ID.fullmatch(node) is None:
        raise WireError(f"{kind} of node {node[:40]!r}")
    if step is not None and not 0 <= step < LINE_LIMIT:
        raise WireError(f"{kind} of step {step}")
