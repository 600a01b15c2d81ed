"""Who may run now, who waits, who is sent away."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Final

from backend.errors import BusyError

RETRY_LIMIT: Final = 60
"""The longest `Retry-After`, in seconds: an estimate from a few slow runs should not send a class home."""


class Admission:
    """`places` runs at once; `queue_length` more wait, first come, first served; the next is refused."""

    def __init__(self, *, places: int, queue_length: int) -> None:
        self._places = places
        self._queue_length = queue_length
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._typical_seconds = 0.1
        self.running = 0
        self.finished = 0

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[float]:
        """Hold a place; yields the milliseconds waited for it.

        Errors:
            BusyError: the queue is full.
        """
        arrived = perf_counter()
        await self._enter()
        started = perf_counter()
        try:
            yield (started - arrived) * 1000
        finally:
            self._leave(perf_counter() - started)

    async def _enter(self) -> None:
        if self.running < self._places:  # then nobody waits: places are handed on, never laid down while one does
            self.running += 1
            return
        if len(self._waiting) >= self._queue_length:
            raise BusyError(
                f"{self.running} runs are under way and {self.queued} wait: no place is left",
                retry_after=self._retry_after(),
                hint="Try again in a moment.",
            )
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn.cancelled():
                self._hand_on()  # the place came just as its owner left
            raise

    def _leave(self, seconds: float) -> None:
        self._typical_seconds += 0.2 * (seconds - self._typical_seconds)
        self.finished += 1
        self._hand_on()

    def _hand_on(self) -> None:
        """Give the place to the first who still waits; `running` stays as it is, nobody can slip in between."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1

    def _retry_after(self) -> int:
        """Seconds until the queue should have emptied, from how long the last runs took."""
        ahead = self.running + self.queued
        return min(RETRY_LIMIT, max(1, math.ceil(self._typical_seconds * ahead / self._places)))
