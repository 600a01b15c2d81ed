"""The commands that the documents name are there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_that_a_document_names_exist(document: Path) -> None:
    named = re.findall(r"(?:`|^    )make ([a-z]+)", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(named) <= TARGETS


def test_every_target_but_the_parts_of_check_is_explained() -> None:
    explained = set(re.findall(r'@echo "make ([a-z]+) ', MAKEFILE))
    parts = set(re.findall(r"^check: (.+)$", MAKEFILE, flags=re.MULTILINE)[0].split())
    assert explained | parts | {"help"} == TARGETS


def test_continuous_integration_runs_make_test() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec make test"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


@pytest.mark.parametrize(
    ("variables", "command"),
    [
        ([], "python -m backend"),
        (["PORT=9000"], "python -m backend --port 9000"),
        (["HOST=0.0.0.0", "PORT=0"], "python -m backend --host 0.0.0.0 --port 0"),
    ],
)
def test_make_run_passes_on_what_is_given(variables: list[str], command: str) -> None:
    told = subprocess.run(
        ["make", "--dry-run", "run", *variables],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert " ".join(told.stdout.splitlines()[-1].split()).endswith(command)
