"""The child's side of its descriptors: frames out, one job in, and last words."""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import traceback
from typing import Final

from backend.errors import Stopped

LENGTH: Final = struct.Struct("!I")
CHANNEL: Final = 3


class Sender:
    """Sends frames: 4 bytes of big-endian length, then the frame. Safe to call from any thread.

    Blocks while the pipe is full. A stop is never raised in the middle of a frame, nor inside `with sender:`, for what
    belongs together: a stop that comes meanwhile is raised at the end.
    """

    def __init__(self, message_bytes: int) -> None:
        self._most = message_bytes
        self._lock = threading.Lock()
        self._main = threading.main_thread().ident
        self._owner: int | None = None
        self._depth = 0
        self.pending: str | None = None

    @property
    def busy(self) -> bool:
        """Whether the main thread is inside a frame, or in the middle of what belongs together."""
        return self._depth > 0

    def __enter__(self) -> None:
        """Until the end of the `with` the main thread is not stopped."""
        if threading.get_ident() == self._main:
            self._depth += 1

    def __exit__(self, kind: object, *_error: object) -> None:
        """Raises `Stopped` if a stop has come, unless another exception is on its way."""
        if threading.get_ident() != self._main:
            return
        self._depth -= 1
        if self.pending is not None and not self._depth and kind is None:
            reason, self.pending = self.pending, None
            raise Stopped(reason)

    def __call__(self, frame: bytes) -> None:
        """Send one frame. Raises ValueError when it is longer than `message_bytes`."""
        if len(frame) > self._most:
            raise ValueError(f"a frame of {len(frame)} bytes exceeds the {self._most} that one message may have")
        with self:
            self._write(frame)

    def take_over(self) -> None:
        """From now on only the calling thread sends; another thread that tries waits for the end of the process."""
        self._owner = threading.get_ident()

    def _write(self, frame: bytes) -> None:
        with self._lock:
            while self._owner not in (None, threading.get_ident()):
                threading.Event().wait()
            header = LENGTH.pack(len(frame))
            if len(frame) < 65536:
                write_all(header + frame)
            else:
                write_all(header)
                write_all(frame)


def write_all(data: bytes) -> None:
    """Write all of `data` to the channel. Raises OSError when the server is gone."""
    view = memoryview(data)
    while view:
        view = view[os.write(CHANNEL, view) :]


def hang_up() -> None:
    """Nothing more will be sent. The server hears it now, and not when the kernel has taken the memory apart."""
    with contextlib.suppress(OSError):
        os.close(CHANNEL)


def tell_failure() -> None:
    """Write the traceback of the exception at hand to descriptor 2; sys.stderr may be the tracer's by now."""
    with contextlib.suppress(OSError):
        os.write(2, traceback.format_exc().encode(errors="replace"))


def read_frame() -> bytes | None:
    """The next frame from the server; None when it closed the channel."""
    header = _read_exactly(LENGTH.size)
    return None if header is None else _read_exactly(LENGTH.unpack(header)[0])


def _read_exactly(count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        piece = os.read(CHANNEL, count - len(parts))
        if not piece:
            return None
        parts += piece
    return bytes(parts)
