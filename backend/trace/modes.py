"""The two modes that watch the forward pass.

TorchFunctionMode sees what the learner wrote (`linear`, `softmax`), TorchDispatchMode every aten op below autograd.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from backend.trace.constants import NUMBERS, with_constant
from backend.trace.recorder import Recorder
from backend.trace.records import Call, OpInfo
from backend.trace.source import FILENAME, learner_frame, learner_site

_INFOS: dict[int, OpInfo] = {}
"""By id: an OpOverload is hashed by a function of Python's."""

_QUIET = frozenset(
    {"__repr__", "__format__", "__str__", "__deepcopy__", "__reduce_ex__", "backward", "tolist"}
    | {"numpy", "__array__", "__dlpack__", "data_ptr", "storage", "untyped_storage"}
)
"""Functions whose insides are not the learner's ops: printing, copying, giving away the memory of a tensor, and
backward, which `engine` watches."""

_COPIES = frozenset({"tensor", "as_tensor", "asarray"})
"""Functions that make a tensor of numbers, of those in other tensors too: without their history."""

_FACTS = frozenset(
    {"size", "dim", "stride", "numel", "is_floating_point", "is_complex", "_set_grad_enabled", "__len__"}
)
"""Questions about a tensor and switches: no op runs in them."""

_SWITCHES = frozenset({"detach_", "requires_grad_"})
"""What changes a tensor's history, or whether it has one, without an op that the dispatch mode would see."""

_APART = _QUIET | _FACTS | _SWITCHES | {"__get__", "__set__", "__delete__", "register_hook"}


def info_of(func: Any) -> OpInfo:
    """What is the same for every call of an op."""
    return _INFOS.get(id(func)) or _INFOS.setdefault(id(func), OpInfo(func))


class OpMode(TorchDispatchMode):
    """A mode of ours that hears ops, for a recorder."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False: dynamo never runs here, and torch's guard against it would cost more than the op."""
        return False

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch annotates no argument of it
        self.recorder = recorder


class ForwardMode(OpMode):
    """Hands every aten op to the recorder."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func`, and record it."""
        recorder = self.recorder
        if recorder.suspended:
            return func(*args, **(kwargs or {}))
        info = _INFOS.get(id(func)) or info_of(func)
        if info.writes:
            recorder.finish_op()
        # the record has the number that was written
        given = with_constant(args) if info.counts and type(args[1]) in NUMBERS else args
        out = info.run(*given, **kwargs) if kwargs else info.run(*given)
        recorder.add(info, args, kwargs, out)
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
        if name in _APART:
            if name == "__get__" and func.__self__ is not _DATA:
                return func(*args)
            return self._apart(name, func, args, kwargs or {})
        caller = sys._getframe(1)
        frame = caller if caller.f_code.co_filename is FILENAME else _past_overrides(caller, func)
        direct = frame is not None
        if frame is None:
            frame = learner_frame(caller)
        site = None if frame is None else (frame.f_code, frame.f_lasti)
        outer = recorder.call
        call = recorder.call = Call(name, site, recorder.count, recorder.count, direct)
        try:
            out = func(*args, **kwargs) if kwargs else func(*args)
        except BaseException:
            call.failed = True
            raise
        finally:
            recorder.call = outer
            call.last = recorder.count
            recorder.finish_op()
        if direct and site is not None:
            value = recorder.table.get(id(out))
            if value is not None and value.ref() is out:  # one tensor, as nearly always: no call for that
                recorder.sites += (value, site, 0)
            else:
                recorder.named(out, site)
        if name in _COPIES:
            recorder.copied(out, args)
        return out

    def _apart(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        if name == "__get__":
            return self._get(func, args)
        if name in ("__set__", "__delete__"):
            return self._set(func, args)
        if name in _FACTS:
            return func(*args, **kwargs)
        recorder = self.recorder
        recorder.finish_op()
        if name in _SWITCHES:
            return self._switch(name, func, args, kwargs)
        if name == "register_hook":
            recorder.hooked.append(recorder.value_of(args[0]))
        if name in ("backward", "register_hook"):
            return func(*args, **kwargs)
        recorder.suspended += 1
        try:
            return func(*args, **kwargs)
        finally:
            recorder.suspended -= 1

    def _switch(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        """`h.detach_()` cuts h off from its history; on a leaf it is `requires_grad_(False)`."""
        recorder, tensor = self.recorder, args[0]
        asks = tensor.requires_grad
        before = recorder.value_of(tensor) if asks else None
        out = func(*args, **kwargs)
        if before is None and tensor.requires_grad:
            recorder.switched_on(tensor)
        if before is not None and not tensor.requires_grad:
            if before.op is None:
                recorder.switched[id(before)] = (before, learner_site())
            elif name == "detach_":
                recorder.cut_off(before, tensor)
        return out

    def _get(self, func: Any, args: Any) -> Any:
        """`w.data` is w by another door: what is written through it is written to w."""
        recorder = self.recorder
        recorder.suspended += 1
        try:
            out = func(*args)
        finally:
            recorder.suspended -= 1
        recorder.alias(out, args[0], ".data")
        return out

    def _set(self, func: Any, args: Any) -> Any:
        """`w.grad = None` is a zero_grad, `w.data = …` an update; other properties are set without a word."""
        recorder = self.recorder
        what = getattr(func, "__self__", None)
        drops = what is _GRAD and (len(args) < 2 or args[1] is None or self._is_zero(args[1]))
        if drops and args[0].grad is not None:
            recorder.grad_dropped(args[0], learner_site())
        if what is _REQUIRES_GRAD:
            return self._switch("requires_grad_", func, args, {})
        if what is not _DATA:
            return func(*args)
        func(*args)
        recorder.assigned(args[0])
        return None

    def _is_zero(self, grad: Any) -> bool:
        with self.recorder.paused():
            return isinstance(grad, torch.Tensor) and not grad.is_meta and not grad.is_sparse and not bool(grad.any())


def _past_overrides(frame: FrameType | None, func: Any) -> FrameType | None:
    """The learner's frame if it is the one that called `func`.

    torch's Python functions, `F.mse_loss` and the operator `**` among them, call the mode themselves.
    """
    own = getattr(func, "__code__", None)
    while frame is not None and (frame.f_code is own or frame.f_code.co_filename in _OVERRIDES):
        frame = frame.f_back
    return frame if frame is not None and frame.f_code.co_filename is FILENAME else None


_OVERRIDES = frozenset({torch.overrides.__file__, torch._tensor.__file__})

_GRAD = torch.Tensor.grad
_REQUIRES_GRAD = torch.Tensor.requires_grad
_DATA = torch.Tensor.data
