"""What the snippet prints, with the line that printed it."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final, Literal

from backend.trace.source import Source, learner_site, learner_steps

Stream = Literal["stdout", "stderr"]

AT_LEAST_SECONDS: Final = 0.1
"""Whole lines are sent so often, for who watches; in between they are collected."""

STREAMS: Final[tuple[Stream, ...]] = ("stdout", "stderr")

_TRIGGERED: Final = re.compile(r" \(Triggered internally at .*\)$", re.DOTALL)

ROW_LIMIT: Final = 400
"""Characters of a row that `heard` gets."""


class Printed(io.TextIOBase):
    """Stands in for sys.stdout or sys.stderr. Past `budget` characters, which both share, text is dropped.

    `heard` gets each row as it is complete, with its line, whether it is dropped or not.
    """

    def __init__(
        self,
        stream: Stream,
        source: Source,
        budget: list[int],
        send: Callable[[Stream, str, int | None], None],
        heard: Callable[[str, int | None], None] | None,
    ) -> None:
        super().__init__()
        self._stream = stream
        self._source = source
        self._budget = budget
        self._send = send
        self._heard = heard
        self._row = ""
        self._text: list[str] = []
        self._line: int | None = None
        self._held = 0
        self._flushed = 0.0

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has it as an attribute
        """As of a terminal."""
        return "utf-8"

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Never."""
        return False

    def write(self, text: str) -> int:
        """Keep `text` under the line of the learner's code that is running."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        site = learner_site(1)
        span = self._source.span(site)
        line = None if span is None else span.line
        self._listen(text, line)
        room = self._budget[0]
        if room <= 0:
            return len(text)
        self._budget[0] = room - len(text)
        if line != self._line or self._held > 4096:
            self.flush()
            self._line = line
        self._text.append(text[:room])
        self._held += len(text)
        if text.endswith("\n") and perf_counter() - self._flushed > AT_LEAST_SECONDS:
            self.flush()
        return len(text)

    def _listen(self, text: str, line: int | None) -> None:
        """`print` writes a row in pieces."""
        if self._heard is None:
            return
        *rows, rest = (self._row + text).split("\n")
        self._row = rest[:ROW_LIMIT]
        for row in rows:
            self._heard(row[:ROW_LIMIT], line)

    def flush(self) -> None:
        """Send what is kept."""
        if self._text:
            self._flushed = perf_counter()
            text, self._text, self._held = "".join(self._text), [], 0
            self._send(self._stream, text, self._line)


def show_warning(message: Warning | str, category: type[Warning], *_place: Any, **_more: Any) -> None:
    """Without the path of a file that the learner has never seen, and without the place in torch's own source."""
    text = _TRIGGERED.sub("", str(message))
    print(f"{category.__name__}: {text}", file=sys.stderr)  # noqa: T201  # a warning is printed: that is what it is


def show_unraisable(what: Any) -> None:
    """An error that nobody can catch, such as one in `__del__`. What is not the snippet's own is not told.

    Python and torch stumble in that way over what a refused call has left behind.
    """
    if any(True for _ in learner_steps(what.exc_traceback)):
        name = getattr(what.object, "__qualname__", type(what.object).__name__)
        error = f"{what.exc_type.__name__}: {what.exc_value}"
        print(f"Exception ignored in {name}: {error}", file=sys.stderr)  # noqa: T201  # as Python does
