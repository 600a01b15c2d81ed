"""The page's pure modules, tested where they need no browser: every `*.test.js` here, in Node's own test runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.programs import node

HERE = Path(__file__).parent


@pytest.mark.parametrize("file", sorted(HERE.glob("*.test.js")), ids=lambda file: file.name)
def test_node(file: Path) -> None:
    ran = subprocess.run([node(), "--test", str(file)], capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
