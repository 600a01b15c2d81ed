"""What the sandbox calls: `Entry`, made once in the zygote and inherited by every child."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import msgspec
import torch

from backend.trace.engine import run_backward
from backend.trace.session import Session
from backend.trace.steps import ANYWHERE
from backend.trace.warm import import_everything, rehearse
from backend.trace.wrapped import install
from backend.wire.messages import Job


class Entry:
    """Runs snippets under the tracer."""

    def __init__(self) -> None:
        self._session: Session | None = None

    def warm_up(self) -> None:
        """In the zygote: import all that a snippet may need, because after the lock nothing can be."""
        torch.set_num_threads(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_everything()
        install(run_backward)
        for _ in rehearse():
            pass  # what this loads and caches, every child inherits

    def settle(self) -> Iterator[None]:
        """In a waiting child: small runs, so that the first real one finds everything touched.

        Yields between two of them: a job that has come is not kept waiting.
        """
        return rehearse()

    def versions(self) -> dict[str, str]:
        """Of torch and Python."""
        return {"torch": torch.__version__, "python": platform.python_version()}

    def run(self, job: bytes, send: Callable[[bytes], None], whole: AbstractContextManager[None] = ANYWHERE) -> None:
        """Do one job. Everything that the learner's code does wrong is in the messages.

        No stop is raised inside `with whole:`; one that comes there is raised at its end.

        Errors:
            msgspec.ValidationError: `job` is not a packed `Job`.
        """
        self._session = Session(msgspec.msgpack.decode(job, type=Job), send, whole)
        self._session.run()

    def rescue(self, reason: str, line: int | None) -> None:
        """From the watchdog's thread: the main thread could not be stopped in time."""
        if self._session is not None:
            self._session.rescue(reason, line)
