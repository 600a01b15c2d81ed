"""The tracer's own entry in the sandbox, given jobs as the server gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from backend.sandbox import Outcome, Sandbox
from backend.wire.messages import Job
from tests.sandbox.driving import PATIENT, follow

pytestmark = pytest.mark.anyio

LIMITS = replace(PATIENT, cpu_seconds=1.0)


@pytest.fixture(scope="module")
async def traced(anyio_backend: str) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(warm_children=2, limits=LIMITS)
    await sandbox.start()
    yield sandbox
    await sandbox.close()


async def run(sandbox: Sandbox, code: str) -> tuple[Outcome, dict[str, Any]]:
    """The outcome, and the last message of each type."""
    job = msgspec.msgpack.encode(Job(code=code, cpu_seconds=LIMITS.cpu_seconds))
    ran = await follow(sandbox.run(job))
    messages = [msgspec.msgpack.decode(frame) for frame in ran.frames]
    return ran.outcome, {message["type"]: message for message in messages}


async def test_it_is_safe_and_says_what_it_is(traced: Sandbox) -> None:
    assert traced.report.safe
    assert traced.versions["torch"]


async def test_a_snippet_is_traced(traced: Sandbox) -> None:
    outcome, messages = await run(
        traced, "a = torch.tensor(2.0, requires_grad=True)\n(a * a).backward()\nprint(a.grad)"
    )
    assert outcome.status == "ok"
    assert messages["done"]["status"] == "ok"
    assert messages["output"]["text"] == "tensor(4.)\n"
    assert {node["grad_fn"] for node in messages["graph"]["nodes"]} >= {None, "MulBackward0"}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("open('/etc/passwd')", "not permitted"),
        ("import socket\nsocket.socket()", "not permitted"),
        ("import subprocess\nsubprocess.run(['/bin/true'])", "not permitted"),
        ("torch.empty(1 << 40)", "memory"),
        ("torch.from_file('/etc/passwd', size=9, dtype=torch.uint8)", "not permitted"),
    ],
)
async def test_what_is_denied_is_the_learners_problem_with_its_line(code: str, words: str, traced: Sandbox) -> None:
    outcome, messages = await run(traced, code)
    assert outcome.status == "ok"
    assert words in messages["problem"]["message"]
    assert messages["problem"]["line"] == code.count("\n") + 1


async def test_a_stopped_loop_keeps_its_trace(traced: Sandbox) -> None:
    code = "a = torch.tensor(2.0, requires_grad=True)\nb = a * 3\nwhile True:\n    c = 1"
    outcome, messages = await run(traced, code)
    assert (outcome.status, outcome.limit) == ("timeout", "cpu")
    assert outcome.line in (3, 4)
    assert messages["problem"]["status"] == "timeout"
    assert "graph" in messages


async def test_a_product_that_cannot_be_interrupted_keeps_its_trace(traced: Sandbox) -> None:
    code = "a = torch.ones(6000, 6000)\nb = a + 1\nc = a @ b"
    outcome, messages = await run(traced, code)
    assert (outcome.status, outcome.limit, outcome.line) == ("timeout", "cpu", 3)
    assert "graph" in messages


async def test_a_crash_tells_its_line(traced: Sandbox) -> None:
    outcome, _ = await run(traced, "import ctypes\nx = torch.ones(2)\nctypes.string_at(0)")
    assert (outcome.status, outcome.signal, outcome.line) == ("crashed", "SIGSEGV", 3)
