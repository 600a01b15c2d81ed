"""An entry that takes its time to say its last words."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec

from tests.sandbox.entry import Entry as PlainEntry

SECONDS = 0.6
"""Of CPU time: more than what BRIEF leaves, and than the pause between two stops; less than a run has to finish."""


class Entry(PlainEntry):
    """Before it is done, it tells how it finishes."""

    cpu_seconds, idle_seconds = SECONDS, 0.0

    def run(self, job: bytes, send: Callable[[bytes], None], whole: AbstractContextManager[None]) -> None:
        """Run the source, and put many small messages before `done`."""
        last: list[bytes] = []

        def sent(frame: bytes) -> None:
            if msgspec.msgpack.decode(frame).get("type") == "done":
                last.append(frame)
            else:
                send(frame)

        super().run(job, sent, whole)
        time.sleep(self.idle_seconds)
        end = time.process_time() + self.cpu_seconds
        while time.process_time() < end:
            send(msgspec.msgpack.encode({"type": "finishing"}))
            sum(range(20_000))
        send(last[0])


class Crowded(Entry):
    """As on a core that others have: it takes little CPU time, and more on the clock than a run has to finish."""

    cpu_seconds, idle_seconds = 0.01, 3.0
