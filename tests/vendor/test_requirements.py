"""The requirement files are exact, complete, and what is installed."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"([A-Za-z0-9._-]+)==([0-9][A-Za-z0-9.]*)")


def pins(name: str) -> dict[str, str]:
    """Package -> version of one requirement file and those it includes."""
    found: dict[str, str] = {}
    for line in (ROOT / name).read_text().splitlines():
        if line.startswith("-r "):
            found |= pins(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            match = PIN.fullmatch(line)
            assert match, f"not an exact version: {line!r}"
            found[canonicalize_name(match[1])] = match[2]
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_whatever_a_package_needs_is_pinned_too(name: str) -> None:
    pinned = pins(name)
    missing = {
        f"{package} needs {requirement.name}"
        for package in pinned
        for requirement in map(Requirement, distribution(package).requires or ())
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        # torch's builds for GPUs bring their own, at the exact versions that torch names.
        if canonicalize_name(requirement.name) not in pinned and package != "torch"
    }
    assert missing == set()


def test_what_is_installed_is_what_is_pinned() -> None:
    wanted = pins("requirements-dev.txt")
    assert {package: Version(distribution(package).version).public for package in wanted} == wanted
