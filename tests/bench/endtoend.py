"""A real server, asked over HTTP: how long an answer takes and where the time goes; how many answers a second."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter, sleep
from typing import Final
from urllib.parse import urlsplit

from tests.serving import Served

PAUSE: Final = 0.1
"""Seconds between two requests of one client: a person, not a flood. The flood is what `throughput` measures."""

PARTS: Final = ("queue", "run", "trace", "encode", "total")


@dataclass(frozen=True)
class EndToEnd:
    """Medians in milliseconds; `wall` is seen by the client, the parts are the answer's own `timings`."""

    wall: float
    quartile: float
    """The lower quartile of `wall`."""
    parts: dict[str, float]
    status: str
    graphs: int
    steps: int
    nodes: int
    edges: int
    bytes: int
    repeats: int


def measure(server: Served, code: str, seconds: float) -> EndToEnd:
    """One keep-alive client that waits a moment between requests; uncompressed."""
    body, headers = json.dumps({"code": code}).encode(), _headers()
    for _ in range(3 if seconds >= 1 else 1):
        server.client.post("/api/graph", content=body, headers=headers)
    walls: list[float] = []
    parts: dict[str, list[float]] = {part: [] for part in PARTS}
    end = perf_counter() + seconds
    while perf_counter() < end or len(walls) < 3:
        sleep(PAUSE)
        start = perf_counter()
        response = server.client.post("/api/graph", content=body, headers=headers)
        walls.append((perf_counter() - start) * 1000)
        answer = response.raise_for_status().json()
        for part in PARTS:
            parts[part].append(answer["timings"][part])
    largest: dict[str, list[object]] = max(
        answer["graphs"], key=lambda graph: len(graph["nodes"]), default={"nodes": [], "edges": []}
    )
    return EndToEnd(
        median(walls),
        quantiles(walls, n=4)[0],
        {part: median(values) for part, values in parts.items()},
        answer["status"],
        len(answer["graphs"]),
        len(answer["steps"]),
        len(largest["nodes"]),
        len(largest["edges"]),
        len(response.content),
        len(walls),
    )


def throughput(server: Served, code: str, clients: int, seconds: float) -> float:
    """Answers per second with so many clients that each wait for one answer before they ask again."""
    return asyncio.run(_throughput(server.url, code, clients, seconds))


async def _throughput(url: str, code: str, clients: int, seconds: float) -> float:
    place = urlsplit(url)
    body = json.dumps({"code": code}).encode()
    head = {**_headers(), "Host": place.netloc, "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    request = f"POST /api/graph HTTP/1.1\r\n{lines}\r\n".encode() + body
    start = perf_counter()
    counts = await asyncio.gather(
        *(_client(place.hostname or "", place.port or 0, request, start + seconds) for _ in range(clients))
    )
    return sum(counts) / (perf_counter() - start)


async def _client(host: str, port: int, request: bytes, end: float) -> int:
    """How many answers came before `end`. By hand, because an HTTP library would cost more than the server."""
    reader, writer = await asyncio.open_connection(host, port)
    answers = 0
    while perf_counter() < end:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        answers += 1
    writer.close()
    await writer.wait_closed()
    return answers


def _headers() -> dict[str, str]:
    return {"Content-Type": "application/json", "Accept-Encoding": "identity"}
