"""`POST /api/render`."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from backend.render import FORMATS, draw, media_type
from backend.routes.disconnect import unless_gone
from backend.routes.openapi import FAILURES
from backend.routes.state import ServingNow
from backend.schema import ErrorAnswer, GraphAnswer, GraphRequest

router = APIRouter()

Format = Annotated[str, Query(alias="format", description=f"One of {', '.join(FORMATS)}.", examples=["svg"])]


@router.post(
    "/api/render",
    tags=["run"],
    summary="Run a snippet and return its graph as a picture",
    response_class=Response,
    responses={
        200: {
            "description": "The picture. X-Chainrule-Status is the run's status: a failing snippet is drawn so far.",
            "content": {kind: {} for kind in sorted({media_type(name) for name in FORMATS})},
        },
        **FAILURES,
        501: {
            "model": ErrorAnswer,
            "description": "The Graphviz program is not installed; dot and mermaid still work.",
        },
    },
)
async def post_render(body: GraphRequest, request: Request, serving: ServingNow, name: Format = "svg") -> Response:
    """Runs the snippet like /api/graph and draws the last step that has gradients."""
    kind = media_type(name)
    answer = await unless_gone(request, serving.runs.run(body))
    picture = await asyncio.to_thread(lambda: draw(GraphAnswer.model_validate_json(answer.body), name))
    return Response(picture, media_type=kind, headers={"X-Chainrule-Status": answer.status})
