"""The version is written in several places, and is the same in each."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from backend import __version__

ROOT = Path(__file__).parents[2]


def test_every_file_names_the_same_version() -> None:
    compose = re.search(r"image: chainrule:(\S+)", (ROOT / "docker-compose.yml").read_text())
    assert compose is not None
    assert {
        "pyproject.toml": tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"],
        "package.json": json.loads((ROOT / "package.json").read_text())["version"],
        "package-lock.json": json.loads((ROOT / "package-lock.json").read_text())["version"],
        "docker-compose.yml": compose[1],
    } == dict.fromkeys(("pyproject.toml", "package.json", "package-lock.json", "docker-compose.yml"), __version__)
