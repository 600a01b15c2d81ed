"""What the tracer sends out of the sandbox.

A frame on the pipe is a 4-byte big-endian length and that many bytes of MessagePack: one map with a `type`.

Topology once, numbers often: `graph` carries the structure and a slot table, `step` the numbers of one pass as flat
buffers laid out by that table. Nodes and edges are integers here (`n3` is 3, `e3` is 3); the JSON answer spells them.

A slot is one tensor's summary at `offset` of the buffer, in elements::

    min, max, mean, std, nan, inf, then `count` values, or, if `thumb` is [h, w], h * w block means

A `grad` slot may repeat the offset of an `edge_grad` slot: where one edge alone brought the gradient, both are the same
numbers. Otherwise slots lie one behind the other.

A `brief` step has the statistics of every slot, and values and thumbnails only of those that the graph's `brief` layout
names: so later steps of a large graph stay small. What is the same in nearly every step, the order of events and which
parameters were updated by what, lies in the graph; a step that differs brings its own.

`nan` is -1 when the slot is empty in this step (no gradient came), so one table serves steps with and without. A
missing statistic is NaN. `wide` slots lie in the float64 buffer: float64, complex and integer tensors, which float32
would round. Of complex tensors the first four are always missing; they send 2 * count numbers, real and
imaginary part in turn. `count` is 0 when values are not sent (numel > preview, or meta); what the elements are is then
in `thumb`, if there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from backend.schema import (
    Binding,
    CheckedElement,
    CheckedLeaf,
    Derivative,
    Fix,
    Frame,
    GradientCheck,
    GraphEdge,
    GraphGroup,
    GraphNode,
    NamedGradient,
    NextFunction,
    Notice,
    Operand,
    Output,
    Problem,
    Progress,
    Result,
    SavedTensor,
    Scalars,
)
from backend.schema.graph import Attribute
from backend.wire.struct import struct_for

PROTOCOL: Final = 1

STATISTICS: Final = 6
"""Numbers before a slot's values: min, max, mean, std, nan, inf."""

PHASES: Final = ("forward", "backward", "update", "zero_grad")
"""`events` name a phase by its place in this tuple."""

SLOT_KINDS: Final = ("value", "grad", "edge_grad", "leaf_grad", "after", "state")
"""What a slot summarises, by its place in this tuple. `edge_grad`'s target is an edge, the others' a node.

`state` is what the optimizer keeps for the parameter `target`, `output` the place of its name in `UpdateRecord.state`.
"""

Event = tuple[int, int, int]
"""[phase, target, line]: target is a node, or -1 - edge; line 0 is none."""

if TYPE_CHECKING:
    # Classes made at run time are opaque to a type checker; the models that they are made from have the same fields.
    Node = GraphNode
    Edge = GraphEdge
    Group = GraphGroup
    Saved = SavedTensor
    Next = NextFunction
    Rule = Derivative
    TraceFrame = Frame
    OperandRecord = Operand
    FixRecord = Fix
else:
    Node = struct_for(GraphNode)
    Edge = struct_for(GraphEdge)
    Group = struct_for(GraphGroup)
    Saved = struct_for(SavedTensor)
    Next = struct_for(NextFunction)
    Rule = struct_for(Derivative)
    TraceFrame = struct_for(Frame)
    OperandRecord = struct_for(Operand)
    FixRecord = struct_for(Fix)


class Slot(msgspec.Struct, array_like=True, frozen=True):
    """Where one tensor's summary lies in the step's buffers."""

    target: int
    kind: int
    output: int
    shape: list[int]
    dtype: str
    device: str
    wide: bool
    offset: int
    count: int
    thumb: tuple[int, int] | None = None


class UpdateRecord(msgspec.Struct, array_like=True, frozen=True):
    """One parameter was written: before, after and gradient are slots of kind value, after and grad or leaf_grad."""

    parameter: int
    name: str | None
    optimizer: int | None
    """Place in the step's `optimizers`; None for an update by hand."""
    state: list[str] = []
    """Names of what the optimizer keeps for it, in the order of its slots' `output`."""


