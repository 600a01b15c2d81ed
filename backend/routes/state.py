"""What the routes share, made when the server starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.runs import Runs
from backend.sandbox import Sandbox


@dataclass(frozen=True)
class Serving:
    """The parts that are alive while the server is. `graphviz` is the version of `dot`, None when it is missing."""

    sandbox: Sandbox
    runs: Runs
    graphviz: str | None


def _serving(request: HTTPConnection) -> Serving:
    return cast("Serving", request.app.state.serving)


ServingNow = Annotated[Serving, Depends(_serving)]
