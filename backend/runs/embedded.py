"""`RunBus` inside one process: asyncio, memory, nothing to install."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from backend.errors import AheadOfRun, BusyError, UnknownRun
from backend.runs.bus import Begun, Claim, Cursor, Delivery, Entry, Publication, Submission
from backend.runs.endings import cancelled
from backend.runs.log import Log
from backend.runs.viewing import Position

RETRY_LIMIT: Final = 60
"""The longest `Retry-After`, in seconds: an estimate from a few slow runs should not send a class home."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much an `EmbeddedBus` keeps and lets wait."""

    places: int
    """Workers that claim: so many runs are under way at once."""
    queue_length: int
    run_bytes: int
    """Messages kept of one run."""
    all_bytes: int
    """Messages kept of all runs."""
    kept_seconds: float
    """How long a run is kept after its end."""
    grace_seconds: float
    """How long an attended run goes on without a follower."""
    behind_bytes: int
    """How far a follower may fall behind before it skips steps, and a paced run get ahead before it waits."""


class _Run:
    """One run: its log, and who waits for what of it."""

    def __init__(self, run_id: str, submission: Submission, bounds: Bounds) -> None:
        self.id = run_id
        self.submission = submission
        self.attempt = 1
        self.log = Log(bounds.run_bytes)
        self.claim: Claim | None = None
        self.ended = False
        self.submitted = perf_counter()
        self.claimed = 0.0
        self.followers = 0
        self.patience: asyncio.TimerHandle | None = None
        self.waiting: list[asyncio.Future[None]] = []
        """Followers that have everything so far, and a paced publisher that is ahead."""

    def wake(self) -> None:
        """Something has changed: whoever waits looks again."""
        waiting, self.waiting = self.waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)

    async def change(self) -> None:
        """Returns after the next `wake`."""
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        await turn


