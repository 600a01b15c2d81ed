"""Follows a step that is to do what one before has done: its numbers are taken, and nothing is recorded anew.

Each op is held against the `pattern`, with its arguments and its place in the snippet, and so is autograd's graph
before backward runs. Where something differs, the step is one of those of which nothing is told in full.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import is_
from types import FrameType, MethodType
from typing import Any, Final, NamedTuple

import torch

from backend.trace.iterations import Path
from backend.trace.layouts import Layouts
from backend.trace.ledger import tensors_in
from backend.trace.modes import OpMode
from backend.trace.optimizers import hyperparameters
from backend.trace.pattern import ARRIVES, BACKWARD, EMPTIES, LEAVES, UPDATES, Deed, Pattern
from backend.trace.recorder import Recorder
from backend.trace.records import AFTER, STATE, Site, Step
from backend.trace.rehearsing import with_gradient
from backend.trace.source import FILENAME, learner_frame, learner_site
from backend.trace.summary import Key
from backend.trace.tally import Tally, Unlike
from backend.trace.watching import Aside, put_on, take_off

_Tensor = torch.Tensor
_nodes: Final = torch._C._autograd._get_sequence_nr
_QUIET: Final = frozenset({torch.Tensor.__repr__.__code__, torch.Tensor.__format__.__code__})

_END: Final = Deed(None, None, None, -1)
"""Behind the last."""


def _place(deed: Deed) -> int:
    """Where the learner's code is that has called the mode, if it is that of the op; else -2, and -1 if it has none."""
    if deed.code is None:
        return -1
    depth, frame = 0, sys._getframe(1)
    wanted = learner_frame(frame)
    while frame is not wanted and frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    deed.depth = depth
    return frame.f_lasti if frame.f_code is deed.code else -2


def _is_quiet(frame: FrameType | None) -> bool:
    """Whether torch is printing a tensor there: that is not the learner's op."""
    while frame is not None and frame.f_code.co_filename is not FILENAME:
        if frame.f_code in _QUIET:
            return True
        frame = frame.f_back
    return False


