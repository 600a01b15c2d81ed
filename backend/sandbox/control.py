"""The messages between server and zygote: a kind, a length, a JSON object, and at times file descriptors.

Both ends are ours and no learner's code runs in either, so this socket is trusted; a child never has it.
"""

from __future__ import annotations

import array
import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

HEADER: Final = struct.Struct("!BI")


class Kind(IntEnum):
    """What a message says."""

    HELLO = 1
    """Zygote: warmed up. `versions`, `threads`, `environment`: what its imports put into it."""
    FORK = 2
    """Server: one more child. `attack`: it is for the self-test. `settle`: nobody waits for it yet."""
    FORKED = 3
    """Zygote: `pid`, `attack`, with channel, text and, where the system has it, pidfd."""
    EXITED = 4
    """Zygote: `pid`, `status` as waitpid gives it, `cpu` seconds."""
    FAILED = 5
    """Zygote: no child, `reason`, `attack`."""


@dataclass(frozen=True, slots=True)
class Control:
    """One message."""

    kind: Kind
    fields: dict[str, Any]
    descriptors: tuple[int, ...] = ()


def send(to: socket.socket, message: Control) -> None:
    """Send one message, descriptors and all, or nothing. Raises OSError: the other side is gone, or too busy."""
    body = json.dumps(message.fields).encode()
    data = HEADER.pack(message.kind, len(body)) + body
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", message.descriptors))]
    sent = to.sendmsg([data], rights if message.descriptors else [])
    to.sendall(data[sent:])


class Inbox:
    """Puts messages together from what the socket gives, piece by piece."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._descriptors: list[int] = []

    def receive(self, source: socket.socket) -> bool:
        """Take what is there. False at the end of the stream; raises BlockingIOError where nothing is there."""
        room = socket.CMSG_SPACE(64 * array.array("i").itemsize)
        data, rights, _, _ = source.recvmsg(65536, room, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
        for level, kind, content in rights:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers = array.array("i")
                numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
                self._descriptors.extend(numbers)
        self._data += data
        return bool(data)

    def messages(self) -> Iterator[Control]:
        """The messages that are complete; a FORKED takes its descriptors with it."""
        while len(self._data) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._data)
            end = HEADER.size + length
            if len(self._data) < end:
                return
            fields = json.loads(self._data[HEADER.size : end])
            del self._data[:end]
            yield Control(Kind(kind), fields, self._take(fields.get("descriptors", 0)))

    def _take(self, count: int) -> tuple[int, ...]:
        taken = tuple(self._descriptors[:count])
        del self._descriptors[:count]
        return taken
