"""Streams under stress: lost connections, slow viewers, cancelled runs, a zygote that is killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.serving import Served, serve
from tests.streaming import of, read, run, viewing

SECONDS = 240.0
"""No scene takes so long; one that hangs fails."""

LOOP = """
import time
w = torch.tensor(1.0, requires_grad=True)
for epoch in range({steps}):
    loss = (w - 3) ** 2
    loss.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
    w.grad.zero_()
    time.sleep({pause})
"""

WIDE = """
import time
w = torch.randn(4000, requires_grad=True)
for epoch in range(150):
    loss = (w * 2).pow(2).sum()
    loss.backward()
    w.grad = None
    time.sleep(0.03)
"""
"""Some 15 MB in all: slow enough for who reads as fast as a busy machine lets it."""


def play(scene: Any) -> Any:
    return asyncio.run(asyncio.wait_for(scene, SECONDS))


@pytest.fixture(scope="module")
def roomy() -> Iterator[Served]:
    """Every step whole, ten runs at once, and a viewer may fall behind by four megabytes."""
    with serve(step_bytes=0, concurrent_runs=10, wall_seconds=120, cpu_seconds=60, viewer_bytes=4 << 20) as served:
        yield served


# lost connections


def test_a_client_that_is_cut_off_200_times_has_what_an_undisturbed_one_has(roomy: Served) -> None:
    rng = random.Random(7)

    async def disturbed(run_id: str) -> list[bytes | str]:
        frames: list[bytes | str] = []
        after = 0
        for _ in range(200):
            async with viewing(roomy.url, f"/api/runs/{run_id}?after={after}") as viewer:
                hello = await viewer.message()
                assert (hello["type"], hello["run_id"]) == ("hello", run_id)
                for _ in range(rng.randrange(9)):
                    if frames and read(frames[-1])["type"] == "done":
                        break
                    frames.append(await viewer.socket.recv())
                    after = read(frames[-1])["seq"]
                viewer.kill()
        if read(frames[-1])["type"] != "done":
            async with viewing(roomy.url, f"/api/runs/{run_id}?after={after}") as viewer:
                frames += await viewer.raw_until_done()
        return frames

    async def undisturbed(run_id: str) -> list[bytes | str]:
        async with viewing(roomy.url, f"/api/runs/{run_id}") as viewer:
            return await viewer.raw_until_done()

    async def scene() -> None:
        started = roomy.client.post("/api/runs", json={"code": LOOP.format(steps=450, pause=0.004)}).json()
        one, other = await asyncio.gather(disturbed(started["run_id"]), undisturbed(started["run_id"]))
        assert [read(frame)["seq"] for frame in other] == list(range(1, len(other) + 1))
        assert len(of("step", [read(frame) for frame in other])) == 450
        assert one == other

    play(scene())


def test_a_run_ends_when_its_last_viewer_has_gone() -> None:
    async def scene(url: str) -> None:
        async with viewing(url) as owner:
            await owner.start(LOOP.format(steps=10_000, pause=0.01))
            run_id = (await owner.until("step"))[0]["run_id"]
            async with viewing(url, f"/api/runs/{run_id}") as other:
                await other.until("step")
                owner.kill()
                await other.until("step")
                await asyncio.sleep(1)
                await other.until("step")  # the other one still follows, well past the grace period
        async with viewing(url, f"/api/runs/{run_id}") as back:
            await back.until("step")  # in time
        while True:
            async with httpx.AsyncClient(base_url=url) as client:
                counts = (await client.get("/healthz")).json()["runs"]
            if counts["running"] == 0:
                break
            await asyncio.sleep(0.05)
        async with viewing(url, f"/api/runs/{run_id}") as late:
            assert (await late.until("done"))[-1]["status"] == "cancelled"

    with serve(grace_seconds=0.5, wall_seconds=120, cpu_seconds=60) as server:
        play(scene(server.url))


# slow viewers


def miser(url: str, run_id: str) -> socket.socket:
    """A follower that takes next to nothing: its handshake is done, and its buffer is tiny."""
    place = urlsplit(url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(SECONDS)
    connection.connect((place.hostname, place.port))
    handshake = (
        f"GET /api/runs/{run_id}?encoding=json HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    connection.sendall(handshake.encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    assert head.startswith(b"HTTP/1.1 101 ")
    return connection


def rest_of(connection: socket.socket) -> bytes:
    """Everything up to `done`, now read as fast as it comes."""
    data = b""
    while b'{"type":"done"' not in data[-4096:]:
        piece = connection.recv(1 << 20)
        assert piece, "the slow viewer was let go before the end"
        data += piece
    return data


def objects(data: bytes, start: bytes) -> Iterator[Any]:
    """The JSON objects in `data` that begin like that."""
    place = data.find(start)
    while place >= 0:
        yield json.JSONDecoder().raw_decode(data[place : place + 100_000].decode(errors="replace"))[0]
        place = data.find(start, place + 1)


def test_of_30_viewers_one_reads_a_byte_a_second_and_29_get_everything(roomy: Served) -> None:
    async def watch(run_id: str) -> list[tuple[int, str]]:
        async with viewing(roomy.url, f"/api/runs/{run_id}") as viewer:
            messages = [read(frame) for frame in await viewer.raw_until_done()]
            return [(message["seq"], message["type"]) for message in messages]

    async def creep(connection: socket.socket) -> None:
        while True:
            connection.recv(1)
            await asyncio.sleep(1)

    async def scene() -> tuple[list[list[tuple[int, str]]], bytes]:
        request = {"code": WIDE, "options": {"preview": 4096}}
        run_id = roomy.client.post("/api/runs", json=request).json()["run_id"]
        with miser(roomy.url, run_id) as connection:
            creeping = asyncio.create_task(creep(connection))
            told = await asyncio.gather(*(watch(run_id) for _ in range(29)))
            creeping.cancel()
            return told, await asyncio.to_thread(rest_of, connection)

    told, rest = play(scene())
    assert {tuple(messages) for messages in told} == {tuple(told[0])}
    assert [seq for seq, _ in told[0]] == list(range(1, len(told[0]) + 1)), "not one message is missing"
    assert [kind for _, kind in told[0]].count("step") == 150
    skipped = list(objects(rest, b'{"type":"skipped"'))
    assert {message["reason"] for message in skipped} == {"slow"}
    steps = [int(index) for index in re.findall(rb'"type":"step","seq":\d+,"index":(\d+)', rest)]
    assert steps[-1] == 149, "it ends with the newest step"
    assert len(steps) < 150


# cancel

GO = "print('go', flush=True)\n"
MATMUL = f"a = torch.randn(7000, 7000)\n{GO}b = a @ a @ a @ a @ a @ a @ a @ a"
CANCELLED = {
    "a loop of Python": f"{GO}while True:\n    pass",
    "a loop that swallows everything": f"{GO}while True:\n    try:\n        x = 1\n    except:\n        pass",
    "a matmul in C": MATMUL,
    "a sleep": "import time\nprint('go', flush=True)\ntime.sleep(100)",
    "a training loop": LOOP.format(steps=100_000, pause=0).replace(
        "import time", "print('go', flush=True)\nimport time"
    ),
}


@pytest.mark.parametrize("code", CANCELLED.values(), ids=CANCELLED)
@pytest.mark.parametrize("how", ["socket", "delete"])
def test_what_is_cancelled_ends_and_says_so(server: Served, code: str, how: str) -> None:
    async def scene() -> list[Any]:
        async with viewing(server.url) as viewer:
            await viewer.start(code)
            told = await viewer.until("output")
            await asyncio.sleep(0.1)
            if how == "socket":
                await viewer.say({"type": "cancel"})
            else:
                assert (
                    await asyncio.to_thread(server.client.delete, f"/api/runs/{told[0]['run_id']}")
                ).status_code == 204
            return await viewer.until("done")

    told = play(scene())
    assert told[-1]["status"] == "cancelled"
    assert (told[-2]["type"], told[-2]["kind"], told[-2]["status"]) == ("problem", "cancelled", "cancelled")
    assert server.graph("x = 1")["status"] == "ok"


def test_a_training_loop_that_is_cancelled_keeps_its_steps(server: Served) -> None:
    async def scene() -> tuple[list[Any], list[Any]]:
        async with viewing(server.url) as viewer:
            await viewer.start(LOOP.format(steps=100_000, pause=0))
            early = [message for _ in range(3) for message in await viewer.until("step")]
            await viewer.say({"type": "cancel"})
            return early, await viewer.until("done")

    early, late = play(scene())
    seqs = [message["seq"] for message in (*early, *late)]
    assert seqs == list(range(len(seqs)))
    assert late[-2]["line"] is not None


# the zygote


def zygote_of(server: Served) -> int:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text("ascii", "replace").rpartition(")")
            if name.endswith("(chainrule-zyg") and int(rest.split()[1]) == server.process.pid:
                return int(stat.parent.name)
    raise AssertionError("the server has no zygote")


def test_a_zygote_killed_in_the_middle_of_ten_runs_ends_each_clearly(roomy: Served) -> None:
    async def one(ready: asyncio.Barrier) -> list[Any]:
        async with viewing(roomy.url) as viewer:
            await viewer.start(LOOP.format(steps=100_000, pause=0.02))
            told = await viewer.until("step")
            await ready.wait()
            return told + await viewer.until("done")

    async def scene() -> list[list[Any]]:
        ready = asyncio.Barrier(11)
        running = [asyncio.create_task(one(ready)) for _ in range(10)]
        await ready.wait()
        os.kill(zygote_of(roomy), signal.SIGKILL)
        return await asyncio.gather(*running)

    for told in play(scene()):
        assert told[-1]["status"] == "crashed"
        assert "run it again" in told[-2]["message"]
        assert [message["seq"] for message in told] == list(range(len(told))), "what came before is kept"
    assert play(run(roomy.url, LOOP.format(steps=3, pause=0)))[-1]["status"] == "ok"


# REST


def test_ndjson_says_what_the_socket_says(server: Served) -> None:
    started = server.client.post("/api/runs", json={"code": LOOP.format(steps=20, pause=0)})
    assert started.status_code == 201
    links = started.json()
    assert started.headers["Location"] == links["events"]
    lines = server.client.get(links["events"]).text.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(len(lines)))

    async def scene() -> list[Any]:
        async with viewing(server.url, f"{links['socket']}?encoding=json") as viewer:
            return (await viewer.closed())[2]

    assert [json.loads(line) for line in lines] == play(scene())
    for after in (1, 7, len(lines) - 1):
        resumed = server.client.get(links["events"], params={"after": after}).text.splitlines()
        assert resumed == [lines[0], *lines[after + 1 :]]


def test_ndjson_comes_while_the_run_runs(server: Served) -> None:
    """Also to a client that takes compressed answers: nothing may wait for more."""
    request = {"code": "import time\nprint('first', flush=True)\ntime.sleep(100)"}
    with server.client.stream("POST", "/api/runs", json=request, headers={"Accept": "application/x-ndjson"}) as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()
        hello = json.loads(next(lines))
        assert json.loads(next(lines))["text"] == "first\n"
        assert server.client.delete(f"/api/runs/{hello['run_id']}").status_code == 204
        assert json.loads(list(lines)[-1])["status"] == "cancelled"


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/runs/nobody/events"), ("DELETE", "/api/runs/nobody")])
def test_a_run_that_is_not_there_is_a_404(server: Served, method: str, path: str) -> None:
    answer = server.client.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_run")


def test_a_run_started_by_post_goes_on_without_a_viewer() -> None:
    with serve(grace_seconds=0) as server:
        links = server.client.post("/api/runs", json={"code": LOOP.format(steps=30, pause=0.01)}).json()
        time.sleep(0.2)
        assert json.loads(server.client.get(links["events"]).text.splitlines()[-1])["status"] == "ok"


def test_a_server_that_is_stopped_ends_its_runs_and_tells_who_follows() -> None:
    """`serve` itself fails where the server has not ended some time after SIGTERM."""
    request = {"code": "import time\nprint('go', flush=True)\ntime.sleep(100)"}
    with httpx.Client(timeout=SECONDS) as client, contextlib.ExitStack() as stack:
        with serve(wall_seconds=120) as server:
            streaming = client.stream(
                "POST", f"{server.url}/api/runs", json=request, headers={"Accept": "application/x-ndjson"}
            )
            lines = stack.enter_context(streaming).iter_lines()
            assert [json.loads(next(lines))["type"] for _ in range(2)] == ["hello", "output"]

            async def scene() -> int:
                async with viewing(server.url) as viewer:
                    await viewer.start("while True:\n    pass")
                    await viewer.until("hello")
                    server.process.send_signal(signal.SIGTERM)
                    return (await viewer.closed())[0]

            assert play(scene()) == 1012
        assert json.loads(list(lines)[-1])["status"] == "cancelled"


# the transcript's two loops


def test_linear_regression_by_hand_finds_its_line(server: Served) -> None:
    code = """
