"""`POST /api/runs`, `GET /api/runs/{run_id}/events`, `DELETE /api/runs/{run_id}`: streaming for REST clients."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from backend.routes.openapi import FAILURES, UNKNOWN_RUN
from backend.routes.state import ServingNow
from backend.schema import GraphRequest, RunLinks

router = APIRouter(prefix="/api/runs", tags=["stream"])

NDJSON: Final = "application/x-ndjson"

AT_ONCE: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Encoding": "identity"}
"""Nothing on the way, our own compression included, may hold a message back to see whether more comes."""

After = Annotated[int, Query(ge=0, description="The `seq` of the last message that the client has.")]
Attempt = Annotated[int, Query(ge=1, description="The `attempt` that it is of, as `hello` said.")]


@router.post(
    "",
    status_code=201,
    summary="Start a run that goes on by itself",
    response_model=RunLinks,
    responses={
        200: {
            "description": "With Accept: application/x-ndjson, the run's messages instead, as `events` gives them.",
            "content": {NDJSON: {"schema": {"type": "string"}}},
        },
        **FAILURES,
    },
)
async def post_runs(
    body: GraphRequest, response: Response, serving: ServingNow, accept: Annotated[str, Header()] = "*/*"
) -> RunLinks | StreamingResponse:
    """Starts the run and answers at once; it runs to its end whether anybody follows it or not.

    A client that accepts NDJSON gets the run's messages in the answer, and the run ends when nobody follows it.
    """
    wants_messages = NDJSON in accept
    run_id = await serving.runs.start(body, attended=wants_messages)
    path = f"/api/runs/{run_id}"
    if wants_messages:
        return await _streaming(serving.runs.follow(run_id, as_json=True))
    response.headers["Location"] = f"{path}/events"
    return RunLinks(run_id=run_id, socket=path, events=f"{path}/events", cancel=path)


@router.get(
    "/{run_id}/events",
    summary="Follow a run",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "One message a line, as they come, until `done`. Each has `type` and `seq`; see the docs.",
            "content": {NDJSON: {"schema": {"type": "string"}}},
        },
        **UNKNOWN_RUN,
    },
)
async def get_events(run_id: str, serving: ServingNow, after: After = 0, attempt: Attempt = 1) -> StreamingResponse:
    """The run's messages after `after`, `hello` first; a client that comes again misses nothing."""
    return await _streaming(serving.runs.follow(run_id, after=after, attempt=attempt, as_json=True))


async def _streaming(messages: AsyncGenerator[bytes, None]) -> StreamingResponse:
    first = await anext(messages)  # before the answer begins, so that an unknown run is a 404
    return StreamingResponse(_lines(first, messages), media_type=NDJSON, headers=AT_ONCE)


async def _lines(first: bytes, messages: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(messages):
        yield first + b"\n"
        async for message in messages:
            yield message + b"\n"


@router.delete("/{run_id}", status_code=204, summary="Stop a run", responses=UNKNOWN_RUN)
async def delete_run(run_id: str, serving: ServingNow) -> None:
    """Stops the run; its last messages say so, and can still be read. One that has ended stays as it is."""
    await serving.runs.cancel(run_id)
