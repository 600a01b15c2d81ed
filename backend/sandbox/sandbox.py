"""The sandbox as the server knows it: started once, then `run` for every job."""

from __future__ import annotations

import asyncio
import contextlib
from typing import ClassVar, Final

from backend.errors import BelowMinimum, SandboxGone
from backend.sandbox import kernel, selftest
from backend.sandbox.child_process import ChildProcess
from backend.sandbox.limits import Limits
from backend.sandbox.pool import Pool
from backend.sandbox.run import Run
from backend.sandbox.zygote_process import ZygoteProcess
from backend.schema import SandboxReport

RETRY_SECONDS: Final = (0.0, 1.0, 5.0)
"""Pauses before a dead zygote is replaced, by how many died in a row before they were warm."""


class Sandbox:
    """A zygote, its warm children, and whoever replaces them when they die."""

    zygote_module: ClassVar[str] = "backend.sandbox.zygote"

    def __init__(
        self,
        *,
        entry: str = "backend.trace.entry:Entry",
        warm_children: int,
        limits: Limits,
        unsafe_local: bool = False,
    ) -> None:
        self._entry = entry
        self._warm = warm_children
        self._limits = limits
        self._unsafe_local = unsafe_local
        self.zygote: ZygoteProcess | None = None
        self.pool: Pool | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._failure: SandboxGone | None = None
        self.report = SandboxReport(safe=False, unsafe_local=unsafe_local, layers=[])
        self.versions: dict[str, str] = {}

    async def start(self) -> SandboxReport:
        """Start, warm up and attack it. Raises BelowMinimum, unless unsafe_local, and SandboxGone."""
        with contextlib.suppress(OSError, AttributeError):
            kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        try:
            await self._raise_zygote()
            assert self.zygote is not None
            assert self.pool is not None
            self.report = await selftest.examine(self.pool, self.zygote, self._limits, unsafe_local=self._unsafe_local)
        except BaseException:
            await self.close()
            raise
        if not self.report.safe and not self._unsafe_local:
            await self.close()
            raise BelowMinimum(
                _complaint(self.report), hint="use Docker or Linux, or --unsafe-local for your own code only"
            )
        self._keeper = asyncio.create_task(self._keep())
        return self.report

    def run(self, job: bytes) -> Run:
        """Give `job` to a child. The run begins at once."""
        return Run(job, self._limits, self._take)

    async def close(self) -> None:
        """End every process."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None
        self._failure = SandboxGone("the sandbox is closed")
        self._ready.set()
        if self.pool is not None:
            self.pool.close()
        if self.zygote is not None:
            await self.zygote.stop()

    async def _take(self) -> ChildProcess:
        pool = await self._current()
        try:
            return await pool.take()
        except SandboxGone:
            if self._keeper is None or not pool.gone:
                raise
        if self.pool is pool:
            self._ready.clear()
        return await (await self._current()).take()  # the job had not begun, so the next zygote can have it

    async def _current(self) -> Pool:
        await self._ready.wait()
        if self._failure is not None:
            raise self._failure
        assert self.pool is not None
        return self.pool

    async def _raise_zygote(self) -> None:
        zygote = ZygoteProcess(self.zygote_module, self._entry, self._limits, unsafe_local=self._unsafe_local)
        self.zygote = zygote
        await zygote.start()
        self.pool = Pool(zygote, self._warm)
        self.pool.fill()
        self.versions = zygote.versions
        self._failure = None
        self._ready.set()

    async def _keep(self) -> None:
        """Replace the zygote whenever it dies."""
        while True:
            assert self.zygote is not None
            await self.zygote.gone.wait()
            self._ready.clear()
            if self.pool is not None:
                self.pool.close()
            await self.zygote.ended()
            await self._replace()

    async def _replace(self) -> None:
        attempt = 0
        while True:
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            try:
                await self._raise_zygote()
            except SandboxGone as error:
                attempt += 1
                self._failure = error
                self._ready.set()  # let those who wait know; the next attempt follows all the same
            else:
                return


def _complaint(report: SandboxReport) -> str:
    failed = [f"{layer.name} ({layer.detail})" for layer in report.layers if layer.required and not layer.held]
    return f"the sandbox does not hold: {'; '.join(failed)}"
