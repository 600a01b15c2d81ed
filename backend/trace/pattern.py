"""What a step of a loop does, learned from one that was recorded, so that those like it can be followed.

To record a step takes three times as long as to run it, mostly to find out what belongs together: which tensor is
which, whose gradient arrives where. In a step that does the same again all that is known, and only numbers are new.
`rehearsing` hears what an iteration of the loop runs, beside the recorder; when its step is complete, and nothing was
in it but what `following` can tell again, this is what all the next ones are held against.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

import torch
from msgspec import Struct

from backend.trace.iterations import Path
from backend.trace.records import AFTER, GRAD, STATE, VALUE, EngineNode, Happened, Op, Step, Value
from backend.trace.summary import Key, Summaries

if TYPE_CHECKING:
    from backend.trace.recorder import Recorder
    from backend.trace.rehearsing import Rehearsal

MOST_BYTES: Final = 1 << 23
"""Bytes of the tensors of a step that is followed: they are all held until it is over."""

BACKWARD, EMPTIES, UPDATES = range(3)
"""What stands for the function of a `Deed` that is no op."""


class Deed(Struct, eq=False):
    """One thing that a step does: an op, or a backward, a `zero_grad`, the step of an optimizer.

    Tensors are numbered; `tensors`, `several` and `others` say what each argument is, by its place.
    """

    func: Any
    run: Callable[..., Any] | None
    code: CodeType | None
    place: int
    """Where in that code it was called; -1 where none of the learner's was."""
    count: int = 0
    """How many arguments there are."""
    tensors: list[tuple[int, int]] = []
    several: list[tuple[int, list[int]]] = []
    """Lists of tensors."""
    others: list[tuple[int, Any]] = []
    keywords: Mapping[str, Any] | None = None
    outs: list[int] = []
    """The tensors that it returns."""
    single: bool = False
    """It returns one, and not in a tuple or a list."""
    rest: Any = None
    """Of a backward, what the engine gets beside its roots and their gradients."""
    held: Sequence[torch.Tensor] = ()
    """The parameters that an optimizer finds a gradient for, or that a `zero_grad` takes it from."""
    optimizer: Any = None
    depth: int = 0
    """How many frames lie between the mode that hears the op and the learner's; 0 until that is known."""

    __repr__ = object.__repr__


TENSOR, ARRIVES, LEAVES, LEAF, GRADIENT, KEPT = range(6)
"""Where a row's tensor is found: among those of the ops; as the gradient that arrives at one of those; as what leaves a
node by one of several edges that meet; as a leaf, its `.grad`, or what an optimizer keeps for it."""


class Row(Struct):
    """One tensor whose numbers are taken."""

    key: Key
    told: tuple[Any, ...]
    """Its summary but for the numbers."""
    bytes: int
    """Of the numbers."""
    source: int
    number: int = -1
    """Of the tensor."""
    node: int = -1
    """Of autograd's, the one that it leaves."""
    place: int = -1
    """By which of its edges."""
    leaf: Any = None
    optimizer: Any = None
    name: str = ""
    """What the optimizer calls it."""


class Pattern(Struct, eq=False):
    """What is the same in all steps of a loop that do the same."""

    step: Step
    events: list[Any]
    """Of the step, when the iteration was over."""
    deeds: list[Deed]
    fixed: list[torch.Tensor | None]
    """By number, the tensors that are the same object in each step."""
    path: Path
    """The loops around its iteration."""
    made: list[tuple[Op, int, int]]
    """Each output that an op has made: the op, which of its outputs, and the number of the tensor."""
    given: list[tuple[Value, int]]
    """Each value that the step has used and not made, and the number of its tensor."""
    forward: list[Row]
    """Whose numbers are taken before backward."""
    later: list[Row]
    """Whose numbers are taken at the end."""
    order: list[Key]
    """The keys of all, in the order in which they were recorded."""
    nodes: list[EngineNode]
    nexts: list[list[tuple[int, int]]]
    """For each node the places of those behind it, -1 where there is none."""
    leaves: list[torch.Tensor | None]
    """For each node the leaf that it accumulates into."""


