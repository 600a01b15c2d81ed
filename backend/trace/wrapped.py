"""The few places of torch that are wrapped once, before any run. Without an active recorder each only calls on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import MethodType
from typing import Any

import torch

from backend.trace import stepping
from backend.trace.batches import watch_loaders
from backend.trace.records import Call, EngineNode
from backend.trace.source import FILENAME, learner_site
from backend.trace.states import watch_states
from backend.trace.watching import active, counting, following, watching


def install(run_backward: Callable[..., Any]) -> None:
    """Wrap `nn.Module.__call__`, the engine's one entry, Functions and optimizers, once, in the zygote."""
    _wrap_engine(run_backward)
    _wrap_functions()
    _wrap_modules()
    _wrap_threads()
    _wrap_hooks()
    _wrap_packing()
    watch_loaders(active)
    watch_states()
    stepping.install()


def _wrap_engine(run_backward: Callable[..., Any]) -> None:
    engine: Callable[..., Any] = vars(torch.autograd)["_engine_run_backward"]

    def watched(outputs: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = active()
        if recorder is None or (recorder.suspended and not recorder.coasts()):
            return engine(outputs, *args, **kwargs)
        return run_backward(recorder, engine, outputs, args, kwargs)

    make_grads = torch.autograd._make_grads

    def unwatched(*args: Any, **kwargs: Any) -> Any:
        """The seed that backward makes for itself is no op of the learner's."""
        if counting():
            return make_grads(*args, **kwargs)
        modes = watching()
        if modes is not None:
            with modes.quiet():
                return make_grads(*args, **kwargs)
        followed = following()
        if followed is None:
            return make_grads(*args, **kwargs)
        followed.hush()
        return make_grads(*args, **kwargs)

    torch.autograd._make_grads = unwatched
    vars(torch.autograd)["_engine_run_backward"] = watched


def _wrap_functions() -> None:
    """`apply` of a custom Function passes by TorchFunctionMode."""
    plain = vars(torch.autograd.Function)["apply"]

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = active()
        bound = plain.__get__(None, cls)
        if recorder is None or recorder.suspended:
            return bound(*args, **kwargs)
        recorder.finish_op()
        call = Call(cls.__name__, learner_site(), recorder.count, recorder.count, direct=True, custom=True)
        out = bound(*args, **kwargs)
        recorder.applied(call, args, out)
        caller = sys._getframe(1)
        if caller.f_code.co_filename is FILENAME:
            recorder.named(out, (caller.f_code, caller.f_lasti))
        return out

    # as it is in torch: a class method
    torch.autograd.Function.apply = classmethod(apply)  # type: ignore[assignment,method-assign]


def _wrap_threads() -> None:
    """What the snippet starts beside itself is not watched, and that is told."""
    plain = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        recorder = active()
        if recorder is not None and recorder.threads is None:
            recorder.threads = learner_site()
        plain(thread)

    threading.Thread.start = start  # type: ignore[assignment,method-assign]  # same signature, watched


def _wrap_modules() -> None:
    plain = torch.nn.Module.__call__

    def call(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
        recorder = active()
        if recorder is None or recorder.suspended:
            if module._compiled_call_impl is None:  # as `plain` does, and so in no more calls than without us
                return module._call_impl(*args, **kwargs)
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


class _Hooks(dict[Any, Any]):
    """The hooks of a node, in order. A hook of the learner's beside ours needs a weak reference to them."""

    __slots__ = ("__weakref__",)


def _wrap_hooks() -> None:
    """A hook that is a node's of the recorder gets no handle, whose making takes longer than all else about hooking.

    Where torch returns the handle, the node's hooks come instead; ours is in them under its function.
    """
    mixin = torch.autograd.function._HookMixin
    plain = mixin._register_hook

    def register_hook(hooks: dict[Any, Any] | None, hook: Any) -> tuple[dict[Any, Any], Any]:
        if type(hook) is not MethodType or type(hook.__self__) is not EngineNode:
            return plain(hooks, hook)  # type: ignore[no-any-return,no-untyped-call]  # torch annotates nothing of it
        if hooks is None:
            hooks = _Hooks()
        hooks[hook.__func__] = hook  # one for each backward; torch's own keys are numbers
        return hooks, hooks

    mixin._register_hook = staticmethod(register_hook)  # type: ignore[method-assign]  # as it is in torch


def _wrap_packing() -> None:
    """`saved_tensors_hooks`, that of `checkpoint` included: from then on what backward keeps may be packed."""
    plain = torch._C._autograd._push_saved_tensors_default_hooks

    def push(pack: Callable[..., Any], unpack: Callable[..., Any]) -> None:
        recorder = active()
        if recorder is not None:
            recorder.packs = True
        plain(pack, unpack)

    torch._C._autograd._push_saved_tensors_default_hooks = push  # type: ignore[assignment]  # same signature, watched
