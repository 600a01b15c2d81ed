"""Cuts what is recorded into steps, and keeps what happens in one beside its ops: updates, zero_grad, backward.

A step begins with the first forward op after a backward, an update or a zero_grad. Whether an op is a forward op of the
next step or an afterthought of this one (`loss.item()`, an accuracy computed from this step's prediction,
`lr * w.grad`) is told by what it reads: only results of this step, or a `.grad`, and it is an afterthought. So is what
returns no tensor, as `w.item()` does: nothing can come of it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import torch

from backend.trace.batches import name_batch
from backend.trace.iterations import Header, Path
from backend.trace.ledger import Ledger
from backend.trace.optimizers import hyperparameters, kept_for
from backend.trace.paused import paused
from backend.trace.records import (
    AFTER,
    FORWARD,
    STATE,
    UPDATE,
    VALUE,
    ZERO_GRAD,
    Call,
    Copy,
    Happened,
    Pass,
    Site,
    Step,
    Update,
    Value,
    happened,
)
from backend.trace.source import learner_site
from backend.trace.summary import Silent, Summaries, Summariser
from backend.trace.turns import Turns

if TYPE_CHECKING:
    from backend.trace.coasting import Coasting
    from backend.trace.counting import Counting

_Tensor = torch.Tensor
_grad_enabled = torch.is_grad_enabled

EMPTIES = frozenset({"zero_", "_foreach_zero_", "fill_"})
"""Ops that, done to a `.grad`, are a zero_grad."""


ANYWHERE: Final[AbstractContextManager[None]] = nullcontext()
"""Where nothing can be stopped, nothing need be held together."""

LOOK: Final = 64
"""So many steps ahead is looked for one that is told."""


def is_sampled(index: int) -> bool:
    """Whether a step is told in full when `trace` is "sampled": the first ones all, later ones ever more rarely.

    They come in pairs, where the second goes on with what the first has updated, and each time that the number of steps
    doubles there are 35 more. Of 1,000 steps some 200, of 10,000 some 320.
    """
    apart = 1 << (index // 35).bit_length()
    return index % apart < 2


class Steps(Ledger):
    """The steps of one run."""

    def __init__(self, preview: int, *, sampled: bool = False) -> None:
        super().__init__()
        self.preview = preview
        self.sampled = sampled
        self.forks = False
        """There has been a step whose forward pass is that of the step before."""
        self.coasting: Coasting | None = None
        """Takes the modes off where nothing is told in full."""
        self.leaves: dict[int, Value] = {}
        self.batch: list[Value] = []
        """What was `given` last. The next batch takes its names away, so they are read when the step closes."""
        self._summariser = self.summariser = Summariser(preview)
        self._silent = Silent()
        self.emit: Callable[[Step, Summaries], None] = lambda *_: None
        """Called with each step that is complete."""
        self.whole = ANYWHERE
        """No stop comes inside."""
        self.completing = False
        """A step is being completed: until that is done, what is recorded is not to be asked."""
        self.step = Step(0)
        self.call: Call | None = None
        self.modules: tuple[int, ...] = ()
        self.module_calls: list[Any] = []
        self.hooked: list[Value] = []
        """Tensors with hooks of the learner's own, which may change what enters: then the edges alone do not say it."""
        self.loops: Path = ()
        """Kept by `Iterations`."""
        self.between = False
        """A loop's body is at its end and has not begun again: a condition is tested, the next element fetched."""
        self.closed_in: Path = ()
        """The loops around the place where the last step was closed."""
        self.closed_at = 0
        """The number of ops at that place."""
        self.module_loops: list[Path] = []
        """The loops around each of `module_calls`."""
        self.loop_headers: list[Header] = []
        self.sites: list[Any] = []
        """Value, site and place of one result after the other that a call in the learner's own frame has returned."""
        self.suspended = 0
        self.count = 0
        self.backwards = 0
        self.passes: dict[Site | None, Pass] = {}
        """The last backward of each place in the snippet."""
        self.emptied: dict[int, Site | None] = {}
        """id(leaf) -> where its .grad was emptied last."""
        self.switched: dict[int, tuple[Value, Site | None]] = {}
        """id(leaf) -> the leaf, and where it was told that it needs no gradient any more."""
        self.copies: list[Copy] = []
        self.subclasses = False
        """An op has returned a tensor of a class that may do its ops itself."""
        self.packs = False
        """The snippet has hooks for what backward keeps: to unpack it may run them."""
        self.threads: Site | None = None
        """Where the snippet has started a thread: modes are one thread's, so nothing of it is seen."""
        self.from_threads: Site | None = None
        """The same, once a step has used what nobody saw being made."""
        self.transformed: Site | None = None
        """Where torch.func computed gradients last."""
        self.backward_site: Site | None = None
        """Where the last backward that came to its end was called."""
        self.rewritten: dict[int, tuple[weakref.ref[_Tensor], int]] = {}
        """id -> a tensor that was written to in place, and the number of the last op that did."""
        self._forward_part: Summaries = []
        self._unsampled = (0, 0)
        """None of the steps from the first of these numbers to before the second is sampled, if `sampled`."""
        self.survey: Callable[[list[_Tensor]], None] | None = None
        """Looks at the autograd graph of a step that ends without a backward."""
        self.resolve: Callable[[Step], None] | None = None
        """Gives the step's values the names that they have now."""
        self.turns: Turns | None = None
        self.turned: Callable[[Step], None] | None = None
        """Called at the end of every step, also of those that are not told in full."""
        self.passed: Callable[[Step], None] = lambda _: None
        """Called instead, at the end of one of which nothing was seen."""
        self.counting: Counting | None = None
        """Counts the iterations of a loop in which nothing is told in full."""
        self.woken: Callable[[], None] = lambda: None
        """Called when the modes are on again."""
        self.awaits: Callable[[Callable[[], None]], None] = lambda _: None
        """Called with what is to be done before anything else is told."""

    def is_bare(self) -> bool:
        """Whether nothing was seen of the step that is over, and nothing of it is to be told any more."""
        step = self.step
        bare = step.unseen and step.closed and not step.told and not step.events
        return bare and self.turns is not None and self.turns.ended

    def pass_by(self, loss: float | None) -> None:
        """After a bare step another one is over, with that loss. In less time than all that a step is made of."""
        step = self.step
        self.passed(step)
        step.index += 1
        step.number = loss
        self.backwards += 1

    def next_step(self) -> None:
        """Complete the current step, if it holds anything, and begin another. No stop comes in between."""
        with self.whole:
            self.completing = True
            try:
                self._complete()
            finally:
                self.completing = False

    def _complete(self) -> None:
        self.finish_op()
        step = self.step
        if not step.unseen or step.events:
            summaries = self._summaries(step)
            if not step.events:
                self.step = Step(step.index, told=step.told)
                return
            self.emit(step, summaries)
            if self.coasting is not None:
                self.coasting.repertoire.told(step, summaries)
        if self.turned is not None:
            self.turned(step)
        if step.like is None:  # else its ops are those of the one that it is like
            self.forget(step.ops)
        self.step = Step(step.index + 1, told=self.tells(step.index + 1))
        self.summariser = self._summariser if self.step.told or self.forks else self._silent

    def tells(self, index: int, *, iterations: int = 0) -> bool:
        """Whether the step of that number is told in full. It is in this iteration, or so many `iterations` later."""
        if not self.sampled:
            return True
        if self.coasting is not None and self.coasting.torn:
            return False
        return is_sampled(index) or self._is_last(iterations)

    def _is_last(self, iterations: int = 0) -> bool:
        """Whether this iteration, or the one so many later, is known to be the last of the loops around the steps."""
        return self.turns is not None and self.turns.is_last(self.loops, iterations)

    def samples(self, index: int) -> bool:
        """Whether the step of that number is told for its number alone: it is not that of a last iteration."""
        return is_sampled(index) and not self._is_last()

    def tells_some(self, first: int, count: int, *, iterations: int = 0) -> bool:
        """Whether any of so many steps from `first` on is: see `tells`."""
        start, end = self._unsampled
        if first < start or first + count > end:
            if any(self.tells(index, iterations=iterations) for index in range(first, first + count)):
                return True
            end = first + max(count, LOOK)
            self._unsampled = first, next((index for index in range(first + count, end) if is_sampled(index)), end)
            return False
        return self._is_last(iterations)

    def untold_for(self, first: int) -> int:
        """How many steps from that number on, and iterations of the innermost loop, are certain not to be told."""
        end = self._unsampled[1]
        return 0 if self.turns is None else max(0, min(end - first, self.turns.until_last(self.loops)))

    def leave_untold(self) -> None:
        """The step under way is not told after all: what it begins with was not seen."""
        if self.step.told:
            self.step.told = False
            self.summariser.take()
            self.summariser = self._summariser if self.forks else self._silent

    def tell(self) -> None:
        """The step that is under way, or the next where it is over, is told in any case."""
        if self.step.closed:
            self.next_step()
        self.step.told = True
        self.summariser = self._summariser

    def rest(self) -> None:
        """The modes are off: to the step that is over no more will be added but `zero_grad`."""
        self.finish_op()
        self.batch = []
        step = self.step
        if step.told and step.closed and not step.rested:
            step.rested = True
            self._sum_up(step)

    def coasts(self) -> bool:
        """Whether the modes are off because nothing is told."""
        return self.coasting is not None and self.coasting.off

    def _summaries(self, step: Step) -> Summaries:
        """The numbers of the step, which is over."""
        if step.numbers is not None:
            self._forward_part = []
            return step.numbers
        if step.told:
            if self.survey is not None and not step.engine:
                self.survey(self._ends(step))
            if not step.rested:
                self._sum_up(step)
        summaries = self.summariser.take()
        self._forward_part = [(key, summary) for key, summary in summaries if key[0] == VALUE]
        return summaries

    def _sum_up(self, step: Step) -> None:
        """What the step has left its parameters and the optimizer's state at."""
        for update in step.updates.values():
            tensor = update.leaf.ref()
            if tensor is not None:
                self.summariser.add((AFTER, update.leaf, 0), tensor)
            for place, (_, kept) in enumerate(update.kept):
                self.summariser.add((STATE, update.leaf, place), kept)

    def _use(self, value: Value) -> None:
        """A tensor from outside the step is used in it for the first time: now its value counts."""
        tensor = value.ref()
        if tensor is None:
            return
        if self.coasting is not None:
            self.coasting.used(value)
        value.used = True
        value.requires_grad = tensor.requires_grad
        value.is_leaf = tensor.is_leaf
        value.is_parameter = isinstance(tensor, torch.nn.Parameter)
        if self.threads is not None and value.op is None and value.origin is None and not value.is_parameter:
            self.from_threads = self.threads
        self.summariser.add((VALUE, value, 0), tensor)

    def _goes_on(self) -> bool:
        """Without gradients, and with a loop that has not gone back to its top: a validation, part of this step."""
        return self.turns is not None and self.turns.goes_on()

    def close(self, step: Step) -> None:
        """The step has had a backward, or an update: what comes then is an afterthought, or the next step."""
        if not step.closed:
            step.closed = True
            self.closed_in, self.closed_at = self.loops, self.count
            name_batch(self.batch)
            if self.turns is not None:
                self.turns.close()

    def know_grads(self) -> None:
        """What is in `.grad` of leaves now, after nobody has looked. Where all are zeros, they were emptied."""
        found = []
        for leaf in self.leaves.values():
            self.forget_grad(leaf)
            tensor = leaf.ref()
            if tensor is not None and tensor.grad is not None:
                found.append((tensor.grad, leaf))
        if any(_is_unlike_zero(grad) for grad, _ in found):
            for grad, leaf in found:
                self.know_grad(grad, leaf)

    def _ends(self, step: Step) -> list[_Tensor]:
        """The step's results that are still there and have a history. A changed view is not asked: it would rebuild."""
        found = (value.ref() for op in step.ops for value in op.values if value.requires_grad)
        return [t for t in found if t is not None and not (t._is_view() and t._version) and t.grad_fn is not None]

    def fork_step(self) -> None:
        """A second backward through the same forward pass: a step of its own, with the same ops and values."""
        first = self.step
        self.forks = True
        self.next_step()
        step = self.step
        if step is first:
            return
        step.told = step.told and self._forward_part != []  # what is not kept cannot be told again
        step.ops = list(first.ops)
        step.events = [event for event in first.events if happened(event)[0] == FORWARD]
        self.summariser.again(self._forward_part)
        for op in step.ops:
            for value in (*op.inputs, *op.values):
                if value.step is first:
                    value.step = step

    def paused(self) -> AbstractContextManager[None]:
        """Nothing that runs inside is recorded, and the modes are off."""
        return paused(self, modes=not self.coasts())

    def mention(self, tensor: _Tensor) -> None:
        """A tensor that the learner named, and no op has read: it is shown all the same."""
        value = self.table.get(id(tensor))
        if value is not None and value.ref() is tensor and value.step is None and value.op is None:
            value.step = self.step
            used = value.used
            self._use(value)
            value.used = used
            self.step.mentioned.append(value)
            self.step.events.append(Happened(FORWARD, value, value.origin.site if value.origin else None))

    def enter(self, module: Any, outer: tuple[int, ...]) -> tuple[int, ...]:
        """A module is called inside the modules `outer`; the path that its ops have."""
        self.module_calls.append(module)
        self.module_loops.append(self.loops)
        return (*outer, len(self.module_calls) - 1)

    def stepped(self, optimizer: Any) -> None:
        """`optimizer.step()` has returned: every parameter with a gradient was updated."""
        site = learner_site(2)
        step = self.step
        idle = True
        for group in optimizer.param_groups:
            place = len(step.optimizers)
            step.optimizers.append((type(optimizer).__name__, hyperparameters(group)))
            for parameter in group["params"]:
                if parameter.grad is not None:
                    update = self.update(self.value_of(parameter), place, site)
                    update.kept = kept_for(optimizer, parameter)
                    idle = False
        if idle:
            step.idle.append((type(optimizer).__name__, sum(len(g["params"]) for g in optimizer.param_groups), site))

    def update(self, leaf: Value, optimizer: int | None, site: Site | None) -> Update:
        """A leaf was written by an optimizer (by its place in the step) or by the learner's own line."""
        step = self.step
        if not step.closed and self.coasting is not None:
            self.coasting.irregular()
        self.close(step)
        leaf.written = site
        known = step.updates.get(id(leaf))
        if known is None:
            known = step.updates[id(leaf)] = Update(leaf, optimizer, site)
            step.events.append(Happened(UPDATE, leaf, site))
        known.then = None
        return known

    def switched_on(self, tensor: _Tensor) -> None:
        """`tensor` requires a gradient from now on. What this step has used of it did not: that stays data."""
        value = self.table.get(id(tensor))
        if value is None or value.ref() is not tensor:
            return
        self.switched.pop(id(value), None)
        if value.op is None and value.used and value.step is self.step:
            value = self.table[id(tensor)] = value.again(tensor)
            value.step, value.used = None, False

    def zero_grad(self, leaf: Value, site: Site | None) -> None:
        """A leaf's gradient was emptied or dropped."""
        self.emptied[id(leaf)] = site
        self.step.events.append(Happened(ZERO_GRAD, leaf, site))
        leaf.zeroed = True
        self.forget_grad(leaf)


def _is_unlike_zero(grad: _Tensor) -> bool:
    """Whether a gradient has something in it, or cannot be asked."""
    return grad.is_meta or grad.layout is not torch.strided or bool(grad.any())
