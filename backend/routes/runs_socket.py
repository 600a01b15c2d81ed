"""`WS /api/runs` and `WS /api/runs/{run_id}`.

On the first a client sends `{"type": "start", "code", "options"}` and gets the run's messages; when it is done, or even
before, the next `start` begins another run on the same socket: the earlier one is left, and each run's messages begin
with its own `hello`. `{"type": "cancel"}` stops the run that is shown. The second follows a run that exists and is
closed after its `done`.

A socket that the server closes before its time first gets one `error` message with the words of every other error of
the API; the code of the close is 4000 plus the HTTP status that a call would have had (`CLOSES`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any, Final

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from backend.errors import BadMessage, BusyError, ChainruleError, InvalidMessage, UnknownRun
from backend.routes.failures import sentences
from backend.routes.state import ServingNow
from backend.runs import Runs
from backend.schema import Cancel, Refusal, Start
from backend.wire import stream

router = APIRouter()

CLOSES: Final = {
    1000: "the run is done",
    1009: "a message is longer than any snippet may be",
    1011: "the viewer has answered no ping for 20 seconds, or the server failed",
    1012: "the server is closing",
    4400: "a message is not one that a client may send",
    4404: "there is no such run, or no longer",
    4413: "the snippet is too large",
    4422: "a field is missing, unknown or out of its limits",
    4503: "every place is taken; retry_after says when to come back",
}
"""What the codes mean."""

REASON_BYTES: Final = 120
"""A close frame holds no more; the `error` message has it all."""

MESSAGES: Final[dict[str, type[Start] | type[Cancel]]] = {"start": Start, "cancel": Cancel}
"""What a client may say, by its `type`."""

ENCODINGS: Final = ("msgpack", "json")


@router.websocket("/api/runs")
async def start_runs(socket: WebSocket, serving: ServingNow) -> None:
    """Start runs, one after the other, and watch them."""
    await _Conversation(socket, serving.runs).hold()


@router.websocket("/api/runs/{run_id}")
async def follow_run(socket: WebSocket, run_id: str, serving: ServingNow) -> None:
    """Follow or resume a run."""
    await _Conversation(socket, serving.runs).hold(run_id)


class _Conversation:
    """One socket: what the client says is heard while the run's messages are sent."""

    def __init__(self, socket: WebSocket, runs: Runs) -> None:
        self._socket = socket
        self._runs = runs
        self._as_json = socket.query_params.get("encoding") == "json"
        self._run_id: str | None = None
        self._showing: asyncio.Task[None] | None = None

    async def hold(self, run_id: str | None = None) -> None:
        """From accept to close. With `run_id` that run is followed, and the socket closed after it."""
        await self._socket.accept()
        listening = asyncio.create_task(self._listen())
        try:
            self._check_query()
            if run_id is not None:
                self._show(run_id, after=self._number("after", 0), attempt=self._number("attempt", 1))
            while True:
                ends = {listening} if self._showing is None else {listening, self._showing}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if self._showing is not None and self._showing.done():
                    self._showing.result()
                    self._showing = None
                    if run_id is not None:
                        await self._socket.close(1000, CLOSES[1000])
                        return
                if listening.done():
                    await self._obey(listening.result(), may_start=run_id is None)
                    listening = asyncio.create_task(self._listen())
        except (WebSocketDisconnect, RuntimeError):
            pass  # the client has gone; starlette says so in two ways
        except ChainruleError as error:
            await self._refuse(error)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await self._leave()

    async def _listen(self) -> Start | Cancel:
        """The next thing that the client says.

        Errors:
            BadMessage, InvalidMessage: it is nothing that a client may say.
            WebSocketDisconnect: the client has gone.
        """
        said = await self._socket.receive()
        if said["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(said.get("code", 1005))
        text = said.get("text")
        if text is None:
            raise BadMessage("a binary message", hint="Send JSON as text.")
        return _read(text)

    async def _obey(self, said: Start | Cancel, *, may_start: bool) -> None:
        if isinstance(said, Cancel):
            if self._run_id is None:
                raise BadMessage("there is no run to cancel", hint='Send {"type": "start", "code": "…"} first.')
            with contextlib.suppress(UnknownRun):
                await self._runs.cancel(self._run_id)
            return
        if not may_start:
            raise BadMessage("this socket follows a run", hint="Start one on /api/runs.", where="type")
        if self._run_id is not None:
            await self._leave()
            with contextlib.suppress(UnknownRun):
                await self._runs.cancel(self._run_id)
        self._show(await self._runs.start(said, attended=True), after=0, attempt=1)

    def _show(self, run_id: str, *, after: int, attempt: int) -> None:
        self._run_id = run_id
        self._showing = asyncio.create_task(self._send(run_id, after, attempt))

    async def _leave(self) -> None:
        """Show the run no longer."""
        showing, self._showing = self._showing, None
        if showing is not None:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)

    async def _send(self, run_id: str, after: int, attempt: int) -> None:
        """Send the run's messages. Each waits until the socket has room, which is how a slow viewer is noticed."""
        messages: AsyncGenerator[bytes, None] = self._runs.follow(
            run_id, after=after, attempt=attempt, as_json=self._as_json
        )
        async with contextlib.aclosing(messages):
            async for message in messages:
                await self._put(message)

    async def _put(self, message: bytes) -> None:
        if self._as_json:
            await self._socket.send_text(message.decode())
        else:
            await self._socket.send_bytes(message)

    async def _refuse(self, error: ChainruleError) -> None:
        retry_after = error.retry_after if isinstance(error, BusyError) else None
        words = Refusal(
            code=error.code, message=error.message, hint=error.hint, where=error.where, retry_after=retry_after
        )
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._put(stream.refusal(words, as_json=self._as_json))
            reason = error.message.encode()[:REASON_BYTES].decode(errors="ignore")
            await self._socket.close(4000 + error.status, reason)

    def _check_query(self) -> None:
        encoding = self._socket.query_params.get("encoding", "msgpack")
        if encoding not in ENCODINGS:
            raise InvalidMessage(
                f"encoding should be 'msgpack' or 'json', not {encoding[:40]!r}",
                hint="Leave it out for binary frames.",
                where="encoding",
            )

    def _number(self, name: str, default: int) -> int:
        text = self._socket.query_params.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 16):
            raise InvalidMessage(
                f"{name} should be a whole number, not {text[:40]!r}",
                hint=f"Use the {'seq of the last message that came' if name == 'after' else 'attempt of hello'}.",
                where=name,
            )
        return int(text)


def _read(text: str) -> Start | Cancel:
    try:
        fields: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"the message is not JSON: {error}", hint='Send {"type": "start", "code": "…"}.') from None
    kind = fields.get("type") if isinstance(fields, dict) else None
    model = MESSAGES.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise BadMessage(
            f"a message of type {str(kind)[:40]!r}" if kind is not None else "a message without a type",
            hint=f"Clients send {' or '.join(MESSAGES)}.",
            where="type",
        )
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        message, where = sentences([{**item, "loc": ("body", *item["loc"])} for item in error.errors()])
        raise InvalidMessage(message, hint="The fields and their limits are described at /docs.", where=where) from None
