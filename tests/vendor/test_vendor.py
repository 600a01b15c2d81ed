"""The vendored libraries are what the lock file builds, and each has one importer in the page."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.programs import node

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "frontend"
MANIFEST = json.loads((FRONTEND / "vendor" / "manifest.json").read_text())
LIBRARIES = sorted(name for name in MANIFEST["libraries"] if not name.endswith(".woff2"))
COMMENT = re.compile(r"/\*.*?\*/", flags=re.DOTALL)
IMPORT = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)["'](?:\.{1,2}/)+vendor/([\w-]+)\.js["']""")


def files_below(folder: Path) -> dict[str, bytes]:
    """Relative path -> content of everything that `make vendor` writes below a front-end folder."""
    made = [folder / "vendor", folder / "assets" / "fonts"]
    return {
        str(path.relative_to(folder)): path.read_bytes() for top in made for path in top.rglob("*") if path.is_file()
    }


def test_committed_files_are_what_the_lock_file_builds(tmp_path: Path) -> None:
    subprocess.run([node(), str(ROOT / "tools" / "vendor.js"), "--out", str(tmp_path)], check=True, timeout=120)
    built, committed = files_below(tmp_path), files_below(FRONTEND)
    assert built.keys() == committed.keys()
    assert [name for name in built if built[name] != committed[name]] == []


def test_manifest_describes_every_file() -> None:
    found = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files_below(FRONTEND).items()
        if not name.endswith("manifest.json")
    }
    assert MANIFEST["files"] == found


def test_manifest_versions_are_those_of_the_lock_file() -> None:
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    vendored = {name: about["version"] for name, about in MANIFEST["packages"].items()}
    assert vendored == {name: locked[f"node_modules/{name}"]["version"] for name in vendored}


def test_every_vendored_package_has_its_licence_text() -> None:
    texts = (FRONTEND / "vendor" / "LICENSES.txt").read_text()
    headings = [f"{name} {about['version']} ({about['license']})\n" for name, about in MANIFEST["packages"].items()]
    assert [heading for heading in headings if heading not in texts] == []


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_library_has_at_most_one_importer(library: str) -> None:
    assert len(importers(library)) <= 1


@pytest.mark.parametrize("library", ["codemirror", "d3", "graphviz", "katex", "lit"])
def test_the_page_uses_what_is_vendored_for_it(library: str) -> None:
    assert len(importers(library)) == 1


def importers(library: str) -> list[str]:
    """The modules of the page that import a vendored library; a type in a comment is no import."""
    code = {path: COMMENT.sub("", path.read_text()) for path in (FRONTEND / "src").rglob("*.js")}
    return sorted(str(path.relative_to(FRONTEND)) for path, text in code.items() if library in IMPORT.findall(text))
