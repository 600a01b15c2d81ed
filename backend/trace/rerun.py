"""Runs the snippet once more, in float64, up to its first backward; one element of one leaf may be moved on the way.

Everything that was drawn at random is drawn as before, in float32, so the numbers are those that the learner saw.
"""

from __future__ import annotations

import builtins
import io
import math
import random
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from backend.trace.source import learner_frames, learner_site

Code = tuple[CodeType, CodeType | None]
"""The snippet, and its last expression."""


@dataclass(frozen=True)
class Move:
    """Add `by` to one element, counted row by row, of the leaf that is used as the n-th."""

    leaf: int
    element: int
    by: float


@dataclass
class Reached:
    """What there was when backward was called."""

    loss: float = math.nan
    site: Any = None
    leaves: list[torch.Tensor] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    """id(leaf) -> what the snippet calls it."""
    gradients: list[torch.Tensor | None] = field(default_factory=list)


class _Stop(BaseException):
    """The first backward was reached."""


class Rerun:
    """The snippet, ready to be run again. `seed` is that of the run; `auto`: backward is run from the last value."""

    def __init__(self, code: Code, seed: int, last_name: str | None, *, auto: bool) -> None:
        self._code = code
        self._seed = seed
        self._last_name = last_name
        self._auto = auto

    def run(self, move: Move | None = None, *, gradients: bool = False) -> Reached | None:
        """Run it up to the first backward. None: no backward was called.

        Errors:
            Whatever the snippet raises in float64.
        """
        reached = Reached()
        module = types.ModuleType("__main__")
        names = module.__dict__
        plain = {**vars(builtins), "print": _silent, "input": _silent}
        names.update(torch=torch, nn=torch.nn, F=torch.nn.functional, math=math, __builtins__=plain)
        mode = _Doubled(move, reached.leaves)
        plainly = vars(torch.autograd)["_engine_run_backward"]

        def engine(outputs: Sequence[Any], grads: Sequence[Any], *_args: Any, **_kwargs: Any) -> Any:
            with mode.resting():
                _arrive(reached, outputs, grads)
                if gradients:
                    reached.site = learner_site(1)
                    reached.names = _names(names)
                    if reached.leaves:
                        found = plainly(
                            tuple(outputs), tuple(grads), False, False, tuple(reached.leaves), allow_unreachable=True
                        )
                        reached.gradients = list(found)
            raise _Stop

        with _surroundings(module, self._seed, engine), mode.hearing_functions():
            try:
                with mode:
                    self._execute(names)
            except _Stop:
                return reached
        return None

    def _execute(self, names: dict[str, Any]) -> None:
        body, last = self._code
        exec(body, names)  # the learner's code, in the same sandbox as before
        value = eval(last, names) if last is not None else names.get(self._last_name or "")
        if self._auto and isinstance(value, torch.Tensor) and value.grad_fn is not None:
            torch.autograd.backward([value], [torch.ones_like(value)])


def _arrive(reached: Reached, outputs: Any, grads: Any) -> None:
    """Backward was called: this is the loss; of several numbers, the sum, each weighed as backward would."""
    roots = [o for o in outputs if isinstance(o, torch.Tensor)]
    with torch.no_grad():
        reached.loss = float(sum((o * g).sum() for o, g in zip(roots, grads, strict=False)))


def _names(namespace: dict[str, Any]) -> dict[int, str]:
    """What the snippet calls its tensors: variables, those of the functions that are running first, and parameters."""
    found: dict[int, str] = {}
    for frame in learner_frames(sys._getframe(2)):
        if frame.f_locals is not namespace:
            _add_names(found, dict(frame.f_locals))
    _add_names(found, namespace)
    return found


def _add_names(found: dict[int, str], namespace: dict[str, Any]) -> None:
    for name, held in list(namespace.items()):
        kind = type(held)
        if issubclass(kind, torch.Tensor):
            found.setdefault(id(held), name)
        elif issubclass(kind, torch.nn.Module) and name != "self":
            for path, parameter in held.named_parameters():
                found.setdefault(id(parameter), f"{name}.{path}")
        elif kind in (list, tuple):
            for place, item in enumerate(held):
                if issubclass(type(item), torch.Tensor):
                    found.setdefault(id(item), f"{name}[{place}]")


def _silent(*_args: Any, **_kwargs: Any) -> str:
    """Nothing is printed twice."""
    return ""