class Following(OpMode):
    """Of one loop. It is on while an iteration is followed, but where torch or the tracer does something of its own."""

    def __init__(self, recorder: Recorder, pattern: Pattern, layouts: Layouts) -> None:
        super().__init__(recorder)
        self.pattern = pattern
        self._deeds = [*pattern.deeds, _END]
        self._kinds: list[type | None] = [None] * len(pattern.nodes)
        """Of autograd's nodes, once their names have been compared."""
        self._tally = Tally(pattern, layouts)
        self._hooks = self._catching()
        self._arriving = [(row.key, row.number) for row in pattern.later if row.source == ARRIVES]
        self._leaving = [row.key for row in pattern.later if row.source == LEAVES]
        self._place = 0
        """The deed that comes next."""
        self.on = False
        """An iteration is under way."""
        self.lost = False
        """It is unlike the others."""
        self._ops: list[Any] = []
        """Those that have run: the deed, where the learner's code was, what it got and what it returned."""
        self._tensors: list[_Tensor | None] = []
        self._path: Path = ()
        """The loops around the iteration."""
        self._given = [(value, value.requires_grad, value.is_leaf) for value, _ in pattern.given]
        self._leaves = [leaf for leaf in pattern.leaves if leaf is not None]
        self._first_node = 0
        """How many nodes autograd had made when the iteration began."""
        self._made = -1
        """How many it has made from there to backward, where the graph was found to be the pattern's."""
        self._caught: dict[Key, list[Any]] = {}
        """What backward has brought, for each of the rows that it fills."""
        self._over = True
        """Backward has run: hooks that are left are silent."""
        self._optimizers: list[tuple[str, dict[str, Any]]] = []
        self._groups: dict[int, tuple[list[Any], dict[str, Any]]] = {}
        """By id, what was in a parameter group the last time, and what was told of it."""

    # the iteration

    def lose(self) -> None:
        """This iteration is unlike the others."""
        self.lost, self._place = True, len(self._deeds) - 1

    def begin(self) -> None:
        """An iteration begins."""
        self.on = True
        put_on(self)
        self._place, self.lost, self._optimizers, self._ops = 0, False, [], []
        self._tensors = self.pattern.fixed.copy()
        self._path = self.recorder.loops
        self._first_node = _nodes()

    def end(self, step: Step) -> Followed | None:
        """The iteration is over, and `step` was the step in it: it is told, if it was like the others; else None."""
        self.on = False
        take_off(self)
        if self._deeds[self._place] is not _END:
            self.lose()
        if not self.lost:
            self._try(self._sum_up, step)
        tensors = self._tensors
        self._tensors, self._caught, self._ops = [], {}, []
        return None if self.lost else Followed(self, tensors, self._path)

    @property
    def begun(self) -> bool:
        """Something has happened in the iteration."""
        return self.lost or self._place > 0

    def _sum_up(self, step: Step) -> None:
        pattern, like = self.pattern, self.pattern.step
        self._compare()
        step.numbers = self._tally.end(self._tensors, self._caught)
        step.like = like
        step.ops, step.engine, step.loss = like.ops, like.engine, like.loss
        step.events, step.updates, step.optimizers = pattern.events.copy(), like.updates.copy(), self._optimizers
        step.backward_site, step.unseen, step.rested = like.backward_site, False, True
        for value, requires_grad, is_leaf in self._given:
            # a step that was recorded since may have found them otherwise
            value.requires_grad, value.is_leaf = requires_grad, is_leaf

    def _try(self, what: Callable[..., Any], *given: Any) -> None:
        try:
            what(*given)
        except Exception:  # whatever is odd about a step, it is no reason to end the run
            self.lose()

    def aside(self) -> Aside:
        """`with` it: what runs inside is no op of the step."""
        return Aside(self.recorder, self.hush, self._resume)

    # what happens in it

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func`, and keep what is to be held against the pattern. That takes less time for many at once."""
        deed = self._deeds[self._place]
        if deed.func is not func:
            if not _is_quiet(sys._getframe(1)):
                self.lose()
            return func(*args, **(kwargs or {}))
        self._place += 1
        run: Any = deed.run
        out = run(*args, **kwargs) if kwargs else run(*args)
        try:
            frame = sys._getframe(deed.depth)
        except ValueError:
            frame = sys._getframe()
        place = frame.f_lasti if frame.f_code is deed.code else _place(deed)
        del frame  # which may be this one, and would hold what is returned: see `Rehearsal`
        self._ops.append((deed, place, args, kwargs, out if deed.outs else None))
        return out

    def _compare(self) -> None:
        """Hold the ops that have run against the pattern.

        Raises:
            Unlike: one was another, or given something else.
        """
        ops, self._ops = self._ops, []
        tensors = self._tensors
        for deed, place, args, kwargs, out in ops:
            if place != deed.place or len(args) != deed.count:
                raise Unlike
            if (kwargs or deed.keywords) and kwargs != deed.keywords:
                raise Unlike
            for at, number in deed.tensors:
                known = tensors[number]
                if known is None:
                    tensors[number] = args[at]
                elif known is not args[at]:
                    raise Unlike
            for at, other in deed.others:
                arg = args[at]
                if arg is not other and (type(arg) is not type(other) or arg != other):
                    raise Unlike
            for at, numbers in deed.several:
                if len(numbers) != len(args[at]):
                    raise Unlike
                for number, tensor in zip(numbers, args[at], strict=True):
                    if tensors[number] is None:
                        tensors[number] = tensor
                    elif tensors[number] is not tensor:
                        raise Unlike
            if deed.single:
                tensors[deed.outs[0]] = out
            elif deed.outs:
                outs = tensors_in(out)
                if len(outs) != len(deed.outs):
                    raise Unlike
                for number, tensor in zip(deed.outs, outs, strict=True):
                    tensors[number] = tensor

    def emptied(self, held: Sequence[_Tensor], site: Site | None) -> None:
        """A `zero_grad` has taken the gradients of those."""
        if self._place:  # else it is the step's before
            self._expect(EMPTIES, site, held=held)

    def updated(self, optimizer: Any) -> None:
        """An optimizer has stepped."""
        with self.recorder.whole:
            if self._expect(UPDATES, learner_site(2), held=with_gradient(optimizer), optimizer=optimizer):
                name = type(optimizer).__name__
                self._optimizers += [(name, self._hyperparameters(group)) for group in optimizer.param_groups]

    def _hyperparameters(self, group: dict[str, Any]) -> dict[str, Any]:
        """Those of a parameter group. Asked again only where one is another than the last time."""
        values = [*group.values()]
        known = self._groups.get(id(group))
        if known is not None and len(known[0]) == len(values) and all(map(is_, known[0], values)):
            return known[1]
        told = hyperparameters(group)
        if not any(isinstance(value, _Tensor) for value in values):  # which may hold another number each time
            self._groups[id(group)] = values, told
        return told

    def _expect(self, what: int, site: Site | None, *, held: Sequence[_Tensor] = (), optimizer: Any = None) -> bool:
        """Whether that was to come. In the same place, and with the same parameters."""
        deed = self._deeds[self._place]
        code, place = site if site is not None else (None, -1)
        same = deed.func is what and deed.code is code and deed.place == place and deed.optimizer is optimizer
        if self.lost or not same or len(deed.held) != len(held) or not all(map(is_, deed.held, held)):
            self.lose()
            return False
        self._place += 1
        return True

    # backward

    def hush(self) -> bool:
        """Hear nothing: for backward from where it makes what it begins with. False where nothing was heard before."""
        return take_off(self)

    def _resume(self) -> None:
        if self.on:
            put_on(self)

    def backward(self, outputs: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """The engine is about to run. Hooks of ours are there, if all is as it was to be."""
        self.hush()
        deed = self._deeds[self._place]
        if self._expect(BACKWARD, learner_site(2)):
            self._try(self._enter, deed, outputs, args, kwargs)

    def left(self) -> None:
        """The engine has run."""
        self._over = True
        self._resume()

    def _enter(self, deed: Deed, outputs: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self._compare()
        root = self._tensors[deed.tensors[0][1]]
        if root is None or len(outputs) != 1 or outputs[0] is not root:
            raise Unlike
        if args[1:] != deed.rest or kwargs != deed.keywords:
            raise Unlike
        made = _nodes() - self._first_node
        found: list[Any] = []
        if (
            made != self._made or self._hooks
        ):  # else there are as many nodes again, by the same ops with the same tensors
            found, self._made = self._graph(root.grad_fn), made
        if any(leaf.grad is not None or leaf._post_accumulate_grad_hooks for leaf in self._leaves):
            raise Unlike
        self._tally.begin(self._tensors)
        caught: dict[Key, list[Any]] = {key: [] for key in self._leaving}
        for key, number in self._arriving:
            tensor: Any = self._tensors[number]
            if tensor._backward_hooks is not None:
                raise Unlike
            # what Tensor.register_hook does, without a handle, and with a hook that is no function of Python's
            caught[key] = []
            tensor._backward_hooks = {0: caught[key].append}
            tensor.grad_fn._register_hook_dict(tensor)
        for place, hook in self._hooks:
            found[place].register_hook(hook)
        self._caught, self._over = caught, False

    def nodes_of(self, tensors: list[_Tensor | None]) -> list[Any]:
        """Autograd's nodes of a step with these tensors, in the order of the pattern's."""
        (deed,) = [deed for deed in self.pattern.deeds if deed.func == BACKWARD]
        root: Any = tensors[deed.tensors[0][1]]
        return self._graph(root.grad_fn)

    def _graph(self, root: Any) -> list[Any]:
        """Autograd's nodes, in the order of the pattern's.

        Raises:
            Unlike: they are others.
        """
        pattern, kinds = self.pattern, self._kinds
        found: list[Any] = [None] * len(kinds)
        found[0] = root
        for place, nexts in enumerate(pattern.nexts):
            node, leaf = found[place], pattern.leaves[place]
            if type(node) is not kinds[place]:
                if kinds[place] is not None or node is None or node.name() != pattern.nodes[place].name:
                    raise Unlike
                kinds[place] = type(node)
            if leaf is not None:
                if node.variable is not leaf:
                    raise Unlike
                continue
            after = node.next_functions
            if len(after) != len(nexts):
                raise Unlike
            for (other, output), (number, wanted) in zip(after, nexts):  # noqa: B905  # as long as each other: see above
                if number < 0:
                    if other is not None:
                        raise Unlike
                elif found[number] is None:
                    found[number] = other
                elif found[number] is not other:
                    raise Unlike
                if output != wanted:
                    raise Unlike
        return found

    def _catching(self) -> list[tuple[int, MethodType]]:
        """The hooks of nodes, with the places of those."""
        leaving: dict[int, list[tuple[Key, int]]] = {}
        for row in self.pattern.later:
            if row.source == LEAVES:
                leaving.setdefault(row.node, []).append((row.key, row.place))
        return [(place, MethodType(self._catch(rows), self.pattern.nodes[place])) for place, rows in leaving.items()]

    def _catch(self, rows: list[tuple[Key, int]]) -> Callable[..., None]:
        def caught(_: Any, grad_inputs: Sequence[_Tensor | None], _grad_outputs: Any) -> None:
            if not self._over:
                for key, place in rows:
                    self._caught[key].append(grad_inputs[place])

        return caught


class Followed(NamedTuple):
    """A step that was followed, while more may come that belongs to it."""

    by: Following
    tensors: list[_Tensor | None]
    path: Path

    def hand_over(self, step: Step) -> None:
        """What comes now is recorded: then the step is to be as if it had been."""
        recorder, pattern, tensors = self.by.recorder, self.by.pattern, self.tensors
        for op, place, number in pattern.made:
            tensor = tensors[number]
            if tensor is not None:
                recorder.embody(op.values[place], tensor, step)
        for value, number in pattern.given:
            tensor = tensors[number]
            if tensor is not None:
                recorder.embody(value, tensor, step)
        with suppress(Unlike):  # the learner has cut the loss off from its history since
            for node, raw in zip(pattern.nodes, self.by.nodes_of(tensors), strict=True):
                if node.op is not None:
                    recorder.own_again(node.op, raw)
        before = len(pattern.path)
        for op in step.ops:
            op.loops = (*self.path, *op.loops[before:])
        for place in {place for op in step.ops for place in op.modules}:
            recorder.module_loops[place] = (*self.path, *recorder.module_loops[place][before:])
        step.ops, step.engine = step.ops.copy(), step.engine.copy()
        step.updates = {leaf: update.again() for leaf, update in step.updates.items()}
        numbers, step.numbers, step.like, step.rested = step.numbers or [], None, None, False
        recorder.summariser.again([one for one in numbers if one[0][0] not in (AFTER, STATE)])
