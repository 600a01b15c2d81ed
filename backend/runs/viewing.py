"""One viewer's way through a run's log: what it gets next, and what it must go without."""

from __future__ import annotations

from typing import Final

from backend.runs.bus import DROPPABLE, Entry, Gap, Reason
from backend.runs.log import Log

SCALARS_LIMIT: Final = 2_000
"""Iterations whose numbers one `Gap` carries."""

CAUTION: Final = 16
"""Who has fallen behind may do so only by this fraction until it has caught up: late steps are of no use to it."""


class Position:
    """Where a viewer is. It asks for the next delivery whenever it can take one.

    `behind_bytes` is how much it may fall behind, counted from where it began: who comes late may take the whole log at
    its own pace, who cannot keep up skips to the newest step.
    """

    def __init__(self, log: Log, seq: int, behind_bytes: int) -> None:
        self._log = log
        self._behind = behind_bytes
        self.seq = seq
        """Everything up to here has been delivered, or told to be missing."""
        self._allowance = behind_bytes + log.backlog(log.after(seq))
        self._skip_to = 0

    def next(self) -> Entry | Gap | None:
        """The next delivery; None when there is nothing more yet."""
        entry = self._log.after(self.seq)
        if entry is None:
            return None
        self._judge(entry)
        if entry.seq == self.seq + 1 and not self._drops(entry):
            self.seq = entry.seq
            return entry
        return self._gap(entry)

    def _judge(self, entry: Entry) -> None:
        """Whether this viewer is too far behind to be given every step."""
        backlog = self._log.backlog(entry)
        if backlog > self._allowance:
            self._skip_to = self._log.newest_step()
            self._allowance = self._behind // CAUTION
        elif entry.seq == self._log.head:
            self._allowance = self._behind
        else:
            self._allowance = min(self._allowance, backlog + self._behind)

    def _drops(self, entry: Entry) -> bool:
        return entry.seq < self._skip_to and entry.kind in DROPPABLE

    def _gap(self, entry: Entry | None) -> Gap:
        """Everything up to the next message that is delivered by itself; numbers of iterations come along."""
        first = self.seq + 1
        reason: Reason = "expired"
        scalars: list[bytes] = []
        while entry is not None and len(scalars) < SCALARS_LIMIT:
            self.seq = entry.seq - 1
            if self._drops(entry):
                reason = "slow"
            elif entry.kind == "scalars":
                scalars.append(entry.frame)
            else:
                break
            self.seq = entry.seq
            entry = self._log.after(self.seq)
        return Gap(first, self.seq, self._log.steps_between(first, self.seq), reason, tuple(scalars))
