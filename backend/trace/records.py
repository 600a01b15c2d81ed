"""What the recorder keeps: values, ops, calls and steps.

Values, ops, calls and nodes are msgspec's, which fills them in C: one of each is made for every op of a snippet. What
stays empty for most of them is no list of its own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any, NamedTuple

import torch
from msgspec import Struct

from backend.trace.iterations import Path
from backend.trace.layouts import stored_bytes

_strided = torch.strided

Site = tuple[CodeType, int]
"""A place in the learner's code: the code object and the offset of the instruction (`f_lasti`)."""

FORWARD, BACKWARD, UPDATE, ZERO_GRAD = range(4)
"""Places in `wire.messages.PHASES`."""

VALUE, GRAD, EDGE_GRAD, LEAF_GRAD, AFTER, STATE = range(6)
"""Places in `wire.messages.SLOT_KINDS`."""


class Value(Struct, eq=False):
    """One tensor at one version: an output of an op, or a tensor that came from nowhere the recorder saw.

    `op` is None for leaves and data. `origin` is then the factory call that made it, if it was seen.
    """

    ref: weakref.ref[torch.Tensor]
    shape: torch.Size
    dtype: torch.dtype
    stored: int | None
    """Bytes of a sparse tensor."""
    op: Op | None = None
    output: int = 0
    step: Step | None = None
    origin: Op | None = None
    requires_grad: bool = False
    is_leaf: bool = False
    is_parameter: bool = False
    used: bool = False
    door: str | None = None
    """Of what it is another tensor's door to: ".data", or "state_dict()"."""
    names: Sequence[str] = ()
    """A list from the first on: most get none."""
    written: Site | None = None
    """Where it was last updated, for a leaf."""
    zeroed: bool = False
    """Its gradient was emptied or dropped at least once, for a leaf."""

    __repr__ = object.__repr__

    @classmethod
    def of(cls, tensor: torch.Tensor, op: Op | None = None, output: int = 0) -> Value:
        """What a tensor is now."""
        stored = None if tensor.layout is _strided else stored_bytes(tensor)
        return cls(weakref.ref(tensor), tensor.shape, tensor.dtype, stored, op, output)

    def call(self, name: str) -> None:
        """Give it one more name."""
        if isinstance(self.names, list):
            self.names.append(name)
        else:
            self.names = [name]

    def again(self, tensor: torch.Tensor) -> Value:
        """The same value, held by another tensor object. Its names are those of this one, also those that come."""
        if not isinstance(self.names, list):
            self.names = []
        other = Value.of(tensor, self.op, self.output)
        other.origin, other.step, other.used = self.origin, self.step, self.used
        other.requires_grad, other.is_leaf, other.is_parameter = self.requires_grad, self.is_leaf, self.is_parameter
        other.names = self.names
        return other


_TENSOR_LISTS = frozenset({"List[Tensor]", "List[Optional[Tensor]]"})


_PLAIN = frozenset({"Tensor", "number"})
"""Types of arguments."""

