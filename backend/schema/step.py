"""What happened, in order, with its numbers."""

from typing import Literal

from pydantic import Field

from backend.schema.base import Model
from backend.schema.graph import Attribute
from backend.schema.tensor import Number, TensorSummary


class Event(Model):
    """One moment: a node computed, a gradient arriving at a node or leaving along an edge, an update, a zero_grad."""

    phase: Literal["forward", "backward", "update", "zero_grad"]
    node: str | None = None
    edge: str | None = None
    line: int | None = None


class Update(Model):
    """What an optimizer step, or the learner's own line, did to one parameter."""

    parameter: str = Field(description="The leaf's node id.")
    name: str | None = None
    before: TensorSummary | None = None
    after: TensorSummary | None = None
    gradient: TensorSummary | None = None
    optimizer: str | None = Field(None, description='"Adam", or null for an update by hand.')
    hyperparameters: dict[str, Attribute] = Field(
        default_factory=dict, description="lr, betas, weight_decay … as they were when it stepped."
    )
    state: dict[str, TensorSummary] = Field(
        default_factory=dict,
        description="What the optimizer keeps for the parameter, after the step: exp_avg, momentum_buffer …",
    )


class Step(Model):
    """One pass: forward, loss, backward, update, zero_grad, as far as the snippet did them."""

    index: int = Field(description='Counted from 0; with trace="sampled" some are left out.')
    graph: str
    brief: bool = Field(
        False, description="Statistics of everything, values and thumbs only of the most telling: a large graph's step."
    )
    events: list[Event]
    values: dict[str, TensorSummary] = Field(description="Node id -> its (first) output.")
    outputs: dict[str, list[TensorSummary | None]] = Field(
        default_factory=dict, description="Node id -> all outputs, for nodes with several; null for one not looked at."
    )
    grads: dict[str, TensorSummary] = Field(description="Node id -> the accumulated gradient that entered it.")
    output_grads: dict[str, list[TensorSummary | None]] = Field(
        default_factory=dict, description="Node id -> the gradient that entered each output, for nodes with several."
    )
    edge_grads: dict[str, TensorSummary] = Field(description="Edge id -> that edge's own contribution.")
    leaf_grads: dict[str, TensorSummary] = Field(
        default_factory=dict,
        description="Leaf id -> its .grad after backward, where older gradients were piled up in it.",
    )
    loss: Number | None = None
    loss_node: str | None = Field(None, description="Where backward started.")
    updates: list[Update] = Field(default_factory=list)


class Binding(Model):
    """A value that a line gave a name to: what the editor shows beside the line."""

    line: int
    name: str
    type_name: str = Field(description='"Tensor", "float", "Linear" …')
    text: str = Field(description="The value, short enough to stand beside the line.")
    grad_fn: str | None = None
    node: str | None = None
    graph: str | None = Field(None, description="The graph that has the node.")
    step: int | None = Field(None, description="The step in which it had this value.")


class Output(Model):
    """Text that was printed."""

    stream: Literal["stdout", "stderr"]
    text: str
    line: int | None = None


class Result(Model):
    """The value of the last expression."""

    line: int
    text: str = Field(description="repr of the value, cut to a readable length.")
    node: str | None = None
    step: int | None = None


class Notice(Model):
    """Something the learner should know that is not an error: backward was run for them, gradients pile up."""

    kind: str = Field(description='"auto_backward", "output_cut", "gradients_pile_up" …')
    message: str
    line: int | None = None
    level: Literal["info", "warning"] = Field("info", description="warning: the result is probably not what is meant.")
    suggestion: str | None = Field(None, description="What to do.")
    node: str | None = Field(None, description="The node of `step` that it is about.")
    step: int | None = None
