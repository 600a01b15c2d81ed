"""The server's side of one child: its channel, its text, and the means to end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
from collections.abc import Callable
from typing import Final

from backend.sandbox.outcome import Exit

LENGTH: Final = struct.Struct("!I")
PIECE_BYTES: Final = 256 * 1024
TEXT_KEPT: Final = 32 * 1024
"""The last part of what a child wrote on descriptors 1 and 2; the rest is read and dropped."""


class FrameTooLong(Exception):
    """A child announced a frame longer than it may send."""

    def __init__(self, length: int) -> None:
        super().__init__(f"a frame of {length} bytes")
        self.length = length


class ChildProcess:
    """One child. Frames are read from its channel only when asked for, so a full pipe makes it wait."""

    def __init__(self, pid: int, descriptors: tuple[int, ...]) -> None:
        self.pid = pid
        self.exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.text = bytearray()
        self.text_bytes = 0
        self.killed = False
        """Whether the server ended it."""
        self.on_text: Callable[[], None] | None = None
        self._channel = socket.socket(fileno=descriptors[0])
        self._channel.setblocking(False)
        self._text: int | None = descriptors[1]
        self._pidfd = descriptors[2] if len(descriptors) > 2 else None
        self._data = bytearray()
        os.set_blocking(self._text, False)
        asyncio.get_running_loop().add_reader(self._text, self._read_text)

    async def send(self, frame: bytes) -> None:
        """Send one frame. A child that is gone is no error here: its exit tells."""
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(self._channel, LENGTH.pack(len(frame)) + frame)

    async def frame(self, most: int) -> bytes | None:
        """The next whole frame; None at the end, also when it ends within a frame. Raises FrameTooLong."""
        if not await self._fill(LENGTH.size):
            return None
        length: int = LENGTH.unpack_from(self._data)[0]
        if length > most:
            raise FrameTooLong(length)
        if not await self._fill(LENGTH.size + length):
            return None
        with memoryview(self._data) as view:
            frame = bytes(view[LENGTH.size : LENGTH.size + length])
        del self._data[: LENGTH.size + length]
        return frame

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.exit.done():
            return
        self.killed |= number == signal.SIGKILL
        with contextlib.suppress(OSError):
            if self._pidfd is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(self._pidfd, number)

    def ended(self, end: Exit) -> None:
        """The zygote reaped it."""
        self._read_text()
        self._close_text()
        self.on_text = None
        if not self.exit.done():
            self.exit.set_result(end)
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def close(self) -> None:
        """Kill it if it lives, and let go of its channel; frames not read are lost."""
        self.signal(signal.SIGKILL)
        self.close_channel()

    def kill(self) -> None:
        """Kill it if it lives. What it has sent stays readable, and then comes the end at once."""
        self.signal(signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RD)

    def close_channel(self) -> None:
        """Neither read nor send any more; what it still sends fails."""
        self._channel.close()

    async def _fill(self, count: int) -> bool:
        loop = asyncio.get_running_loop()
        while len(self._data) < count:
            try:
                piece = await loop.sock_recv(self._channel, PIECE_BYTES)
            except OSError:
                return False
            if not piece:
                return False
            self._data += piece
        return True

    def _read_text(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._text is not None:
                piece = os.read(self._text, 65536)
                if not piece:
                    self._close_text()
                    return
                self.text_bytes += len(piece)
                self.text += piece
                del self.text[:-TEXT_KEPT]
                if self.on_text is not None:
                    self.on_text()
                if not self.exit.done():  # a flood must not hold the loop: the reader is called again
                    return

    def _close_text(self) -> None:
        if self._text is not None:
            asyncio.get_running_loop().remove_reader(self._text)
            os.close(self._text)
            self._text = None
