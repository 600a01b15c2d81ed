"""`GET /docs`: the API, readable and tryable. FastAPI's own page would fetch its parts from the internet."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import FileResponse

from backend.routes.page import FRONTEND, TYPES

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def get_docs() -> FileResponse:
    """The page around `/openapi.json`."""
    return FileResponse(FRONTEND / "docs.html", headers={"Content-Type": TYPES[".html"], "Cache-Control": "no-cache"})
