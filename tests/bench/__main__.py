"""`python -m tests.bench`: every snippet of the benchmark, inside the tracer and end to end.

Prints Markdown and writes `build/bench.json`. The one place outside `backend/trace` that runs the tracer directly.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.bench import endtoend, stream
from tests.serving import ROOT, Served, serve

SNIPPETS: Final = Path(__file__).parent / "snippets"
CLIENTS: Final = (1, 8, 32)
SAMPLED: Final = ("w9_train_adam_1000",)
"""Long loops, which are also run with `trace: "sampled"`."""

SPLIT: Final = ("setup", "modes", "hooks", "summaries", "names", "graph", "encoding")
"""Parts of the tracer's time; the ratio has modes and hooks in it, and of the summaries those made while it runs."""


def main() -> None:
    """Measure what was asked for; under four minutes for all."""
    flags = _flags().parse_args()
    seconds = 1.0 if flags.quick else 2.5
    only = [name for name in flags.only.split(",") if name]
    paths = [path for path in sorted(SNIPPETS.glob("*.py")) if not only or path.stem.partition("_")[0] in only]
    if not paths:
        raise SystemExit(
            f"no snippet called {flags.only}; there are {', '.join(p.stem for p in SNIPPETS.glob('*.py'))}"
        )
    found: dict[str, Any] = {"machine": machine(), "snippets": {}}
    for path in paths:
        _say(f"{path.stem}: inside")
        found["snippets"][path.stem] = {"inside": inside(path, seconds)}
        if path.stem in SAMPLED:
            found["snippets"][path.stem]["sampled"] = inside(path, seconds, "sampled")
    if flags.inside:
        sys.stdout.write("\n".join([head(found), "", *inside_table(found["snippets"]), ""]))
        return
    with serve() as server:
        for path in paths:
            _say(f"{path.stem}: end to end")
            found["snippets"][path.stem]["end_to_end"] = asdict(endtoend.measure(server, path.read_text(), seconds))
        found["throughput"] = throughput(server, seconds)
        found["streams"] = {}
        for path in paths:
            if path.stem in stream.STEPS:
                _say(f"{path.stem}: streamed")
                found["streams"][path.stem] = asdict(stream.measure(server, path))
        _say("cancel")
        found["cancel"] = stream.cancels(server)
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "bench.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    sys.stdout.write(markdown(found))


def inside(path: Path, seconds: float, trace: str = "every") -> dict[str, Any]:
    """In a process of its own, on one core: nothing that ran before may matter."""
    command = [sys.executable, "-m", "tests.bench.inside", str(path), str(seconds), trace]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def throughput(server: Served, seconds: float) -> dict[str, float]:
    """Answers per second of the smallest snippet."""
    code = (SNIPPETS / "w1_expression.py").read_text("utf-8")
    rates = {}
    for clients in CLIENTS:
        _say(f"w1 with {clients} clients")
        rates[str(clients)] = endtoend.throughput(server, code, clients, seconds)
    return rates


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpus = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in cpus.read_text().splitlines() if "model name" in line]
        if (cpus.exists())
        else []
    )
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


def head(found: dict[str, Any]) -> str:
    """What was measured on."""
    machine = found["machine"]
    return f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}; milliseconds"


def markdown(found: dict[str, Any]) -> str:
    """The tables, times in milliseconds."""
    rates = "; ".join(f"{rate:.0f} with {clients}" for clients, rate in found["throughput"].items())
    lines = [head(found), "", *inside_table(found["snippets"]), "", *outside_table(found["snippets"])]
    lines += ["", f"w1, answers per second by clients: {rates}", ""]
    streams = {name: stream.Streamed(**row) for name, row in found["streams"].items()}
    return "\n".join([*lines, *stream.markdown(streams, found["cancel"]), ""])


def inside_table(snippets: dict[str, Any]) -> list[str]:
    """In one process: plain eager, under the tracer, and where the tracer's time goes."""
    lines = [
        "Inside, processor time, lower quartiles:",
        "",
        f"| snippet | eager | traced | ratio | least ratio | {' | '.join(SPLIT)} | wall |",
        "| --- |" + " ---: |" * (5 + len(SPLIT)),
    ]
    for name, row in snippets.items():
        for kind in ("inside", "sampled"):
            if kind not in row:
                continue
            inner = row[kind]
            cells = [name if kind == "inside" else f"{name}, sampled", _ms(inner["eager"]), _ms(inner["run"])]
            cells += [f"{inner['ratio']:.2f}", f"{inner['best_ratio']:.2f}"]
            cells += [*(_ms(inner["split"][part]) for part in SPLIT), _ms(inner["wall"])]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def outside_table(snippets: dict[str, Any]) -> list[str]:
    """Over HTTP, with the answer's own account of it."""
    lines = [
        f"`POST /api/graph` every {endtoend.PAUSE} s, time on the clock, medians and a lower quartile:",
        "",
        "| snippet | end to end | quartile | queue | run | trace | encode | status | nodes | edges | steps | kB |",
        "| --- |" + " ---: |" * 6 + " --- |" + " ---: |" * 4,
    ]
    for name, row in snippets.items():
        outer = row["end_to_end"]
        cells = [name, _ms(outer["wall"]), _ms(outer["quartile"])]
        cells += [_ms(outer["parts"][part]) for part in ("queue", "run", "trace", "encode")]
        counts = [outer[field] for field in ("nodes", "edges", "steps")]
        cells += [outer["status"], *(f"{count:,}" for count in counts), f"{outer['bytes'] / 1000:,.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _ms(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.bench", description="Measure the tracer and the server.")
    parser.add_argument("--only", default="", help="some snippets: w1,w3")
    parser.add_argument("--inside", action="store_true", help="the tracer alone, without the server")
    parser.add_argument("--quick", action="store_true", help="one second for each measurement, not two and a half")
    return parser


if __name__ == "__main__":
    main()
