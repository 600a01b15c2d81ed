"""`python -m backend`: how it starts, how it refuses, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT, serve


def start(*flags: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail before anything is served."""
    environment = {**os.environ, **{f"CHAINRULE_{name.upper()}": value for name, value in settings.items()}}
    return subprocess.run(
        [sys.executable, "-m", "backend", *flags],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = start("--port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"chainrule: cannot listen on 127.0.0.1 port {port}: address already in use")
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_sandbox_it_listens_to_this_machine_only() -> None:
    done = start("--unsafe-local", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "must not listen on 0.0.0.0" in done.stderr


@pytest.mark.parametrize(("name", "value"), [("cpu_seconds", "-1"), ("concurrent_runs", "many"), ("port", "99999")])
def test_a_setting_that_cannot_be_is_named(name: str, value: str) -> None:
    done = start(**{name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"chainrule: {name}: ")
    assert "Traceback" not in done.stderr


def test_flags_win_over_the_environment() -> None:
    with serve("--host", "localhost", host="203.0.113.1", port="1") as server:
        assert server.client.get("/healthz").status_code == 200


def children(process: int) -> list[int]:
    """Every process below this one."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[1]) == process:
            found += [int(status.parent.name), *children(int(status.parent.name))]
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="counts processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_and_its_sandbox(number: signal.Signals) -> None:
    with serve() as server:
        started = children(server.process.pid)
        assert started
        server.process.send_signal(number)
        assert server.process.wait(30) == 0
        assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
