"""How much one run may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one run; every run of a sandbox has the same."""

    cpu_seconds: float
    """CPU time, user and system, of all its threads."""
    wall_seconds: float
    """Time on the clock, waiting for a slow reader included."""
    memory_bytes: int
    """Address space that it may add to that of the warm process."""
    message_bytes: int
    """Largest single frame."""
    run_bytes: int
    """All frames together, and likewise all text written to its descriptors 1 and 2."""
