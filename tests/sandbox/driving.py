"""Runs source in a sandbox and says what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from backend.sandbox import Limits, Outcome, Run, Sandbox

MIB = 1 << 20

LIMITS = Limits(cpu_seconds=30, wall_seconds=120, memory_bytes=256 * MIB, message_bytes=MIB, run_bytes=8 * MIB)
"""Little memory and few messages, so that the attacks on them are short, and time for a machine that is busy."""

BRIEF = replace(LIMITS, cpu_seconds=0.5)
"""For what is to run out of CPU time."""

HASTY = replace(LIMITS, wall_seconds=1.0)
"""For what is to run out of wall time."""

PATIENT = replace(LIMITS, memory_bytes=768 * MIB, message_bytes=64 * MIB, run_bytes=512 * MIB)
"""Room for every attack: what the controls have."""


@dataclass(frozen=True)
class Ran:
    outcome: Outcome
    frames: list[bytes]

    @property
    def done(self) -> dict[str, Any]:
        """The entry's last words, {} where it had none."""
        for frame in reversed(self.frames):
            try:
                message = msgspec.msgpack.decode(frame)
            except msgspec.DecodeError:
                continue
            if isinstance(message, dict) and message.get("type") in ("done", "rescued"):
                return message
        return {}

    @property
    def result(self) -> Any:
        """What the source left in `result`, if it came to its end."""
        return self.done.get("result")

    @property
    def end(self) -> str:
        """In words, from outside and from inside, why it did not come to its end."""
        outcome = self.outcome
        return f"{outcome.status} limit={outcome.limit} {outcome.signal} {outcome.detail}; {self.done.get('error')}"


class Unlocked(Sandbox):
    """The same processes without any lock."""

    zygote_module = "tests.sandbox.unlocked"


async def follow(run: Run) -> Ran:
    frames = [frame async for frame in run]
    return Ran(await run.outcome(), frames)


async def drive(sandbox: Sandbox, source: str) -> Ran:
    return await follow(sandbox.run(source.encode()))
