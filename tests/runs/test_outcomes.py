"""How runs end, through the real sandbox and the real tracer."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.serving import Served, serve

FOREVER = "x = 1\nwhile True:\n    x += 1"
SLEEP = "import time\ntime.sleep(60)"


@pytest.fixture(scope="session")
def small() -> Iterator[Served]:
    """A server with one place, none in the queue, and little of everything but CPU time."""
    settings = {
        "cpu_seconds": 60,
        "wall_seconds": 2,
        "memory_bytes": 512 << 20,
        "concurrent_runs": 1,
        "queue_length": 0,
        "warm_children": 1,
        "answer_bytes": 1 << 20,
        "code_bytes": 2000,
    }
    with serve(**settings) as served:
        yield served


@pytest.fixture(scope="session")
def hasty() -> Iterator[Served]:
    """A server that gives little CPU time, and a wall time that no busy machine can reach first."""
    with serve(cpu_seconds=1, wall_seconds=300, warm_children=1) as served:
        yield served


def wait_until(seen: Callable[[], bool]) -> None:
    """Returns once `seen`; the suite's own time limit ends it otherwise."""
    while not seen():
        time.sleep(0.01)


def test_ok(server: Served) -> None:
    answer = server.graph("import torch\nx = torch.tensor(3., requires_grad=True)\ny = x * x\ny.backward()")
    assert (answer["status"], answer["problem"]) == ("ok", None)
    timings = answer["timings"]
    assert all(value >= 0 for value in timings.values())
    assert timings["total"] >= timings["run"] > 0


def test_an_error_keeps_the_trace_up_to_its_line(server: Served) -> None:
    answer = server.graph("import torch\na = torch.ones(2)\nb = a + 1\nc = b @ torch.ones(3)\nd = c * 2")
    assert answer["status"] == "error"
    assert answer["problem"]["kind"] == "RuntimeError"
    assert answer["problem"]["line"] == 4
    names = {name for graph in answer["graphs"] for node in graph["nodes"] for name in node["names"]}
    assert "b" in names
    assert "d" not in names


def test_a_syntax_error_never_reaches_the_sandbox(server: Served) -> None:
    server.until_idle()
    before = server.runs()["finished"]
    answer = server.graph("x = (1")
    assert (answer["status"], answer["problem"]["line"], answer["problem"]["column"]) == ("error", 1, 5)
    assert server.runs()["finished"] == before


def test_an_endless_loop_is_a_timeout_of_the_cpu(hasty: Served) -> None:
    answer = hasty.graph(FOREVER)
    assert (answer["status"], answer["problem"]["limit"]) == ("timeout", "cpu")
    assert answer["problem"]["line"] in (2, 3)


def test_sleeping_is_a_timeout_of_the_clock(small: Served) -> None:
    answer = small.graph(SLEEP)
    assert (answer["status"], answer["problem"]["limit"], answer["problem"]["line"]) == ("timeout", "wall", 2)


def test_too_large_a_tensor_is_the_memory(small: Served) -> None:
    answer = small.graph("import torch\nx = torch.ones(3)\ny = torch.ones(1 << 32)")
    assert (answer["status"], answer["problem"]["line"]) == ("memory", 3)


def test_a_process_that_ends_itself_is_a_crash(server: Served) -> None:
    answer = server.graph("import os\nos._exit(0)")
    assert answer["status"] == "crashed"
    assert answer["problem"]["message"]


def test_a_crash_names_its_signal(server: Served) -> None:
    answer = server.graph("import ctypes\nx = 1\nctypes.string_at(1)")
    assert (answer["status"], answer["problem"]["signal"]) == ("crashed", "SIGSEGV")


# Python expressions for the bytes of a frame's message; the snippet makes them, it may not be long itself.
FORGED = {
    "no message": r"b'\xc1'",
    "deeply nested": r"b'\x81\xa4type' + b'\x91' * 50_000 + b'\xc0'",
    "a graph without its parts": r"b'\x82\xa4type\xa5graph\xa2id\xa1g'",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_forged_messages_end_the_run_and_nothing_else(server: Served, forged: str) -> None:
    code = (
        f"import os, struct\nmessage = {forged}\nframe = struct.pack('>I', len(message)) + message\n"
        "for descriptor in range(3, 64):\n    try: os.write(descriptor, frame)\n    except OSError: pass"
    )
    answer = server.graph(code)
    assert (answer["status"], answer["problem"]["limit"]) == ("crashed", "messages")
    assert server.graph("x = 1")["status"] == "ok"


def test_a_trace_over_the_limit_keeps_the_steps_that_fitted(small: Served) -> None:
    code = (
        "import torch\nw = torch.ones(60, requires_grad=True)\n"
        "for i in range(500):\n    (w * w).sum().backward()\n    w.grad = None"
    )
    answer = small.graph(code)
    assert (answer["status"], answer["problem"]["limit"]) == ("memory", "messages")
    assert 0 < len(answer["steps"]) < 500


def test_a_full_server_says_when_to_come_back_and_recovers(small: Served) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(small.graph, SLEEP)
        with httpx.Client(base_url=small.url, timeout=60) as client:
            wait_until(lambda: client.get("/healthz").json()["runs"]["running"] == 1)
            refused = client.post("/api/graph", json={"code": "x = 1"})
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) >= 1
            assert refused.json()["error"]["code"] == "busy"
        assert slow.result()["status"] == "timeout"
    assert small.graph("x = 1")["status"] == "ok"


def test_a_client_that_hangs_up_ends_its_run(server: Served) -> None:
    place = urlsplit(server.url)
    body = b'{"code": "import time\\ntime.sleep(25)"}'
    server.until_idle()
    finished = server.runs()["finished"]
    with socket.create_connection((place.hostname or "", place.port or 0)) as connection:
        head = "POST /api/graph HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        wait_until(lambda: server.runs()["running"] == 1)
    server.until_idle()
    assert server.runs()["finished"] == finished + 1


def test_runs_at_the_same_time_do_not_mix(server: Served) -> None:
    def square(n: int) -> Any:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            code = f"import torch\nx = torch.tensor({n}., requires_grad=True)\ny = x * x\ny.backward()\nprint({n})"
            return client.post("/api/graph", json={"code": code}).json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(square, range(24)))
    for n, answer in enumerate(answers):
        assert answer["status"] == "ok"
        assert answer["output"][0]["text"].strip() == str(n)
        leaf = next(node["id"] for node in answer["graphs"][0]["nodes"] if node["kind"] == "leaf")
        assert answer["steps"][0]["grads"][leaf]["values"] == [2.0 * n]
