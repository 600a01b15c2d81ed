"""Thousands of damaged messages: only `WireError` escapes, and what passes folds into an answer that is valid."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from backend.errors import WireError
from backend.schema import GraphAnswer, Timings
from backend.wire.fold import Fold
from backend.wire.unpack import Unpacker
from tests.wire import sample

Mutation = Callable[[random.Random, bytes], bytes]


def truncate(rng: random.Random, frame: bytes) -> bytes:
    return frame[: rng.randrange(len(frame))]


def flip_bits(rng: random.Random, frame: bytes) -> bytes:
    damaged = bytearray(frame)
    for _ in range(rng.randint(1, 4)):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def overwrite(rng: random.Random, frame: bytes) -> bytes:
    place = rng.randrange(len(frame))
    return frame[:place] + rng.randbytes(rng.randint(1, 12)) + frame[place + rng.randint(0, 12) :]


def enlarge_a_count(rng: random.Random, frame: bytes) -> bytes:
    place = rng.randrange(len(frame))
    head = rng.choice([b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xcf", b"\xd3", b"\xcb"])
    return frame[:place] + head + b"\xff" * 8 + frame[place + 1 :]


def replace_a_value(rng: random.Random, frame: bytes) -> bytes:
    """A message of the right form in which one value, anywhere, is another."""
    tree = msgspec.msgpack.decode(frame)
    holders: list[tuple[Any, Any]] = []
    stack: list[Any] = [tree]
    while stack:
        here = stack.pop()
        children = here.items() if isinstance(here, dict) else enumerate(here)
        for key, child in children:
            holders.append((here, key))
            if isinstance(child, dict | list):
                stack.append(child)
    holder, key = rng.choice(holders)
    holder[key] = rng.choice(
        [
            *(None, True, -1, 0, 1, 2**31, 2**63 - 1, -(2**63), sample.NAN, sample.INF),
            *("", "n0", "n1", "e0", "g", "x" * 5000, b"", b"\xff" * 8),
            *([], [[]], [0] * 100, {}, {"type": "done"}),
        ]
    )
    return msgspec.msgpack.encode(tree)


def fill_with_nan(rng: random.Random, frame: bytes) -> bytes:
    tree = msgspec.msgpack.decode(frame)
    for name, code in (("floats", "f"), ("doubles", "d")):
        if isinstance(tree.get(name), bytes):
            number = rng.choice([sample.NAN, sample.INF, -sample.INF, -1.0, -1.5, 1e30, 0.0])
            size = struct.calcsize(code)
            numbers = bytearray(tree[name])
            for place in range(0, len(numbers), size):
                if rng.random() < 0.5:
                    struct.pack_into(f"<{code}", numbers, place, number)
            tree[name] = bytes(numbers)
    return msgspec.msgpack.encode(tree)


MUTATIONS: list[Mutation] = [truncate, flip_bits, overwrite, enlarge_a_count, replace_a_value, fill_with_nan]


@pytest.mark.parametrize("mutate", MUTATIONS)
def test_only_wire_errors_escape(mutate: Mutation) -> None:
    rng = random.Random(f"chainrule {mutate.__name__}")
    valid = sample.frames()
    refused = passed = 0
    for _ in range(700):
        frames = list(valid)
        place = rng.choice([0, 3, 3, rng.randrange(len(frames))])
        frames[place] = mutate(rng, frames[place])
        reader, fold = Unpacker(message_bytes=1 << 20), Fold(answer_bytes=1 << 24)
        try:
            for frame in frames:
                fold.add(reader.read(frame))
        except WireError:
            refused += 1
        else:
            passed += 1
        answer = fold.answer(status="ok", problem=None, timings=Timings())
        GraphAnswer.model_validate_json(answer)
    assert refused > 0
    assert passed + refused == 700
