"""Syntax problems with their place and advice; the last statement."""

from __future__ import annotations

import ast

import pytest

from backend.errors import SnippetTooLarge
from backend.schema import Problem
from backend.snippet import Last, Snippet, parse

LIMIT = 64 * 1024


def problem_of(code: str) -> Problem:
    snippet = parse(code, limit=LIMIT)
    assert snippet.tree is None
    assert snippet.problem is not None
    return snippet.problem


# code, kind, a part of Python's message, line, column, end column, a part of the advice
WRONG = [
    ("if x\n    y", "SyntaxError", "expected ':'", 1, 5, 6, "Put a :"),
    ("y = 1\nz = (1 + 2\nw = 3\n", "SyntaxError", "'(' was never closed", 2, 5, 6, "Close it"),
    ("a = [1]]", "SyntaxError", "unmatched ']'", 1, 8, 9, "Remove it"),
    ("a = (1]", "SyntaxError", "does not match", 1, 7, 8, "reverse order"),
    ("for i in x:\ny = i", "IndentationError", "expected an indented block", 2, 1, 2, "four spaces"),
    ("x = 1\n  y = 2", "IndentationError", "unexpected indent", 2, None, None, "Remove the spaces"),
    ("if 1:\n    x = 1\n  y = 2", "IndentationError", "unindent does not match", 3, None, None, "column of the block"),
    ("if 1:\n\tx = 1\n        y = 2", "TabError", "inconsistent use of tabs", 3, None, None, "four spaces"),
    ("if x = 3: pass", "SyntaxError", "Maybe you meant '=='", 1, 4, 9, "write =="),
    ("1 = x", "SyntaxError", "cannot assign to literal", 1, 1, 2, "write =="),
    ("for 1 in x: pass", "SyntaxError", "cannot assign to literal", 1, 5, 6, "Put a name"),
    ("x = 'abc", "SyntaxError", "unterminated string literal", 1, 5, 6, "same quote"),
    ("x = '''abc\nd", "SyntaxError", "unterminated triple-quoted", 1, 5, 6, "same quote"),
    ("print x", "SyntaxError", "Missing parentheses in call to 'print'", 1, 1, 8, "Write print(…)."),
    ("f(a b)", "SyntaxError", "forgot a comma", 1, 3, 6, "comma or an operator"),
    ("x = “hi”", "SyntaxError", "invalid character '“'", 1, 5, 6, "straight quote"),
    ("x = 1\u200b", "SyntaxError", "invalid non-printable", 1, 6, 7, "type it again"),
    ("2x = 3", "SyntaxError", "invalid decimal literal", 1, 1, 2, "Begin the name"),
    ("f(a=1, 2)", "SyntaxError", "positional argument follows", 1, 9, 10, "front"),
    ("x = \\ 3", "SyntaxError", "line continuation", 1, None, None, "backslash"),
    ("x = +", "SyntaxError", "invalid syntax", 1, 6, 7, "missing operator"),
    ("x = 1\nreturn x", "SyntaxError", "'return' outside function", 2, 1, 9, "last line is its name"),
    ("await f()", "SyntaxError", "'await' outside function", 1, 1, 10, "plain function"),
    ("if 1:\n    break", "SyntaxError", "'break' outside loop", 2, 5, 10, "into the loop"),
    ("if 1:\n    continue", "SyntaxError", "'continue' not properly in loop", 2, 5, 13, "into the loop"),
    ("def f():\n    x = 1\n    global x", "SyntaxError", "before global", 3, 5, 13, "first line of the function"),
    ("def f():\n    nonlocal x", "SyntaxError", "no binding for nonlocal", 2, 5, 15, "write global x"),
    ("def f(a, a): pass", "SyntaxError", "duplicate argument 'a'", 1, 10, 11, "another name"),
    ("x\0", "SyntaxError", "U+0000", 1, 2, 3, "Delete it"),
    ("y = 1\nx = '\ud800'", "SyntaxError", "U+D800", 2, 6, 7, "Delete it"),
]


