"""A snippet: the learner's text, read but not run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from backend.errors import SnippetTooLarge
from backend.schema import Problem
from backend.snippet.bindings import bound_names
from backend.snippet.mending import syntax_fixes
from backend.snippet.syntax import advise


@dataclass(frozen=True)
class Last:
    """The last top-level statement: what a notebook would show the value of.

    `kind` is None when it has no value (a loop, an import). `names` are those that an assignment binds.
    """

    line: int
    kind: Literal["expression", "assignment"] | None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snippet:
    """The text and what can be known without running it. Either `tree` or `problem` is None."""

    code: str
    tree: ast.Module | None
    problem: Problem | None = None
    last: Last | None = None
    bindings: Mapping[int, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


def parse(code: str, *, limit: int) -> Snippet:
    """Read `code`. Wrong syntax is no exception: it is the snippet's `problem`.

    Errors:
        SnippetTooLarge: `code` has more than `limit` bytes of UTF-8.
    """
    size = len(code.encode("utf-8", "surrogatepass"))
    if size > limit:
        raise SnippetTooLarge(
            f"the snippet has {size} bytes, at most {limit} are allowed",
            hint="Shorten it. Sizes of tensors do not count, the text does.",
            where="code",
        )
    problem = _find_unreadable(code)
    if problem is not None:
        return Snippet(code, None, problem)
    try:
        with warnings.catch_warnings():
            # Python warns of "\d" and the like while parsing; the run will say so again, with its line.
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
            compile(tree, "snippet.py", "exec", dont_inherit=True)  # finds `return` outside of a function, and the like
    except SyntaxError as error:
        return Snippet(code, None, _explain(error, code))
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        return Snippet(code, None, _too_complex(error))
    return Snippet(code, tree, None, _last(tree), bound_names(tree))


def _find_unreadable(code: str) -> Problem | None:
    """A null byte or half a surrogate pair: Python refuses them without saying where."""
    for place, character in enumerate(code):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            column = place - code.rfind("\n", 0, place)
            return Problem(
                kind="SyntaxError",
                status="error",
                message=f"the code contains the character U+{ord(character):04X}, which is not text",
                explanation="Python source is text. This character often comes along when a file is pasted.",
                suggestion="Delete it.",
                line=code.count("\n", 0, place) + 1,
                column=column,
                end_line=code.count("\n", 0, place) + 1,
                end_column=column + 1,
            )
    return None


def _explain(error: SyntaxError, code: str) -> Problem:
    """Python's own words, the place, and advice. Its offsets are 1-based characters; 0 and -1 mean unknown."""
    explanation, suggestion = advise(error.msg)
    lines = code.count("\n") + 1
    line = min(error.lineno, lines) if error.lineno and error.lineno > 0 else None
    column = error.offset if line is not None and error.offset and error.offset > 0 else None
    end_line = error.end_lineno if column is not None and error.end_lineno and error.end_lineno >= (line or 0) else None
    end_column = error.end_offset if end_line is not None and error.end_offset and error.end_offset > 0 else None
    if column is not None and (end_column is None or (end_line == line and end_column <= column)):
        end_line, end_column = line, column + 1
    return Problem(
        kind=type(error).__name__,
        status="error",
        message=error.msg,
        explanation=explanation,
        suggestion=suggestion,
        line=line,
        column=column,
        end_line=end_line,
        end_column=end_column,
        family="syntax",
        fixes=syntax_fixes(error.msg, code, line) if line is not None else [],
    )


def _too_complex(error: BaseException) -> Problem:
    explanation, suggestion = advise("nested too deep")
    return Problem(
        kind=type(error).__name__,
        status="error",
        message=str(error) or "the code is too deeply nested to be read",
        explanation=explanation,
        suggestion=suggestion,
    )


def _last(tree: ast.Module) -> Last | None:
    """What the last top-level statement is."""
    if not tree.body:
        return None
    statement = tree.body[-1]
    if isinstance(statement, ast.Expr):
        return Last(statement.lineno, "expression")
    if isinstance(statement, ast.Assign | ast.AugAssign) or (
        isinstance(statement, ast.AnnAssign) and statement.value is not None
    ):
        names = bound_names(statement)
        return Last(statement.lineno, "assignment", tuple(name for line in names.values() for name in line))
    return Last(statement.lineno, None)
