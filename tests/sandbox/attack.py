"""An attack is source that leaves something true in `result` when it succeeds."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from backend.sandbox import Sandbox
from tests.sandbox.driving import drive


@dataclass(frozen=True)
class Attack:
    name: str
    source: str
    stopped_by: str
    """A pattern for the end that it must come to in the sandbox."""

    def __str__(self) -> str:
        return self.name


async def hold(locked: Sandbox, unlocked: Sandbox, attack: Attack, **values: object) -> None:
    """The attack fails in the sandbox, for the reason given, and succeeds in the same processes without it."""
    source = attack.source
    for name, value in values.items():
        source = source.replace(f"${name}", repr(value))
    control, ran = await asyncio.gather(drive(unlocked, source), drive(locked, source))
    assert control.result, f"the control does not succeed, so the attack proves nothing: {control.end}"
    assert not ran.result, f"the sandbox gave way: {ran.result!r}"
    assert re.search(attack.stopped_by, ran.end), ran.end
    assert (await drive(locked, "result = 'well'")).result == "well"
