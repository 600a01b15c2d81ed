"""What is kept of one run: its messages, within a bound, the telling ones longest."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Final

from backend.runs.bus import Entry, Publication
from backend.wire.stream import number

ENTRY_BYTES: Final = 250
"""What keeping an entry costs beside its frame."""


class Log:
    """The entries of one attempt, by `seq`. At most about `limit` bytes: where it overflows, it thins out.

    Of the steps, or of the iterations' scalars, whichever take more room, every second stays, then every fourth, and so
    on; and always the first step of each graph, and the newest. Where that is not enough, the oldest messages go.
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
        self._published = {"step": array("L"), "scalars": array("L")}
        """`seq` of every one, also of those that are gone."""
        self._strides = {"step": 1, "scalars": 1}
        """Of what was published before the log was last too long, one in so many has stayed."""
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
        if kind in self._published:
            self._published[kind].append(self.head)
        if kind == "step":
            if self._new_graph:
                self._keys.add(self.head)
                self._new_graph = False
        elif kind == "graph":
            self._new_graph = True
        self._entries.append(entry)
        self._seqs.append(self.head)
        self.offset += len(frame)
        self.size += _cost(entry)
        return entry

    def after(self, seq: int) -> Entry | None:
        """The first entry past `seq` that is still there."""
        place = bisect_right(self._seqs, seq)
        return self._entries[place] if place < len(self._entries) else None

    def newest_step(self) -> int:
        """`seq` of the newest step; 0 if there is none. It is never the one to go first."""
        steps = self._published["step"]
        return steps[-1] if steps else 0

    def steps_between(self, first: int, last: int) -> int:
        """How many steps were published from `first` to `last`, both included."""
        steps = self._published["step"]
        return bisect_right(steps, last) - bisect_left(steps, first)

    def backlog(self, entry: Entry | None) -> int:
        """How many bytes were published from `entry` on."""
        return 0 if entry is None else self.offset - entry.offset

    def graphs(self, seq: int) -> list[Entry]:
        """The graphs up to `seq` that are still there."""
        return [entry for entry in self._entries[: bisect_right(self._seqs, seq)] if entry.kind == "graph"]

    def forget_through(self, seq: int) -> None:
        """Drop everything up to `seq`: it has been taken."""
        place = bisect_right(self._seqs, seq)
        self.size -= sum(map(_cost, self._entries[:place]))
        del self._entries[:place], self._seqs[:place]

    def thin(self, limit: int | None = None) -> None:
        """Make it fit into `limit` bytes (its own, where none is given), with room to grow."""
        limit = self.limit if limit is None else limit
        if self.size <= limit:
            return
        aim = limit * 3 // 4
        self._keep([entry for entry in self._entries if entry.kind != "progress"])
        while self.size > aim and self._thin_largest():
            pass
        if self.size > aim:
            self._drop_oldest(aim)

    def _thin_largest(self) -> bool:
        """Thin out the kind that takes most room. False when nothing is left that may go."""
        sizes = {
            kind: sum(_cost(entry) for entry in self._entries if entry.kind == kind and self._may_go(entry))
            for kind in self._published
        }
        kind = max(sizes, key=lambda kind: sizes[kind])
        before = len(self._entries)
        while sizes[kind] and len(self._entries) == before:
            published, stride = self._published[kind], self._strides[kind]
            self._keep(
                [
                    entry
                    for entry in self._entries
                    if entry.kind != kind or not self._may_go(entry) or bisect_left(published, entry.seq) % stride == 0
                ]
            )
            self._strides[kind] = stride if len(self._entries) < before else stride * 2
            if stride > len(published):
                sizes[kind] = 0
        return len(self._entries) < before

    def _may_go(self, entry: Entry) -> bool:
        return entry.seq not in self._keys and entry.seq != self.newest_step()

    def _drop_oldest(self, aim: int) -> None:
        """Graphs stay as long as one of their steps may come, so the last one does; so does whatever ends the run."""
        newest = {
            entry.kind: entry.seq for entry in self._entries if entry.kind in ("graph", "step", "problem", "done")
        }
        kept: list[Entry] = []
        excess = self.size - aim
        for entry in self._entries:
            if excess > 0 and newest.get(entry.kind) != entry.seq and entry.kind != "graph":
                excess -= _cost(entry)
            else:
                kept.append(entry)
        self._keep(kept)
        if excess > 0:
            last = newest.get("graph", 0)
            self._keep([entry for entry in kept if entry.kind != "graph" or entry.seq == last])

    def _keep(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._seqs = [entry.seq for entry in entries]
        self.size = sum(map(_cost, entries))


def _cost(entry: Entry) -> int:
    """Bytes that keeping it takes."""
    return len(entry.frame) + ENTRY_BYTES
