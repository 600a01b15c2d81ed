"""Optimizers and modules at work on their parameters: `step` and `zero_grad`, each one event and not its many ops."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch

from backend.trace.following import Following
from backend.trace.source import learner_site
from backend.trace.watching import Watching, counting, following, listening, watching

Optimizer = torch.optim.Optimizer

Kind = TypeVar("Kind")


def install() -> None:
    """Wrap `Optimizer.step` of all kinds, and `zero_grad` of optimizers and modules; once."""
    hooking: Callable[..., Any] = Optimizer.profile_hook_step

    def profile_hook_step(step: Callable[..., Any]) -> Callable[..., Any]:
        """Torch puts this around the step of each kind of optimizer, when the first of it is made."""
        return _watched_step(hooking(step))

    Optimizer.profile_hook_step = staticmethod(profile_hook_step)  # type: ignore[method-assign,assignment]  # wrapped
    for kind in kinds(Optimizer):
        made = vars(kind).get("step")
        if getattr(made, "hooked", False):
            kind.step = _watched_step(made)  # type: ignore[method-assign,arg-type]  # likewise
    _wrap_zero_grad(Optimizer, lambda optimizer: (p for group in optimizer.param_groups for p in group["params"]))
    _wrap_zero_grad(torch.nn.Module, lambda module: module.parameters())


def kinds(kind: type[Kind]) -> Iterator[type[Kind]]:
    """All that are derived from a class; one that is derived in two ways comes twice."""
    for one in kind.__subclasses__():
        yield one
        yield from kinds(one)


def _watched_step(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def step(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        if counting():
            return plain(optimizer, *args, **kwargs)
        modes = watching()
        if modes is None:
            followed = following()
            if followed is not None:
                return _followed_step(followed, plain, optimizer, args, kwargs)
            return plain(optimizer, *args, **kwargs)
        recorder = modes.recorder
        recorder.finish_op()
        # a closure computes the loss anew inside step(): that is the learner's code again
        heard = [_heard(a, optimizer, modes) for a in args]
        named = {name: _heard(value, optimizer, modes) for name, value in kwargs.items()}
        with modes.aside():
            result = plain(optimizer, *heard, **named)
        with recorder.paused():  # asked through a mode, each property of a tensor takes as long as an op
            recorder.stepped(optimizer)
            rehearsal = recorder.coasting.repertoire.rehearsal if recorder.coasting is not None else None
            if rehearsal is not None:
                rehearsal.updated(optimizer, learner_site(), alone=not (args or kwargs))
        return result

    return step


def _followed_step(followed: Following, plain: Callable[..., Any], optimizer: Any, args: Any, kwargs: Any) -> Any:
    """In an iteration that is followed."""
    if args or kwargs:  # a closure: what it does is the step's
        followed.lose()
        return plain(optimizer, *args, **kwargs)
    with followed.aside():
        result = plain(optimizer, *args, **kwargs)
    followed.updated(optimizer)
    return result


def _heard(argument: Any, optimizer: Any, modes: Watching) -> Any:
    if not callable(argument):
        return argument
    called = False

    def closure(*args: Any, **kwargs: Any) -> Any:
        nonlocal called
        if called:
            with modes.recorder.paused():
                modes.recorder.stepped(optimizer)  # LBFGS has moved the parameters and looks at the loss again
        called = True
        with modes.back():
            return argument(*args, **kwargs)

    return closure


def _wrap_zero_grad(owner: type, parameters: Callable[[Any], Iterator[torch.Tensor]]) -> None:
    plain: Callable[..., Any] = vars(owner)["zero_grad"]

    @functools.wraps(plain)
    def zero_grad(self: Any, *args: Any, **kwargs: Any) -> Any:
        if counting():
            return plain(self, *args, **kwargs)
        modes, followed = listening(), following()
        around = followed or modes
        if around is None:
            return plain(self, *args, **kwargs)
        with around.aside():
            held = [p for p in parameters(self) if p.grad is not None]
            result = plain(self, *args, **kwargs)
        site = learner_site()
        if followed is not None:
            followed.emptied(held, site)
        if modes is None:
            return result
        recorder = modes.recorder
        before = len(recorder.step.events)
        for parameter in held:
            recorder.grad_dropped(parameter, site)
        if recorder.coasting is not None:
            if recorder.coasting.repertoire.rehearsal is not None:
                recorder.coasting.repertoire.rehearsal.emptied(held, site)
            recorder.coasting.emptied(before)
        return result

    setattr(owner, "zero_grad", zero_grad)  # noqa: B010  # mypy forbids to assign a method of a class
