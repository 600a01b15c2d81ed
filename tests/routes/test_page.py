"""The page's files: types, caching, and what is not served."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backend.routes.page import FOLDERS, FRONTEND, TYPES
from tests.serving import Served

MODULES = sorted(path.relative_to(FRONTEND).as_posix() for path in (FRONTEND / "src").rglob("*.js"))


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_pages_are_html_under_a_strict_policy(server: Served, path: str) -> None:
    response = server.client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "http" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert server.client.head(path).status_code == 200


def test_modules_have_the_type_without_which_they_do_not_load(server: Served) -> None:
    assert MODULES
    for module in MODULES:
        response = server.client.get(f"/{module}")
        assert response.headers["content-type"] == "text/javascript; charset=utf-8", module


def test_a_file_that_is_known_is_not_sent_again(server: Served) -> None:
    first = server.client.get(f"/{MODULES[0]}")
    assert first.headers["cache-control"] == "no-cache"
    again = server.client.get(f"/{MODULES[0]}", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_files_come_compressed_to_whoever_takes_them_so(server: Served) -> None:
    path = "/vendor/graphviz.js"
    small = server.client.get(path, headers={"accept-encoding": "gzip"})
    whole = server.client.get(path, headers={"accept-encoding": "identity"})
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["vary"] == "Accept-Encoding"
    assert int(small.headers["content-length"]) < int(whole.headers["content-length"])
    assert "content-encoding" not in whole.headers
    assert small.content == whole.content
    known = {"accept-encoding": "gzip", "if-none-match": small.headers["etag"]}
    assert server.client.get(path, headers=known).status_code == 304


def test_page_names_every_module_that_it_needs_at_once(server: Served) -> None:
    link = server.client.get("/").headers["link"]
    named = re.findall(r"<([^>]+)>; rel=modulepreload", link)
    assert {"src/main.js", "src/early.js", "src/layout/layout.js", "src/stage/stage.js", "vendor/d3.js"} <= set(named)
    assert not {"vendor/codemirror.js", "vendor/katex.js"} & set(named), "these come later"
    assert all((FRONTEND / name).is_file() for name in named)
    for name in named:
        for other in re.findall(r'^\S.* from "(\..+\.js)";$', (FRONTEND / name).read_text("utf-8"), re.MULTILINE):
            path = (FRONTEND / name).parent.joinpath(other).resolve()
            assert path.relative_to(FRONTEND).as_posix() in named


def test_every_kind_of_file_that_is_served_has_a_type_of_ours() -> None:
    served = [path for folder in FOLDERS for path in (FRONTEND / folder).rglob("*") if path.is_file()]
    known = {*TYPES, ".ts"}  # .d.ts: for tsc, never asked for by the page
    assert {path.suffix for path in served} <= known
    assert Path(FRONTEND, "index.html").exists()
