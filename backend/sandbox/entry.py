"""What the sandbox asks of the code that does the jobs. It is loaded by name, in the zygote."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Protocol, cast


class Entry(Protocol):
    """Made once in the zygote; its children inherit it.

    It may also have `settle() -> Iterator[None] | None`: called in a locked child while it waits for its job, to touch
    the memory that a first job would otherwise have to copy. As a generator it is left where it is when the job comes.
    """

    def warm_up(self) -> None:
        """In the zygote: import all that a job may need. No thread may remain."""

    def versions(self) -> dict[str, str]:
        """What the server should know of what was imported: {"torch": "2.13.0", …}."""

    def run(self, job: bytes, send: Callable[[bytes], None], whole: AbstractContextManager[None]) -> None:
        """In the child: do the job and send its frames, the last one included.

        A stop is raised between any two instructions, but not inside `with whole:`; one that comes there is raised at
        its end. It may be entered while it is entered. What is in it should be short.
        """

    def rescue(self, reason: str, line: int | None) -> None:
        """In the child, on the watchdog's thread: `run` could not be stopped in time. Send what there is."""


def load(name: str) -> Entry:
    """An instance of "package.module:Class"."""
    module, _, attribute = name.partition(":")
    return cast(Entry, getattr(import_module(module), attribute)())
