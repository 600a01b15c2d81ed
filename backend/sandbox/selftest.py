"""Attacks a real locked child at every start, and reports which layers held."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from typing import Any, Final

from backend.sandbox.attacks import ALONE, LAYERS, TOGETHER
from backend.sandbox.child_process import ChildProcess, FrameTooLong
from backend.sandbox.limits import Limits
from backend.sandbox.outcome import signal_name
from backend.sandbox.pool import Pool
from backend.sandbox.zygote_process import ENVIRONMENT, ZygoteProcess
from backend.schema import Attack, Layer, SandboxReport

REQUIRED: Final = ("seccomp", "rlimits", "clean_zygote")
SECONDS: Final = 120.0
"""How long one child may take. Generous: a machine that is slow is not one that is unsafe."""
FINDING_BYTES: Final = 65536


async def examine(pool: Pool, zygote: ZygoteProcess, limits: Limits, *, unsafe_local: bool) -> SandboxReport:
    """Run every attack, in children of `zygote`."""
    batches = [list(TOGETHER), *([name] for name in ALONE)]
    order: dict[str, Any] = {"memory_bytes": limits.memory_bytes, "secrets": _secrets(zygote)}
    found = await asyncio.gather(*(_attack(pool, {**order, "names": names}) for names in batches))
    attacks = [attack for batch in found for attack in batch]
    applied = dict.fromkeys(REQUIRED, (False, "not applied"))
    applied |= {layer.name: (layer.held, layer.detail) for layer in pool.layers}
    threads = zygote.threads
    applied["clean_zygote"] = (True, f"{threads} thread{'' if threads == 1 else 's'}, empty environment")
    layers = [_layer(name, held, detail, attacks) for name, (held, detail) in applied.items()]
    safe = all(layer.held for layer in layers if layer.required)
    return SandboxReport(safe=safe, unsafe_local=unsafe_local, layers=layers, attacks=attacks)


def _secrets(zygote: ZygoteProcess) -> list[str]:
    """Hashes of the server's environment: what the attack must not find, without telling it.

    What the zygote's imports made up by themselves is no secret, though a server started by a program that has torch
    may have inherited the very same.
    """
    known = ENVIRONMENT.items() | zygote.environment.items()
    return [hashlib.sha256(f"{k}={v}".encode()).hexdigest() for k, v in os.environ.items() if (k, v) not in known]


async def _attack(pool: Pool, order: dict[str, Any]) -> list[Attack]:
    child = await pool.take_for_attack()
    findings: list[Attack] = []
    silence = "the child ended without an answer"
    status = None
    try:
        async with asyncio.timeout(SECONDS):
            await child.send(json.dumps(order).encode())
            await _hear(child, findings)
            status = (await asyncio.shield(child.exit)).status
    except TimeoutError:
        silence = f"no answer after {SECONDS:g} s"
    finally:
        child.close()
    return findings + [_unanswered(name, status, silence) for name in order["names"][len(findings) :]]


async def _hear(child: ChildProcess, findings: list[Attack]) -> None:
    with contextlib.suppress(FrameTooLong):
        while (frame := await child.frame(FINDING_BYTES)) is not None:
            findings.append(Attack(**json.loads(frame)))


def _unanswered(name: str, status: int | None, silence: str) -> Attack:
    """An attack of which nothing was heard is held if the kernel killed its process for it."""
    if status is not None and os.WIFSIGNALED(status):
        killer = signal_name(os.WTERMSIG(status))
        return Attack(name=name, held=killer == "SIGSYS", detail=f"killed by {killer}")
    return Attack(name=name, held=False, detail=silence)


def _layer(name: str, applied: bool, detail: str, attacks: list[Attack]) -> Layer:
    """A layer held if it was applied and no attack that it answers for got through."""
    through = [attack.name for attack in attacks if not attack.held and _answers(attack.name) == name]
    if through:
        detail = f"{detail}; not stopped: {', '.join(through)}"
    return Layer(name=name, held=applied and not through, required=name in REQUIRED, detail=detail)


def _answers(attack: str) -> str:
    """The layer that has to stop an attack."""
    return next((layer for layer, attacks in LAYERS.items() if attack in attacks), "seccomp")
