"""What is refused before any of it is read: wrong content type, too large a body, a foreign host name."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from backend.routes.failures import error_response

if TYPE_CHECKING:
    from fastapi import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ESCAPED: Final = 6
"""JSON may write one byte of code as six (\\u001b)."""

OPTIONS_BYTES: Final = 4096
"""Room for everything in the body that is not code."""


def body_limit(code_bytes: int) -> int:
    """The longest body, or message on a WebSocket, that the largest snippet can need."""
    return code_bytes * ESCAPED + OPTIONS_BYTES


class Guard:
    """Reads a POST's body, at most as much as the largest snippet can need, and hands it on in one piece.

    Asking for JSON is also what keeps other sites' pages from posting: a browser sends no cross-origin JSON without a
    preflight, and none is ever granted. `local_names` further refuses host names that are neither `localhost` nor an
    address, so that no foreign name can be pointed here; for a server without a sandbox.

    A browser opens a WebSocket to anywhere without asking, but says whose page does it: only this server's own, and
    those of `origins`, may. A client that is no browser says nothing, and may.
    """

    def __init__(self, app: ASGIApp, *, code_bytes: int, local_names: bool, origins: Collection[str]) -> None:
        self._app = app
        self._limit = body_limit(code_bytes)
        self._local_names = local_names
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refuse_host(headers)
        if refusal is None and scope["type"] == "websocket":
            refusal = self._refuse_origin(headers)
        elif refusal is None and scope["method"] == "POST":
            refusal = self._refuse_body(headers)
            if refusal is None:
                body = await self._read(receive)
                if body is None:
                    refusal = self._too_large()
                else:
                    receive = _replay(body, receive)
        await (self._app if refusal is None else refusal)(scope, receive, send)

    def _refuse_host(self, headers: Mapping[str, str]) -> Response | None:
        host = headers.get("host", "")
        if not self._local_names or _is_local(host):
            return None
        return error_response(403, "foreign_host", f"this server does not answer as {host[:80]!r}", where="Host")

    def _refuse_origin(self, headers: Mapping[str, str]) -> Response | None:
        origin = headers.get("origin")
        if origin is None or origin in self._origins:
            return None
        if urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != "":
            return None
        return error_response(
            403,
            "foreign_origin",
            f"this server does not serve the page at {origin[:80]!r}",
            hint="CHAINRULE_ORIGINS lists other pages that may open a WebSocket here.",
            where="Origin",
        )

    def _refuse_body(self, headers: Mapping[str, str]) -> Response | None:
        kind = headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != "application/json":
            return error_response(
                415,
                "unsupported_media_type",
                f"the body must be application/json, not {kind[:80]!r}" if kind else "the body has no content type",
                hint="Send the header Content-Type: application/json.",
                where="Content-Type",
            )
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self._limit:
            return self._too_large()
        return None

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body, or None as soon as it is over the limit."""
        parts: list[bytes] = []
        room = self._limit
        while True:
            message = await receive()
            part: bytes = message.get("body", b"")
            room -= len(part)
            if room < 0:
                return None
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _too_large(self) -> Response:
        return error_response(
            413,
            "body_too_large",
            f"the body has more than {self._limit} bytes",
            hint="The snippet is too long; shorten it.",
            headers={"Connection": "close"},
        )


def _is_local(host: str) -> bool:
    """Whether a Host header is `localhost` or an address: something that no foreign name server decides."""
    name = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body first, then whatever the connection says: that the client is gone."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed
