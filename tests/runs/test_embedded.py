"""The embedded bus is held to the contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backend.runs.embedded import Bounds, EmbeddedBus
from tests.runs.bus_contract import BusContract

USUAL = Bounds(
    places=2,
    queue_length=8,
    run_bytes=1 << 22,
    all_bytes=1 << 24,
    kept_seconds=60.0,
    grace_seconds=30.0,
    behind_bytes=1 << 20,
)


class TestEmbedded(BusContract):
    def make(self, **bounds: Any) -> EmbeddedBus:
        return EmbeddedBus(replace(USUAL, **bounds))
