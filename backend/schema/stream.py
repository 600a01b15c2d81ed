"""What a run's stream says beside the parts of `GraphAnswer`. On the wire each has `type` and `seq` as well."""

from typing import Literal

from pydantic import Field

from backend.schema.answer import Status, Timings
from backend.schema.base import Model
from backend.schema.request import GraphRequest
from backend.schema.scalars import Scalars


class RunLimits(Model):
    """What the run may use."""

    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    output_bytes: int


class Hello(Model):
    """The first message of every connection: whom it follows. Its seq is 0, also when it is repeated."""

    protocol: int = Field(description="Which version of these messages; a client knows the one it was written for.")
    run_id: str = Field(description="Whoever knows it may follow and cancel the run.")
    attempt: int = Field(description="Counted from 1; another one begins at seq 0 again.")
    limits: RunLimits


class Progress(Model):
    """How far a long run has got; a few a second at most."""

    step: int = Field(description="Iterations that are done.")
    rate: float = Field(description="Iterations per second.")
    total: int | None = Field(None, description="How many there will be, where the loops' lengths are known.")
    left: float | None = Field(None, description="Seconds left, where `total` is known.")


class Skipped(Model):
    """Messages `first` to `last` are not sent; it stands in their place."""

    first: int = Field(description="Sequence number of the first.")
    last: int
    steps: int = Field(description="How many of them were steps.")
    reason: Literal["slow", "expired"] = Field(
        description="slow: this viewer could not take them in time. expired: the server no longer has them."
    )
    scalars: list[Scalars] = Field(default_factory=list, description="The iterations' numbers, which are kept longer.")


class Done(Model):
    """The last message of a run."""

    status: Status
    timings: Timings


class Start(GraphRequest):
    """What a client sends on the socket to run a snippet."""

    type: Literal["start"]


class Cancel(Model):
    """What a client sends on the socket to stop the run."""

    type: Literal["cancel"]


class Refusal(Model):
    """Sent before the server closes a socket: why. The same words as `ErrorBody`."""

    type: Literal["error"] = "error"
    code: str
    message: str
    hint: str | None = None
    where: str | None = None
    retry_after: int | None = Field(None, description="Seconds after which there may be a place.")


class RunLinks(Model):
    """A run that has been accepted, and where it is."""

    run_id: str
    socket: str = Field(description="Path of the WebSocket that follows it.")
    events: str = Field(description="Path of its messages as NDJSON; DELETE `cancel` stops it.")
    cancel: str = Field(description="Path to DELETE.")
