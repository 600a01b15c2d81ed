"""One tool at one workload, in this process: `python -m tests.bench.peers.one TOOL WORKLOAD SECONDS`. Prints JSON."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import sys
import warnings
from collections.abc import Callable
from time import perf_counter, thread_time
from typing import Final

import torch

from tests.bench.inside import plain_runner, traced_runner
from tests.bench.peers.tools import TOOLS, plain
from tests.bench.peers.workloads import SNIPPETS, workload

FEWEST: Final = 3


def milliseconds(work: Callable[[], object]) -> float:
    """Processor time of this thread."""
    gc.collect()
    started = thread_time()
    work()
    return (thread_time() - started) * 1000


def of_tool(tool: str, name: str, seconds: float) -> tuple[float, float]:
    """Least time of plain forward and backward, and of the tool doing its work around the same."""
    model, arguments = workload(name)
    look = TOOLS[tool]

    def run(work: Callable[..., None]) -> float:
        model.zero_grad()
        return milliseconds(lambda: work(model, arguments))

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        run(plain)
        # torchlens wraps torch's functions for good at its first call: plain is measured before
        eager = min(run(plain) for _ in range(5))
        run(look)
        return eager, _least(lambda: run(look), seconds)


def of_chainrule(name: str, seconds: float) -> tuple[float, float]:
    """The same for the tracer: what it adds to the snippet, messages packed, is added to plain forward and backward."""
    model, arguments = workload(name)
    eager = min(milliseconds(lambda: plain(model, arguments)) for _ in range(6))
    code = (SNIPPETS / f"{name}.py").read_text("utf-8")
    bare, traced = plain_runner(code), traced_runner(code)
    for _ in range(2):
        bare()
        traced()
    gc.freeze()
    least = [
        _least(lambda: milliseconds(bare), seconds / 3),
        _least(lambda: milliseconds(traced), seconds),
    ]
    return eager, eager + least[1] - least[0]


def _least(measure: Callable[[], float], seconds: float) -> float:
    end = perf_counter() + seconds
    times: list[float] = []
    while len(times) < FEWEST or perf_counter() < end:
        times.append(measure())
    return min(times)


def main() -> None:
    """Print {"eager": ms, "with": ms}."""
    tool, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    out = sys.stdout
    torch.set_num_threads(1)
    sys.setrecursionlimit(100_000)
    warnings.simplefilter("ignore")
    eager, watched = of_chainrule(name, seconds) if tool == "chainrule" else of_tool(tool, name, seconds)
    out.write(json.dumps({"eager": eager, "with": watched}))
    out.flush()


if __name__ == "__main__":
    main()
