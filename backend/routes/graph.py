"""`POST /api/graph`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from backend.routes.disconnect import unless_gone
from backend.routes.openapi import FAILURES
from backend.routes.state import ServingNow
from backend.schema import GraphAnswer, GraphRequest

router = APIRouter()


@router.post(
    "/api/graph",
    tags=["run"],
    summary="Run a snippet and return what autograd did",
    response_class=Response,
    responses={
        200: {
            "model": GraphAnswer,
            "description": "What the snippet did. Also when it failed: then status is not ok, and problem says why.",
        },
        **FAILURES,
    },
)
async def post_graph(body: GraphRequest, request: Request, serving: ServingNow) -> Response:
    """Runs the snippet to its end in the sandbox and returns the whole trace: every value and every gradient."""
    answer = await unless_gone(request, serving.runs.run(body))
    return Response(answer.body, media_type="application/json", headers={"X-Chainrule-Status": answer.status})
