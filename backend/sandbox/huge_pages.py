"""Puts the zygote's private memory on huge pages, so that a fork has hundreds of entries to copy and not 55,000.

Measured with torch imported (220 MB of private memory): a fork takes 1.7 ms and not 7.5. A child that writes to such a
page still copies 4 KiB of it. Linux from 6.1 on; where it is refused, a fork is slower and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from backend.sandbox import kernel

COLLAPSE: Final = 25  # MADV_COLLAPSE
SIZE: Final = 2 << 20


def collapse() -> int:
    """Collapse what can be; how many bytes were taken."""
    done = 0
    for start, end in _private_memory():
        try:
            kernel.call("madvise", start, end - start, COLLAPSE)
        except (OSError, AttributeError):
            continue
        done += end - start
    return done


def _private_memory() -> Iterator[tuple[int, int]]:
    """Anonymous writable mappings, the stack aside, cut to whole huge pages."""
    try:
        lines = Path("/proc/self/maps").read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        span, rights, _, _, inode, *name = line.split()
        if rights != "rw-p" or inode != "0" or name not in ([], ["[heap]"]):
            continue
        start, end = (int(number, 16) for number in span.split("-"))
        start, end = -(-start // SIZE) * SIZE, end // SIZE * SIZE
        if start < end:
            yield start, end
