"""`GET /healthz`."""

from __future__ import annotations

import platform

from fastapi import APIRouter

from backend import __version__
from backend.routes.state import ServingNow
from backend.schema import Health

router = APIRouter()


@router.get("/healthz", tags=["server"], summary="Is it well, and how safe is it")
async def get_health(serving: ServingNow) -> Health:
    """Versions, the sandbox layers that held when attacked at start, and how many runs there are."""
    report = serving.sandbox.report
    return Health(
        status="ok" if report.safe else "degraded",
        version=__version__,
        python=platform.python_version(),
        torch=serving.sandbox.versions.get("torch"),
        graphviz=serving.graphviz,
        sandbox=report,
        runs=serving.runs.counts,
    )