class EmbeddedBus:
    """Keeps runs in memory. Everything happens on the event loop, so nothing needs a lock."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._runs: dict[str, _Run] = {}
        self._queue: deque[_Run] = deque()
        self._claimers: deque[asyncio.Future[Claim]] = deque()
        self._typical_seconds = 0.1
        self._bytes = 0
        self.running = 0
        self.finished = 0

    @property
    def queued(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    async def submit(self, submission: Submission) -> str:
        """See `RunBus.submit`."""
        self._check_room(submission)
        run = _Run(secrets.token_urlsafe(12), submission, self._bounds)
        self._runs[run.id] = run
        if submission.end:
            for publication in submission.end:
                self._append(run, publication)
            self._end(run)
            return run.id
        self._queue.append(run)
        self._hand_out()
        self._watch_followers(run)
        return run.id

    async def claim(self) -> Claim:
        """See `RunBus.claim`."""
        turn: asyncio.Future[Claim] = asyncio.get_running_loop().create_future()
        self._claimers.append(turn)
        self._hand_out()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn in self._claimers:
                self._claimers.remove(turn)
            elif turn.done() and not turn.cancelled():
                await self.release(turn.result())  # it came just as its worker left
            raise

    async def publish(self, claim: Claim, publication: Publication) -> int:
        """See `RunBus.publish`."""
        run = self._runs.get(claim.run_id)
        if run is None or run.claim is not claim:
            return 0  # its follower has gone and it is forgotten, or it is another's by now
        entry = self._append(run, publication)
        if publication.kind == "done":
            self._typical_seconds += 0.2 * (perf_counter() - run.claimed - self._typical_seconds)
            self._end(run)
        elif run.submission.paced:
            while run.log.size > self._bounds.behind_bytes and not claim.cancelled.is_set():
                await run.change()
        return entry.seq

    async def release(self, claim: Claim) -> None:
        """See `RunBus.release`."""
        run = self._runs.get(claim.run_id)
        if run is None or run.claim is not claim or run.ended:
            return
        self.running -= 1
        run.claim = None
        if claim.cancelled.is_set():
            self._end_cancelled(run)
            return
        run.attempt += 1
        self._bytes -= run.log.size
        run.log = Log(self._bounds.run_bytes)
        run.wake()
        self._queue.appendleft(run)
        self._hand_out()

    async def follow(
        self, run_id: str, after: Cursor | None = None, *, graphs: bool = False
    ) -> AsyncGenerator[Delivery, None]:
        """See `RunBus.follow`."""
        run = self._known(run_id)
        seq = after.seq if after is not None and after.attempt == run.attempt else 0
        if seq > run.log.head:
            raise AheadOfRun(
                f"after={seq} is past the run's newest message, {run.log.head}",
                hint="Use the seq of the last message that came.",
                where="after",
            )
        self._arrive(run)
        try:
            while True:
                log, attempt = run.log, run.attempt
                yield Begun(attempt)
                for entry in log.graphs(seq) if graphs else ():
                    yield entry
                position = Position(log, seq, self._bounds.behind_bytes)
                while run.log is log:
                    delivery = position.next()
                    if delivery is not None:
                        yield delivery
                        if isinstance(delivery, Entry) and delivery.kind == "done":
                            return
                        if run.submission.paced:
                            self._take(run, position.seq)
                    elif run.ended:
                        return
                    else:
                        await run.change()
                seq = 0
        finally:
            self._leave(run)

    async def cancel(self, run_id: str) -> None:
        """See `RunBus.cancel`."""
        self._stop(self._known(run_id))

    def close(self) -> None:
        """The server ends: cancel what there is."""
        for run in list(self._runs.values()):
            if run.patience is not None:
                run.patience.cancel()
            self._stop(run)

    def _known(self, run_id: str) -> _Run:
        try:
            return self._runs[run_id]
        except KeyError:
            raise UnknownRun(
                f"there is no run {run_id[:40]!r}",
                hint=f"Runs are kept for {self._bounds.kept_seconds / 60:g} minutes after their end.",
                where="run_id",
            ) from None

    # the queue

    def _check_room(self, submission: Submission) -> None:
        bounds = self._bounds
        if submission.end or self.running + self.queued < bounds.places + bounds.queue_length:
            return
        raise BusyError(
            f"{self.running} runs are under way and {self.queued} wait: no place is left",
            retry_after=self._retry_after(),
            hint="Try again in a moment.",
        )

    def _retry_after(self) -> int:
        """Seconds until the queue should have emptied, from how long the last runs took."""
        ahead = self.running + self.queued
        return min(RETRY_LIMIT, max(1, math.ceil(self._typical_seconds * ahead / self._bounds.places)))

    def _hand_out(self) -> None:
        """Give the runs that wait to the workers that do, in the order of both."""
        while self._queue and self._claimers:
            turn = self._claimers.popleft()
            if turn.done():
                continue
            run = self._queue.popleft()
            run.claimed = perf_counter()
            waited_ms = (run.claimed - run.submitted) * 1000
            run.claim = Claim(run.id, run.attempt, run.submission.job, waited_ms, run.submission.paced)
            self.running += 1
            turn.set_result(run.claim)

    # the log

    def _append(self, run: _Run, publication: Publication) -> Entry:
        before = run.log.size
        entry = run.log.append(publication, keep_message=run.submission.paced)
        if not run.submission.paced:
            run.log.thin()
        self._bytes += run.log.size - before
        if self._bytes > self._bounds.all_bytes:
            self._make_room()
        run.wake()
        return entry

    def _take(self, run: _Run, seq: int) -> None:
        before = run.log.size
        run.log.forget_through(seq)
        self._bytes += run.log.size - before
        run.wake()

    def _make_room(self) -> None:
        """All runs together are over the bound: forget those that ended first, then thin the longest."""
        for run in [run for run in self._runs.values() if run.ended and not run.followers]:
            if self._bytes <= self._bounds.all_bytes:
                return
            self._forget(run)
        while self._bytes > self._bounds.all_bytes:
            kept = [run for run in self._runs.values() if not run.submission.paced]
            longest = max(kept, key=lambda run: run.log.size, default=None)
            if longest is None:
                return
            before = longest.log.size
            longest.log.thin(before // 2)
            self._bytes += longest.log.size - before
            if longest.log.size >= before:
                return

    # ends

    def _end_cancelled(self, run: _Run) -> None:
        for publication in cancelled((perf_counter() - run.submitted) * 1000):
            self._append(run, publication)
        self._end(run)

    def _end(self, run: _Run) -> None:
        run.ended = True
        if run.claim is not None:
            self.running -= 1
            self.finished += 1
            run.claim = None
        if run.patience is not None:
            run.patience.cancel()
        run.wake()
        if run.submission.paced:
            if not run.followers:
                self._forget(run)
            return
        asyncio.get_running_loop().call_later(self._bounds.kept_seconds, self._forget, run)

    def _forget(self, run: _Run) -> None:
        if self._runs.pop(run.id, None) is not None:
            self._bytes -= run.log.size

    # followers

    def _arrive(self, run: _Run) -> None:
        run.followers += 1
        if run.patience is not None:
            run.patience.cancel()
            run.patience = None

    def _leave(self, run: _Run) -> None:
        run.followers -= 1
        if not run.submission.paced:
            self._watch_followers(run)
        elif run.ended:
            self._forget(run)
        else:
            self._stop(run)

    def _watch_followers(self, run: _Run) -> None:
        """Where nobody follows an attended run, give it the grace period."""
        if run.submission.attended and not run.submission.paced and not run.followers and not run.ended:
            loop = asyncio.get_running_loop()
            run.patience = loop.call_later(self._bounds.grace_seconds, self._stop, run)

    def _stop(self, run: _Run) -> None:
        """Nobody wants it any more."""
        if run.ended:
            return
        if run.claim is not None:
            run.claim.cancelled.set()
            run.wake()
        elif run in self._queue:
            self._queue.remove(run)
            self._end_cancelled(run)
