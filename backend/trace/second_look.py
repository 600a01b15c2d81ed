"""What failed while nobody watched, once more under the modes.

In an iteration of which nothing is told the modes are off: no op is recorded, and no frame of ours holds what the
failing call was given. The learner's frame still holds its names, and the run is over: the statement that failed is run
again, with those. What came before it in the iteration is not, because its effects are there already.
"""

from __future__ import annotations

import ast
import contextlib
import io
from types import TracebackType
from typing import Any, Final

from backend.trace.source import FILENAME, learner_steps

_SIMPLE: Final = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)
_WITH_TEST: Final = (ast.If, ast.While)


def look_again(error: Exception, tree: ast.AST) -> Exception:
    """Run the statement that raised `error` again. What it raises now, if that is the same, else `error`."""
    *_, failed = (None, *learner_steps(error.__traceback__))
    statement = None if failed is None else _statement(tree, failed.tb_lineno)
    if failed is None or statement is None:
        return error
    frame = failed.tb_frame
    code = compile(ast.Module([statement], []), FILENAME, "exec").replace(co_name=frame.f_code.co_name)
    names: dict[str, Any] = {**frame.f_globals, **frame.f_locals}
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(code, names)
    except Exception as seen:
        if type(seen) is type(error) and str(seen) == str(error):
            return seen.with_traceback(_joined(error.__traceback__, failed, seen.__traceback__))
    return error


def _statement(tree: ast.AST, line: int) -> ast.stmt | None:
    """The innermost statement at that line, as one that can stand alone."""
    found: ast.stmt | None = None
    for node in ast.walk(tree):  # outer before inner
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            found = node
    if isinstance(found, _SIMPLE):
        return found
    value = found.value if isinstance(found, ast.Return) else found.test if isinstance(found, _WITH_TEST) else None
    return None if value is None else ast.copy_location(ast.Expr(value), value)


def _joined(first: TracebackType | None, end: TracebackType, then: TracebackType | None) -> TracebackType | None:
    """The way of `first` up to `end`, and from there on the snippet's part of `then`."""
    then = next(learner_steps(then), None)
    way = []
    while first is not None and first is not end:
        way.append(first)
        first = first.tb_next
    for step in reversed(way):
        then = TracebackType(then, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return then
