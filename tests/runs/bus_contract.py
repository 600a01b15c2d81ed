"""What every `RunBus` must hold: whoever writes a second one subclasses `BusContract` and says how to `make` it.

Nothing here looks inside: all is submit, claim, publish, release, follow and cancel.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from backend.errors import AheadOfRun, BusyError, UnknownRun
from backend.runs.bus import Begun, Claim, Cursor, Delivery, Entry, Gap, Publication, RunBus, Submission

SECONDS = 60.0
"""No scene takes so long, on any machine; one that hangs fails."""

JOB = Submission(b"job")
DONE = Publication("done", msgspec.msgpack.encode({"type": "done"}))


def message(kind: str, index: int = 0, size: int = 0) -> Publication:
    return Publication(kind, msgspec.msgpack.encode({"type": kind, "index": index, "pad": b"x" * size}))


def fields(entry: Entry) -> dict[str, Any]:
    return dict(msgspec.msgpack.decode(entry.frame))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def collect(deliveries: AsyncGenerator[Delivery, None]) -> list[Delivery]:
    async with aclosing(deliveries):
        return [delivery async for delivery in deliveries]


def entries(deliveries: Sequence[Delivery]) -> list[tuple[int, str]]:
    return [(delivery.seq, delivery.kind) for delivery in deliveries if isinstance(delivery, Entry)]


def covered(deliveries: Sequence[Delivery]) -> list[int]:
    """Every sequence number that was delivered or said to be missing, in order."""
    found: list[int] = []
    for delivery in deliveries:
        if isinstance(delivery, Gap):
            found.extend(range(delivery.first, delivery.last + 1))
        elif isinstance(delivery, Entry):
            found.append(delivery.seq)
    return found


def gaps(deliveries: Sequence[Delivery]) -> list[Gap]:
    return [delivery for delivery in deliveries if isinstance(delivery, Gap)]


async def publish(bus: RunBus, claim: Claim, *publications: Publication) -> None:
    for publication in publications:
        await bus.publish(claim, publication)


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, SECONDS))


class BusContract(ABC):
    """The contract."""

    @abstractmethod
    def make(self, **bounds: Any) -> RunBus:
        """A bus, made inside a running loop. `bounds` are fields of `embedded.Bounds` that must not be the usual."""

    # publish and follow

    def test_messages_are_numbered_from_one_and_come_in_order(self) -> None:
        async def scene() -> None:
            bus = self.make()
            run_id = await bus.submit(JOB)
            claim = await bus.claim()
            assert (claim.run_id, claim.attempt, claim.job) == (run_id, 1, b"job")
            numbers = [await bus.publish(claim, p) for p in (message("graph"), message("step", 7), DONE)]
            assert numbers == [1, 2, 3]
            told = await collect(bus.follow(run_id))
            assert told[0] == Begun(1)
            assert entries(told) == [(1, "graph"), (2, "step"), (3, "done")]
            step = told[2]
            assert isinstance(step, Entry)
            assert fields(step) == {"seq": 2, "type": "step", "index": 7, "pad": b""}

        play(scene())

    def test_a_follower_gets_each_message_when_it_is_published(self) -> None:
        async def scene() -> None:
            bus = self.make()
            run_id = await bus.submit(JOB)
            async with aclosing(bus.follow(run_id)) as deliveries:
                assert await anext(deliveries) == Begun(1), "even before the run has a worker"
                claim = await bus.claim()
                for index in range(3):
                    waiting = asyncio.ensure_future(anext(deliveries))
                    await settle()
                    assert not waiting.done()
                    await bus.publish(claim, message("step", index))
                    delivery = await waiting
                    assert isinstance(delivery, Entry)
                    assert (delivery.seq, fields(delivery)["index"]) == (index + 1, index)
                await bus.publish(claim, DONE)
                assert [d.kind async for d in deliveries if isinstance(d, Entry)] == ["done"]

        play(scene())

    @pytest.mark.parametrize("after", range(6))
    def test_who_comes_back_misses_nothing_and_sees_nothing_twice(self, after: int) -> None:
        async def scene() -> None:
            bus = self.make()
            run_id = await bus.submit(JOB)
            claim = await bus.claim()
            await publish(bus, claim, *(message("step", n) for n in range(5)), DONE)
            told = await collect(bus.follow(run_id, Cursor(1, after)))
            assert covered(told) == list(range(after + 1, 7))
            assert gaps(told) == []

        play(scene())

    def test_graphs_before_the_cursor_come_again_for_who_asks(self) -> None:
        async def scene() -> None:
            bus = self.make()
            run_id = await bus.submit(JOB)
            claim = await bus.claim()
            await publish(bus, claim, message("graph"), message("step"), message("graph"), message("step"), DONE)
            told = await collect(bus.follow(run_id, Cursor(1, 3), graphs=True))
            assert entries(told) == [(1, "graph"), (3, "graph"), (4, "step"), (5, "done")]

        play(scene())

    def test_a_run_that_ended_at_once_is_told_like_any_other(self) -> None:
        async def scene() -> None:
            bus = self.make()
            run_id = await bus.submit(Submission(b"job", end=[message("problem"), DONE]))
            assert entries(await collect(bus.follow(run_id))) == [(1, "problem"), (2, "done")]
            claiming = asyncio.ensure_future(bus.claim())
            await settle()
            assert not claiming.done(), "there is nothing to run"
            claiming.cancel()

        play(scene())

    def test_places_that_are_not_there(self) -> None:
        async def scene() -> None:
            bus = self.make()
            with pytest.raises(UnknownRun):
                await collect(bus.follow("nobody"))
            with pytest.raises(UnknownRun):
                await bus.cancel("nobody")
            run_id = await bus.submit(JOB)
            await publish(bus, await bus.claim(), DONE)
            with pytest.raises(AheadOfRun):
                await collect(bus.follow(run_id, Cursor(1, 2)))

        play(scene())

    def test_ids_cannot_be_guessed(self) -> None:
        async def scene() -> None:
            bus = self.make(queue_length=50)
            ids = {await bus.submit(JOB) for _ in range(40)}
            assert len(ids) == 40
            assert min(map(len, ids)) >= 16

        play(scene())

    # attempts

    def test_a_run_that_is_given_back_begins_again_as_another_attempt(self) -> None:
        async def scene() -> None:
            bus = self.make(queue_length=5)
            run_id = await bus.submit(JOB)
            first = await bus.claim()
            following = asyncio.ensure_future(collect(bus.follow(run_id)))
            await publish(bus, first, message("step", 1), message("step", 2))
            await settle()
            later = await bus.submit(JOB)
            await bus.release(first)
            second = await bus.claim()
            assert (second.run_id, second.attempt) == (run_id, 2), "before those that came later"
            assert await bus.publish(second, message("step", 3)) == 1
            await bus.publish(first, message("step", 9))
            await bus.publish(second, DONE)
            told = await following
            assert told.index(Begun(2)) > told.index(Begun(1))
            after = told[told.index(Begun(2)) + 1 :]
            assert entries(after) == [(1, "step"), (2, "done")], "what a former worker says no longer counts"
            assert entries(await collect(bus.follow(run_id, Cursor(1, 2)))) == [(1, "step"), (2, "done")]
            assert entries(await collect(bus.follow(run_id, Cursor(2, 1)))) == [(2, "done")]
            await bus.cancel(later)

        play(scene())

    def test_a_cancelled_run_that_is_given_back_ends(self) -> None:
        async def scene() -> None:
            bus = self.make()
            run_id = await bus.submit(JOB)
            claim = await bus.claim()
            await bus.cancel(run_id)
            await bus.release(claim)
            assert [kind for _, kind in entries(await collect(bus.follow(run_id)))] == ["problem", "done"]

        play(scene())

    # the queue

    def test_first_come_first_served(self) -> None:
        async def scene() -> None:
            bus = self.make(places=2, queue_length=9)
            ids = [await bus.submit(JOB) for _ in range(5)]
            claims = [await bus.claim(), await bus.claim()]
            for _ in range(3):
                await publish(bus, claims[-2], DONE)
                claims.append(await bus.claim())
            assert [claim.run_id for claim in claims] == ids

        play(scene())

    def test_a_worker_that_waits_gets_the_run_that_comes(self) -> None:
        async def scene() -> None:
            bus = self.make(places=2)
            workers = [asyncio.ensure_future(bus.claim()) for _ in range(2)]
            await settle()
            ids = [await bus.submit(JOB), await bus.submit(JOB)]
            assert [(await worker).run_id for worker in workers] == ids

        play(scene())

    def test_a_run_cancelled_just_as_a_worker_gets_it_is_cancelled(self) -> None:
        async def scene() -> None:
            bus = self.make()
            worker = asyncio.ensure_future(bus.claim())
            await settle()
            run_id = await bus.submit(JOB)
            await bus.cancel(run_id)
            await settle()
            assert not worker.done() or worker.result().cancelled.is_set()
            worker.cancel()

        play(scene())

    @pytest.mark.parametrize("late", [False, True])
    def test_a_run_handed_to_a_worker_that_is_just_leaving_is_not_lost(self, late: bool) -> None:
        async def scene() -> None:
            bus = self.make(places=2)
            leaving = asyncio.ensure_future(bus.claim())
            await settle()
            if not late:
                leaving.cancel()
            run_id = await bus.submit(JOB)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            assert (await bus.claim()).run_id == run_id

        play(scene())

    def test_a_full_queue_refuses_and_says_when_to_come_back(self) -> None:
        async def scene() -> None:
            bus = self.make(places=1, queue_length=1)
            running, waiting = await bus.submit(JOB), await bus.submit(JOB)
            claim = await bus.claim()
            with pytest.raises(BusyError) as caught:
                await bus.submit(JOB)
            assert isinstance(caught.value.retry_after, int)
            assert caught.value.retry_after >= 1
            await bus.submit(Submission(b"job", end=[DONE]))  # what needs no place is never refused
            await bus.cancel(waiting)
            third = await bus.submit(JOB)
            await publish(bus, claim, DONE)
            assert (await bus.claim()).run_id == third
            assert running == claim.run_id

        play(scene())

    # cancel

    def test_a_run_that_waits_is_cancelled_at_once(self) -> None:
        async def scene() -> None:
            bus = self.make(places=1, queue_length=5)
            first, second, third = [await bus.submit(JOB) for _ in range(3)]
            following = asyncio.ensure_future(collect(bus.follow(second)))
            await settle()
            await bus.cancel(second)
            told = await following
            assert [kind for _, kind in entries(told)] == ["problem", "done"]
            end = told[-1]
            assert isinstance(end, Entry)
            assert fields(end)["status"] == "cancelled"
            assert [(await bus.claim()).run_id for _ in range(2)] == [first, third]

        play(scene())

    def test_a_run_under_way_is_told_and_may_still_say_its_last(self) -> None:
        async def scene() -> None:
            bus = self.make()
            run_id = await bus.submit(JOB)
            claim = await bus.claim()
            assert not claim.cancelled.is_set()
            await bus.cancel(run_id)
            assert claim.cancelled.is_set()
            await publish(bus, claim, message("step"), DONE)
            assert entries(await collect(bus.follow(run_id))) == [(1, "step"), (2, "done")]
            await bus.cancel(run_id)
            assert entries(await collect(bus.follow(run_id))) == [(1, "step"), (2, "done")], "as it was"

        play(scene())

    def test_an_attended_run_ends_when_nobody_follows_it(self) -> None:
        async def scene() -> None:
            bus = self.make(grace_seconds=0.05)
            run_id = await bus.submit(JOB)
            claim = await bus.claim()
            viewers = [bus.follow(run_id) for _ in range(2)]
            for viewer in viewers:
                await anext(viewer)
            await viewers[0].aclose()
            await asyncio.sleep(0.2)
            assert not claim.cancelled.is_set(), "one still follows"
            await viewers[1].aclose()
            await claim.cancelled.wait()

        play(scene())

    def test_an_attended_run_that_nobody_ever_followed_ends_too(self) -> None:
        async def scene() -> None:
            bus = self.make(grace_seconds=0.02, places=1, queue_length=3)
            await bus.submit(JOB)
            claim = await bus.claim()
            await bus.submit(JOB)
            await claim.cancelled.wait()
            await publish(bus, claim, DONE)
            await asyncio.sleep(0.2)
            third = await bus.submit(JOB)
            assert (await bus.claim()).run_id == third, "the second was not worth beginning"

        play(scene())

    def test_who_comes_back_in_time_keeps_the_run(self) -> None:
        async def scene() -> None:
            bus = self.make(grace_seconds=0.3)
            run_id = await bus.submit(JOB)
            claim = await bus.claim()
            for _ in range(5):
                viewer = bus.follow(run_id)
                await anext(viewer)
                await viewer.aclose()
                await asyncio.sleep(0)
            viewer = bus.follow(run_id)
            await anext(viewer)
            await asyncio.sleep(0.6)
            assert not claim.cancelled.is_set()
            await viewer.aclose()

        play(scene())

    def test_an_unattended_run_goes_on_by_itself(self) -> None:
        async def scene() -> None:
            bus = self.make(grace_seconds=0.01)
            run_id = await bus.submit(Submission(b"job", attended=False))
            claim = await bus.claim()
            viewer = bus.follow(run_id)
            await anext(viewer)
            await viewer.aclose()
            await asyncio.sleep(0.1)
            assert not claim.cancelled.is_set()

        play(scene())

    # who is slow

    def test_a_slow_viewer_skips_to_the_newest_step_and_is_told(self) -> None:
        async def scene() -> None:
            bus = self.make(behind_bytes=20_000)
            run_id = await bus.submit(JOB)
            claim = await bus.claim()
            slow, quick = bus.follow(run_id), asyncio.ensure_future(collect(bus.follow(run_id)))
            told: list[Delivery] = [await anext(slow)]
            await publish(bus, claim, message("graph"), message("step", 0, 1000), message("scalars", 0))
            told += [await anext(slow), await anext(slow)]
            for index in range(1, 101):
                new = [message("graph", index)] if index == 50 else []
                await publish(bus, claim, *new, message("step", index, 1000), message("scalars", index))
                await settle()  # the quick one keeps up
            await publish(bus, claim, message("output"), DONE)
            told += await collect(slow)
            assert covered(told) == list(range(1, 206 + 1))
            missing = gaps(told)
            assert {gap.reason for gap in missing} == {"slow"}
            steps = [fields(d)["index"] for d in told if isinstance(d, Entry) and d.kind == "step"]
            assert steps[0] == 0
            assert steps[-1] == 100, "the newest is never skipped"
            assert len(steps) < 60
            assert sum(gap.steps for gap in missing) == 101 - len(steps)
            graphs = [fields(d)["index"] for d in told if isinstance(d, Entry) and d.kind == "graph"]
            assert graphs == [0, 50]
            scalars = [fields(d)["index"] for d in told if isinstance(d, Entry) and d.kind == "scalars"]
            scalars += [msgspec.msgpack.decode(frame)["index"] for gap in missing for frame in gap.scalars]
            assert sorted(scalars) == list(range(101)), "the numbers of every iteration come, one way or the other"
            assert gaps(await quick) == []

        play(scene())

    def test_who_comes_late_may_take_everything_at_its_own_pace(self) -> None:
        async def scene() -> None:
            bus = self.make(behind_bytes=20_000)
            run_id = await bus.submit(JOB)
            claim = await bus.claim()
            await publish(bus, claim, *(message("step", n, 1000) for n in range(100)), DONE)
            told = await collect(bus.follow(run_id))
            assert gaps(told) == []
            assert covered(told) == list(range(1, 102))

        play(scene())

    # what is kept

    def test_a_long_log_thins_out_and_says_so(self) -> None:
        async def scene() -> None:
            bus = self.make(run_bytes=100_000)
            run_id = await bus.submit(Submission(b"job", attended=False))
            claim = await bus.claim()
            for index in range(1000):
                new = [message("graph", index)] if index in (0, 700) else []
                await publish(bus, claim, *new, message("step", index, 1000), message("scalars", index))
            await publish(bus, claim, message("problem"), DONE)
            told = await collect(bus.follow(run_id))
            assert covered(told) == list(range(1, 2004 + 1))
            steps = [fields(d)["index"] for d in told if isinstance(d, Entry) and d.kind == "step"]
            assert {0, 700, 999} <= set(steps), "the first of each graph, and the last"
            assert 20 < len(steps) < 100
            assert max(b - a for a, b in pairwise(steps)) < 300, "from all over the run"
            missing = gaps(told)
            assert {gap.reason for gap in missing} == {"expired"}
            assert sum(gap.steps for gap in missing) == 1000 - len(steps)
            kinds = [kind for _, kind in entries(told)]
            assert kinds.count("graph") == 2
            assert kinds[-2:] == ["problem", "done"]

        play(scene())

    @pytest.mark.parametrize("after", [1, 2, 500, 1999])
    def test_a_cursor_into_what_is_gone_is_told_from_there(self, after: int) -> None:
        async def scene() -> None:
            bus = self.make(run_bytes=50_000)
            run_id = await bus.submit(Submission(b"job", attended=False))
            claim = await bus.claim()
            await publish(bus, claim, *(message("step", n, 1000) for n in range(2000)), DONE)
            told = await collect(bus.follow(run_id, Cursor(1, after)))
            assert covered(told) == list(range(after + 1, 2002))
            steps = sum(kind == "step" for _, kind in entries(told)) + sum(gap.steps for gap in gaps(told))
            assert steps == 2000 - after

        play(scene())

    def test_even_messages_that_are_no_steps_do_not_grow_without_bound(self) -> None:
        async def scene() -> None:
            bus = self.make(run_bytes=50_000)
            run_id = await bus.submit(Submission(b"job", attended=False))
            claim = await bus.claim()
            for index in range(300):
                await publish(bus, claim, message("graph", index, 1000), message("step", index), message("output"))
            await publish(bus, claim, DONE)
            told = await collect(bus.follow(run_id))
            assert covered(told) == list(range(1, 902))
            kept = sum(len(d.frame) for d in told if isinstance(d, Entry))
            assert kept < 60_000
            assert entries(told)[-1] == (901, "done")
            sent: set[int] = set()
            for delivery in told:
                if isinstance(delivery, Entry) and delivery.kind == "graph":
                    sent.add(fields(delivery)["index"])
                elif isinstance(delivery, Entry) and delivery.kind == "step":
                    assert fields(delivery)["index"] in sent, "no step without its graph"

        play(scene())

    def test_ended_runs_make_room_for_others(self) -> None:
        async def scene() -> None:
            bus = self.make(all_bytes=100_000, places=20)
            ids = []
            for _ in range(10):
                ids.append(await bus.submit(Submission(b"job", attended=False)))
                await publish(bus, await bus.claim(), *(message("step", n, 1000) for n in range(30)), DONE)
            with pytest.raises(UnknownRun):
                await collect(bus.follow(ids[0]))
            assert covered(await collect(bus.follow(ids[-1]))) == list(range(1, 32))

        play(scene())

    def test_runs_under_way_share_the_room(self) -> None:
        async def scene() -> None:
            bus = self.make(all_bytes=100_000, places=20)
            ids = [await bus.submit(Submission(b"job", attended=False)) for _ in range(4)]
            claims = [await bus.claim() for _ in ids]
            for index in range(100):
                for claim in claims:
                    await bus.publish(claim, message("step", index, 1000))
            for run_id, claim in zip(ids, claims, strict=True):
                await bus.publish(claim, DONE)
                told = await collect(bus.follow(run_id))
                assert covered(told) == list(range(1, 102))
                assert 2 < len(entries(told)) < 60

        play(scene())

    def test_a_run_is_forgotten_some_time_after_its_end(self) -> None:
        async def scene() -> None:
            bus = self.make(kept_seconds=0.05)
            run_id = await bus.submit(JOB)
            await publish(bus, await bus.claim(), DONE)
            await collect(bus.follow(run_id))

            async def watch_it_go() -> None:
                while True:
                    await collect(bus.follow(run_id))
                    await asyncio.sleep(0.01)

            with pytest.raises(UnknownRun):
                await watch_it_go()

        play(scene())

    # paced runs

    def test_a_paced_run_waits_for_its_follower_and_is_then_forgotten(self) -> None:
        async def scene() -> None:
            bus = self.make(behind_bytes=5000)
            run_id = await bus.submit(Submission(b"job", paced=True))
            following = bus.follow(run_id)
            await anext(following)
            claim = await bus.claim()
            published = 0

            async def work() -> None:
                nonlocal published
                for index in range(100):
                    await bus.publish(claim, message("step", index, 1000))
                    published += 1
                await bus.publish(claim, DONE)

            working = asyncio.ensure_future(work())
            await settle()
            assert 0 < published < 10, "it waits"
            told = await collect(following)
            await working
            assert covered(told) == list(range(1, 102))
            assert gaps(told) == []
            with pytest.raises(UnknownRun):
                await collect(bus.follow(run_id))

        play(scene())

    def test_a_paced_run_ends_when_its_follower_leaves(self) -> None:
        async def scene() -> None:
            bus = self.make(behind_bytes=5000, places=1, queue_length=5)
            run_id = await bus.submit(Submission(b"job", paced=True))
            waiting_id = await bus.submit(Submission(b"job", paced=True))
            claim = await bus.claim()
            following, waiting = bus.follow(run_id), bus.follow(waiting_id)
            await anext(following)
            await anext(waiting)
            working = asyncio.ensure_future(publish(bus, claim, *(message("step", n, 1000) for n in range(100)), DONE))
            await settle()
            await waiting.aclose()
            await following.aclose()
            await working
            assert claim.cancelled.is_set()
            next_id = await bus.submit(JOB)
            assert (await bus.claim()).run_id == next_id
            for gone in (run_id, waiting_id):
                with pytest.raises(UnknownRun):
                    await collect(bus.follow(gone))

        play(scene())
