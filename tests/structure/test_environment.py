"""Only `backend.settings` reads the environment."""

from __future__ import annotations

import ast
from pathlib import Path

BACKEND = Path(__file__).parents[2] / "backend"
READERS = {
    "settings.py",
    # These two look at it to prove that a snippet cannot: the one hashes it, the other searches for the hashes.
    "sandbox/selftest.py",
    "sandbox/attacks.py",
    # It tells what importing torch itself puts there, which is no secret of the server's.
    "sandbox/zygote.py",
}
NAMES = {"environ", "environb", "getenv", "getenvb"}


def reads_environment(source: str) -> bool:
    """Whether a module mentions os.environ or os.getenv, by whatever road."""
    nodes = list(ast.walk(ast.parse(source)))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    imported = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    return bool((attributes | imported) & NAMES)


def test_only_settings_reads_the_environment() -> None:
    modules = {str(path.relative_to(BACKEND)): path.read_text(encoding="utf-8") for path in BACKEND.rglob("*.py")}
    readers = {name for name, source in modules.items() if reads_environment(source)}
    assert readers - {"settings.py"} == READERS - {"settings.py"}


def test_every_way_of_reading_it_is_seen() -> None:
    assert reads_environment("import os\nx = os.environ['A']")
    assert reads_environment("from os import getenv as g\nx = g('A')")
    assert not reads_environment("import os\nx = os.getpid()")
