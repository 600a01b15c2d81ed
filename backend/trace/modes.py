"""The two modes that watch the forward pass, and the few places of torch that are wrapped once, before any run.

TorchFunctionMode sees what the learner wrote (`linear`, `softmax`), TorchDispatchMode every aten op below autograd.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from backend.trace.batches import watch_loaders
from backend.trace.recorder import Recorder
from backend.trace.records import Call, OpInfo
from backend.trace.source import FILENAME, learner_frame, learner_site

_INFOS: dict[Any, OpInfo] = {}

_QUIET = frozenset(
    {"__repr__", "__format__", "__str__", "__deepcopy__", "__reduce_ex__", "backward", "tolist", "numpy"}
)
"""Functions whose insides are not the learner's ops: printing, copying, and backward, which `engine` watches."""

_FACTS = frozenset(
    {"size", "dim", "stride", "numel", "is_floating_point", "is_complex", "_set_grad_enabled", "__len__"}
)
"""Questions about a tensor and switches: no op runs in them."""

_APART = _QUIET | _FACTS | {"__get__", "__set__", "__delete__", "register_hook"}

_active: list[Recorder] = []
"""The recorder of the run in this process, if one is recording. One process, one run."""


def active() -> Recorder | None:
    """The recorder that is recording now."""
    return _active[0] if _active else None


class ForwardMode(TorchDispatchMode):
    """Hands every aten op to the recorder."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False: dynamo never runs here, and torch's guard against it would cost more than the op."""
        return False

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch annotates no argument of it
        self.recorder = recorder

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func`, and record it."""
        recorder = self.recorder
        if recorder.suspended:
            return func(*args, **(kwargs or {}))
        info = _INFOS.get(func)
        if info is None:
            info = _INFOS[func] = OpInfo(func)
        if recorder.skipping and recorder.skips(info, args):
            return func(*args, **(kwargs or {}))
        if info.writes:
            recorder.before_write()
        out = func(*args, **(kwargs or {}))
        recorder.add(info, args, kwargs or {}, out)
        return out


class FunctionMode(TorchFunctionMode):
    """Gives the ops that run inside one call of a torch function that call's name and place."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func` as one call."""
        recorder = self.recorder
        if recorder.suspended:
            return func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in _APART or getattr(func, "__module__", None) == "torch.nn.init":
            return self._apart(name, func, args, kwargs or {})
        caller = sys._getframe(1)
        direct = caller.f_code.co_filename is FILENAME
        frame = caller if direct else learner_frame(caller)
        site = None if frame is None else (frame.f_code, frame.f_lasti)
        outer = recorder.call
        call = recorder.call = Call(name, site, recorder.count, direct=direct)
        try:
            out = func(*args, **(kwargs or {}))
        finally:
            recorder.call = outer
            call.last = recorder.count
            recorder.finish_op()
        if direct and site is not None:
            recorder.named(out, site)
        return out

    def _apart(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        if name == "__get__":
            return self._get(func, args)
        if name in ("__set__", "__delete__"):
            return self._set(func, args)
        recorder = self.recorder
        recorder.finish_op()
        if name == "register_hook":
            recorder.hooked.append(recorder.value_of(args[0]))
        if name in ("backward", "register_hook") or name in _FACTS:
            return func(*args, **kwargs)
        if name not in _QUIET:
            recorder.before_write()  # torch.nn.init fills a tensor: how it was made, not what is computed
        recorder.suspended += 1
        try:
            return func(*args, **kwargs)
        finally:
            recorder.suspended -= 1

    def _get(self, func: Any, args: Any) -> Any:
        """`w.data` is w by another door: what is written through it is written to w."""
        if getattr(func, "__self__", None) is not _DATA:
            return func(*args)
        recorder = self.recorder
        recorder.suspended += 1
        try:
            out = func(*args)
        finally:
            recorder.suspended -= 1
        recorder.alias(out, args[0])
        return out

    def _set(self, func: Any, args: Any) -> Any:
        """`w.grad = None` is a zero_grad, `w.data = …` an update; other properties are set without a word."""
        recorder = self.recorder
        what = getattr(func, "__self__", None)
        if what is _GRAD and (len(args) < 2 or args[1] is None or self._is_zero(args[1])):
            recorder.grad_dropped(args[0])
        if what is not _DATA:
            return func(*args)
        recorder.before_write()
        func(*args)
        recorder.assigned(args[0])
        return None

    def _is_zero(self, grad: Any) -> bool:
        with self.recorder.paused():
            return isinstance(grad, torch.Tensor) and not grad.is_meta and not grad.is_sparse and not bool(grad.any())


_GRAD = torch.Tensor.grad
_DATA = torch.Tensor.data


def install(run_backward: Callable[..., Any]) -> None:
    """Wrap `nn.Module.__call__`, the engine's one entry and optimizers, once, in the zygote.

    Without an active recorder each wrapper only calls what it wraps.
    """
    _wrap_engine(run_backward)
    _wrap_functions()
    _wrap_modules()
    watch_loaders(active)
    register_optimizer_step_pre_hook(_before_step)
    register_optimizer_step_post_hook(_after_step)


def _wrap_engine(run_backward: Callable[..., Any]) -> None:
    engine: Callable[..., Any] = vars(torch.autograd)["_engine_run_backward"]

    def watched(outputs: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = active()
        if recorder is None or recorder.suspended:
            return engine(outputs, *args, **kwargs)
        return run_backward(recorder, engine, outputs, args, kwargs)

    make_grads = torch.autograd._make_grads

    def unwatched(*args: Any, **kwargs: Any) -> Any:
        """The seed that backward makes for itself is no op of the learner's."""
        recorder = active()
        if recorder is None or recorder.suspended:
            return make_grads(*args, **kwargs)
        with recorder.paused():
            return make_grads(*args, **kwargs)

    torch.autograd._make_grads = unwatched
    vars(torch.autograd)["_engine_run_backward"] = watched


