"""The page's files, with the right types and without stale copies."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

FRONTEND: Final = Path(__file__).resolve().parent.parent.parent / "frontend"

SERVED: Final = frozenset({".", "index.html", "docs.html", "favicon.ico", "src", "styles", "assets", "vendor"})
"""The first part of a path that may be served; what tools keep beside them may not."""

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


class Page(StaticFiles):
    """`frontend/` at `/`. Every file carries an ETag and is asked for again each time, so an update shows at once."""

    def __init__(self) -> None:
        super().__init__(directory=FRONTEND, html=True, check_dir=False)

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """The file for a path; nothing outside `SERVED`."""
        if (PurePosixPath(path).parts or (".",))[0] not in SERVED:
            return "", None
        return super().lookup_path(path)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or 304 when the client has it already."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        kind = TYPES.get(Path(full_path).suffix.lower())
        if kind is not None and response.status_code != 304:
            response.headers["Content-Type"] = kind
        return response
