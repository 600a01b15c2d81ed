"""`RunBus`: the one interface between those who ask for runs, those who do them, and those who watch.

A run's messages are numbered `seq` = 1, 2 … as they are published; 0 is the `hello` that every viewer gets first. A
place in a run is a `Cursor`. What is missing between two messages is told by a `Gap` in its place, never silently left
out. `embedded` keeps all of it in this process; `tests/runs/bus_contract.py` is what any implementation must hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from backend.wire.messages import Message

Reason = Literal["slow", "expired"]

DROPPABLE = frozenset({"step", "progress"})
"""Kinds that a slow viewer may go without: every other message is small, or needed by a later one."""


class Cursor(NamedTuple):
    """A place in a run: the last message that a viewer has, of which attempt. Ordered."""

    attempt: int
    seq: int


@dataclass(frozen=True, slots=True)
class Publication:
    """One message to be published: MessagePack, not yet numbered. `message` is what it decodes to, if that is known."""

    kind: str
    frame: bytes
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """A run that is asked for."""

    job: bytes
    """What the sandbox's entry gets."""
    attended: bool = True
    """It ends when nobody has followed it for the grace period."""
    paced: bool = False
    """It waits for its one follower, who gets every message, decoded, and then it is forgotten."""
    end: Sequence[Publication] = ()
    """If given, this is published at once and nothing is run; the last one is the run's last."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One published message: `frame` is the message with its `seq`."""

    seq: int
    kind: str
    frame: bytes
    offset: int
    """How many bytes were published before it."""
    message: Message | None = None
    """For the follower of a paced run."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A new attempt begins, or a viewer has come: what it gets from here on belongs to `attempt`."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages `first` to `last` are missing here; `scalars` are the frames of those `scalars` among them."""

    first: int
    last: int
    steps: int
    reason: Reason
    scalars: tuple[bytes, ...] = ()


Delivery = Begun | Entry | Gap


@dataclass(slots=True)
class Claim:
    """A run that a worker has taken on. `cancelled` is set when nobody wants it any more."""

    run_id: str
    attempt: int
    job: bytes
    waited_ms: float
    """How long it was queued."""
    keeps_messages: bool
    """Whether publications should carry the decoded message."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


class RunBus(Protocol):
    """Where runs wait, and where their messages are kept for those who watch."""

    async def submit(self, submission: Submission) -> str:
        """Queue a run; its id, which cannot be guessed.

        Errors:
            BusyError: the queue is full.
        """

    async def claim(self) -> Claim:
        """The next run that waits, first come, first served; waits for one. Whoever calls it has a place for it."""

    async def publish(self, claim: Claim, publication: Publication) -> int:
        """Append a message to the run; its `seq`. Kind "done" is the last, and ends the claim.

        Waits where the run is paced and its follower has not kept up.
        """

    async def release(self, claim: Claim) -> None:
        """Give an unfinished run back: it is queued first, for another attempt, whose messages begin at 1 again."""

    def follow(
        self, run_id: str, after: Cursor | None = None, *, graphs: bool = False
    ) -> AsyncGenerator[Delivery, None]:
        """Everything after the cursor, as it comes, up to "done". A cursor of an older attempt is the beginning.

        With `graphs` those up to the cursor come again, before the rest: who spells steps anew needs them.

        Errors (of the first step):
            UnknownRun: there is no such run, or no longer.
            AheadOfRun: the cursor is past the last message that there is.
        """

    async def cancel(self, run_id: str) -> None:
        """Stop the run, wherever it is: its last messages say so. One that has ended stays as it is.

        Errors:
            UnknownRun: there is no such run, or no longer.
        """
