"""What is kept of one run: its messages, within a bound, the telling ones longest."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Final

from backend.runs.bus import DROPPABLE, Entry, Publication
from backend.wire.stream import number

ENTRY_BYTES: Final = 250
"""What keeping an entry costs beside its frame."""


class Log:
    """The entries of one attempt, by `seq`. At most about `limit` bytes: where it overflows, it thins out.

    Steps go first: of those that are not the first of their graph or the last, every other one, again and again. Graphs
    and everything else that is small stay. Where that is not enough, the oldest messages go.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.head = 0
        """The last `seq`."""
        self.offset = 0
        """How many bytes have been published."""
        self._entries: list[Entry] = []
        self._seqs: list[int] = []
        self._steps = array("L")
        """`seq` of every step, also of those that are gone."""
        self._keys: set[int] = set()
        """Of the first step of each graph."""
        self._new_graph = True

    def append(self, publication: Publication, *, keep_message: bool) -> Entry:
        """Number a message and keep it."""
        self.head += 1
        kind = publication.kind
        frame = number(publication.frame, self.head)
        message = publication.message if keep_message else None
        entry = Entry(self.head, kind, frame, self.offset, message)
        if kind == "step":
            self._steps.append(self.head)
            if self._new_graph:
                self._keys.add(self.head)
                self._new_graph = False
        elif kind == "graph":
            self._new_graph = True
        self._entries.append(entry)
        self._seqs.append(self.head)
        self.offset += len(frame)
        self.size += len(frame) + ENTRY_BYTES
        return entry

    def after(self, seq: int) -> Entry | None:
        """The first entry past `seq` that is still there."""
        place = bisect_right(self._seqs, seq)
        return self._entries[place] if place < len(self._entries) else None

    def newest_step(self) -> int:
        """`seq` of the newest step; 0 if there is none. It is never the one to go first."""
        return self._steps[-1] if self._steps else 0

    def steps_between(self, first: int, last: int) -> int:
        """How many steps were published from `first` to `last`, both included."""
        return bisect_right(self._steps, last) - bisect_left(self._steps, first)

    def backlog(self, entry: Entry | None) -> int:
        """How many bytes were published from `entry` on."""
        return 0 if entry is None else self.offset - entry.offset

    def graphs(self, seq: int) -> list[Entry]:
        """The graphs up to `seq` that are still there."""
        return [entry for entry in self._entries[: bisect_right(self._seqs, seq)] if entry.kind == "graph"]

    def forget_through(self, seq: int) -> None:
        """Drop everything up to `seq`: it has been taken."""
        place = bisect_right(self._seqs, seq)
        self.size -= sum(len(entry.frame) + ENTRY_BYTES for entry in self._entries[:place])
        del self._entries[:place], self._seqs[:place]

    def thin(self, limit: int | None = None) -> None:
        """Make it fit into `limit` bytes (its own, where none is given), with room to grow."""
        limit = self.limit if limit is None else limit
        if self.size <= limit:
            return
        aim = limit * 3 // 4
        while self.size > aim and self._drop_every_other_step():
            pass
        if self.size > aim:
            self._drop_oldest(aim)

    def _drop_every_other_step(self) -> bool:
        """False when no step is left that may go."""
        newest = self.newest_step()
        plain = [
            entry.seq
            for entry in self._entries
            if entry.kind in DROPPABLE and entry.seq != newest and entry.seq not in self._keys
        ]
        gone = set(plain[::2])
        self._keep([entry for entry in self._entries if entry.seq not in gone])
        return bool(gone)

    def _drop_oldest(self, aim: int) -> None:
        """Graphs stay as long as one of their steps may come, so the last one does; so does whatever ends the run."""
        newest = {
            entry.kind: entry.seq for entry in self._entries if entry.kind in ("graph", "step", "problem", "done")
        }
        kept: list[Entry] = []
        excess = self.size - aim
        for entry in self._entries:
            if excess > 0 and newest.get(entry.kind) != entry.seq and entry.kind != "graph":
                excess -= len(entry.frame) + ENTRY_BYTES
            else:
                kept.append(entry)
        self._keep(kept)
        if excess > 0:
            last = newest.get("graph", 0)
            self._keep([entry for entry in kept if entry.kind != "graph" or entry.seq == last])

    def _keep(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._seqs = [entry.seq for entry in entries]
        self.size = sum(len(entry.frame) + ENTRY_BYTES for entry in entries)
