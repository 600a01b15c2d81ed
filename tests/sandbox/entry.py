"""A torch-free entry: the job is Python source, run as "snippet.py" with `send` at hand."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec

from backend.errors import Stopped


class Entry:
    """Sends `{"type": "output", …}`-like maps of its own; the last one is `done`, or `rescued`."""

    def __init__(self) -> None:
        self._send: Callable[[bytes], None] | None = None

    def warm_up(self) -> None:
        """Import what attacks use."""
        import ctypes.util  # noqa: F401
        import encodings.idna  # noqa: F401
        import multiprocessing.connection  # noqa: F401
        import resource  # noqa: F401
        import socket  # noqa: F401
        import subprocess  # noqa: F401
        import urllib.request  # noqa: F401

    def versions(self) -> dict[str, str]:
        """Only that it is this one."""
        return {"entry": "test"}

    def run(self, job: bytes, send: Callable[[bytes], None], whole: AbstractContextManager[None]) -> None:
        """Run the source; its `result` is sent along."""
        self._send = send
        space: dict[str, object] = {"send": send, "whole": whole}
        status, error = "ok", None
        try:
            exec(compile(job, "snippet.py", "exec"), space)
        except Stopped as stopped:
            status = stopped.reason
        except BaseException as caught:
            status, error = "error", "".join(traceback.format_exception_only(caught)).strip()
        done = {"type": "done", "status": status, "error": error, "result": space.get("result")}
        send(msgspec.msgpack.encode(done))

    def rescue(self, reason: str, line: int | None) -> None:
        """Say why and where."""
        assert self._send is not None
        self._send(msgspec.msgpack.encode({"type": "rescued", "reason": reason, "line": line}))
