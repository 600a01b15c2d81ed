"""`python -m tests.bench.peers`: the same workloads under each tool, each in a process of its own. Prints Markdown.

The tools lie in `build/peers`, where `make bench-peers` puts them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any, Final

from tests.bench.peers.tools import GIVES
from tests.bench.peers.workloads import NAMES
from tests.serving import ROOT

PEERS: Final = ROOT / "build" / "peers"


def main() -> None:
    """Some minutes, most of them torchlens's."""
    parser = argparse.ArgumentParser("python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--only", default="", help="some workloads: w1,w3")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds after which a tool is stopped")
    flags = parser.parse_args()
    if not PEERS.is_dir():
        raise SystemExit(f"{PEERS} is missing: run make bench-peers, which installs requirements-peers.txt there")
    only = [name for name in flags.only.split(",") if name]
    names = [name for name in NAMES if not only or name.partition("_")[0] in only]
    found = {tool: {name: run(tool, name, flags.seconds, flags.patience) for name in names} for tool in GIVES}
    (ROOT / "build" / "bench-peers.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    sys.stdout.write(markdown(found, names))


def run(tool: str, name: str, seconds: float, patience: float) -> dict[str, Any]:
    """What one tool took at one workload, or why it has no figure."""
    sys.stderr.write(f"{tool}: {name}\n")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": str(PEERS)}
    command = [sys.executable, "-m", "tests.bench.peers.one", tool, name, str(seconds)]
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"> {patience:.0f} s"}
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return {"failed": words.partition(":")[0] or f"exit {done.returncode}"}
    return dict(json.loads(done.stdout))


def markdown(found: dict[str, dict[str, dict[str, Any]]], names: list[str]) -> str:
    """A row for each tool: how many times longer than plain forward and backward."""
    lines = [
        "Processor time with the tool over processor time of plain eager forward and backward, least of each.",
        "",
        f"| tool | {' | '.join(name.partition('_')[0] for name in names)} | what it gives |",
        f"| --- |{' ---: |' * len(names)} --- |",
    ]
    eager = [found["chainrule"][name].get("eager") for name in names]
    lines.append(f"| plain eager, ms | {' | '.join('-' if ms is None else f'{ms:.3g}' for ms in eager)} | |")
    for tool, rows in found.items():
        lines.append(f"| {tool} | {' | '.join(_cell(rows[name]) for name in names)} | {GIVES[tool]} |")
    return "\n".join([*lines, ""])


def _cell(row: dict[str, Any]) -> str:
    return str(row["failed"]) if "failed" in row else f"{row['with'] / row['eager']:.1f}"


if __name__ == "__main__":
    main()
