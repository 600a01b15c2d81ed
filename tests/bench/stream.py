"""Streams of training loops: steps a second, how late, how large, what 30 viewers cost, how soon a run ends."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, time
from typing import Any, Final

import msgspec

from tests.serving import Served
from tests.streaming import of, viewing

VIEWERS: Final = 30
CANCELS: Final = 5

STEPS: Final = {"w2_linear_regression": 1500, "w3_ffn": 600, "w5_gpt12": 12}
"""Iterations of each loop."""

UPDATES: Final = {
    "w2_linear_regression": (
        "y_hat =",
        "",
        "with torch.no_grad():\n    W -= 0.01 * W.grad\n    b -= 0.01 * b.grad\nW.grad.zero_()\nb.grad.zero_()",
    ),
    "w3_ffn": ("loss =", "opt = torch.optim.Adam(model.parameters(), lr=0.001)\n", "opt.step()\nopt.zero_grad()"),
    "w5_gpt12": ("loss =", "opt = torch.optim.Adam(model.parameters(), lr=0.001)\n", "opt.step()\nopt.zero_grad()"),
}
"""Where a snippet's loop begins, what comes before it, and what follows its backward."""

ENDLESS: Final = {
    "while True": "print('go', flush=True)\nwhile True:\n    pass",
    "a matmul in C": "a = torch.randn(7000, 7000)\nprint('go', flush=True)\nb = a @ a @ a @ a @ a @ a",
    "time.sleep": "import time\nprint('go', flush=True)\ntime.sleep(100)",
}


@dataclass(frozen=True)
class Streamed:
    """One loop. Times in milliseconds."""

    steps: int
    skipped: int
    rate: float
    """Steps a second from the first to the last, one viewer."""
    late: float
    """From the end of a step in the sandbox to its message in the client: median."""
    late_90: float
    step_bytes: int
    """Median size of a step's frame."""
    json_bytes: int
    """Median size of the same steps as JSON, whole, as POST /api/graph gives them."""
    rate_30: float
    """Steps a second with 30 viewers."""
    cpu: float
    """CPU time of the server process for each step, one viewer."""
    cpu_30: float


def loop(path: Path, steps: int) -> str:
    """The snippet as a training loop. `now` is the clock at the end of each turn, told as a scalar."""
    code = path.read_text("utf-8")
    begin, before, after = UPDATES[path.stem]
    setup, _, body = code.partition(f"\n{begin}")
    lines = "\n".join(f"    {line}" for line in [*f"{begin}{body}".splitlines(), *after.splitlines()])
    return f"import time\n{setup}\n{before}for step in range({steps}):\n{lines}\n    now = time.time()\n"


def measure(server: Served, path: Path) -> Streamed:
    """Once with one viewer, once with 30."""
    code = loop(path, STEPS[path.stem])
    one = asyncio.run(_watched(server, code, 1))
    many = asyncio.run(_watched(server, code, VIEWERS))
    few = loop(path, 3)
    answer = server.client.post("/api/graph", json={"code": few}).json()
    sizes = [len(json.dumps(step, separators=(",", ":"))) for step in answer["steps"]]
    return Streamed(
        one.steps,
        one.skipped,
        one.rate,
        median(one.late),
        sorted(one.late)[len(one.late) * 9 // 10],
        int(median(one.sizes)),
        int(median(sizes)),
        many.rate,
        one.cpu / max(1, one.steps),
        many.cpu / max(1, many.steps),
    )


@dataclass
class _Seen:
    """What one viewer saw."""

    steps: int = 0
    skipped: int = 0
    rate: float = 0.0
    cpu: float = 0.0
    late: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)


async def _watched(server: Served, code: str, viewers: int) -> Any:
    """The first of so many viewers."""
    begun = _cpu(server)
    async with viewing(server.url) as owner:
        await owner.start(code)
        run_id = (await owner.message())["run_id"]
        others = [asyncio.create_task(_drain(server, run_id)) for _ in range(viewers - 1)]
        seen = await _look(owner.socket)
        await asyncio.gather(*others)
    seen.cpu = (_cpu(server) - begun) * 1000
    return seen


async def _look(socket: Any) -> _Seen:
    seen = _Seen()
    first = last = 0.0
    while True:
        frame = await socket.recv()
        arrived = time()
        message = msgspec.msgpack.decode(frame)
        if message["type"] == "step":
            seen.steps += 1
            seen.sizes.append(len(frame))
            last = arrived
            first = first or arrived
        elif message["type"] == "scalars" and "now" in message["values"]:
            seen.late.append((arrived - message["values"]["now"]) * 1000)
        elif message["type"] == "skipped":
            seen.skipped += message["steps"]
        elif message["type"] == "done":
            if message["status"] != "ok":
                raise SystemExit(f"the loop ended as {message['status']}")
            seen.rate = (seen.steps - 1) / max(1e-9, last - first)
            return seen


async def _drain(server: Served, run_id: str) -> None:
    async with viewing(server.url, f"/api/runs/{run_id}") as viewer:
        while b"\xa4type\xa4done" not in (await viewer.socket.recv())[:40]:
            pass


def _cpu(server: Served) -> float:
    """CPU seconds of the server process itself, its sandbox left out."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cancels(server: Served) -> dict[str, float]:
    """Milliseconds from `cancel` to `done`, medians."""
    return {name: median(asyncio.run(_cancel(server, code)) for _ in range(CANCELS)) for name, code in ENDLESS.items()}


async def _cancel(server: Served, code: str) -> float:
    async with viewing(server.url) as viewer:
        await viewer.start(code)
        await viewer.until("output")
        await asyncio.sleep(0.2)
        start = perf_counter()
        await viewer.say({"type": "cancel"})
        end = of("done", await viewer.until("done"))[0]
        if end["status"] != "cancelled":
            raise SystemExit(f"the run ended as {end['status']}")
        return (perf_counter() - start) * 1000


def markdown(streams: dict[str, Streamed], ends: dict[str, float]) -> list[str]:
    """The table, and how soon a run ends."""
    lines = [
        "| loop, streamed | steps/s | skipped | ms late | 90% | bytes a step | as JSON | steps/s, 30 viewers "
        "| server ms a step | with 30 |",
        "| --- |" + " ---: |" * 9,
    ]
    for name, seen in streams.items():
        cells = [name, f"{seen.rate:,.0f}", str(seen.skipped), f"{seen.late:.1f}", f"{seen.late_90:.1f}"]
        cells += [f"{seen.step_bytes:,}", f"{seen.json_bytes:,}", f"{seen.rate_30:,.0f}"]
        cells += [f"{seen.cpu:.2f}", f"{seen.cpu_30:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    told = "; ".join(f"{name} {ms:.0f} ms" for name, ms in ends.items())
    return [*lines, "", f"From cancel to done: {told}"]
