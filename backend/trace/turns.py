"""In which turn of which loops the snippet is, and what its names hold, and it has printed, at the end of each.

A step is closed by its first backward or update. That is when the loop variables are read: by the time that the next
step begins, they have moved on. What the turn computed for itself is read as late as that, so that an accuracy computed
after the update counts.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from types import FrameType
from typing import Any, Final, NamedTuple

import torch

from backend.schema import Number
from backend.trace.iterations import Header, Path
from backend.trace.loops import Loop, Loops, length
from backend.trace.reach import Reach
from backend.trace.source import PAUSES, learner_frame, learner_frames

NAMES_LIMIT: Final = 64
"""Scalars of one turn that are told."""

TEXT_LIMIT: Final = 40
"""Characters of a loop variable's value that are told."""

PAUSE_SECONDS: Final = 0.25
"""Between two words about progress."""

Place = tuple[FrameType, tuple[Loop, ...]]

_COUNTING: Final = frozenset({int, float})


@dataclass
class Progress:
    """How far the innermost loops have got."""

    step: int
    rate: float
    total: int | None
    left: float | None


class Turn(NamedTuple):
    """What is told of one turn."""

    loops: dict[str, int | float | str]
    values: dict[str, Number]
    printed: dict[str, float]
    """What was printed in it."""