def _wrap_functions() -> None:
    """`apply` of a custom Function passes by TorchFunctionMode."""
    plain = vars(torch.autograd.Function)["apply"]

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = active()
        bound = plain.__get__(None, cls)
        if recorder is None or recorder.suspended or recorder.skipping:
            return bound(*args, **kwargs)
        recorder.finish_op()
        call = Call(cls.__name__, learner_site(), recorder.count, direct=True, custom=True)
        out = bound(*args, **kwargs)
        recorder.applied(call)
        return out

    # as it is in torch: a class method
    torch.autograd.Function.apply = classmethod(apply)  # type: ignore[assignment,method-assign]


def _wrap_modules() -> None:
    plain = torch.nn.Module.__call__

    def call(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
        recorder = active()
        if recorder is None or recorder.suspended:
            return plain(module, *args, **kwargs)
        outer = recorder.modules
        recorder.modules = recorder.enter(module, outer)
        try:
            out = plain(module, *args, **kwargs)
        finally:
            recorder.modules = outer
        caller = sys._getframe(1)
        if caller.f_code.co_filename is FILENAME:
            recorder.named(out, (caller.f_code, caller.f_lasti))
        return out

    torch.nn.Module.__call__ = call  # type: ignore[method-assign]  # same signature, watched


def _before_step(optimizer: Any, args: Any, kwargs: Any) -> Any:
    recorder = active()
    if recorder is None:
        return None
    recorder.finish_op()
    recorder.summariser.flush()
    recorder.suspended += 1
    # a closure computes the loss anew inside step(): that is the learner's code again
    heard = [_heard(a, optimizer, recorder) for a in args]
    return tuple(heard), {name: _heard(value, optimizer, recorder) for name, value in kwargs.items()}


def _heard(argument: Any, optimizer: Any, recorder: Recorder) -> Any:
    if not callable(argument) or isinstance(argument, torch.optim.Optimizer):
        return argument
    called = False

    def closure(*args: Any, **kwargs: Any) -> Any:
        nonlocal called
        if called:
            recorder.stepped(optimizer)  # LBFGS has moved the parameters and looks at the loss again
        called = True
        recorder.suspended -= 1
        try:
            return argument(*args, **kwargs)
        finally:
            recorder.finish_op()
            recorder.summariser.flush()
            recorder.suspended += 1

    return closure


def _after_step(optimizer: Any, _args: Any, _kwargs: Any) -> None:
    recorder = active()
    if recorder is None or not recorder.suspended:
        return
    recorder.suspended -= 1
    recorder.stepped(optimizer)


class Watching:
    """`with Watching(recorder):` everything torch does is recorded."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._modes = (FunctionMode(recorder), ForwardMode(recorder))

    def __enter__(self) -> None:
        for mode in self._modes:
            mode.__enter__()  # type: ignore[no-untyped-call]  # likewise
        _active.append(self._recorder)

    def __exit__(self, *error: object) -> None:
        _active.clear()
        for mode in reversed(self._modes):
            mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # likewise