import torch
torch.manual_seed(0)
X = torch.linspace(-1, 1, 20).reshape(-1, 1)
y = 2 * X + 1
W = torch.randn(1, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
lr = 0.1
for epoch in range(100):
    y_pred = X @ W + b
    loss = ((y_pred - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        W -= lr * W.grad
        b -= lr * b.grad
    W.grad.zero_()
    b.grad.zero_()
    if epoch % 10 == 0:
        print(f"epoch {epoch}: loss {loss.item():.4f}")
"""
    told = play(run(server.url, code, "/api/runs?encoding=json"))
    assert told[-1]["status"] == "ok"
    assert [message["index"] for message in of("step", told)] == list(range(100))
    used = [message["graph"] for message in of("step", told)]
    assert len(of("graph", told)) == len(set(used)) == 3, "making X and y, plain, and printing the loss"
    assert used[10] == used[20] != used[11] == used[12]
    scalars = of("scalars", told)
    assert [message["loops"] for message in scalars] == [{"epoch": epoch} for epoch in range(100)]
    losses = [message["loss"] for message in scalars]
    assert losses[-1] < 0.02 * losses[0]
    assert losses == sorted(losses, reverse=True)
    after = {update["name"]: update["after"]["values"] for update in of("step", told)[-1]["updates"]}
    assert after["W"] == pytest.approx([2.0], abs=0.3)
    assert after["b"] == pytest.approx([1.0], abs=0.05)
    assert sum(len(message["text"].splitlines()) for message in of("output", told)) == 10


def test_a_linear_module_with_adam_is_watched_to_the_end(server: Served) -> None:
    code = """
import torch
from torch import nn
torch.manual_seed(0)
X = torch.linspace(-1, 1, 20).reshape(-1, 1)
y = 2 * X + 1
model = nn.Linear(1, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
loss_fn = nn.MSELoss()
for epoch in range(100):
    optimizer.zero_grad()
    loss = loss_fn(model(X), y)
    loss.backward()
    optimizer.step()
"""
    told = play(run(server.url, code, "/api/runs?encoding=json"))
    steps = of("step", told)
    assert (told[-1]["status"], len(steps)) == ("ok", 100)
    assert len(of("graph", told)) <= 2, "the first step finds no gradients to empty"
    last = {update["name"].split(".")[-1]: update for update in steps[-1]["updates"]}
    assert last["weight"]["after"]["values"] == pytest.approx([2.0], abs=0.3)
    assert last["bias"]["after"]["values"] == pytest.approx([1.0], abs=0.1)
    assert last["weight"]["optimizer"] == "Adam"
    assert last["weight"]["hyperparameters"]["lr"] == 0.1
    assert last["weight"]["state"]["step"]["values"] == [100.0]
    assert set(last["weight"]["state"]) == {"step", "exp_avg", "exp_avg_sq"}
    assert of("scalars", told)[-1]["loss"] < 0.05