_MAKE_TENSORS = frozenset({"add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "floor_divide"})
"""Functions that take a number for a tensor."""


_COUNTING = tuple(getattr(torch.ops.aten, name).Tensor for name in ("add", "sub", "mul", "div"))
"""Ops of two tensors that snippets write with a number for the second."""

_UNSAFE = frozenset({"_unsafe_view", "unsafe_split", "unsafe_split_with_sizes"})
"""Ops that return views and do not say so in their schema."""


class Gaps(tuple[str, ...]):
    """A list of tensors of which some are None, as `x[:, i]` has it: ":" for None, "tensor" for a tensor."""

    __slots__ = ()


def _binding(func: Any) -> Callable[..., Any] | None:
    """The function of `torch` that is this op and nothing else: called so, it takes a third less than as an overload.

    Only of tensors and numbers: with others the two may understand the same arguments in two ways. And not where the
    function makes a tensor of the number, which is another overload.
    """
    schema = func._schema
    given, made = [str(a.type) for a in schema.arguments], [str(r.type) for r in schema.returns]
    pure = not any(one.alias_info for one in (*schema.arguments, *schema.returns))
    if not schema.name.startswith("aten::") or not pure or made != ["Tensor"]:
        return None
    if given[:1] != ["Tensor"] or not _PLAIN.issuperset(given):
        return None
    if schema.overload_name == "Scalar" and schema.name.removeprefix("aten::") in _MAKE_TENSORS:
        return None
    found: Callable[..., Any] | None = getattr(torch._C._VariableFunctions, schema.name.removeprefix("aten::"), None)
    return found


class OpInfo:
    """What is the same for every call of one aten overload."""

    __slots__ = (
        "arguments",
        "asks",
        "counts",
        "defaults",
        "entry",
        "lists",
        "makes",
        "outs",
        "overload",
        "packet",
        "run",
        "shares",
        "tensors",
        "views",
        "writes",
    )

    def __init__(self, func: Any) -> None:
        schema = func._schema
        self.overload = func
        """Kept, so that nothing else is ever where it is."""
        self.run: Callable[..., Any] = _binding(func) or func._op if type(func) is torch._ops.OpOverload else func
        """The op itself: an OpOverload only calls on, and that is a call more for each op."""
        self.counts: bool = func in _COUNTING
        """It may be given a number for its second tensor: see `constants`."""
        self.packet: str = schema.name.split("::")[-1]
        overload = f".{schema.overload_name}" if schema.overload_name else ""
        plain = self.packet if self.packet.endswith("__") else self.packet.rstrip("_")
        self.entry: str = plain + overload
        """Its name in derivatives.yaml, where an op and its in-place form share one entry."""
        self.lists = frozenset(a.name for a in schema.arguments if str(a.type) in _TENSOR_LISTS)
        """The arguments that are lists of tensors."""
        self.tensors = tuple(a.name for a in schema.arguments if "Tensor" in str(a.type))
        """The arguments that are tensors, or lists of them."""
        self.makes: bool = self.packet.endswith("_like") or self.packet.startswith(("new_", "lift_fresh"))
        """It makes a tensor of its own; one that it is given says the shape, not the values."""
        self.asks: bool = schema.name.startswith("prim::")
        """Not an op but a question, what device a tensor is on, say."""
        self.arguments: tuple[str, ...] = tuple(a.name for a in schema.arguments)
        self.defaults: dict[str, Any] = {a.name: a.default_value for a in schema.arguments if a.has_default_value()}
        self.views: bool = any(r.alias_info is not None and not r.alias_info.is_write for r in schema.returns)
        """What it returns shows the elements of what it was given."""
        self.shares: bool = self.packet in _UNSAFE or (
            any(r.alias_info is not None for r in schema.returns)
            and next((a.alias_info is not None for a in schema.arguments if "Tensor" in str(a.type)), False)
        )
        """What it returns lies in the memory of the first tensor that it was given: a view, or written in place."""
        self.writes: tuple[int, ...] = tuple(
            i for i, a in enumerate(schema.arguments) if a.alias_info is not None and a.alias_info.is_write
        )
        self.outs: frozenset[str] = frozenset(
            schema.arguments[i].name for i in self.writes if schema.arguments[i].kwarg_only
        )
        """`out=`: written to and not read."""


RETURNED = OpInfo(torch.ops.aten.alias.default)
"""What a custom Function returns, where several of its ops made that: not an op that ran."""


class Call(Struct, eq=False):
    """One call of a torch function as the learner, or a torch module, wrote it; it may run several ops.

    Its ops are those with numbers from `first` to before `last`.
    """

    name: str
    site: Site | None
    first: int
    last: int
    direct: bool
    """Written by the learner, not by a torch module on their behalf."""
    custom: bool = False
    """`apply` of an autograd.Function: its ops run without autograd, its own backward stands for all of them."""
    failed: bool = False
    """It raised: an op of its that ran before is not what the learner wrote."""

    __repr__ = object.__repr__


FUNC_BACKWARD = "backward in torch.func"
"""The call that the ops of a backward inside `torch.func.grad`, `vjp` or `jacrev` belong to."""


class Op(Struct, eq=False):
    """One aten op that ran."""

    info: OpInfo
    number: int
    call: Call | None = None
    modules: tuple[int, ...] = ()
    loops: Path = ()
    site: Site | None = None
    grad_enabled: bool = True
    inference: bool = False
    inputs: list[Value] = []
    attributes: list[tuple[str, Any]] = []
    values: list[Value] = []
    grad_fn: str | None = None
    sequence: int = -1
    saved: Sequence[tuple[str, Any]] | None = None
    reads_grad: bool = False

    # ops hold values, which hold ops: told in full, one would be the whole graph
    __repr__ = object.__repr__

    def output_at(self, number: int) -> int:
        """Which output autograd counts as its `number`-th: an op of torch's own leaves out those without a gradient."""
        if len(self.values) < 2 or (self.call is not None and self.call.custom):
            return number
        counted = [place for place, value in enumerate(self.values) if value.requires_grad]
        return counted[number] if number < len(counted) else number


class EngineNode(Struct, eq=False):
    """One `torch.autograd.graph.Node` that a backward pass visited."""

    name: str
    op: Op | None = None
    leaf: Value | None = None
    site: Site | None = None
    """Where that backward was called."""
    nexts: Sequence[tuple[EngineNode | None, int]] = ()
    saved: Sequence[tuple[str, Any]] = ()
    arrivals: int = 0

    __repr__ = object.__repr__


class Pass:
    """One run of autograd's engine: where it began, and which leaves it was to reach (None: all).

    `accumulates` is false for `torch.autograd.grad`, which returns the gradients and stores none. `failed`: an error
    ended it.
    """

    __slots__ = ("accumulates", "failed", "inputs", "root", "site")

    def __init__(
        self, root: Value | None, site: Site | None, inputs: frozenset[int] | None, *, accumulates: bool
    ) -> None:
        self.root = root
        self.site = site
        self.inputs = inputs
        self.accumulates = accumulates
        self.failed = False


class Copy(NamedTuple):
    """What `torch.tensor([a, b])` made, and the a and b that were in it, whose history it lacks."""

    made: Value
    sources: list[Value]

    @property
    def names(self) -> list[str]:
        """What the snippet calls the sources."""
        return [name for value in self.sources for name in value.names[:1]]

    def kept(self, names: Sequence[str]) -> str:
        """Code that keeps the history, with the names of the sources."""
        inside = ", ".join(names) or "…"
        return f"torch.stack([{inside}])" if len(self.sources) > 1 else inside


class Update:
    """One parameter that was written in a step. `optimizer` is a place in `Step.optimizers`, None for one by hand."""

    __slots__ = ("kept", "leaf", "optimizer", "site", "then")

    def __init__(self, leaf: Value, optimizer: int | None, site: Site | None) -> None:
        self.leaf = leaf
        self.optimizer = optimizer
        self.site = site
        self.kept: list[tuple[str, torch.Tensor]] = []
        """What the optimizer keeps for it, by name."""
        self.then: Value | None = None
        """The leaf as it is afterwards, if the step reads it once more."""

    def again(self) -> Update:
        """The same, of another step."""
        other = Update(self.leaf, self.optimizer, self.site)
        other.kept = self.kept
        return other


class Happened(NamedTuple):
    """A tensor that was mentioned, updated or lost its gradient in a step, and where."""

    phase: int
    what: Any
    site: Site | None


def happened(event: Any) -> tuple[int, Any, Site | None]:
    """Phase, what and where of an event (see `Step.events`).

    What is an Op, an EngineNode, a Value, or the key of an edge's gradient.
    """
    kind = type(event)
    if kind is Happened:
        return event  # type: ignore[no-any-return]  # it is one
    if kind is Op:
        return FORWARD, event, event.site
    return BACKWARD, event, (event if kind is EngineNode else event[1]).site


class Step:
    """One pass, as it is recorded."""

    __slots__ = (
        "backward_site",
        "closed",
        "engine",
        "events",
        "hidden",
        "idle",
        "index",
        "like",
        "loss",
        "lost",
        "mentioned",
        "number",
        "numbers",
        "ops",
        "optimizers",
        "piled",
        "rested",
        "told",
        "unseen",
        "updates",
    )

    def __init__(self, index: int, *, told: bool = True) -> None:
        self.index = index
        self.told = told
        """In full: what its tensors hold is kept, and it is sent."""
        self.unseen = False
        """It ran, at least in part, while the modes were off."""
        self.rested = False
        """Its numbers are all taken, though it is still the last one."""
        self.ops: list[Op] = []
        self.engine: list[EngineNode] = []
        self.events: list[Any] = []
        """In order. Most are an op that ran, an EngineNode, or the key of an edge's gradient, and say themselves where
        and in which phase; the others are `Happened`."""
        self.updates: dict[int, Update] = {}
        self.optimizers: list[tuple[str, dict[str, Any]]] = []
        """Parameter groups that stepped: the optimizer's class, and their hyperparameters."""
        self.mentioned: list[Value] = []
        self.backward_site: Site | None = None
        self.piled: list[Value] = []
        """Leaves whose gradient was added to an older one."""
        self.hidden: list[tuple[Value, Site | None, bool]] = []
        """What was written to through `.data` while backward was still to come, where, and whether it is a leaf."""
        self.lost: list[tuple[Value, Site | None]] = []
        """Leaves from which a new tensor was computed that looks like an update: `p - lr * p.grad`; and where."""
        self.idle: list[tuple[str, int, Site | None]] = []
        """Optimizers that stepped and found no gradient: class, number of parameters, place."""
        self.loss: Value | None = None
        self.number: float | None = None
        """The loss, once it is known as a number."""
        self.closed = False
        self.like: Step | None = None
        """The step that it was found to be like, where it was not recorded but followed."""
        self.numbers: Sequence[Any] | None = None
        """Its summaries, if it was."""

    def happened(self) -> Iterator[tuple[int, Any, Site | None]]:
        """Phase, what and where of all events."""
        return map(happened, self.events)
