"""Every family of errors, triggered in the real tracer: what is said, and that what is suggested works."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from backend.trace.advice.families import FAMILIES
from tests.trace.failing import FAILING, Failing

IDS = [f"{i}-{case.family}" for i, case in enumerate(FAILING)]
BEYOND = {"no_input", "no_threads", "refused"}
"""What only the sandbox brings about: tests/runs has these."""


def fixed(code: str, fix: Any) -> str:
    lines = code.split("\n")
    lines[fix.line - 1 : fix.end_line] = fix.code.split("\n")
    return "\n".join(lines)


def spanned(code: str, problem: Any) -> str:
    lines = code.split("\n")[problem.line - 1 : problem.end_line]
    lines[-1] = lines[-1][: problem.end_column - 1]
    lines[0] = lines[0][problem.column - 1 :]
    return "\n".join(lines)


def snug(code: str) -> str:
    return re.sub(r"\s+", "", code)


@pytest.mark.parametrize("case", FAILING, ids=IDS)
def test_an_error_is_explained_where_it_is_and_with_what(trace: Any, case: Failing) -> None:
    problem = trace(case.code).answer.problem
    assert (problem.family, problem.line) == (case.family, case.line)
    if case.span:
        assert spanned(case.code, problem) == case.span
    told = f"{problem.explanation} {problem.suggestion}"
    for word in case.words:
        assert word in told
    assert len(problem.fixes) == case.fixes, [fix.label for fix in problem.fixes]
    operands = {operand.name: operand for operand in problem.operands}
    for name, dimensions in case.clash:
        assert operands[name].clash == dimensions


@pytest.mark.parametrize(
    "case", [c for c in FAILING if c.fixes], ids=[i for i, c in zip(IDS, FAILING, strict=True) if c.fixes]
)
def test_every_fix_gets_past_the_error(trace: Any, case: Failing) -> None:
    for fix in trace(case.code).answer.problem.fixes:
        repaired = fixed(case.code, fix)
        assert repaired != case.code
        again = trace(repaired).answer
        assert again.status == "ok", (repaired, again.problem)


@pytest.mark.parametrize("case", FAILING, ids=IDS)
def test_suggested_code_runs(trace: Any, case: Failing) -> None:
    problem = trace(case.code).answer.problem
    programs = [fixed(case.code, fix) for fix in problem.fixes]
    for program in case.tried:
        again = trace(program).answer
        assert again.status == "ok", (program, again.problem)
        programs.append(program)
    shown = [snug(p) for p in (*programs, case.code)]
    for code in re.findall(r"`([^`]+)`", problem.suggestion or ""):
        if re.search(r"[(=@\[]", code) and "…" not in code:
            assert any(snug(code).rstrip(":") in program for program in shown), code


def test_every_family_has_a_failing_snippet() -> None:
    assert {family.name for family in FAMILIES} - BEYOND <= {case.family for case in FAILING}
    assert len({case.family for case in FAILING}) >= 40


def test_fixes_are_python(trace: Any) -> None:
    code = "def f(é, w):\n    if True:\n        return (é\n            @ w)\n\nf(torch.ones(2, 3), torch.ones(2, 3))\n"
    problem = trace(code).answer.problem
    assert (problem.line, problem.column, problem.end_line) == (3, 17, 4)
    assert [o.name for o in problem.operands] == ["é", "w"]
    assert len(problem.fixes) == 2
    for fix in problem.fixes:
        ast.parse(fixed(code, fix))
        assert trace(fixed(code, fix)).answer.status == "ok"


def test_operands_say_which_node_and_line_they_are(trace: Any) -> None:
    told = trace("x = torch.randn(3, 8)\nlin = nn.Linear(10, 5)\nh = x * 2\ny = lin(h)")
    (given, weight) = told.answer.problem.operands
    assert (given.name, given.shape, given.dtype, given.line, given.step) == ("h", [3, 8], "torch.float32", 3, 0)
    assert given.node == told.node("h").id
    assert (weight.name, weight.shape, weight.clash) == ("lin.weight", [5, 10], [1])
    node = next(n for n in told.graph().nodes if n.id == weight.node)
    assert node.is_parameter


def test_a_learners_object_that_cannot_be_asked_does_not_hide_the_error(trace: Any) -> None:
    code = (
        "class Odd:\n    def __getattribute__(self, name):\n        raise ValueError('no')\n"
        "odd = Odd()\nprint(odd.shape)"
    )
    problem = trace(code).answer.problem
    assert (problem.kind, problem.message, problem.line) == ("ValueError", "no", 3)


def test_only_a_layer_that_can_be_told_apart_is_remade(trace: Any) -> None:
    twice = "a = nn.Linear(10, 5)\nb = nn.Linear(10, 5)\nx = torch.ones(3, 8)\nb(x)"
    assert trace(twice).answer.problem.fixes == []
    named = "n = 10\na = nn.Linear(n, 5)\nx = torch.ones(3, 8)\na(x)"
    assert trace(named).answer.problem.fixes == []


def test_what_a_failed_call_ran_before_it_failed_goes_by_its_own_name(trace: Any) -> None:
    answer = trace("x = torch.ones(4)\nh = torch.ones(3, 2)\ny = x @ h\n").answer
    made = [node.op for node in answer.graphs[0].nodes if node.kind == "op"]
    assert answer.status == "error"
    assert made == ["unsqueeze"]
