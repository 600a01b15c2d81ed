"""From a place in the learner's bytecode to line, columns and the name that the result was given.

Nothing is looked up while the snippet runs: an op keeps (code object, instruction offset), and this resolves it after.
"""

from __future__ import annotations

import ast
import dis
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import Any, Final

from backend.trace.records import Site

FILENAME: Final = "snippet.py"
"""What the snippet is compiled as; frames of other files are torch's or Python's own."""

_STORES: Final = frozenset({"STORE_NAME", "STORE_FAST", "STORE_GLOBAL", "STORE_DEREF", "STORE_ATTR"})


PAUSES: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
"""Flags of code that others run in the middle of."""


@dataclass(frozen=True, slots=True)
class Span:
    """1-based lines and columns (in characters); `end_column` is the column after the span."""

    line: int
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None


def learner_frame(frame: FrameType | None) -> FrameType | None:
    """The nearest frame, from `frame` outwards, that runs the learner's code."""
    while frame is not None and frame.f_code.co_filename is not FILENAME:
        frame = frame.f_back
    return frame


def learner_frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Every frame that runs the learner's code, from `frame` outwards."""
    while (frame := learner_frame(frame)) is not None:
        yield frame
        frame = None if frame.f_code.co_name == "<module>" else frame.f_back


def learner_steps(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """Every step of a traceback that is in the learner's code, outermost first."""
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == FILENAME:
            yield traceback
        traceback = traceback.tb_next


def last_name(node: ast.AST) -> str:
    """What something is called where it is mentioned: "Linear" of `nn.Linear`; "" of what has no name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def learner_site(depth: int = 1) -> Site | None:
    """Where in the learner's code we are, seen from the caller's caller."""
    frame = learner_frame(sys._getframe(depth + 1))
    return None if frame is None else (frame.f_code, frame.f_lasti)


def spread(span: Span | None) -> dict[str, Any]:
    """The fields of a message that say where: `line`, `column`, `end_line`, `end_column`."""
    if span is None:
        return {}
    return {"line": span.line, "column": span.column, "end_line": span.end_line, "end_column": span.end_column}


class Source:
    """The snippet's text, as lines, to turn byte columns into characters."""

    def __init__(self, code: str) -> None:
        self.lines = code.splitlines()
        self._spans: dict[tuple[int, int], tuple[CodeType, Span | None]] = {}

    def span(self, site: Site | None) -> Span | None:
        """Where `site` is in the text, or None where Python does not know."""
        if site is None:
            return None
        # by identity: hashing a code object reads all of it
        key = (id(site[0]), site[1])
        known = self._spans.get(key)
        if known is None:
            known = self._spans[key] = (site[0], self._find(site))
        return known[1]

    def _find(self, site: Site) -> Span | None:
        positions = list(site[0].co_positions())
        index = site[1] // 2
        if index < 0 or index >= len(positions):
            return Span(site[0].co_firstlineno)
        line, end_line, column, end_column = positions[index]
        if line is None:
            return Span(site[0].co_firstlineno)
        return Span(line, self._character(line, column), end_line, self._character(end_line, end_column))

    def around(self, node: ast.expr) -> Span:
        """Where an expression of the snippet's syntax tree is."""
        first, last = (
            self._character(node.lineno, node.col_offset),
            self._character(node.end_lineno, node.end_col_offset),
        )
        return Span(node.lineno, first, node.end_lineno, last)

    def line(self, site: Site | None) -> int | None:
        """The line of `site`."""
        span = self.span(site)
        return None if span is None else span.line

    def text(self, line: int) -> str:
        """One line of the snippet, without its indentation."""
        return self.lines[line - 1].strip() if 1 <= line <= len(self.lines) else ""

    def _character(self, line: int | None, column: int | None) -> int | None:
        if line is None or column is None or not 1 <= line <= len(self.lines):
            return None
        text = self.lines[line - 1]
        if text.isascii():
            return column + 1
        return len(text.encode()[:column].decode(errors="replace")) + 1


_Listing = tuple[list[dis.Instruction], dict[int, int]]
_listed: dict[int, tuple[CodeType, _Listing]] = {}


def _instructions(code: CodeType) -> _Listing:
    """The instructions without CACHE entries, and offset -> place in that list.

    A frame that has called a Python function stands at the last cache entry of its CALL, not at the CALL itself.
    """
    known = _listed.get(id(code))
    if known is None:
        instructions = list(dis.get_instructions(code))
        ends = [ins.offset for ins in instructions[1:]] + [len(code.co_code)]
        places = {
            offset: place
            for place, (ins, end) in enumerate(zip(instructions, ends, strict=True))
            for offset in range(ins.offset, end, 2)
        }
        known = _listed[id(code)] = (code, (instructions, places))
    return known[1]


_stored: dict[tuple[int, int], tuple[CodeType, tuple[tuple[str | None, ...], ...]]] = {}


def stored_names(site: Site) -> tuple[tuple[str | None, ...], ...]:
    """The names that the value made at `site` is stored under.

    One tuple per output: `y = f(x)` gives `(("y",),)`, `a, b = f(x)` gives `(("a",), ("b",))`, `x = y = f()` both
    names. Empty when the value is used, not stored.
    """
    key = (id(site[0]), site[1])
    known = _stored.get(key)
    if known is None:
        known = _stored[key] = (site[0], _find_names(site))
    return known[1]


def _find_names(site: Site) -> tuple[tuple[str | None, ...], ...]:
    instructions, places = _instructions(site[0])
    place = places.get(site[1])
    if place is None:
        return ()
    following = instructions[place + 1 : place + 64]
    names: list[str | None] = []
    skip = 0
    for position, ins in enumerate(following):
        if skip:
            skip -= 1
        elif ins.opname == "UNPACK_SEQUENCE":
            return _unpacked(following[position + 1 :], int(ins.arg or 0))
        elif ins.opname in _STORES:
            names.append(_name(following, position))
            break
        elif ins.opname == "COPY":
            store = following[position + 1] if position + 1 < len(following) else None
            if store is None or store.opname not in _STORES:
                break
            names.append(str(store.argval))
            skip = 1
        elif ins.opname == "LOAD_FAST" or ins.opname == "LOAD_NAME":
            # `self.w = f()`: the object is loaded between the value and STORE_ATTR
            if position + 1 < len(following) and following[position + 1].opname == "STORE_ATTR":
                names.append(f"{ins.argval}.{following[position + 1].argval}")
            break
        else:
            break
    return (tuple(names),) if names else ()


def _name(following: list[dis.Instruction], position: int) -> str | None:
    ins = following[position]
    return None if ins.opname == "STORE_ATTR" else str(ins.argval)


def _unpacked(stores: list[dis.Instruction], count: int) -> tuple[tuple[str | None, ...], ...]:
    result: list[tuple[str | None, ...]] = []
    for ins in stores[:count]:
        if ins.opname not in _STORES:
            return tuple(result)
        result.append((str(ins.argval),))
    return tuple(result)
