"""The contract: what goes in and out over HTTP, and what the messages on the wire are made of.

These models are the only definition of the names. `wire` derives its decoders from them, OpenAPI its schemas, and the
page's types are generated from them.
"""

from backend.schema.answer import GraphAnswer, Timings
from backend.schema.failure import ErrorAnswer, ErrorBody
from backend.schema.gradients import CheckedElement, CheckedLeaf, GradientCheck, NamedGradient
from backend.schema.graph import Derivative, Graph, GraphEdge, GraphGroup, GraphNode, NextFunction, SavedTensor
from backend.schema.health import Attack, Health, Layer, SandboxReport
from backend.schema.problem import Fix, Frame, Operand, Problem
from backend.schema.request import GraphRequest, Options
from backend.schema.scalars import Scalars
from backend.schema.step import Binding, Event, Notice, Output, Result, Step, Update
from backend.schema.stream import (
    Cancel,
    Done,
    Hello,
    Progress,
    Refusal,
    RunLimits,
    RunLinks,
    Skipped,
    Start,
)
from backend.schema.tensor import Number, TensorSummary
from backend.schema.totals import Totals

__all__ = [
    "Attack",
    "Binding",
    "Cancel",
    "CheckedElement",
    "CheckedLeaf",
    "Derivative",
    "Done",
    "ErrorAnswer",
    "ErrorBody",
    "Event",
    "Fix",
    "Frame",
    "GradientCheck",
    "Graph",
    "GraphAnswer",
    "GraphEdge",
    "GraphGroup",
    "GraphNode",
    "GraphRequest",
    "Health",
    "Hello",
    "Layer",
    "NamedGradient",
    "NextFunction",
    "Notice",
    "Number",
    "Operand",
    "Options",
    "Output",
    "Problem",
    "Progress",
    "Refusal",
    "Result",
    "RunLimits",
    "RunLinks",
    "SandboxReport",
    "SavedTensor",
    "Scalars",
    "Skipped",
    "Start",
    "Step",
    "TensorSummary",
    "Timings",
    "Totals",
    "Update",
]