@contextmanager
def _surroundings(module: types.ModuleType, seed: int, engine: Callable[..., Any]) -> Iterator[None]:
    """Seeds, dtype, streams and engine of one rerun; all as before afterwards."""
    autograd = vars(torch.autograd)
    before = autograd["_engine_run_backward"], torch.get_default_dtype(), sys.stdout, sys.stderr, torch.get_rng_state()
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.set_default_dtype(torch.float64)
    autograd["_engine_run_backward"] = engine
    main, sys.modules["__main__"] = sys.modules["__main__"], module
    sys.stdout = sys.stderr = io.StringIO()
    grad = torch.is_grad_enabled()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_grad_enabled(grad)
        sys.modules["__main__"] = main
        autograd["_engine_run_backward"], dtype, sys.stdout, sys.stderr, state = before
        torch.set_default_dtype(dtype)
        torch.set_rng_state(state)


class _Doubled(TorchDispatchMode):
    """float32 becomes float64; random numbers are the same; leaves are counted at their first use, and one is moved."""

    def __init__(self, move: Move | None, leaves: list[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch annotates no argument of it
        self._move = move
        self._leaves = leaves
        self._known: set[int] = set()
        self._resting = False

    @contextmanager
    def resting(self) -> Iterator[None]:
        """What runs inside is not the learner's."""
        self._resting = True
        try:
            yield
        finally:
            self._resting = False

    @contextmanager
    def hearing_functions(self) -> Iterator[None]:
        """Custom Functions run their forward without grad mode: what they are given is counted as they are called."""
        plain = vars(torch.autograd.Function)["apply"]

        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            self._use(args)
            return plain.__get__(None, cls)(*args, **kwargs)

        torch.autograd.Function.apply = classmethod(apply)  # type: ignore[assignment,method-assign]  # as it is in torch
        try:
            yield
        finally:
            torch.autograd.Function.apply = plain  # type: ignore[method-assign]  # likewise

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run `func` in float64."""
        kwargs = dict(kwargs or {})
        if self._resting:
            return func(*args, **kwargs)
        if torch.is_grad_enabled():
            self._count(func, args, kwargs)
        if torch.Tag.nondeterministic_seeded in func.tags:
            return _drawn(func, args, kwargs)
        if kwargs.get("dtype") is torch.float32:
            kwargs["dtype"] = torch.float64
        out = func(*args, **kwargs)
        if func is torch.ops.aten.lift_fresh.default and out.dtype is torch.float32:
            return out.to(torch.float64)
        return out

    def _count(self, func: Any, args: Any, kwargs: Any) -> None:
        written = [a.alias_info is not None and a.alias_info.is_write for a in func._schema.arguments]
        self._use([arg for place, arg in enumerate(args) if not written[place]])
        self._use(kwargs.values())

    def _use(self, arguments: Iterable[Any]) -> None:
        """The leaves among them are used, some for the first time."""
        for argument in arguments:
            for tensor in argument if isinstance(argument, (list, tuple)) else (argument,):
                if not isinstance(tensor, torch.Tensor) or not tensor.requires_grad or not tensor.is_leaf:
                    continue
                if id(tensor) not in self._known:
                    self._known.add(id(tensor))
                    self._leaves.append(tensor)
                    if self._move is not None and self._move.leaf == len(self._leaves) - 1:
                        moved(tensor, self._move.element, self._move.by)


def moved(tensor: torch.Tensor, element: int, by: float) -> None:
    """Add `by` to the element with that row-major number, past autograd's eyes."""
    tensor.data[place_of(element, tensor.shape)] += by


def place_of(element: int, shape: Sequence[int]) -> tuple[int, ...]:
    """The index of a row-major number: 5 in [2, 3] is (1, 2)."""
    index: list[int] = []
    for length in reversed(shape):
        element, place = divmod(element, length)
        index.insert(0, place)
    return tuple(index)


def _drawn(func: Any, args: Any, kwargs: Any) -> Any:
    """Random numbers as float32 would have had them: each dtype draws others from the same seed."""
    if func._schema.name.endswith("_") and isinstance(args[0], torch.Tensor) and args[0].dtype is torch.float64:
        target = args[0]
        target.copy_(func(torch.empty_like(target, dtype=torch.float32), *args[1:], **kwargs))
        return target
    takes = any(a.name == "dtype" for a in func._schema.arguments)
    wanted = kwargs.get("dtype") or torch.float64
    if takes and wanted in (torch.float32, torch.float64):
        return func(*args, **{**kwargs, "dtype": torch.float32}).to(torch.float64)
    return func(*args, **kwargs)