@pytest.mark.parametrize(("code", "kind", "message", "line", "column", "end", "advice"), WRONG)
def test_wrong_syntax_has_a_place_and_advice(
    code: str, kind: str, message: str, line: int, column: int | None, end: int | None, advice: str
) -> None:
    problem = problem_of(code)
    assert (problem.kind, problem.status) == (kind, "error")
    assert message in problem.message
    assert problem.line == line
    if column is not None:
        assert (problem.column, problem.end_line, problem.end_column) == (column, line, end)
    assert problem.explanation
    assert advice in (problem.suggestion or "")


MENDED = [
    ("for i in range(3)\n    print(i)", "for i in range(3):"),
    ("y = 1\nz = (1 + 2\n", "z = (1 + 2)"),
    ("print 'x'", "print('x')"),
    ("x = 3\nif x = 3: pass", "if x == 3: pass"),
    ("x = 1\n  y = 2", "y = 2"),
]


@pytest.mark.parametrize(("code", "line"), MENDED)
def test_a_slip_of_syntax_comes_with_the_line_that_can_be_read(code: str, line: str) -> None:
    problem = problem_of(code)
    (fix,) = problem.fixes
    assert (problem.family, fix.code) == ("syntax", line)
    lines = code.split("\n")
    lines[fix.line - 1 : fix.end_line] = fix.code.split("\n")
    assert parse("\n".join(lines), limit=LIMIT).problem is None


def test_what_no_small_change_mends_has_no_fix() -> None:
    for code in ("y = (x +", "if x\nbroken (", "f(a b)"):
        assert problem_of(code).fixes == []


def test_columns_count_characters_not_bytes() -> None:
    assert problem_of("größe = ü +* 3").column == "größe = ü +* 3".index("*") + 1


DEEP = {
    "parentheses": "(" * 30_000,
    "sum": "+".join("x" * 30_000),
    "minus": "-" * 60_000 + "1",
    "attributes": "x" + ".a" * 30_000,
    "lambda": "lambda:" * 9_000 + "1",
    "indentation": "".join(" " * depth + "if 1:\n" for depth in range(110)),
    "digits": "1" * 60_000,
}


@pytest.mark.parametrize("code", DEEP.values(), ids=DEEP)
def test_too_deep_code_is_a_problem_not_a_crash(code: str) -> None:
    assert problem_of(code).status == "error"


def test_a_snippet_over_the_limit_is_refused_and_the_limit_named() -> None:
    with pytest.raises(SnippetTooLarge, match="the snippet has 12 bytes, at most 10 are allowed"):
        parse("é" * 6, limit=10)


def test_a_snippet_at_the_limit_is_read() -> None:
    assert parse("é = 1", limit=6).problem is None


def test_an_invalid_escape_is_no_problem() -> None:
    assert parse(r"x = '\d'", limit=LIMIT).problem is None


def test_nothing_is_executed(capsys: pytest.CaptureFixture[str]) -> None:
    parse("print('ran')", limit=LIMIT)
    assert capsys.readouterr().out == ""


LASTS = [
    ("", None),
    ("x = 1\nx + 1", Last(2, "expression")),
    ("x = y = 1", Last(1, "assignment", ("x", "y"))),
    ("a, (b, *c) = f()", Last(1, "assignment", ("a", "b", "c"))),
    ("x += 1", Last(1, "assignment", ("x",))),
    ("x: int = 1", Last(1, "assignment", ("x",))),
    ("x: int", Last(1, None)),
    ("x.y = 1", Last(1, "assignment")),
    ("for i in x:\n    i", Last(1, None)),
    ("import torch", Last(1, None)),
]


@pytest.mark.parametrize(("code", "last"), LASTS)
def test_the_last_statement_is_known(code: str, last: Last | None) -> None:
    assert parse(code, limit=LIMIT).last == last


def test_a_snippet_is_frozen_and_has_its_tree() -> None:
    snippet = parse("x = 1", limit=LIMIT)
    assert isinstance(snippet.tree, ast.Module)
    with pytest.raises(AttributeError):
        snippet.code = "y"  # type: ignore[misc]  # that is what is tested
    with pytest.raises(TypeError):
        snippet.bindings[1] = ()  # type: ignore[index]  # likewise
    assert isinstance(snippet, Snippet)