class Turns:
    """Follows the loops around each step."""

    def __init__(self, loops: Loops, reach: Reach, namespace: dict[str, Any], headers: Sequence[Header]) -> None:
        self._loops = loops
        self._reach = reach
        self._namespace = namespace
        self._headers = headers
        self._frame: FrameType | None = None
        """The innermost frame of the snippet in which the step that was closed last is inside a loop."""
        self._around: tuple[Loop, ...] = ()
        self._line = 0
        self._places: list[Place] = []
        """Where the step that was closed last is: the frames of the snippet that are inside loops, outermost first."""
        self._where: tuple[int, ...] = ()
        """The lines of the loops around it."""
        self._variables: list[tuple[FrameType, int, str]] = []
        """Their variables, each with its frame and the line of its loop."""
        self.place = -1
        """Where `_frame` was, if it is the innermost of all the snippet's and runs in one piece: else -1."""
        self._told: dict[str, int | float | str] = {}
        self._values: dict[str, Number] | None = None
        """What the names held at the end of the turn, if it has come to its end."""
        self._printed: dict[str, float] = {}
        """Label -> number that was printed under it in the turn that is under way."""
        self._said: dict[str, float] = {}
        """The same of the turn that has come to its end."""
        self._counted = _Counter()
        self.over: Callable[[], None] = lambda: None
        """Called when the turn of the step that was closed last can have nothing more to tell."""

    def close(self, *, look: bool = True) -> None:
        """A step has had its first backward, or its first update. Unless `look`, in the same place as the last one."""
        self.over()
        innermost = learner_frame(sys._getframe(1)) if look else None
        if look and (innermost is None or innermost is not self._frame or innermost.f_lasti != self.place):
            self._look(innermost)
        self._values = None
        found = self._at_loops()
        self._told = {name: value for _, name, value in found if name[:1] != "_"}
        if self._counted.asks:
            self._counted.count(self._places)
        self._counted.turn(self._where, [(line, value) for line, _, value in found])

    def _at_loops(self) -> list[tuple[int, str, int | float | str]]:
        """The line of each loop around, its variable, and what that holds, if it can be told."""
        held = [(line, name, _lookup(frame, name)) for frame, line, name in self._variables]
        return [one for one in held if type(one[2]) in _COUNTING or (type(one[2]) is str and len(one[2]) <= TEXT_LIMIT)]

    def _look(self, innermost: FrameType | None) -> None:
        """Find the loops around a place of the snippet. The frames that wait for that one stand where they stood."""
        frames = [(frame, self._loops.around(frame.f_lineno)) for frame in learner_frames(innermost)]
        places = [(frame, around) for frame, around in reversed(frames) if around]
        self._places = places
        self._where = tuple(loop.line for _, around in places for loop in around)
        self._variables = [
            (frame, loop.line, name) for frame, loops in places for loop in loops for name in loop.variables
        ]
        self._counted.asks = True
        self._frame, self._around = places[-1] if places else (None, ())
        self._line = self._frame.f_lineno if self._frame is not None else 0
        fixed = innermost is not None and innermost is self._frame and not innermost.f_code.co_flags & PAUSES
        self.place = innermost.f_lasti if innermost is not None and fixed else -1

    @property
    def ended(self) -> bool:
        """Whether the turn of the step that was closed last has come to its end, in a loop."""
        return self._values is not None and self._frame is not None

    def counts(self, frame: FrameType) -> bool:
        """Whether all that there is to tell of turns in `frame` can be told at their ends."""
        fixed = self.place >= 0 and frame is self._frame and self.ended
        return fixed and not any(loop.rebinds for _, around in self._places for loop in around)

    def glance(self) -> Turn:
        """What there is to tell of a turn that counts, at its end."""
        told = {name: value for _, name, value in self._at_loops() if name[:1] != "_"}
        assert self._frame is not None
        values = self._numbers(self._frame.f_locals, self._around[-1].assigned, told)
        printed, self._printed = self._printed, {}
        return Turn(told, values, printed)

    def recall(self, turn: Turn) -> None:
        """That is the turn of the step that was closed last."""
        self._told, self._values, self._said = turn
        self._counted.skip()

    def goes_on(self) -> bool:
        """Whether the snippet is still in the turn in which the last step was closed: a loop goes on downwards."""
        if self._frame is None or self._values is not None:
            return False
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame is not self._frame:
            frame = frame.f_back
        return frame is not None and self._line < frame.f_lineno <= self._around[-1].last

    def looks_back(self) -> bool:
        """Whether no backward can come any more in the turn in which the last step was closed.

        That is the turn of the innermost loop around that place which is still going on.
        """
        if not self._places:
            return False
        frames = list(learner_frames(sys._getframe(1)))
        for frame, around in reversed(self._places):
            if any(frame is one for one in frames):
                for loop in reversed(around):
                    if loop.first <= frame.f_lineno <= loop.last:
                        return not self._can_train(frames, frame, loop)
        return False

    def _can_train(self, frames: list[FrameType], outermost: FrameType, turn: Loop) -> bool:
        """Whether the rest of what the frames, innermost first, do in the turn of a loop may run backward."""
        for depth, frame in enumerate(frames):
            line, inner = frame.f_lineno, self._loops.around(frame.f_lineno)
            if frame is outermost:
                inner = inner[inner.index(turn) + 1 :] if turn in inner else ()
                last = turn.last
            else:
                last = self._reach.end(frame.f_code)
            first = inner[0].first if inner else line
            if self._reach.any(first, last, inside=line if depth and not inner else None):
                return True
            if frame is outermost:
                break
        return False

    def printed(self, readings: Callable[[], dict[str, float]]) -> None:
        """The snippet has printed a row. Its numbers are the turn's, if it was printed inside a loop."""
        if any(self._loops.around(frame.f_lineno) for frame in learner_frames(sys._getframe(2))):
            self._printed.update(readings())

    def end(self, *, closed: bool, loss: float | None) -> Turn:
        """The turn that is over: its loop variables, and the numbers that its names hold or that it printed.

        A step that was never `closed` ends with the snippet: what is in the namespace then is told. What was printed
        is told if no name and no `loss` tells it already.
        """
        if self._values is None:
            self._said, self._printed = self._printed, {}
        if self._frame is None or not closed:
            values = self._numbers(self._namespace, list(self._namespace), self._told)
        elif self._values is None:
            values = self._numbers(self._frame.f_locals, self._around[-1].assigned, self._told)
        else:
            values = self._values
        turn = Turn(self._told, values, self._said)
        if turn.printed:
            turn.values.update(self._only_printed(turn, loss))
        self._told, self._values = {}, None
        return turn

    def _only_printed(self, turn: Turn, loss: float | None) -> Iterator[tuple[str, float]]:
        """What was printed in the turn and nothing else tells. `loss:.4f` is the loss all the same."""
        taken = {name.casefold() for name in (*turn.loops, *turn.values)}
        room = NAMES_LIMIT - len(turn.values)
        for label, number in list(turn.printed.items())[: max(0, room)]:
            is_loss = "loss" in label.casefold() and loss is not None and math.isclose(number, loss, rel_tol=1e-3)
            if label.casefold() not in taken and not is_loss:
                yield label, number

    def ends_at(self, frame: FrameType, line: int) -> bool:
        """Whether the turn is over when the loop at `line` has come to the end of its body in `frame`."""
        return frame is self._frame and self._around[-1].line == line and self._values is None

    def ahead(self, frame: FrameType) -> None:
        """The turn ends in `frame`: what that computes and prints next is another turn's."""
        self._values = self._numbers(frame.f_locals, self._around[-1].assigned, self._told)
        self._said, self._printed = self._printed, {}
        self.over()

    def _numbers(self, names: Mapping[str, Any], wanted: Iterable[str], told: Mapping[str, Any]) -> dict[str, Number]:
        """Of the wanted names those that are numbers, and no loop variables: those are `told`."""
        found: dict[str, Number] = {}
        for name in wanted:
            number = None if name.startswith("_") else _number(names.get(name))
            if number is not None and name not in told and len(found) < NAMES_LIMIT:
                found[name] = number
        return found

    def progress(self) -> Progress | None:
        """How far the loops have got, if it is time to say so."""
        return self._counted.progress()

    def starts(self, line: int) -> None:
        """The loop at `line` begins: how often it turns may be another number than the last time."""
        self._counted.forget(line)

    def is_last(self, path: Path, later: int = 0) -> bool:
        """Whether `path`, or that of so many iterations `later`, is in the last turn of the loops around the steps.

        Those are the loops that the last step was closed in. False where one of them turns nobody knows how often.
        """
        ends, found = self._counted.ends, 0
        for one in reversed(path):
            end = ends.get(self._headers[one.loop].line)
            if end is not None:
                if one.iteration + later != end:
                    return False
                later = 0
                found += 1
        return 0 < found == len(ends)

    def until_last(self, path: Path) -> int:
        """How many iterations of the innermost loop of `path` are certain to come before its last."""
        return self._counted.until_last(self._headers[path[-1].loop].line, path[-1].iteration)


