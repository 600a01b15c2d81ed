"""What a viewer is sent for what the bus delivers, in the spelling that it asked for."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from backend.runs.bus import Begun, Delivery, Entry, Gap
from backend.runs.worker import HEAVY
from backend.schema import Hello, RunLimits, Skipped
from backend.wire import stream
from backend.wire.messages import PROTOCOL, GraphMessage
from backend.wire.spelling import Speller, encode
from backend.wire.unpack import decode

OURS: Final = frozenset({"problem", "done"})
"""Kinds that the server writes, without a number that JSON lacks."""


class Telling:
    """One viewer's messages. `after` is the last that it has: what the bus delivers up to there is not sent again."""

    def __init__(self, run_id: str, limits: RunLimits, *, after: int, as_json: bool) -> None:
        self._run_id = run_id
        self._limits = limits
        self._after = after
        self._as_json = as_json
        self._speller = Speller()
        self._begun = False

    async def tell(self, delivery: Delivery) -> bytes | None:
        """The message, or None where there is nothing to send."""
        if isinstance(delivery, Begun):
            return self._hello(delivery)
        if isinstance(delivery, Gap):
            return self._skipped(delivery)
        if not self._as_json:
            return delivery.frame if delivery.seq > self._after else None
        if len(delivery.frame) > HEAVY:
            return await asyncio.to_thread(self._spell, delivery)
        return self._spell(delivery)

    def _hello(self, begun: Begun) -> bytes:
        if self._begun:
            self._after = 0  # another attempt, told from its beginning
            self._speller = Speller()
        self._begun = True
        message = Hello(protocol=PROTOCOL, run_id=self._run_id, attempt=begun.attempt, limits=self._limits)
        return stream.hello(message, as_json=self._as_json)

    def _skipped(self, gap: Gap) -> bytes:
        message = Skipped(
            first=gap.first,
            last=gap.last,
            steps=gap.steps,
            reason=gap.reason,
            scalars=[stream.scalars_of(frame) for frame in gap.scalars],
        )
        return stream.skipped(message, as_json=self._as_json)

    def _spell(self, entry: Entry) -> bytes | None:
        if entry.kind in OURS:
            fields = msgspec.msgpack.decode(entry.frame)
            body = encode({name: value for name, value in fields.items() if name not in ("type", "seq")})
            return stream.numbered_json(entry.kind, entry.seq, body)
        if entry.seq <= self._after and entry.kind != "graph":
            return None
        message = decode(stream.unnumbered(entry.frame, entry.seq))
        if isinstance(message, GraphMessage) and self._speller.knows(message.id):
            return None
        body = self._speller.spell(message)
        return stream.numbered_json(entry.kind, entry.seq, body) if entry.seq > self._after else None
