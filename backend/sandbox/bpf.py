"""A small assembler for classic BPF, the language of seccomp filters. Pure: bytes out, nothing installed.

A program is a sequence of `Instruction`; jumps are forward and relative, as the kernel wants them. seccomp gives the
program `struct seccomp_data`: the call's number, the machine, the instruction pointer and six 64-bit arguments.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

LOAD_WORD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
JUMP_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
JUMP_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
RETURN: Final = 0x06  # BPF_RET | BPF_K

ALLOW: Final = 0x7FFF0000
KILL_PROCESS: Final = 0x80000000

NUMBER: Final = 0
MACHINE: Final = 4

LONGEST: Final = 4096
"""BPF_MAXINSNS: the kernel takes no longer program."""


class Instruction(NamedTuple):
    """One `struct sock_filter`."""

    code: int
    if_true: int
    if_false: int
    operand: int


def errno(number: int) -> int:
    """The verdict "fail with this errno"."""
    return 0x00050000 | number


def low_half(argument: int) -> int:
    """Where the low 32 bits of argument 0..5 lie (both machines are little-endian)."""
    return 16 + 8 * argument


def high_half(argument: int) -> int:
    """Where the high 32 bits of argument 0..5 lie."""
    return low_half(argument) + 4


def load(offset: int) -> Instruction:
    """Load the 32-bit word at `offset` of seccomp_data."""
    return Instruction(LOAD_WORD, 0, 0, offset)


def if_equal(value: int, true: int, false: int) -> Instruction:
    """Skip `true` instructions if the loaded word is `value`, else `false`."""
    return Instruction(JUMP_EQUAL, true, false, value)


def if_at_least(value: int, true: int, false: int) -> Instruction:
    """Skip `true` instructions if the loaded word is `value` or more (unsigned), else `false`."""
    return Instruction(JUMP_AT_LEAST, true, false, value)


def verdict(action: int) -> Instruction:
    """End with `action`."""
    return Instruction(RETURN, 0, 0, action)


def assemble(program: Sequence[Instruction]) -> bytes:
    """The bytes of a `struct sock_filter[]`. Raises ValueError for a program that the kernel would refuse."""
    if not 0 < len(program) <= LONGEST:
        raise ValueError(f"a filter has 1 to {LONGEST} instructions, not {len(program)}")
    for place, instruction in enumerate(program):
        _check(instruction, place, len(program))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _check(instruction: Instruction, place: int, length: int) -> None:
    if instruction.code not in (JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT):
        return
    for jump in (instruction.if_true, instruction.if_false):
        if not 0 <= jump <= 255:
            raise ValueError(f"instruction {place} jumps by {jump}, out of 0..255")
        if place + 1 + jump >= length:
            raise ValueError(f"instruction {place} jumps past the end")
