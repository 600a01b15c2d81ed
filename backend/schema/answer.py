"""The whole trace of a run, as `POST /api/graph` returns it."""

from typing import Literal

from pydantic import Field

from backend.schema.base import Model
from backend.schema.gradients import GradientCheck, NamedGradient
from backend.schema.graph import Graph
from backend.schema.problem import Problem
from backend.schema.scalars import Scalars
from backend.schema.step import Binding, Notice, Output, Result, Step

Status = Literal["ok", "error", "timeout", "memory", "crashed", "cancelled"]


class Timings(Model):
    """Where the time went, in milliseconds."""

    queue: float = Field(0.0, description="Waiting for a place.")
    run: float = Field(0.0, description="The snippet, with the tracer watching.")
    trace: float = Field(0.0, description="Resolving, explaining and packing the trace, after the snippet's own code.")
    encode: float = Field(0.0, description="Unpacking, checking and writing the answer.")
    total: float = Field(0.0, description="From the request's arrival to the answer.")


class GraphAnswer(Model):
    """What the snippet did. A snippet that fails has `status` other than "ok", a `problem`, and the trace so far."""

    status: Status
    graphs: list[Graph]
    steps: list[Step]
    scalars: list[Scalars] = Field(
        default_factory=list, description="The numbers of every iteration, also of those that have no step."
    )
    bindings: list[Binding]
    output: list[Output]
    result: Result | None = None
    problem: Problem | None = None
    gradients: list[NamedGradient] = Field(
        default_factory=list,
        description="Of each tensor that the snippet named: its .grad at the end, or why it is None.",
    )
    gradcheck: GradientCheck | None = Field(None, description="With the option `gradcheck`.")
    notices: list[Notice] = Field(default_factory=list)
    timings: Timings
