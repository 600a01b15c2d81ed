"""The supervisor's word against the tracer's."""

from __future__ import annotations

import pytest

from backend.runs.verdict import Evidence, judge, malformed, overflowing
from backend.sandbox import Outcome
from backend.schema import Problem
from backend.wire.messages import BindingMessage, DoneMessage, Message, ProblemMessage


def told(*messages: Message) -> Evidence:
    evidence = Evidence()
    for message in messages:
        evidence.hear(message)
    return evidence


DONE = DoneMessage("ok", 1.0, 1.0)
LINE_4 = BindingMessage(line=4, name="x", type_name="int", text="1")
OK = Outcome("ok")


def problem(evidence: Evidence, outcome: Outcome, status: str) -> Problem:
    found_status, found = judge(evidence, outcome)
    assert found_status == status
    assert found is not None
    assert found.status == status
    assert found.message
    return found


def test_a_quiet_end_is_ok() -> None:
    assert judge(told(DONE), OK) == ("ok", None)


def test_the_learners_error_is_the_status() -> None:
    sent = ProblemMessage(kind="RuntimeError", status="error", message="sizes differ", line=3)
    assert problem(told(sent, DoneMessage("error", 1, 1)), OK, "error").line == 3


@pytest.mark.parametrize("status", ["timeout", "memory", "crashed", "cancelled", "error"])
def test_a_claimed_ok_does_not_stand_against_the_supervisor(status: str) -> None:
    outcome = Outcome(status, "cpu" if status == "timeout" else None, line=7)  # type: ignore[arg-type]  # one of them
    assert problem(told(DONE), outcome, status).line == 7


def test_a_forged_problem_does_not_stand_against_the_supervisor() -> None:
    forged = ProblemMessage(kind="RuntimeError", status="error", message="only a typo")
    found = problem(told(forged), Outcome("memory", "memory", detail="not enough memory"), "memory")
    assert (found.message, found.limit) == ("not enough memory", "memory")


def test_where_both_agree_the_tracers_words_are_kept() -> None:
    sent = ProblemMessage(kind="timeout", status="timeout", message="stopped at line 2", line=2)
    found = problem(told(sent), Outcome("timeout", "wall", line=9, detail="stopped"), "timeout")
    assert (found.message, found.line, found.limit) == ("stopped at line 2", 2, "wall")


def test_a_killed_run_is_shown_where_it_was_last_heard_of() -> None:
    assert problem(told(LINE_4), Outcome("crashed", signal="SIGSEGV"), "crashed").line == 4
    assert "SIGSEGV" in problem(told(), Outcome("crashed", signal="SIGSEGV"), "crashed").message


def test_an_end_without_a_word_is_a_crash() -> None:
    assert problem(told(LINE_4), OK, "crashed").line == 4


def test_a_done_that_claims_failure_without_a_problem_gets_one() -> None:
    problem(told(DoneMessage("timeout", 1, 1)), OK, "timeout")


def test_cpu_and_wall_time_are_told_apart() -> None:
    cpu = problem(told(), Outcome("timeout", "cpu"), "timeout")
    wall = problem(told(), Outcome("timeout", "wall"), "timeout")
    assert "CPU time" in cpu.message
    assert "CPU time" not in wall.message


def test_a_malformed_message_is_a_crash_of_the_run() -> None:
    found = malformed("slot 0 has kind 9", line=2)
    assert (found.status, found.limit, found.line) == ("crashed", "messages", 2)
    assert "slot 0 has kind 9" in found.message


def test_too_long_a_trace_names_its_limit() -> None:
    assert "128 MiB" in overflowing(128 << 20, line=None).message


def test_the_first_problem_counts() -> None:
    first = ProblemMessage(kind="RuntimeError", status="error", message="no")
    later = ProblemMessage(kind="forged", status="error", message="later")
    assert problem(told(first, later, DONE), OK, "error").kind == "RuntimeError"
