"""Every error as `schema.ErrorAnswer`, whoever raised it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from backend.errors import BusyError, ChainruleError
from backend.routes.headers import SECURITY
from backend.schema import ErrorAnswer, ErrorBody

_log: Final = logging.getLogger("backend")

CODES: Final = {404: "not_found", 405: "method_not_allowed"}
HINTS: Final = {
    400: 'Send a JSON object in UTF-8, such as {"code": "x = 1"}.',
    404: "The paths are listed at /docs.",
    405: "The Allow header says which methods there are.",
}


def error_response(
    status: int,
    code: str,
    message: str,
    *,
    hint: str | None = None,
    where: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The one shape of every error."""
    answer = ErrorAnswer(error=ErrorBody(code=code, message=message, hint=hint, where=where))
    return Response(answer.model_dump_json(), status, headers, "application/json")


def add_handlers(app: FastAPI) -> None:
    """Make `app` answer every exception in the one shape."""
    app.add_exception_handler(ChainruleError, _chainrule)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _chainrule(request: Request, error: Exception) -> Response:
    assert isinstance(error, ChainruleError)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, BusyError):
        _log.error("%s %s: %s", request.method, request.url.path, error)
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, BusyError) else None
    return error_response(error.status, error.code, error.message, hint=error.hint, where=error.where, headers=headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    message, where = sentences(error.errors())
    return error_response(
        422, "invalid_request", message, hint="The fields and their limits are described at /docs.", where=where
    )


def sentences(found: Sequence[Any]) -> tuple[str, str | None]:
    """What pydantic found wrong, in words, and where the first of it is."""
    wheres = [_where(item["loc"]) for item in found]
    message = "; ".join(_sentence(where, item) for where, item in zip(wheres, found, strict=True))
    return message, wheres[0] if wheres else None


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    code = CODES.get(status) or HTTPStatus(status).name.lower() if status in _KNOWN else "bad_request"
    return error_response(status, code, str(error.detail).lower(), hint=HINTS.get(status), headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    """Our own bug: the log gets the traceback (the server writes it), the client does not."""
    _log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
    return error_response(
        500,
        "internal",
        "something went wrong in the server; the snippet is not to blame",
        hint="The server's log has the details.",
        headers=dict(SECURITY),
    )


_KNOWN: Final = frozenset(status.value for status in HTTPStatus)


def _where(location: Sequence[str | int]) -> str:
    """("body", "options", "preview") -> "options.preview"; the body itself is "body"."""
    rest = [str(part) for part in location[1:] if not isinstance(part, int)]
    return ".".join(rest) or str(location[0])


def _sentence(where: str, item: Mapping[str, Any]) -> str:
    """What pydantic says, with the name in front and the value that was sent, when it is short."""
    kind = item["type"]
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        return f"{where} is not a known field"
    if kind == "json_invalid":
        return f"the body is not JSON: {item.get('ctx', {}).get('error', item['msg'])}"
    sent = item.get("input")
    shown = f", not {sent!r}" if isinstance(sent, bool | int | float | str) and len(repr(sent)) <= 40 else ""
    words = str(item["msg"]).removeprefix("Input ")
    return f"{where} {words[:1].lower()}{words[1:]}{shown}"