class OptimizerRecord(msgspec.Struct, array_like=True, frozen=True):
    """One parameter group of an optimizer, as it was when it stepped."""

    name: str
    hyperparameters: dict[str, Attribute]


class BriefLayout(msgspec.Struct, array_like=True, frozen=True):
    """How brief steps lie in their buffers: slots in the same order and by the same rules as in whole ones."""

    floats: int
    doubles: int
    offsets: list[int]
    """One for each slot."""
    whole: list[int]
    """Slots (by place, ascending) that have their values or thumbnail all the same."""


class GraphMessage(msgspec.Struct, tag="graph", tag_field="type", forbid_unknown_fields=True):
    """A structure that was not sent before."""

    id: str
    nodes: list[Node]
    edges: list[Edge]
    groups: list[Group]
    slots: list[Slot]
    floats: int
    """Length of the float32 buffer of each of its steps, in elements."""
    doubles: int
    """Length of the float64 buffer, in elements."""
    events: list[Event] = []
    """Those of its first step, and of all that do not bring their own."""
    updates: list[UpdateRecord] = []
    """Likewise."""
    brief: BriefLayout | None = None
    elements: int = 0
    """These five are `schema.Totals`."""
    bytes: int = 0
    parameters: int = 0
    saved_tensors: int = 0
    saved_bytes: int = 0


class StepMessage(msgspec.Struct, tag="step", tag_field="type", forbid_unknown_fields=True):
    """The numbers of one pass. `floats` and `doubles` are the buffers, little-endian float32 and float64."""

    index: int
    graph: str
    floats: bytes
    doubles: bytes
    brief: bool = False
    loss: float | None = None
    loss_node: int | None = None
    optimizers: list[OptimizerRecord] = []
    events: list[Event] | None = None
    """None: those of the graph."""
    updates: list[UpdateRecord] | None = None
    """None: those of the graph."""


class DoneMessage(msgspec.Struct, tag="done", tag_field="type", forbid_unknown_fields=True):
    """The last message. What the tracer says of itself; the supervisor's outcome has the last word."""

    status: str
    run_ms: float
    trace_ms: float


if TYPE_CHECKING:
    BindingMessage = Binding
    CheckedElementRecord = CheckedElement
    CheckedLeafRecord = CheckedLeaf
    GradcheckMessage = GradientCheck
    GradientMessage = NamedGradient
    OutputMessage = Output
    ResultMessage = Result
    NoticeMessage = Notice
    ProblemMessage = Problem
    ScalarsMessage = Scalars
    ProgressMessage = Progress
else:
    BindingMessage = struct_for(Binding, tag="binding")
    CheckedElementRecord = struct_for(CheckedElement)
    CheckedLeafRecord = struct_for(CheckedLeaf)
    GradcheckMessage = struct_for(GradientCheck, tag="gradcheck")
    GradientMessage = struct_for(NamedGradient, tag="gradient")
    OutputMessage = struct_for(Output, tag="output")
    ResultMessage = struct_for(Result, tag="result")
    NoticeMessage = struct_for(Notice, tag="notice")
    ProblemMessage = struct_for(Problem, tag="problem")
    ScalarsMessage = struct_for(Scalars, tag="scalars")
    ProgressMessage = struct_for(Progress, tag="progress")

Message = (
    GraphMessage
    | StepMessage
    | BindingMessage
    | GradientMessage
    | GradcheckMessage
    | OutputMessage
    | ResultMessage
    | NoticeMessage
    | ProblemMessage
    | ScalarsMessage
    | ProgressMessage
    | DoneMessage
)


class Job(msgspec.Struct, forbid_unknown_fields=True):
    """What the server sends into the sandbox: the snippet, its options, and the limits that messages should name."""

    code: str
    backward: str = "auto"
    seed: int | None = 0
    preview: int = 64
    trace: str = "every"
    gradcheck: bool = False
    cpu_seconds: float = 10.0
    wall_seconds: float = 30.0
    memory_bytes: int = 1 << 30
    output_bytes: int = 256 * 1024
    message_bytes: int = 32 << 20
    step_bytes: int = 0
    """Steps of graphs whose numbers take more bytes are brief, except the first, some, and the last; 0 for none."""
