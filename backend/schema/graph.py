"""The structure of what was computed: nodes, edges and groups, without numbers."""

from typing import Literal

from pydantic import Field

from backend.schema.base import Model
from backend.schema.totals import Totals

Attribute = None | bool | int | float | str | list[int | float | str | bool]


class SavedTensor(Model):
    """One thing that backward keeps alive."""

    name: str = Field(description='torch\'s name without the prefix: "self", "other", "result".')
    node: str | None = Field(None, description="The node whose value it is, when it is one of the graph's.")
    output: int = Field(0, description="Which output of that node.")
    shape: list[int] | None = None
    dtype: str | None = None
    bytes: int = Field(
        0, description="Of the memory that it keeps alive: a view keeps the whole of what it is a view of."
    )
    text: str | None = Field(None, description="What is saved, in short, when it is not a tensor of the graph.")


class NextFunction(Model):
    """One entry of `grad_fn.next_functions`: where the gradient of one input goes."""

    name: str | None = Field(description='"AccumulateGrad", "AddBackward0", or null: this input needs no gradient.')
    node: str | None = Field(None, description="The node of the graph that it belongs to.")
    output: int = Field(0, description="Which output of that function.")


class Derivative(Model):
    """The derivative rule for one input."""

    input: str = Field(description='The input\'s name in torch\'s definition: "self", "other".')
    target_input: int = Field(description="The same input as `GraphEdge.target_input` counts it.")
    text: str = Field(
        description='As torch code: "grad * other". The names are `grad` (the gradient that entered the node; '
        "`grad1` … that of further outputs), those of the inputs, and `result` (`result1` …)."
    )
    words: str = Field("", description='In words: "the gradient times the other factor".')
    latex: str
    source: str = Field(description="The entry of torch's derivatives.yaml that says so.")
    kind: Literal["formula", "function"] = Field(
        "formula",
        description="formula: `text` computes the gradient. function: no formula is written down; `text` names the "
        "function that computes it, and what it uses.",
    )


class GraphNode(Model):
    """A tensor, or the operation that made it (not `torch.autograd.graph.Node`, which is its grad_fn)."""

    id: str = Field(description="n0, n1, … by first appearance in this graph.")
    kind: Literal["leaf", "data", "op", "break"] = Field(
        description="leaf: requires_grad and made by the user. data: no gradient wanted. op: computed. "
        "break: computed, and the gradient does not pass."
    )
    op: str = Field(description='torch\'s name: "mul", "addmm", "randn".')
    grad_fn: str | None = Field(None, description='"MulBackward0", or null.')
    names: list[str] = Field(default_factory=list, description="What the snippet calls it.")
    line: int | None = Field(None, description="1-based line of the snippet.")
    column: int | None = Field(None, description="1-based first column of the expression.")
    end_line: int | None = None
    end_column: int | None = Field(None, description="1-based column after the expression.")
    group: str | None = Field(None, description="The innermost group around it.")
    is_leaf: bool = False
    requires_grad: bool = False
    is_parameter: bool = False
    outputs: int = Field(1, description="How many tensors it returned.")
    inputs: list[str] = Field(
        default_factory=list,
        description='torch\'s name of each tensor input, in the order of `GraphEdge.target_input`: ["self", "other"].',
    )
    attributes: dict[str, Attribute] = Field(default_factory=dict, description="dim=1, eps=1e-05, other=3 …")
    elements: int = Field(0, description="numel of its value; of several outputs together.")
    bytes: int = Field(0, description="nbytes of its value; of several outputs together.")
    base: str | None = Field(
        None, description="The node whose memory its value lies in: it is a view, or was written to in place."
    )
    saved: list[SavedTensor] = Field(default_factory=list)
    saved_bytes: int = Field(0, description="Bytes of the memory that `saved` keeps alive, each piece counted once.")
    next_functions: list[NextFunction] = Field(default_factory=list)
    derivatives: list[Derivative] = Field(default_factory=list)
    reason: str | None = Field(None, description='For "break": why no gradient passes.')


class GraphEdge(Model):
    """One use of a tensor, from the node that made it to the node that used it."""

    id: str
    source: str
    target: str
    source_output: int = 0
    target_input: int = 0
    summed: list[int] = Field(
        default_factory=list,
        description="Dimensions of the target's output along which this input was broadcast: "
        "backward sums the gradient over them.",
    )


class GraphGroup(Totals):
    """A module, a composite function or a loop body: nodes that are seen as one until it is opened."""

    id: str
    parent: str | None = None
    kind: Literal["module", "function", "loop"]
    label: str = Field(description='"layer1", "cross_entropy", "for block in self.blocks", "iteration 3".')
    type: str | None = Field(None, description='"Linear(64, 256)", "12 iterations".')
    line: int | None = Field(None, description="Of a loop: the line of its header.")
    iterations: int | None = Field(None, description="Of a loop: how many of its iterations ran in this step.")
    iteration: int | None = Field(None, description="Of one iteration in a loop: which, counted from 0.")


class Graph(Totals):
    """One structure. Equal structures have equal ids, so a loop of equal steps has one graph."""

    id: str
    nodes: list[GraphNode]
    edges: list[GraphEdge]
    groups: list[GraphGroup]
