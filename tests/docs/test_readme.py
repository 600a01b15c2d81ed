"""What the README says is so."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from starlette.routing import WebSocketRoute

from backend.app import create_app
from backend.render import FORMATS
from backend.routes import page, runs_socket
from backend.settings import Settings
from tests.serving import Served

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(curl .*?)```", README, flags=re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(urlsplit(command.split()[2].strip("'")).path))
def test_curl_works_as_pasted(command: str, server: Served, tmp_path: Path) -> None:
    pasted = command.replace(ADDRESS, server.url)
    assert pasted != command
    ran = subprocess.run(
        ["/bin/sh", "-c", pasted], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    files = [path.read_text() for path in tmp_path.iterdir()]
    answer = (ran.stdout + "".join(files)).lstrip()
    assert answer.startswith(('{"status":"ok"', '{"type":"hello"', "<?xml", "<svg")), answer[:200]


def test_the_commands_are_those_of_the_api() -> None:
    assert [urlsplit(word.strip("'")).path for word in " ".join(COMMANDS).split() if ADDRESS in word] == [
        "/api/graph",
        "/api/render",
        "/api/runs",
    ]


def test_routes_are_those_of_the_app() -> None:
    told = set(re.findall(r"^\| `(GET|POST|PUT|DELETE|WS) (\S+)` \|", README, flags=re.MULTILINE))
    described = {
        (method.upper(), path)
        for path, methods in create_app(Settings()).openapi()["paths"].items()
        for method in methods
    }
    sockets = {("WS", route.path) for route in runs_socket.router.routes if isinstance(route, WebSocketRoute)}
    pages = {("GET", getattr(route, "path", "")) for route in page.router.routes}
    assert told == described | sockets | pages


def test_formats_are_those_of_render() -> None:
    row = next(line for line in README.splitlines() if line.startswith("| `POST /api/render`"))
    assert re.findall(r"`(\w+)`", row) == list(FORMATS)


def test_settings_are_those_of_the_code() -> None:
    told = re.findall(r"^\| `(CHAINRULE_\w+)` \| (.*) \| (.*) \|$", README, flags=re.MULTILINE)
    fields = Settings.model_fields
    assert told == [(f"CHAINRULE_{name.upper()}", default(fields[name]), fields[name].description) for name in fields]


def default(field: FieldInfo) -> str:
    """A default as the README writes it."""
    if field.default_factory is not None:
        return "one per core, at least 2"
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default).lower()


def test_the_map_is_that_of_the_tree() -> None:
    block = README.split("## Where things are")[1].split("```")[1]
    assert mapped(block) == folders()


def test_linked_files_exist() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def mapped(block: str) -> set[str]:
    """The folders that a map names; two spaces deeper is one level down."""
    found: set[str] = set()
    parents: list[str] = []
    for line in block.splitlines():
        if match := re.match(r"( *)(\S+)/ ", line):
            parents[len(match[1]) // 2 :] = [match[2]]
            found.add("/".join(parents))
    return found


def folders() -> set[str]:
    """The folders that a map should name: all at the top, in `backend`, `frontend` and `frontend/src`."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    tracked = {str(parent) for path in listed for parent in Path(path).parents if str(parent) != "."}
    shown = {folder for folder in tracked if str(Path(folder).parent) in {".", "backend", "frontend", "frontend/src"}}
    return {folder for folder in shown if not folder.startswith(".")}
