"""Places, the queue, and what happens to those who leave it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from backend.errors import BusyError
from backend.runs.admission import Admission


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Runner:
    """Runs that end when they are told to, in the order in which they got their place."""

    def __init__(self, *, places: int, queue_length: int) -> None:
        self.admission = Admission(places=places, queue_length=queue_length)
        self.started: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    async def run(self, name: str) -> None:
        self.ends[name] = asyncio.Event()
        async with self.admission.place():
            self.started.append(name)
            await self.ends[name].wait()

    async def start(self, *names: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.run(name)) for name in names]
        await settle()
        return tasks

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.admission.running, self.admission.queued, self.admission.finished


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


def test_first_come_first_served() -> None:
    async def scene() -> None:
        runner = Runner(places=2, queue_length=9)
        tasks = await runner.start("a", "b", "c", "d", "e")
        assert runner.started == ["a", "b"]
        assert runner.counts == (2, 3, 0)
        for name in ("b", "a", "c", "e", "d"):
            runner.ends[name].set()
            await settle()
        assert runner.started == ["a", "b", "c", "d", "e"]
        assert runner.counts == (0, 0, 5)
        await asyncio.gather(*tasks)

    play(scene())


def test_nobody_slips_past_those_who_wait() -> None:
    async def scene() -> None:
        runner = Runner(places=1, queue_length=9)
        tasks = await runner.start("a", "b")
        runner.ends["a"].set()
        tasks += await runner.start("c")
        assert runner.started == ["a", "b"]
        for name in ("b", "c"):
            runner.ends[name].set()
            await settle()
        await asyncio.gather(*tasks)

    play(scene())


def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    async def scene() -> None:
        runner = Runner(places=1, queue_length=1)
        tasks = await runner.start("a", "b")
        with pytest.raises(BusyError, match="1 runs are under way and 1 wait") as caught:
            await runner.run("c")
        assert isinstance(caught.value.retry_after, int)
        assert caught.value.retry_after >= 1
        for name in ("a", "b"):
            runner.ends[name].set()
            await settle()
        await asyncio.gather(*tasks)

    play(scene())


def test_who_leaves_the_queue_frees_a_place_in_it() -> None:
    async def scene() -> None:
        runner = Runner(places=1, queue_length=1)
        tasks = await runner.start("a", "b")
        tasks[1].cancel()
        await settle()
        assert runner.counts == (1, 0, 0)
        tasks += await runner.start("c")
        runner.ends["a"].set()
        await settle()
        assert runner.started == ["a", "c"]
        runner.ends["c"].set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert runner.counts == (0, 0, 2)

    play(scene())


@pytest.mark.parametrize("cancel_first", [True, False])
def test_a_place_handed_to_one_who_is_just_leaving_is_not_lost(cancel_first: bool) -> None:
    async def scene() -> None:
        runner = Runner(places=1, queue_length=9)
        tasks = await runner.start("a", "b", "c")
        runner.ends["a"].set()
        if cancel_first:
            tasks[1].cancel()
        else:
            while tasks[0].done() is False:
                await asyncio.sleep(0)
            tasks[1].cancel()
        await settle()
        assert runner.started[-1] == "c"
        runner.ends["c"].set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert runner.counts[:2] == (0, 0)

    play(scene())


def test_a_failing_run_gives_its_place_back() -> None:
    async def scene() -> None:
        admission = Admission(places=1, queue_length=0)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with admission.place():
                    raise ZeroDivisionError
        assert (admission.running, admission.finished) == (0, 3)

    play(scene())
