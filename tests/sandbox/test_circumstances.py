"""The sandbox holds as root and as a plain user, with unshare denied and without Landlock: all eight together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = (
    "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('tests.sandbox.driver', run_name='__main__')"
)

CIRCUMSTANCES = [
    [name for name in names if name] for names in product(("", "user"), ("", "no-unshare"), ("", "no-landlock"))
]


def report_under(circumstances: list[str]) -> dict[str, Any]:
    if "user" in circumstances and os.getuid() != 0:
        pytest.skip("already a plain user: the case without 'user' is this one")
    command = [sys.executable, "-c", START, str(ROOT), *circumstances]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("circumstances", CIRCUMSTANCES, ids=lambda names: "+".join(names) or "as it is")
def test_it_holds_and_reports_what_held(circumstances: list[str]) -> None:
    answer = report_under(circumstances)
    assert answer["report"]["safe"]
    assert [attack for attack in answer["report"]["attacks"] if not attack["held"]] == []
    layers = {layer["name"]: layer["held"] for layer in answer["report"]["layers"]}
    assert layers["seccomp"]
    assert layers["rlimits"]
    assert layers["clean_zygote"]
    assert layers["setuid"]
    if "no-unshare" in circumstances:
        assert not layers["namespaces"]
    if "no-landlock" in circumstances:
        assert not layers["landlock"]
    assert answer["child_uid"] != 0
    assert answer["memory"] == "MemoryError"
    assert answer["threads"] == 1
    assert answer["spin"][:2] == ["timeout", "cpu"]
    assert answer["spin"][2] in (1, 2)
    assert answer["segfault"] == ["SIGSEGV", 2]
    if "user" in circumstances:
        assert answer["uid"] != 0


def test_what_is_taken_away_is_there_otherwise() -> None:
    """The control, on a machine that offers both: else the cases above would prove nothing."""
    layers = {layer["name"]: layer for layer in report_under([])["report"]["layers"]}
    missing = [name for name in ("namespaces", "landlock") if not layers[name]["held"]]
    if missing:
        pytest.skip(
            f"this kernel or container does not offer {missing}: {[layers[name]['detail'] for name in missing]}"
        )


def test_without_seccomp_it_refuses_to_start() -> None:
    refused = report_under(["no-seccomp"])["refused"]
    assert "seccomp" in refused
    assert "Invalid argument" in refused


def test_without_seccomp_it_starts_when_told_to_and_says_what_does_not_hold() -> None:
    answer = report_under(["no-seccomp", "unsafe"])
    assert not answer["report"]["safe"]
    assert answer["report"]["unsafe_local"]
    layers = {layer["name"]: layer["held"] for layer in answer["report"]["layers"]}
    assert (layers["seccomp"], layers["rlimits"], layers["clean_zygote"]) == (False, True, True)
    assert answer["memory"] == "MemoryError"
    assert answer["spin"][:2] == ["timeout", "cpu"]