class _Counter:
    """Counts turns, and estimates how many are left."""

    def __init__(self) -> None:
        self._where: tuple[int, ...] = ()
        self._at: list[tuple[int, Any]] = []
        self._done = 0
        self._counts: int | None = None
        """How often the loops turn, as it was asked last."""
        self._total: int | None = None
        self._began = self._said = perf_counter()
        self._lengths: dict[int, int | None] = {}
        self.asks = True
        """How often the loops turn is to be asked: one has begun anew, or they are others."""
        self.ends: dict[int, int] = {}
        """The last turn (from 0) of each loop around the step that was closed last; empty where one is not known."""

    def forget(self, line: int) -> None:
        """The loop at `line` begins anew."""
        self._lengths.pop(line, None)
        self.ends, self.asks = {}, True

    def skip(self) -> None:
        """A turn was over, and nobody has looked at its loops."""
        self._done += 1
        self._at = []

    def count(self, places: list[Place]) -> None:
        """Ask how often the loops in those places turn, all in all."""
        total: int | None = 1
        for frame, around in places:
            for loop in around:
                if loop.line not in self._lengths:
                    self._lengths[loop.line] = length(loop.over, partial(_found, frame))
                turns = self._lengths[loop.line]
                total = None if total is None or turns is None else total * turns
        self._counts, self.asks = total, False

    def until_last(self, line: int, now: int) -> int:
        """How many turns of the loop at `line` come after `now` and before its last; where none will be known, any."""
        if self.asks or (self._counts and not self.ends):
            return 0
        return self.ends[line] - now if line in self.ends else sys.maxsize

    def turn(self, where: tuple[int, ...], at: list[tuple[int, Any]]) -> None:
        """A step was closed inside the loops at lines `where`, whose variables were `at`."""
        total = self._counts
        if where != self._where:
            self._where, self._done = where, 0
            self._began = self._said = perf_counter()
            self.ends = {}
        if total and not self.ends:
            self.ends = {line: (self._lengths[line] or 0) - 1 for line in where}
        if self._done and at and at == self._at:
            return  # a second backward in the same turn
        self._at, self._total = at, total
        self._done += 1

    def progress(self) -> Progress | None:
        now = perf_counter()
        if not self._where or now - self._said < PAUSE_SECONDS:
            return None
        self._said = now
        rate = self._done / (now - self._began)
        total = None if self._total is None else max(self._total, self._done)
        left = None if total is None or not rate else (total - self._done) / rate
        return Progress(self._done, rate, total, left)


def _lookup(frame: FrameType, name: str) -> Any:
    try:
        return _found(frame, name)
    except KeyError:
        return None


def _found(frame: FrameType, name: str) -> Any:
    local = frame.f_locals
    return local[name] if name in local else frame.f_globals[name]


def _number(held: Any) -> float | None:
    """The number that a name holds, if it holds one."""
    kind = type(held)
    if kind is float or kind is int:
        return float(held) if kind is float or abs(held) < 2**53 else None
    if not isinstance(held, torch.Tensor) or held.numel() != 1 or held.is_meta or held.layout is not torch.strided:
        return None
    try:
        number = held.item()
    except Exception:  # a tensor inside torch.func's transforms has no value to give
        return None
    return None if type(number) is complex else float(number)
