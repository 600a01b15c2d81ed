"""One snippet, plain and under the tracer, in this process: `python -m tests.bench.inside PATH SECONDS`.

Processor time of this thread, not time on the clock, so that other programs' turns are not counted; blocks of the two
kinds alternate, so that a slower minute hits both; and the lower quartile, which a cache emptied by others moves least.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from time import perf_counter, thread_time
from typing import Any, Final

import msgspec
import torch

from backend.trace.entry import Entry
from backend.trace.session import Session
from backend.wire.messages import Job
from backend.wire.unpack import Unpacker
from tests.bench.split import Split

BLOCK: Final = 3
"""Runs of one kind in a row: the first finds the caches full of the other kind, the quartile does not see it."""


@dataclass(frozen=True)
class Inside:
    """Lower quartiles in milliseconds. `run` is the snippet's own code while the tracer watches, summaries included."""

    eager: float
    run: float
    trace: float
    ratio: float
    best_ratio: float
    """From the least of each."""
    wall: float
    """Time on the clock of a whole job, messages packed; the one figure here that other programs lengthen."""
    split: dict[str, float]
    repeats: int
    status: str


def measure(code: str, seconds: float, trace: str = "every") -> Inside:
    """Alternate the two, then look once more at where the time goes."""
    torch.set_num_threads(1)
    plain, traced = plain_runner(code), traced_runner(code, trace)
    for _ in range(2):
        plain()
        traced()
    gc.collect()
    gc.freeze()  # torch's own objects: walking them would be most of what is measured
    eager: list[float] = []
    done: list[Any] = []
    walls: list[float] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(done) < BLOCK:
        for _ in range(BLOCK):
            gc.collect()
            started = thread_time()
            plain()
            eager.append((thread_time() - started) * 1000)
        for _ in range(BLOCK):
            gc.collect()
            clock = perf_counter()
            done.append(traced())
            walls.append((perf_counter() - clock) * 1000)
    run = [message.run_ms for message in done]
    low = _quartile(eager)
    return Inside(
        eager=low,
        run=_quartile(run),
        trace=_quartile([message.trace_ms for message in done]),
        ratio=_quartile(run) / low,
        best_ratio=min(run) / min(eager),
        wall=_quartile(walls),
        split=_split(traced, low, seconds / 2),
        repeats=len(done),
        status=done[-1].status,
    )


def _split(traced: Callable[[], Any], eager: float, seconds: float) -> dict[str, float]:
    """Where the tracer's time goes, from runs whose parts are timed. What the modes take is what remains."""
    end = perf_counter() + seconds
    found: list[dict[str, float]] = []
    with Split() as split:
        while perf_counter() < end or len(found) < BLOCK:
            gc.collect()
            traced()
            found.append(split.take())
    parts = {part: _quartile([one[part] for one in found]) for part in found[0]}
    parts["modes"] = max(0.0, parts.pop("snippet") - eager)
    return parts


def _quartile(values: list[float]) -> float:
    return quantiles(values, n=4)[0] if len(values) > 1 else values[0]


def plain_runner(code: str) -> Callable[[], None]:
    """Runs the snippet as Python does."""
    compiled = compile(code, "snippet.py", "exec")

    def run() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compiled, {"__name__": "__main__"})

    return run


def traced_runner(code: str, trace: str = "every") -> Callable[[], Any]:
    """Runs the snippet as the sandbox does, and returns the last message: times are of the processor."""
    entry = Entry()
    entry.warm_up()
    Session.clock = staticmethod(thread_time)
    job = msgspec.msgpack.encode(Job(code=code, trace=trace))

    def run() -> Any:
        frames: list[bytes] = []
        streams, main = (sys.stdout, sys.stderr), sys.modules["__main__"]
        try:
            entry.run(job, frames.append)
        finally:
            sys.stdout, sys.stderr = streams
            sys.modules["__main__"] = main
        return Unpacker(message_bytes=1 << 30).read(frames[-1])

    return run


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    measured = measure(Path(sys.argv[1]).read_text("utf-8"), float(sys.argv[2]), *sys.argv[3:4])
    sys.stdout.write(json.dumps(asdict(measured)))
