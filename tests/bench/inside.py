"""One snippet, plain and under the tracer, in this process: `python -m tests.bench.inside PATH SECONDS`."""

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
from statistics import median
from time import perf_counter
from typing import Any, Final

import msgspec
import torch

from backend.trace.entry import Entry
from backend.wire.messages import Job
from backend.wire.unpack import Unpacker

BLOCK: Final = 3
"""Runs of one kind in a row: the first finds the caches full of the other kind, the median does not see it."""


@dataclass(frozen=True)
class Inside:
    """Medians in milliseconds. `run` is the snippet's own code while the tracer watches, summaries included."""

    eager: float
    run: float
    trace: float
    repeats: int
    status: str

    @property
    def ratio(self) -> float:
        """How many times longer the snippet takes while it is watched."""
        return self.run / self.eager


def measure(code: str, seconds: float) -> Inside:
    """Alternate the two, so that whatever else the machine does hits both."""
    torch.set_num_threads(1)
    entry = Entry()
    entry.warm_up()
    plain = _plain(code)
    for _ in range(2):
        plain()
        _traced(entry, code)
    gc.collect()
    gc.freeze()  # torch's own objects: walking them would be most of what is measured
    eager: list[float] = []
    run: list[float] = []
    trace: list[float] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(run) < 3:
        for _ in range(BLOCK):
            start = perf_counter()
            plain()
            eager.append((perf_counter() - start) * 1000)
        for _ in range(BLOCK):
            done = _traced(entry, code)
            run.append(done.run_ms)
            trace.append(done.trace_ms)
    return Inside(median(eager), median(run), median(trace), len(run), done.status)


def _plain(code: str) -> Callable[[], None]:
    compiled = compile(code, "snippet.py", "exec")

    def run() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compiled, {"__name__": "__main__"})

    return run


def _traced(entry: Entry, code: str) -> Any:
    """The last message of a traced run."""
    frames: list[bytes] = []
    entry.run(msgspec.msgpack.encode(Job(code=code)), frames.append)
    return Unpacker(message_bytes=1 << 30).read(frames[-1])


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    out = sys.stdout  # the tracer puts its own in place
    found = measure(Path(sys.argv[1]).read_text("utf-8"), float(sys.argv[2]))
    out.write(json.dumps({**asdict(found), "ratio": found.ratio}))
    out.flush()
