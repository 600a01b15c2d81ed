"""A real server in a process of its own, for tests that talk HTTP."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

ROOT: Final = Path(__file__).resolve().parent.parent
START_SECONDS: Final = 120.0
"""Generous: importing torch on a cold and busy machine."""
IDLE_SECONDS: Final = 120.0
"""Generous: more than the grace period of a run that nobody follows."""


@dataclass(frozen=True)
class Served:
    """A running server: where it is, a client for it, what it said when it started."""

    url: str
    client: httpx.Client
    greeting: str
    process: subprocess.Popen[str]

    def graph(self, code: str, **options: Any) -> Any:
        """The answer of `POST /api/graph`, which must be a 200."""
        response = self.client.post("/api/graph", json={"code": code, "options": options})
        assert response.status_code == 200, response.text
        return response.json()

    def runs(self) -> dict[str, int]:
        """How many runs are "running", "queued" and "finished"."""
        counts: dict[str, int] = self.client.get("/healthz").json()["runs"]
        return counts

    def until_idle(self) -> None:
        """Returns once nothing runs or waits, whatever tests before left there; fails where that takes too long."""
        until = time.monotonic() + IDLE_SECONDS
        while (counts := self.runs())["running"] or counts["queued"]:
            assert time.monotonic() < until, f"the runs go on: {counts}"
            time.sleep(0.01)


@contextmanager
def serve(*flags: str, **settings: object) -> Iterator[Served]:
    """Start `python -m backend` on a free port with `CHAINRULE_*` settings; stop it the way an operator does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CHAINRULE_")}
    environment |= {f"CHAINRULE_{name.upper()}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", "--port", "0", *flags],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, said), daemon=True)
    reader.start()
    try:
        greeting = _greeting(said)
        url = re.findall(r"http://\S+", greeting)[0]
        with httpx.Client(base_url=url, timeout=60) as client:
            yield Served(url, client, greeting, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            reader.join()
            assert process.stdout is not None
            process.stdout.close()


def _read(process: subprocess.Popen[str], said: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        said.put(line)
    said.put("")


def _greeting(said: queue.Queue[str]) -> str:
    """The line with the URL; everything said, when the server ended without one."""
    lines: list[str] = []
    while True:
        line = said.get(timeout=START_SECONDS)
        lines.append(line)
        if "http://" in line:
            return line
        if not line:
            raise AssertionError("the server did not start: " + "".join(lines))
