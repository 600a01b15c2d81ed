"""The image and how it is started, as far as it can be seen without a Docker engine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["chainrule"]


def instructions() -> list[tuple[str, str]]:
    """(keyword, the rest) of each instruction of the Dockerfile, continued lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    pairs = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(keyword, re.sub(r"\s+", " ", rest).strip()) for keyword, rest in pairs]


def rest_of(keyword: str) -> list[str]:
    """What follows every instruction of one kind."""
    return [rest for found, rest in instructions() if found == keyword]


def copied() -> list[tuple[str, str]]:
    """(source, target) of what is copied from the repository."""
    pairs = (shlex.split(rest) for rest in rest_of("COPY") if not rest.startswith("--from"))
    return [(source, target) for source, target in pairs]


def ignored(path: PurePosixPath) -> bool:
    """Whether `.dockerignore` keeps a path out: the last rule that matches it or a folder above it decides."""
    out = False
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!")
        places = [str(place) for place in (path, *path.parents) if str(place) != "."]
        anywhere = pattern.removeprefix("**/")
        if any(fnmatch(place, pattern) or (anywhere != pattern and fnmatch(place, anywhere)) for place in places):
            out = not rule.startswith("!")
    return out


def test_every_base_is_an_exact_version() -> None:
    bases = [rest.split()[0] for rest in rest_of("FROM")]
    assert bases
    assert [base for base in bases if not re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)] == []
    assert len(set(bases)) == 1


def test_nothing_is_added_from_elsewhere() -> None:
    assert rest_of("ADD") == []


def test_package_lists_are_removed_in_the_layer_that_fetched_them() -> None:
    layers = [rest for rest in rest_of("RUN") if "apt-get" in rest]
    assert layers
    for layer in layers:
        assert "--no-install-recommends" in layer
        assert layer.endswith("rm -rf /var/lib/apt/lists/*")


def test_it_runs_as_a_number_that_is_not_root() -> None:
    last_stage = instructions()[max(at for at, (keyword, _) in enumerate(instructions()) if keyword == "FROM") :]
    users = [rest for keyword, rest in last_stage if keyword == "USER"]
    assert users == [SERVICE["user"]]
    assert int(users[0].split(":")[0]) > 0
    before = [keyword for keyword, _ in last_stage[: last_stage.index(("USER", users[0]))]]
    assert "CMD" not in before


def test_sources_exist_and_are_sent_to_the_builder() -> None:
    assert copied()
    for source, _ in copied():
        assert (ROOT / source).exists(), source
        assert not ignored(PurePosixPath(source)), source


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    sent = {path.name for path in ROOT.iterdir() if not ignored(PurePosixPath(path.name))}
    assert sent == {source for source, _ in copied()}


def test_compose_takes_every_privilege_away() -> None:
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["security_opt"] == ["no-new-privileges:true"]
    assert SERVICE["init"] is True
    assert not SERVICE.keys() & {
        "privileged",
        "cap_add",
        "devices",
        "pid",
        "network_mode",
        "ipc",
        "volumes",
        "userns_mode",
    }


def test_compose_publishes_on_loopback_the_port_of_the_image() -> None:
    inside = next(word for rest in rest_of("ENV") for word in rest.split() if word.startswith("CHAINRULE_PORT="))
    assert [port.split(":")[0] for port in SERVICE["ports"]] == ["127.0.0.1"]
    assert [port.rsplit(":", 1)[1] for port in SERVICE["ports"]] == [inside.split("=")[1]] == rest_of("EXPOSE")


def test_what_is_copied_starts_and_is_healthy(tmp_path: Path) -> None:
    """CMD and HEALTHCHECK as written, in a folder that holds what COPY copies and nothing else."""
    for source, target in copied():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__"))
    command, check = (words_after_cmd(rest) for rest in (rest_of("CMD")[0], rest_of("HEALTHCHECK")[0]))
    port = str(free_port())
    environment = {"PATH": os.defpath, "CHAINRULE_HOST": "0.0.0.0", "CHAINRULE_PORT": port}
    started = [sys.executable, *command[1:]]
    with subprocess.Popen(started, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert f"http://0.0.0.0:{port}" in server.stdout.readline()
            asked = [sys.executable, *(word.replace("8000", port) for word in check[1:])]
            assert eventually(asked)
        finally:
            server.terminate()
    assert subprocess.run(asked, check=False, capture_output=True).returncode != 0


def words_after_cmd(rest: str) -> list[str]:
    """The command in the JSON form of CMD and HEALTHCHECK."""
    words = yaml.safe_load(rest[rest.index("[") :])
    assert words[0] == "python"
    return list(words)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(command: list[str], tries: int = 60) -> bool:
    """Whether a command succeeds within some tries, as Docker's start period would allow."""
    for _ in range(tries):
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            return True
        time.sleep(0.25)
    return False


@pytest.mark.parametrize("path", ["tests", ".git", ".venv", "frontend/vendor/lit.d.ts", "backend/wire/__pycache__"])
def test_what_the_image_does_not_need_stays_out(path: str) -> None:
    assert ignored(PurePosixPath(path))


@pytest.mark.parametrize("path", ["backend/wire/struct.py", "frontend/index.html", "frontend/vendor/lit.js"])
def test_what_the_image_needs_is_sent(path: str) -> None:
    assert not ignored(PurePosixPath(path))
