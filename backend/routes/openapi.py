"""What `/openapi.json` says beyond what the code says of itself: the errors, and answers as examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from backend.schema import ErrorAnswer

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
    graph = schema["paths"]["/api/graph"]["post"]["responses"]["200"]["content"]["application/json"]
    graph["examples"] = {
        name: {"summary": answer["summary"], "value": answer["answer"]} for name, answer in answers.items()
    }
    return schema


def _error(code: str, message: str, where: str | None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "hint": None, "where": where}}
