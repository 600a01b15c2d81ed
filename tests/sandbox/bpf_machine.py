"""Runs a BPF program as the kernel would: the oracle for the policy, on any machine."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from backend.sandbox import bpf


def call_data(audit: int, number: int, arguments: Sequence[int] = ()) -> bytes:
    """`struct seccomp_data` of one call."""
    padded = [value % (1 << 64) for value in arguments] + [0] * (6 - len(arguments))
    return struct.pack("=IIQ6Q", number, audit, 0, *padded)


def run(program: bytes, data: bytes) -> int:
    """The verdict."""
    instructions = list(struct.iter_unpack("=HBBI", program))
    word = place = 0
    while True:
        code, true, false, operand = instructions[place]
        place += 1
        if code == bpf.RETURN:
            return int(operand)
        if code == bpf.LOAD_WORD:
            (word,) = struct.unpack_from("=I", data, operand)
        elif code == bpf.JUMP_EQUAL:
            place += true if word == operand else false
        elif code == bpf.JUMP_AT_LEAST:
            place += true if word >= operand else false
        else:
            raise AssertionError(f"unknown code {code:#x}")