def pattern(heard: Rehearsal, step: Step, summaries: Summaries, recorder: Recorder) -> Pattern | None:
    """What was heard while `step` was recorded, as far as it can be followed; None where it cannot."""
    if not _is_plain(heard, step):
        return None
    fixed = _fixed(heard, recorder)
    places = {id(node): place for place, node in enumerate(step.engine)}
    leaves = [None if node.leaf is None else node.leaf.ref() for node in step.engine]
    known = all(node.leaf is None or leaf is not None for node, leaf in zip(step.engine, leaves, strict=True))
    if not known:
        return None
    rows: tuple[list[Row], list[Row]] = [], []
    for key, summary in summaries:
        row = _row(key, step, heard, places)
        if row is None or not (summary.values or summary.thumb) or summary.device != "cpu":
            return None
        row.told, row.bytes = summary[:-1], len(summary.payload)
        rows[row.source != TENSOR or row.number >= heard.before].append(row)
    if heard.bytes + sum(math.prod(row.told[0]) * 8 for row in rows[1]) > MOST_BYTES:
        return None
    nexts = [
        [(-1 if after is None else places.get(id(after), -1), output) for after, output in node.nexts]
        for node in step.engine
    ]
    order = [key for key, _ in summaries]
    used = [owner for (kind, owner, _), _ in summaries if kind == VALUE and type(owner) is Value]
    given = [(value, number) for value in used if (number := heard.number_of(value, 0)) is not None]
    events = step.events[: heard.happened]
    return Pattern(
        step,
        events,
        heard.deeds,
        fixed,
        heard.path,
        heard.made(),
        given,
        rows[0],
        rows[1],
        order,
        list(step.engine),
        nexts,
        leaves,
    )


def _is_plain(heard: Rehearsal, step: Step) -> bool:
    """Whether nothing has happened but what was heard."""
    if heard.failed or not step.told or step.unseen or step.loss is None:
        return False
    if step.piled or step.hidden or step.lost or step.idle or step.mentioned:
        return False
    if any(update.optimizer is None or update.then is not None for update in step.updates.values()):
        return False
    if any(op.call is not None and op.call.custom for op in step.ops):
        return False  # a backward of the snippet's own may write to the gradient that it is given
    beside = sum(type(event) is Happened for event in step.events[: heard.happened])
    emptied = sum(len(deed.held) for deed in heard.deeds if deed.func is EMPTIES)
    return beside == emptied + len(step.updates) and all(id(op) in heard.ops for op in step.ops)


def _fixed(heard: Rehearsal, recorder: Recorder) -> list[torch.Tensor | None]:
    """What the step has used and not made: the same each time, but for data that came with its iteration."""
    fixed: list[torch.Tensor | None] = [None] * len(heard.tensors)
    for number in heard.given:
        tensor = heard.tensors[number]
        value = recorder.table.get(id(tensor))
        origin = value.origin if value is not None and value.ref() is tensor and value.op is None else None
        if origin is None or origin.number < heard.began or tensor.requires_grad:
            fixed[number] = tensor
    return fixed


def _row(key: Key, step: Step, heard: Rehearsal, places: Mapping[int, int]) -> Row | None:
    """Where the tensor of a key is found; None where it cannot be."""
    kind, owner, output = key
    if kind == VALUE:
        number = heard.number_of(owner, output)
        return None if number is None else Row(key, (), 0, TENSOR, number)
    if type(owner) is EngineNode:
        target, entry = (owner, output) if kind == GRAD else owner.nexts[output]
        if target is None or (kind != GRAD and target.arrivals > 1):
            return Row(key, (), 0, LEAVES, node=places[id(owner)], place=output)
        if target.leaf is not None:
            return Row(key, (), 0, GRADIENT, leaf=target.leaf.ref())  # all that comes to a leaf which had none
        op = target.op
        number = None if op is None else heard.number_of(op, op.output_at(entry))
        return None if number is None else Row(key, (), 0, ARRIVES, number)
    if kind == AFTER:
        return Row(key, (), 0, LEAF, leaf=owner.ref())
    if kind != STATE:
        return None
    leaf, name = owner.ref(), step.updates[id(owner)].kept[output][0]
    optimizer = next((deed.optimizer for deed in reversed(heard.deeds) if any(leaf is p for p in deed.held)), None)
    return None if optimizer is None else Row(key, (), 0, KEPT, leaf=leaf, optimizer=optimizer, name=name)
