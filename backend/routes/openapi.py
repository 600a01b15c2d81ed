"""What `/openapi.json` says beyond what the code says of itself: the errors, and answers as examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from backend.routes.runs_socket import CLOSES
from backend.schema import (
    Binding,
    Cancel,
    Done,
    ErrorAnswer,
    GradientCheck,
    Graph,
    Hello,
    NamedGradient,
    Notice,
    Output,
    Problem,
    Progress,
    Refusal,
    Result,
    Scalars,
    Skipped,
    Start,
    Step,
)

ANSWERS: Final = Path(__file__).parent / "answers"
"""Real answers, as this server gave them; a test gives them again."""

FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    413: {"model": ErrorAnswer, "description": "The snippet or the body is too large."},
    415: {"model": ErrorAnswer, "description": "The body is not application/json."},
    422: {"model": ErrorAnswer, "description": "A field is missing, unknown or out of its limits."},
    503: {"model": ErrorAnswer, "description": "Every place is taken; the header Retry-After says when to come back."},
}

UNKNOWN_RUN: Final[dict[int | str, dict[str, Any]]] = {
    404: {"model": ErrorAnswer, "description": "There is no such run, or no longer."},
    422: FAILURES[422],
}

ERRORS: Final = {
    "404": ("unknown_run", "there is no run 'Zm9vYmFyYmF6cXV4'", "run_id"),
    "413": ("snippet_too_large", "the snippet has 70000 bytes, at most 65536 are allowed", "code"),
    "415": ("unsupported_media_type", "the body must be application/json, not 'text/plain'", "Content-Type"),
    "422": ("invalid_request", "options.preview should be less than or equal to 4096, not 5000", "options.preview"),
    "503": ("busy", "2 runs are under way and 64 wait: no place is left", None),
}


MESSAGES: Final[dict[str, type[BaseModel]]] = {
    "hello": Hello,
    "graph": Graph,
    "step": Step,
    "scalars": Scalars,
    "progress": Progress,
    "binding": Binding,
    "gradient": NamedGradient,
    "gradcheck": GradientCheck,
    "output": Output,
    "notice": Notice,
    "result": Result,
    "skipped": Skipped,
    "problem": Problem,
    "done": Done,
}
"""What a stream is made of, by `type`."""

SPELLING: Final = (
    "Frames are binary, each one MessagePack map; with ?encoding=json they are text, and each message has the fields "
    "of its model, `type` and `seq`. In MessagePack a step's numbers are flat buffers, laid out by its graph's slots."
)

SOCKETS: Final[dict[str, dict[str, Any]]] = {
    "/api/runs": {
        "summary": "Start runs and watch them while they run",
        "description": "Send a Start as text; the run's messages follow, from hello to done. Then, or even before, the "
        "next Start begins another run on the same socket; one that is still under way is cancelled. A Cancel stops "
        f"the run that is shown. {SPELLING}",
        "sends": [Start, Cancel],
    },
    "/api/runs/{run_id}": {
        "summary": "Follow or resume a run",
        "description": "Its messages after ?after=SEQ, hello first, as they come; the socket is closed after done. A "
        f"Cancel stops the run. {SPELLING}",
        "sends": [Cancel],
    },
}
"""OpenAPI has no words for a WebSocket, so these are told as `x-websockets`."""


def describe(app: FastAPI) -> None:
    """Make `app.openapi` give the schema with examples. It is put together when first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_examples(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    description=app.description,
                    routes=app.routes,
                    tags=app.openapi_tags,
                )
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema


def _with_examples(schema: dict[str, Any]) -> dict[str, Any]:
    answers = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(ANSWERS.glob("*.json"))}
    for path in schema["paths"].values():
        for method in path.values():
            for status, response in method.get("responses", {}).items():
                content = response.get("content", {}).get("application/json")
                if content is not None and status in ERRORS:
                    content["example"] = _error(*ERRORS[status])
    _add_sockets(schema)
    graph = schema["paths"]["/api/graph"]["post"]["responses"]["200"]["content"]["application/json"]
    graph["examples"] = {
        name: {"summary": answer["summary"], "value": answer["answer"]} for name, answer in answers.items()
    }
    return schema


def _add_sockets(schema: dict[str, Any]) -> None:
    models: list[type[BaseModel]] = [*MESSAGES.values(), Start, Cancel, Refusal]
    template = "#/components/schemas/{model}"
    _, found = models_json_schema([(model, "serialization") for model in models], ref_template=template)
    schema["components"]["schemas"] = {**found["$defs"], **schema["components"]["schemas"]}

    def refer(model: type[BaseModel]) -> dict[str, str]:
        return {"$ref": template.format(model=model.__name__)}

    schema["x-websockets"] = {
        path: {
            **told,
            "sends": [refer(model) for model in told["sends"]],
            "receives": {**{kind: refer(model) for kind, model in MESSAGES.items()}, "error": refer(Refusal)},
            "closes": {str(code): words for code, words in CLOSES.items()},
        }
        for path, told in SOCKETS.items()
    }


def _error(code: str, message: str, where: str | None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "hint": None, "where": where}}
