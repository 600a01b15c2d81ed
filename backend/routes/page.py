"""The page's files, with the right types and without stale copies."""

from __future__ import annotations

import gzip
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.datastructures import Headers
from starlette.staticfiles import StaticFiles

from backend.routes.modules import imported

if TYPE_CHECKING:
    from starlette.types import Scope

FRONTEND: Final = Path(__file__).resolve().parent.parent.parent / "frontend"

FOLDERS: Final = ("src", "styles", "assets", "vendor")
"""What is served of `frontend/`, beside the two pages; what tools keep there is not."""

ENTRIES: Final = ("src/early.js", "src/main.js")
"""The page's own modules, in the order of `index.html`."""

TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
"""Ours, because what Python guesses depends on the machine, and a module of the wrong type does not load."""

COMPRESSED: Final = frozenset({".html", ".js", ".mjs", ".css", ".json", ".svg", ".txt", ".wasm"})
"""What gets smaller; fonts and PNGs are compressed already."""


router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def get_page(request: Request) -> Response:
    """The page, with a word on which modules it will need: else each would be asked for when another has come."""
    response = await Files(FRONTEND).get_response("index.html", request.scope)
    needed = [path.relative_to(FRONTEND).as_posix() for entry in ENTRIES for path in imported(FRONTEND / entry)]
    response.headers["Link"] = ", ".join(f"<{path}>; rel=modulepreload" for path in dict.fromkeys(needed))
    return response


@router.api_route("/docs", methods=["GET", "HEAD"])
async def get_docs(request: Request) -> Response:
    """The API, readable and tryable. FastAPI's own page would fetch its parts from the internet."""
    return await Files(FRONTEND).get_response("docs.html", request.scope)


def mount_folders(app: FastAPI) -> None:
    """Serve `FOLDERS`. Not all of `/`: a mount there would answer for every path and method that a route refuses."""
    for folder in FOLDERS:
        app.mount(f"/{folder}", Files(FRONTEND / folder), name=folder)


class Files(StaticFiles):
    """One folder. Every file carries an ETag and is asked for again each time, so an update shows at once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or 304 when the client has it already."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        suffix = Path(full_path).suffix.lower()
        if response.status_code == 304:
            return response
        if suffix in TYPES:
            response.headers["Content-Type"] = TYPES[suffix]
        asked = Headers(scope=scope)
        plain = "gzip" not in asked.get("Accept-Encoding", "") or "Range" in asked or scope["method"] != "GET"
        if plain or suffix not in COMPRESSED:
            return response
        body = compressed(str(full_path), stat_result.st_mtime_ns, stat_result.st_size)
        kept = {name: response.headers[name] for name in ("Content-Type", "Cache-Control", "ETag", "Last-Modified")}
        return Response(body, headers={**kept, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"})


@lru_cache(maxsize=256)
def compressed(path: str, *_version: int) -> bytes:
    """The file, as small as gzip makes it; once for each version of it, because a page asks for a hundred files."""
    return gzip.compress(Path(path).read_bytes(), 9)
