"""In which iteration of which loops an op ran.

The snippet is compiled with a call at the top of each loop's body, one at its end and one behind the loop; an op then
only keeps the path that is current when it runs. What a loop does for its next iteration, such as fetching a batch or
testing its condition, belongs to that iteration: hence the call at the end. Positions in the text stay what they are.
Working iterations out afterwards, from a jump back in the order of lines, fails where a loop's body is a call: its ops
all come from another place.

A generator expression is a loop whose iterations end when whoever takes its elements asks for the next. The calls of a
function that calls itself are told like the iterations of a loop, one beside the other, however deep they are.
A loop that yields to another loop has no iterations of its own: what it does for an element belongs to the iteration
that takes it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backend.trace.generators import draws_from, generator_names, taker, yields
from backend.trace.recursion import recursive

if TYPE_CHECKING:
    from types import FrameType

    from backend.trace.recorder import Recorder

ITERATION: Final = "__iteration__"
AHEAD: Final = "__next_iteration__"
STARTED: Final = "__loop_starts__"
OVER: Final = "__loop_over__"
EACH: Final = "__each__"
CALLED: Final = "__called__"

_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LOOPS: Final = (ast.For, ast.While)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp)

_made: Final = tuple.__new__  # the class's own takes twice the time


class Pass(NamedTuple):
    """One iteration of one run of a loop. `loop` is its place in `Iterations.headers`, `run` counts runs of loops."""

    loop: int
    run: int
    frame: int
    iteration: int


Path = tuple[Pass, ...]
"""The loops around an op, outermost first."""


class Header(NamedTuple):
    """What is written over a loop. `turn` is what one of its iterations is called: "call" for a function."""

    line: int
    text: str
    turn: str = "iteration"


class Called:
    """`with Called(recorder, path):` what runs inside has that path; afterwards the one before is current again."""

    __slots__ = ("_before", "_path", "_recorder")

    def __init__(self, recorder: Recorder, path: Path) -> None:
        self._recorder = recorder
        self._path = path
        self._before: Path = ()

    def __enter__(self) -> None:
        self._before, self._recorder.loops = self._recorder.loops, self._path

    def __exit__(self, *error: object) -> None:
        self._recorder.loops = self._before


class Iterations:
    """Follows the loops of one snippet and keeps `recorder.loops` at the current path."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._runs = 0
        self._calls: dict[int, int] = {}
        """Run of a function that calls itself -> how many of its calls there were."""
        self._ahead: set[int] = set()
        """Runs of loops that are between two iterations: the path says the next one already."""
        self.headers = recorder.loop_headers
        self._recursive: list[ast.FunctionDef] = []
        self._generators: frozenset[str] = frozenset()
        self._yielding: set[int] = set()
        """Loops of generators, that yield."""

    def names(self) -> dict[str, Any]:
        """What the snippet's code calls, to be put among its globals."""
        return {
            ITERATION: self.begin,
            AHEAD: self.ahead,
            STARTED: self.started,
            OVER: self.over,
            EACH: self.each,
            CALLED: self.called,
        }

    def begin(self, loop: int) -> None:
        """An iteration of the loop begins in the calling frame."""
        recorder, caller = self._recorder, sys._getframe(1)
        counting = recorder.counting
        if counting is not None and (loop != counting.loop or caller is counting.frame):
            return
        if loop in self._yielding and self._is_taken(caller):
            return
        self._begin(loop, id(caller))
        if recorder.coasting is not None:
            recorder.coasting.begins(caller)

    def started(self, loop: int, items: Any) -> Any:
        """The loop is about to fetch its first element: that belongs to its first iteration. Returns `items`."""
        caller = sys._getframe(1)
        if self._recorder.counting is None and (loop not in self._yielding or not self._is_taken(caller)):
            self._begin(loop, id(caller))
            self._ahead.add(self._recorder.loops[-1].run)
        return items

    def _is_taken(self, frame: FrameType) -> bool:
        """Whether a loop is just fetching what the generator in `frame` yields."""
        path, back = self._recorder.loops, taker(frame)
        return bool(path) and back is not None and path[-1].frame == id(back) and path[-1].run in self._ahead

    def _begin(self, loop: int, frame: int) -> None:
        recorder = self._recorder
        recorder.between = False
        path = recorder.loops
        depth = _depth(path, loop, frame)
        if depth < 0:
            self._runs += 1
            if recorder.turns is not None:
                recorder.turns.starts(self.headers[loop].line)
            recorder.loops = (*path, Pass(loop, self._runs, frame, 0))
            return
        _, run, _, iteration = path[depth]
        if run not in self._ahead:
            recorder.loops = (*path[:depth], _made(Pass, (loop, run, frame, iteration + 1)))
            return
        self._ahead.discard(run)
        if depth + 1 < len(path):  # a loop of what it iterates over
            recorder.loops = path[: depth + 1]

    def ahead(self, loop: int) -> None:
        """The iteration that is under way in the calling frame is done; another one may follow."""
        recorder, caller = self._recorder, sys._getframe(1)
        counting = recorder.counting
        if counting is not None and (loop != counting.loop or (caller is counting.frame and counting.ahead())):
            return
        frame = id(caller)
        turns = recorder.turns
        if turns is not None and turns.ends_at(caller, self.headers[loop][0]):
            with recorder.paused():
                turns.ahead(caller)
                if recorder.step.told and not recorder.step.unseen and recorder.resolve is not None:
                    recorder.resolve(recorder.step)  # before the next turn gives its names to others
        path = recorder.loops
        depth = _depth(path, loop, frame)
        if depth < 0:
            return
        _, run, _, iteration = path[depth]
        recorder.between = True
        self._ahead.add(run)
        recorder.loops = (*path[:depth], _made(Pass, (loop, run, frame, iteration + 1)))
        if recorder.coasting is not None:
            recorder.coasting.ends(loop)

    def over(self, loop: int, value: Any = None) -> Any:
        """The loop has ended. Returns `value`."""
        counting = self._recorder.counting
        if counting is not None:
            if loop != counting.loop:
                return value
            counting.stop()
        path = self._recorder.loops
        self._recorder.between = False
        if self._recorder.coasting is not None:
            self._recorder.coasting.left(loop)
        for depth in range(len(path) - 1, -1, -1):
            if path[depth].loop == loop:
                self._ahead.discard(path[depth].run)
                self._recorder.loops = path[:depth]
                break
        return value

    def each(self, loop: int, items: Any) -> Iterator[Any]:
        """What a generator expression iterates over, and the end of its loop behind it."""
        return self._each(loop, iter(items))  # now, as Python does: it may raise

    def _each(self, loop: int, items: Iterator[Any]) -> Iterator[Any]:
        try:
            for item in items:  # noqa: UP028  # `yield from` would close `items` when nobody wants the rest
                yield item
        finally:
            self.over(loop)

    def called(self, loop: int) -> Called:
        """One call of a function that calls itself. Those that it makes are iterations beside it, not inside it."""
        if self._recorder.counting is not None:
            self._recorder.counting.stop()
        path = self._recorder.loops
        depth = next((depth for depth, now in enumerate(path) if now.loop == loop), len(path))
        if depth < len(path):
            run = path[depth].run
        else:
            run = self._runs = self._runs + 1
        call = self._calls[run] = self._calls.get(run, -1) + 1
        return Called(self._recorder, (*path[:depth], Pass(loop, run, 0, call)))

    def mark(self, tree: ast.AST) -> None:
        """Put the calls into a tree. Iterative: it may be deeper than Python recurses."""
        self._recursive = recursive(tree)
        self._generators |= generator_names(tree)
        stack: list[tuple[ast.AST, tuple[int, ...]]] = [(tree, ())]
        while stack:
            node, around = stack.pop()
            inside = () if isinstance(node, _SCOPES) else around
            for field, old in ast.iter_fields(node):
                if isinstance(old, list):
                    new: list[Any] = []
                    for child in old:
                        if isinstance(child, ast.Continue) and inside:
                            new.append(_statement(_call(AHEAD, inside[-1], child), child))
                        made, inner = self._child(child, inside, stack)
                        new.append(made)
                        if inner is not None and isinstance(made, ast.stmt):
                            over = _statement(_call(OVER, inner, made), made)
                            # also when an exception leaves the loop
                            new[-1] = ast.copy_location(ast.Try([made], [], [], [over]), made)
                    setattr(node, field, new)
                elif isinstance(old, ast.AST):
                    setattr(node, field, self._child(old, inside, stack)[0])

    def _child(self, child: Any, around: tuple[int, ...], stack: list[Any]) -> tuple[Any, int | None]:
        """What stands for `child` in the marked tree, and its number if it is a loop."""
        if not isinstance(child, ast.AST):
            return child, None
        if isinstance(child, _LOOPS):
            loop = self._loop(child.lineno, _header(child))
            stack.append((child, (*around, loop)))
            if yields(child):
                self._yielding.add(loop)
            if isinstance(child, ast.For) and draws_from(child.iter, self._generators):
                child.iter = _call(STARTED, loop, child.iter, child.iter)
            first = child.body[0]
            child.body.insert(0, _statement(_call(ITERATION, loop, first), first))
            child.body.append(_statement(_call(AHEAD, loop, child.body[-1]), child.body[-1]))
            return child, loop
        if isinstance(child, _COMPREHENSIONS):
            loop = self._loop(child.lineno, _header(child))
            stack.append((child, around))
            place = "value" if isinstance(child, ast.DictComp) else "elt"
            setattr(child, place, self._counted(loop, getattr(child, place)))
            return _call(OVER, loop, child, child), None
        if isinstance(child, ast.GeneratorExp) and not any(part.is_async for part in child.generators):
            loop = self._loop(child.lineno, _header(child))
            stack.append((child, around))
            child.elt = self._counted(loop, child.elt)
            first_items = child.generators[0].iter
            child.generators[0].iter = _call(EACH, loop, first_items, first_items)
            return child, None
        if isinstance(child, ast.FunctionDef) and child in self._recursive:
            self._enclose(child)
        stack.append((child, around))
        if isinstance(child, ast.Return) and around:
            value = child.value or ast.copy_location(ast.Constant(None), child)
            child.value = _call(OVER, around[0], value, value)
        return child, None

    def _counted(self, loop: int, element: ast.expr) -> ast.expr:
        """An element, and before it the begin of its iteration."""
        # the call returns None, so `or` goes on to the element
        return ast.copy_location(ast.BoolOp(ast.Or(), [_call(ITERATION, loop, element), element]), element)

    def _enclose(self, function: ast.FunctionDef) -> None:
        """Put the function's body, behind its docstring, into a `with`."""
        loop = self._loop(function.lineno, f"{function.name}({ast.unparse(function.args)})", "call")
        start = int(ast.get_docstring(function, clean=False) is not None)
        first = function.body[start] if start < len(function.body) else None
        if first is not None:
            enclosed = ast.With([ast.withitem(_call(CALLED, loop, first))], function.body[start:])
            function.body[start:] = [ast.copy_location(enclosed, first)]

    def _loop(self, line: int, header: str, turn: str = "iteration") -> int:
        self.headers.append(Header(line, header, turn))
        return len(self.headers) - 1


