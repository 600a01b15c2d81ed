"""The exit codes of a child: what it says of its own end. Learner's code can forge them, as it can forge a frame."""

from __future__ import annotations

from typing import Final

DONE: Final = 100
"""The entry's `run` returned."""
BROKEN: Final = 101
"""The entry's `run` raised: the text on descriptor 2 says what."""
UNLOCKED: Final = 102
"""A layer that must hold could not be applied: no job was taken."""
NO_MEMORY: Final = 103
"""MemoryError came out of the entry."""
STOPPED: Final = {"cpu": 110, "wall": 111, "cancelled": 112}
"""A limit was reached, or the server cancelled."""
