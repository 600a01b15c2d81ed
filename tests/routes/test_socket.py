"""`WS /api/runs`: what may be said on it, and what the server says before it closes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from websockets.exceptions import InvalidStatus

from backend.routes.runs_socket import CLOSES
from backend.schema import Refusal
from tests.serving import Served, serve
from tests.streaming import of, run, viewing

TWO_STEPS = """
w = torch.tensor(1.0, requires_grad=True)
for epoch in range(2):
    loss = (w * 2 - 4) ** 2
    loss.backward()
    with torch.no_grad():
        w -= 0.05 * w.grad
    w.grad.zero_()
print('end')
w
"""
FOREVER = "print('go', flush=True)\nwhile True:\n    pass"
KINDS = [
    "hello",
    "graph",
    "step",
    "scalars",
    "output",  # the first that is printed, at once: the second step is over only where the snippet is
    "step",
    "scalars",
    *["gradient"] * 3,
    "result",
    "done",
]


def kinds_of(told: list[Any]) -> list[str]:
    """Without bindings: how often one comes depends on how long the run takes."""
    return [message["type"] for message in told if message["type"] != "binding"]


@pytest.mark.parametrize("path", ["/api/runs", "/api/runs?encoding=json", "/api/runs?encoding=msgpack"])
def test_a_run_is_told_from_hello_to_done(server: Served, path: str) -> None:
    told = asyncio.run(run(server.url, TWO_STEPS, path))
    assert kinds_of(told) == KINDS
    assert [message["seq"] for message in told] == list(range(len(told)))
    assert [message["type"] for message in told[4:5]] == ["binding"], (
        "what stands beside the lines comes with the first step"
    )
    last = {(message["line"], message["name"]): message["text"] for message in of("binding", told)}
    assert last == {(2, "w"): "1.4", (3, "epoch"): "1", (4, "loss"): "1.44", (7, "w"): "1.4"}
    hello, done = told[0], told[-1]
    assert (hello["protocol"], hello["attempt"]) == (1, 1)
    assert hello["limits"] == {
        "cpu_seconds": 10.0,
        "wall_seconds": 30.0,
        "memory_bytes": 1 << 30,
        "output_bytes": 1 << 18,
    }
    assert done["status"] == "ok"
    assert done["timings"]["total"] >= done["timings"]["run"] > 0
    assert [message["loss"] for message in of("scalars", told)] == pytest.approx([4.0, 1.44])


def test_a_problem_comes_before_done(server: Served) -> None:
    told = asyncio.run(run(server.url, "x = torch.ones(2)\nx @ torch.ones(3)"))
    assert [message["type"] for message in told][-2:] == ["problem", "done"]
    assert (told[-2]["kind"], told[-2]["line"], told[-1]["status"]) == ("RuntimeError", 2, "error")
    wrong_syntax = asyncio.run(run(server.url, "x = (1"))
    assert [message["type"] for message in wrong_syntax] == ["hello", "problem", "done"]
    assert wrong_syntax[1]["line"] == 1


def test_a_socket_takes_one_start_after_the_other(server: Served) -> None:
    async def scene() -> None:
        async with viewing(server.url) as viewer:
            ids = set()
            for _ in range(3):
                await viewer.start(TWO_STEPS)
                told = await viewer.until("done")
                assert kinds_of(told) == KINDS
                ids.add(told[0]["run_id"])
            assert len(ids) == 3

    asyncio.run(scene())


def test_a_start_before_the_end_cancels_the_run_under_way(server: Served) -> None:
    async def scene() -> None:
        async with viewing(server.url) as viewer:
            await viewer.start(FOREVER)
            first = (await viewer.until("output"))[0]["run_id"]
            await viewer.start(TWO_STEPS)
            told = await viewer.until("hello")
            assert told[-1]["run_id"] != first
            assert kinds_of(await viewer.until("done")) == KINDS[1:]
            async with viewing(server.url, f"/api/runs/{first}") as other:
                assert (await other.until("done"))[-1]["status"] == "cancelled"

    asyncio.run(scene())


@pytest.mark.parametrize("path", ["/api/runs", "/api/runs?encoding=json"])
@pytest.mark.parametrize(
    ("said", "code", "words", "where"),
    [
        ("{", 4400, "not JSON", None),
        ("[" * 100_000, 4400, "not JSON", None),
        ("[1]", 4400, "without a type", "type"),
        ("{}", 4400, "without a type", "type"),
        ('{"type": 3}', 4400, "of type '3'", "type"),
        ('{"type": "begin"}', 4400, "of type 'begin'", "type"),
        (b"\x80", 4400, "a binary message", None),
        ('{"type": "cancel"}', 4400, "no run to cancel", None),
        ('{"type": "start"}', 4422, "code is missing", "code"),
        ('{"type": "start", "code": 3}', 4422, "code should be a valid string, not 3", "code"),
        ('{"type": "start", "code": "x", "more": 1}', 4422, "more is not a known field", "more"),
        ('{"type": "start", "code": "x", "options": {"preview": 5000}}', 4422, "less than or equal", "options.preview"),
        (json.dumps({"type": "start", "code": "x" * 65_537}), 4413, "65537 bytes", "code"),
    ],
)
def test_what_nobody_may_say_is_answered_and_the_socket_closed(
    server: Served, path: str, said: str | bytes, code: int, words: str, where: str | None
) -> None:
    async def scene() -> None:
        async with viewing(server.url, path) as viewer:
            await viewer.say(said)
            closed, reason, told = await viewer.closed()
        refusal = Refusal.model_validate(told[-1])
        assert closed == code
        assert code in CLOSES
        assert words in refusal.message
        assert refusal.message.startswith(reason[:100])
        assert (refusal.where, refusal.hint is not None) == (where, True)

    asyncio.run(scene())
    assert server.graph("x = 1")["status"] == "ok"


def test_a_message_longer_than_any_snippet_is_not_read(server: Served) -> None:
    async def scene() -> None:
        async with viewing(server.url) as viewer:
            await viewer.say("x" * 1_000_000)
            assert (await viewer.closed())[0] == 1009

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("query", "words"),
    [("after=x", "after should"), ("after=-1", "after should"), ("attempt=²", "attempt"), ("encoding=xml", "'xml'")],
)
def test_a_query_that_cannot_be_is_answered(server: Served, query: str, words: str) -> None:
    async def scene() -> None:
        async with viewing(server.url, f"/api/runs/some?{query}") as viewer:
            code, _, told = await viewer.closed()
            assert (code, words in told[-1]["message"]) == (4422, True)

    asyncio.run(scene())


def test_a_run_that_is_not_there(server: Served) -> None:
    async def scene() -> None:
        async with viewing(server.url, "/api/runs/nobody") as viewer:
            code, reason, told = await viewer.closed()
            assert (code, told[-1]["code"], told[-1]["where"]) == (4404, "unknown_run", "run_id")
            assert "'nobody'" in reason

    asyncio.run(scene())


def test_a_place_past_the_newest_message(server: Served) -> None:
    async def scene() -> None:
        run_id = (await run(server.url, "x = 1"))[0]["run_id"]
        async with viewing(server.url, f"/api/runs/{run_id}?after=1000") as viewer:
            code, _, told = await viewer.closed()
            assert (code, told[-1]["code"]) == (4422, "ahead_of_run")

    asyncio.run(scene())


def test_a_follower_may_cancel_and_not_start(server: Served) -> None:
    async def scene() -> None:
        async with viewing(server.url) as owner:
            await owner.start(FOREVER)
            run_id = (await owner.until("output"))[0]["run_id"]
            async with viewing(server.url, f"/api/runs/{run_id}") as other:
                await other.start("x = 1")
                assert (await other.closed())[0] == 4400
            async with viewing(server.url, f"/api/runs/{run_id}") as other:
                await other.say({"type": "cancel"})
                code, reason, told = await other.closed()
                assert (code, reason) == (1000, CLOSES[1000])
                assert told[-1]["status"] == "cancelled"
            assert (await owner.until("done"))[-1]["status"] == "cancelled"

    asyncio.run(scene())


def test_nonsense_of_one_viewer_disturbs_neither_the_run_nor_another(server: Served) -> None:
    code = "import time\nfor i in range(20):\n    print(i, flush=True)\n    time.sleep(0.05)"

    async def scene() -> None:
        async with viewing(server.url) as owner:
            await owner.start(code)
            run_id = (await owner.until("output"))[0]["run_id"]
            for nonsense in ("{", b"\0", '{"type": "x"}', "[" * 10_000):
                async with viewing(server.url, f"/api/runs/{run_id}") as other:
                    await other.say(nonsense)
                    await other.closed()
            assert (await owner.until("done"))[-1]["status"] == "ok"

    asyncio.run(scene())


ORIGINS = [
    (None, True),
    ("{here}", True),
    ("https://evil.example", False),
    ("http://127.0.0.1.evil.example", False),
    ("http://127.0.0.1", False),
    ("null", False),
    ("", False),
    ("file://", False),
    ("https://friend.example", True),
]


def test_pages_of_other_origins_open_no_socket() -> None:
    with serve(origins="https://friend.example, https://other.example") as server:
        for origin, welcome in ORIGINS:
            said = {} if origin is None else {"Origin": origin.format(here=server.url)}

            async def scene(headers: dict[str, str]) -> Any:
                async with viewing(server.url, additional_headers=headers) as viewer:
                    await viewer.start("x = 1")
                    return (await viewer.until("done"))[-1]["status"]

            if welcome:
                assert asyncio.run(scene(said)) == "ok", origin
                continue
            with pytest.raises(InvalidStatus) as refused:
                asyncio.run(scene(said))
            response = refused.value.response
            assert response.status_code == 403, origin
            assert json.loads(response.body or b"")["error"]["code"] == "foreign_origin"


def test_a_full_server_says_when_to_come_back() -> None:
    async def scene(url: str) -> None:
        async with viewing(url) as first, viewing(url, "/api/runs?encoding=json") as second:
            await first.start(FOREVER)
            await first.until("output")
            await second.start("x = 1")
            code, reason, told = await second.closed()
            assert code == 4503
            assert told[-1]["code"] == "busy"
            assert told[-1]["retry_after"] >= 1
            assert "no place is left" in reason
            await first.say({"type": "cancel"})
            await first.until("done")
        assert (await run(url, "x = 1"))[-1]["status"] == "ok"

    with serve(concurrent_runs=1, queue_length=0, warm_children=1) as server:
        asyncio.run(scene(server.url))


def test_both_spellings_say_the_same(server: Served) -> None:
    async def scene() -> None:
        run_id = (await run(server.url, TWO_STEPS))[0]["run_id"]
        async with viewing(server.url, f"/api/runs/{run_id}") as packed:
            binary = (await packed.closed())[2]
        async with viewing(server.url, f"/api/runs/{run_id}?encoding=json") as spelled:
            text = (await spelled.closed())[2]
        assert [(m["type"], m["seq"]) for m in binary] == [(m["type"], m["seq"]) for m in text]
        for one, other in zip(binary, text, strict=True):
            if one["type"] not in ("graph", "step"):
                assert json.loads(msgspec.json.encode(one)) == other
        assert of("graph", text)[0]["nodes"] == json.loads(msgspec.json.encode(of("graph", binary)[0]["nodes"]))
        assert [m["loss"] for m in of("step", binary)] == [m["loss"] for m in of("step", text)]

    asyncio.run(scene())
