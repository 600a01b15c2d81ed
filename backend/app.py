"""`create_app`: routes, the page, error answers. No logic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from backend import __version__
from backend.render import graphviz_version
from backend.routes import graph, health, page, render, runs_rest, runs_socket
from backend.routes.failures import add_handlers
from backend.routes.guard import Guard
from backend.routes.headers import SecurityHeaders
from backend.routes.openapi import describe
from backend.routes.page import mount_folders
from backend.routes.state import Serving
from backend.runs import Runs
from backend.sandbox import Limits, Sandbox
from backend.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The whole server. The sandbox starts and ends with the app's lifespan.

    Errors (of the lifespan):
        BelowMinimum: a layer of the sandbox that must hold does not, and `settings.unsafe_local` is not set.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sandbox = make_sandbox(settings)
        await sandbox.start()
        runs = Runs(sandbox, settings)
        try:
            graphviz = await asyncio.to_thread(graphviz_version)
            app.state.serving = Serving(sandbox, runs, graphviz)
            yield
        finally:
            await runs.close()
            await sandbox.close()

    app = FastAPI(
        title="Chainrule",
        version=__version__,
        description="Type PyTorch, watch autograd think: every value forward, every gradient back.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        openapi_tags=[
            {"name": "run", "description": "Run a snippet. One that fails is a result, with status 200."},
            {"name": "stream", "description": "Follow a run while it runs."},
            {"name": "server", "description": "The server itself."},
        ],
    )
    for resource in (graph, render, runs_rest, runs_socket, health, page):
        app.include_router(resource.router)
    mount_folders(app)
    app.add_middleware(GZipMiddleware, minimum_size=16 * 1024, compresslevel=1)
    app.add_middleware(
        Guard,
        code_bytes=settings.code_bytes,
        local_names=settings.unsafe_local,
        origins=frozenset(settings.origins.replace(",", " ").split()),
    )
    app.add_middleware(SecurityHeaders)
    add_handlers(app)
    describe(app)
    return app


def make_sandbox(settings: Settings) -> Sandbox:
    """The sandbox that the settings ask for, not yet started."""
    return Sandbox(
        entry="backend.trace.entry:Entry",
        warm_children=settings.warm_children,
        limits=Limits(
            cpu_seconds=settings.cpu_seconds,
            wall_seconds=settings.wall_seconds,
            memory_bytes=settings.memory_bytes,
            message_bytes=settings.message_bytes,
            run_bytes=settings.run_bytes,
        ),
        unsafe_local=settings.unsafe_local,
    )
