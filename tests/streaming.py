"""A client of the stream, for tests and measurements: a real WebSocket to a real server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


@dataclass
class Viewer:
    """One socket."""

    socket: ClientConnection

    async def start(self, code: str, **options: Any) -> None:
        await self.say({"type": "start", "code": code, "options": options})

    async def say(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def message(self) -> Any:
        """The next message, of either spelling."""
        return read(await self.socket.recv())

    async def until(self, kind: str) -> list[Any]:
        """Everything up to the next message of that type."""
        found = [await self.message()]
        while found[-1]["type"] != kind:
            found.append(await self.message())
        return found

    async def raw_until_done(self) -> list[bytes | str]:
        """The frames as they came, `hello` left out, `done` included."""
        found: list[bytes | str] = []
        while not found or read(found[-1])["type"] != "done":
            frame = await self.socket.recv()
            if read(frame)["type"] != "hello":
                found.append(frame)
        return found

    async def closed(self) -> tuple[int, str, list[Any]]:
        """Code and reason with which the server closes, and what it said before."""
        said: list[Any] = []
        try:
            while True:
                said.append(await self.message())
        except ConnectionClosed as end:
            word = end.rcvd
        assert word is not None, "the server closed without a word"
        return word.code, word.reason, said

    def kill(self) -> None:
        """As a broken cable does: no goodbye."""
        self.socket.transport.abort()


def read(frame: bytes | str) -> Any:
    return json.loads(frame) if isinstance(frame, str) else msgspec.msgpack.decode(frame)


@asynccontextmanager
async def viewing(url: str, path: str = "/api/runs", **more: Any) -> AsyncIterator[Viewer]:
    """A socket to a server at that HTTP address."""
    address = url.replace("http", "ws", 1) + path
    async with connect(address, max_size=None, compression=None, open_timeout=60, **more) as socket:
        yield Viewer(socket)


async def run(url: str, code: str, path: str = "/api/runs", **options: Any) -> list[Any]:
    """All messages of a run."""
    async with viewing(url, path) as viewer:
        await viewer.start(code, **options)
        return await viewer.until("done")


def of(kind: str, messages: list[Any]) -> list[Any]:
    return [message for message in messages if message["type"] == kind]