OWN_CODE: Final = frozenset(
    function.__code__ for function in (Iterations.begin, Iterations.called, Called.__init__, Called.__enter__)
)
"""What runs at the top of the learner's functions and loops."""


def has_loops(tree: ast.AST) -> bool:
    """Whether there is anything to mark."""
    loops = (*_LOOPS, *_COMPREHENSIONS, ast.GeneratorExp)
    return any(isinstance(node, loops) for node in ast.walk(tree)) or bool(recursive(tree))


def _header(node: ast.For | ast.While | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> str:
    if isinstance(node, ast.While):
        return f"while {ast.unparse(node.test)}"
    if isinstance(node, ast.For):
        return f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}"
    return " ".join(map(ast.unparse, node.generators)).strip()


def _depth(path: Path, loop: int, frame: int) -> int:
    """Where a loop of that frame lies in the path; -1 where it does not."""
    depth = len(path) - 1
    while depth >= 0:
        found, _, there, _ = path[depth]
        if found == loop and there == frame:
            break
        depth -= 1
    return depth


def _call(name: str, loop: int, where: ast.AST, *more: ast.expr) -> ast.Call:
    function, number = ast.Name(name, ast.Load()), ast.Constant(loop)
    for made in (function, number):
        ast.copy_location(made, where)
    return ast.copy_location(ast.Call(function, [number, *more], []), where)


def _statement(call: ast.Call, where: ast.AST) -> ast.Expr:
    return ast.copy_location(ast.Expr(call), where)
