"""Private memory is put on huge pages, with its contents."""

from __future__ import annotations

import mmap
import platform
from pathlib import Path

import pytest

from backend.sandbox import huge_pages


def _huge_bytes() -> int:
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("AnonHugePages:"):
            return int(line.split()[1]) << 10
    return 0


def test_memory_moves_to_huge_pages_and_keeps_its_contents() -> None:
    if tuple(map(int, platform.release().split(".")[:2])) < (6, 1):
        pytest.skip("MADV_COLLAPSE came with Linux 6.1")
    with mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory[::4096] = b"\x07" * (len(memory) // 4096)
        if not huge_pages.collapse():
            pytest.skip("this kernel was built without huge pages")
        assert memory[::4096] == b"\x07" * (len(memory) // 4096)
        assert _huge_bytes() >= 30 << 20
