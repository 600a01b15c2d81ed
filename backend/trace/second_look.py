"""What failed while nobody watched, once more under the modes.

In an iteration of which nothing is told the modes are off: no op is recorded, and no frame of ours holds what the
failing call was given. The learner's frame still holds its names, and the run is over: the statement that failed is run
again, with those, and with gradients on or off as they were. What came before it in the iteration is not, because its
effects are there already.
"""

from __future__ import annotations

import ast
import contextlib
import io
from types import FrameType, TracebackType
from typing import Any, Final

from backend.trace.source import FILENAME, last_name, learner_steps

_SIMPLE: Final = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_SWITCHES: Final = frozenset({"no_grad", "enable_grad", "inference_mode", "set_grad_enabled", "autocast"})
"""Context managers of torch that decide what an op does, and do nothing else."""

_WITH_TEST: Final = (ast.If, ast.While)


def look_again(error: Exception, tree: ast.AST) -> Exception:
    """Run the statement that raised `error` again. What it raises now, if that is the same, else `error`."""
    steps = list(learner_steps(error.__traceback__))
    failed = steps[-1] if steps else None
    statement = None if failed is None else _statement(tree, failed.tb_lineno)
    if failed is None or statement is None:
        return error
    frame = failed.tb_frame
    code = compile(ast.Module([statement], []), FILENAME, "exec").replace(co_name=frame.f_code.co_name)
    names: dict[str, Any] = {**frame.f_globals, **frame.f_locals}
    try:
        with contextlib.ExitStack() as around:
            around.enter_context(contextlib.redirect_stdout(io.StringIO()))
            around.enter_context(contextlib.redirect_stderr(io.StringIO()))
            for step in steps:
                for switch in _switches(tree, step.tb_lineno):
                    around.enter_context(_evaluated(switch, step.tb_frame))
            exec(code, names)
    except Exception as seen:
        if type(seen) is type(error) and str(seen) == str(error):
            return seen.with_traceback(_joined(error.__traceback__, failed, seen.__traceback__))
    return error


def _switches(tree: ast.AST, line: int) -> list[ast.expr]:
    """The switches of torch in a `with` around that line, or that decorate the function around it; outer before inner.

    A `with` of the snippet's own is left alone: what it does when it is entered once more, nobody knows.
    """
    found: list[ast.expr] = []
    for node in ast.walk(tree):  # outer before inner
        if isinstance(node, _FUNCTIONS) and node.lineno <= line <= (node.end_lineno or 0):
            found = list(node.decorator_list)
        elif isinstance(node, ast.With) and node.body[0].lineno <= line <= (node.end_lineno or 0):
            found += [item.context_expr for item in node.items]
    return [made for made in found if last_name(made.func if isinstance(made, ast.Call) else made) in _SWITCHES]


def _evaluated(switch: ast.expr, frame: FrameType) -> contextlib.AbstractContextManager[Any]:
    code = compile(ast.Expression(switch), FILENAME, "eval")
    made = eval(code, {**frame.f_globals, **frame.f_locals})
    # `@torch.no_grad`, without parentheses, is a decorator too
    manager: contextlib.AbstractContextManager[Any] = made if isinstance(switch, ast.Call) else made()
    return manager


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
