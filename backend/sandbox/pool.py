"""Keeps locked children ready, and gives each to one job."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from backend.errors import SandboxGone
from backend.sandbox.child_process import ChildProcess, FrameTooLong
from backend.sandbox.lockdown import Held
from backend.sandbox.zygote_process import ZygoteProcess

REPORT_BYTES: Final = 65536
PATIENCE_SECONDS: Final = 60.0
"""A zygote that does not fork for so long hangs, and is killed to be replaced."""

SPARE_SECONDS: Final = 0.03
"""While another child is ready, the one that was taken is replaced so much later: making and settling one takes tens of
milliseconds of a processor, which a short run and its answer would have to share."""


@dataclass(slots=True)
class _Demand:
    """Someone waits for a child: an ordinary one, or one for the self-test."""

    attack: bool
    answer: asyncio.Future[ChildProcess]


class Pool:
    """The children of one zygote. More may be taken than are kept warm: then one waits for a fork."""

    def __init__(self, zygote: ZygoteProcess, warm: int) -> None:
        self._zygote = zygote
        self._warm = warm
        self.idle: deque[ChildProcess] = deque()
        self._waiting: deque[_Demand] = deque()
        self._forking = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._later: asyncio.TimerHandle | None = None
        self.layers: list[Held] = []
        zygote.on_child = self._born
        zygote.on_failure = self._stillborn

    @property
    def gone(self) -> bool:
        """Whether the zygote has died: no child will come any more."""
        return self._zygote.gone.is_set()

    def fill(self) -> None:
        """Ask for as many children as are missing."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        waiting = sum(not demand.attack for demand in self._waiting)
        missing = self._warm + waiting - len(self.idle) - self._forking
        for _ in range(missing):
            if not self._zygote.fork(settle=self._forking >= waiting):
                return
            self._forking += 1

    async def take(self) -> ChildProcess:
        """A locked child that waits for its job. Raises SandboxGone when none can be had."""
        while self.idle:
            child = self.idle.popleft()
            if not child.exit.done():
                if self.idle:
                    self._fill_later()
                else:
                    self.fill()
                return child
        return await self._wait(attack=False)

    async def take_for_attack(self) -> ChildProcess:
        """A locked child that waits for an order of the self-test."""
        return await self._wait(attack=True)

    def close(self) -> None:
        """No more children: whoever waits gets SandboxGone."""
        if self._later is not None:
            self._later.cancel()
        self._refuse("the zygote is gone", attack=None)
        for task in self._tasks:
            task.cancel()

    def _fill_later(self) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(SPARE_SECONDS, self.fill)

    async def _wait(self, *, attack: bool) -> ChildProcess:
        demand = _Demand(attack, asyncio.get_running_loop().create_future())
        self._waiting.append(demand)
        if attack:
            self._zygote.fork(attack=True)
        else:
            self.fill()
        gone = asyncio.ensure_future(self._zygote.gone.wait())
        try:
            ends: list[asyncio.Future[Any]] = [gone, demand.answer]
            await asyncio.wait(ends, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not demand.answer.done():
                self._zygote.kill()
                await self._zygote.gone.wait()
                raise SandboxGone("the zygote died or hung before it could make a child")
            return demand.answer.result()
        except BaseException:
            self._forget(demand)
            raise
        finally:
            gone.cancel()

    def _forget(self, demand: _Demand) -> None:
        """Whoever waited does so no longer: a child that came all the same is for the next."""
        if demand in self._waiting:
            self._waiting.remove(demand)
        elif not demand.answer.cancelled() and demand.answer.exception() is None:
            self._give(demand.answer.result(), demand.attack)
        demand.answer.cancel()

    def _born(self, child: ChildProcess, attack: bool) -> None:
        task = asyncio.get_running_loop().create_task(self._welcome(child, attack))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _welcome(self, child: ChildProcess, attack: bool) -> None:
        """Wait until the child says that it is locked: its first frame, sent before any of the learner's code."""
        try:
            report = await child.frame(REPORT_BYTES)
        except FrameTooLong:
            report = None
        except asyncio.CancelledError:
            child.close()
            raise
        if not attack:
            self._forking -= 1
        if report is None:
            await child.exit
            words = child.text.decode(errors="replace").strip().rpartition("\n")[2]
            child.close()
            self._refuse(f"a child died before it was locked: {words or child.exit.result()}", attack=attack)
            return
        self.layers = [Held(**layer) for layer in json.loads(report)]
        self._give(child, attack)

    def _give(self, child: ChildProcess, attack: bool) -> None:
        for demand in self._waiting:
            if demand.attack == attack:
                self._waiting.remove(demand)
                demand.answer.set_result(child)
                return
        if attack or len(self.idle) >= self._warm:  # whoever it was forked for was cancelled
            child.close()
        else:
            self.idle.append(child)
            child.exit.add_done_callback(lambda _: self._withered(child))

    def _withered(self, child: ChildProcess) -> None:
        """A child died while it was idle: the machine's memory ran out, or someone killed it."""
        if child in self.idle:
            self.idle.remove(child)
            child.close()
            if not self._zygote.gone.is_set():
                self.fill()

    def _stillborn(self, reason: str, attack: bool) -> None:
        if not attack:
            self._forking -= 1
        self._refuse(f"no child could be forked: {reason}", attack=attack)

    def _refuse(self, reason: str, *, attack: bool | None) -> None:
        for demand in [demand for demand in self._waiting if attack in (None, demand.attack)]:
            self._waiting.remove(demand)
            if not demand.answer.done():
                demand.answer.set_exception(SandboxGone(reason))
