"""One error shape on every route, with words that say what was wrong."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from backend.app import create_app
from backend.errors import BusyError, GraphvizMissing, SandboxGone
from backend.schema import ErrorAnswer
from backend.settings import Settings
from tests.serving import Served

JSON = {"content-type": "application/json"}


def error_of(response: httpx.Response, status: int) -> Any:
    """The error's body, after checking that it has the one shape and the headers of every answer."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    ErrorAnswer.model_validate_json(response.content)
    assert list(response.json()["error"]) == ["code", "message", "hint", "where"]
    return response.json()["error"]


WRONG: list[tuple[str, str, dict[str, Any], int, str, str, str | None]] = [
    ("GET", "/nothing", {}, 404, "not_found", "not found", None),
    ("GET", "/src/nothing.js", {}, 404, "not_found", "not found", None),
    ("GET", "/src/../backend/app.py", {}, 404, "not_found", "not found", None),
    ("GET", "/src/%2e%2e/%2e%2e/backend/app.py", {}, 404, "not_found", "not found", None),
    ("GET", "/package.json", {}, 404, "not_found", "not found", None),
    ("POST", "/api/nothing", {"json": {}}, 404, "not_found", "not found", None),
    ("GET", "/api/graph", {}, 405, "method_not_allowed", "method not allowed", None),
    ("DELETE", "/healthz", {}, 405, "method_not_allowed", "method not allowed", None),
    ("POST", "/api/graph", {"content": b"{}"}, 415, "unsupported_media_type", "no content type", "Content-Type"),
    ("POST", "/api/graph", {"data": {"code": "x"}}, 415, "unsupported_media_type", "x-www-form", "Content-Type"),
    ("POST", "/api/graph", {"content": b"{", "headers": JSON}, 422, "invalid_request", "not JSON", "body"),
    ("POST", "/api/graph", {"content": b"[" * 50_000, "headers": JSON}, 400, "bad_request", "parsing the body", None),
    ("POST", "/api/graph", {"content": b"\xff", "headers": JSON}, 400, "bad_request", "parsing the body", None),
    ("POST", "/api/graph", {"content": b"", "headers": JSON}, 422, "invalid_request", "missing", "body"),
    ("POST", "/api/graph", {"json": [1]}, 422, "invalid_request", "body", "body"),
    ("POST", "/api/graph", {"json": {}}, 422, "invalid_request", "code is missing", "code"),
    (
        "POST",
        "/api/graph",
        {"json": {"code": 3}},
        422,
        "invalid_request",
        "code should be a valid string, not 3",
        "code",
    ),
    (
        "POST",
        "/api/graph",
        {"json": {"code": "x", "options": {"preview": 5000}}},
        422,
        "invalid_request",
        "options.preview should be less than or equal to 4096, not 5000",
        "options.preview",
    ),
    (
        "POST",
        "/api/graph",
        {"json": {"code": "x", "options": {"backward": "maybe"}}},
        422,
        "invalid_request",
        "options.backward should be 'auto' or 'never', not 'maybe'",
        "options.backward",
    ),
    (
        "POST",
        "/api/graph",
        {"json": {"code": "x", "options": {"foo": 1, "seed": -1}}},
        422,
        "invalid_request",
        "options.foo is not a known field",
        "options.seed",
    ),
    ("POST", "/api/graph", {"json": {"code": "x" * 65_537}}, 413, "snippet_too_large", "65537 bytes", "code"),
    ("POST", "/api/graph", {"json": {"code": "x" * 10**6}}, 413, "body_too_large", "more than 397312 bytes", None),
    (
        "POST",
        "/api/render?format=jpg",
        {"json": {"code": "x"}},
        422,
        "unknown_format",
        "unknown format: 'jpg'",
        "format",
    ),
    ("POST", "/api/render", {"json": {"code": "x = ("}}, 422, "nothing_to_draw", "'(' was never closed", "code"),
    ("POST", "/api/render", {"json": {"code": "x = 1"}}, 422, "nothing_to_draw", "no operation was recorded", "code"),
]


@pytest.mark.parametrize(("method", "path", "sent", "status", "code", "words", "where"), WRONG)
def test_every_error_has_the_one_shape(
    server: Served,
    method: str,
    path: str,
    sent: dict[str, Any],
    status: int,
    code: str,
    words: str,
    where: str | None,
) -> None:
    error = error_of(server.client.request(method, path, **sent), status)
    assert (error["code"], error["where"]) == (code, where)
    assert words in error["message"]
    assert error["hint"]


def test_an_unknown_format_is_answered_with_those_there_are(server: Served) -> None:
    response = server.client.post("/api/render?format=gif", json={"code": "x = 1"})
    assert error_of(response, 422)["hint"] == "Use one of svg, png, pdf, dot, mermaid."


def test_a_body_is_not_read_past_the_limit(server: Served) -> None:
    """The answer comes although most of what was announced is never sent."""
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=30) as connection:
        connection.sendall(
            b"POST /api/graph HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 9000000000\r\n\r\n{"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_body_without_a_length_is_not_read_past_the_limit(server: Served) -> None:
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=30) as connection:
        connection.sendall(
            b"POST /api/graph HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"186A0\r\n" + b" " * 100_000 + b"\r\n"
        for _ in range(4):
            connection.sendall(chunk)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BusyError("full", retry_after=7), 503, "busy"),
        (SandboxGone("the sandbox is not up"), 503, "sandbox_unavailable"),
        (GraphvizMissing("no dot", hint="install it"), 501, "graphviz_missing"),
        (ZeroDivisionError("secret words"), 500, "internal"),
    ],
)
def test_what_a_route_raises_becomes_an_answer(error: Exception, status: int, code: str) -> None:
    """On the real app, with one more route that fails; no sandbox is needed for it."""
    app = create_app(Settings())

    @app.get("/fails")
    async def fails() -> None:
        raise error

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/fails")

    response = asyncio.run(ask())
    found = error_of(response, status)
    assert found["code"] == code
    assert "secret" not in json.dumps(found)
    assert response.headers.get("retry-after") == ("7" if code == "busy" else None)


def test_a_server_without_a_sandbox_answers_no_foreign_name() -> None:
    app = create_app(Settings(unsafe_local=True))

    @app.get("/fine")
    async def fine() -> None:
        return None

    transport = httpx.ASGITransport(app)

    async def ask(host: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/fine", headers={"host": host})

    for host in ("localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "::1"):
        assert asyncio.run(ask(host)).status_code == (403 if host == "::1" else 200), host
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", ""):
        assert error_of(asyncio.run(ask(host)), 403)["code"] == "foreign_host"
