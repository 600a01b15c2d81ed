"""Building a layer, copying a model, taking and loading its state, filling tensors with initial values.

Nothing of that is computed. Torch does it with ops (`clone`, `detach`, `copy_`, the QR decomposition of `orthogonal_`),
which would stand on the graph as if the learner had written them. What comes out is told as data or as leaves that this
made; what a parameter in use is overwritten with, as an update.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from backend.trace.names import held_in
from backend.trace.recorder import Recorder
from backend.trace.source import learner_site
from backend.trace.stepping import kinds
from backend.trace.watching import watching

_Parameter = torch.nn.Parameter
_Module = torch.nn.Module


def watch_states() -> None:
    """Wrap what does it, once. Where nobody is watching the wrappers only call what they wrap."""
    _wrap(_Parameter, "__deepcopy__", after=_copied)
    _wrap(torch, "load", after=_loaded)
    _wrap(_Module, "state_dict", after=_taken)
    _wrap(_Module, "load_state_dict", writes=lambda module, *_: _held(module))
    _wrap(vars(torch.nn.parameter)["UninitializedTensorMixin"], "materialize")
    initialisers = torch.nn.init
    for name in dir(initialisers):
        if name.endswith("_") and not name.startswith("_"):
            _wrap(initialisers, name, writes=lambda tensor, *_: (tensor,))
    for layer in {kind for kind in kinds(_Module) if _makes_parameters(kind)}:
        _wrap(layer, "__init__", only=_is_torchs, after=_built)


def _wrap(
    owner: Any,
    name: str,
    *,
    only: Callable[..., bool] | None = None,
    writes: Callable[..., Iterable[Any]] | None = None,
    after: Callable[[Recorder, Any, Any], None] | None = None,
) -> None:
    """A call that nobody hears: of all, or where `only` says so.

    `writes` says which tensors it overwrites; `after` is given its first argument and what it returned.
    """
    plain = vars(owner)[name]

    @functools.wraps(plain)
    def quiet(*args: Any, **kwargs: Any) -> Any:
        modes = watching()
        if modes is None or (only is not None and not only(*args)):
            return plain(*args, **kwargs)
        recorder = modes.recorder
        recorder.finish_op()
        with recorder.paused():
            written = [] if writes is None or not args else [t for t in writes(*args) if isinstance(t, torch.Tensor)]
            versions = list(map(_version, written))
        with modes.aside():  # only ours are off: without a FakeTensorMode, its tensors have no memory to fill
            out = plain(*args, **kwargs)
        with recorder.paused():
            for tensor, version in zip(written, versions, strict=True):
                if version is None or tensor._version != version:
                    recorder.overwritten(tensor, learner_site())
            if after is not None:
                after(recorder, args[0], out)
        return out

    setattr(owner, name, quiet)


def _makes_parameters(kind: type[_Module]) -> bool:
    """A layer of torch's own whose constructor makes tensors: it asks on which device. Lazy ones make them later."""
    own = vars(kind).get("__init__") if kind.__module__.startswith("torch.nn.modules.") else None
    lazy = issubclass(kind, torch.nn.modules.lazy.LazyModuleMixin)
    return own is not None and not lazy and "device" in inspect.signature(own).parameters


def _is_torchs(module: _Module, *_: Any) -> bool:
    """A class of the learner's may override a part of how it is built: there the modes stay on."""
    return type(module).__module__.startswith("torch.nn.")


def _built(recorder: Recorder, layer: _Module, _: None) -> None:
    if layer._buffers:
        made = [buffer for buffer in layer._buffers.values() if buffer is not None]
        recorder.brought(made, type(layer).__name__, learner_site())


def _version(tensor: torch.Tensor) -> int | None:
    return None if tensor.is_inference() else tensor._version


def _held(module: _Module) -> Iterator[torch.Tensor]:
    return (tensor for _, tensor in held_in({"": module}))


def _copied(recorder: Recorder, _original: Any, copy: Any) -> None:
    recorder.brought([copy], "deepcopy", learner_site())


def _loaded(recorder: Recorder, _file: Any, out: Any) -> None:
    recorder.brought((item for item in tree_leaves(out) if isinstance(item, torch.Tensor)), "load", learner_site())


def _taken(recorder: Recorder, module: Any, state: Any) -> None:
    """What a state holds is the parameters by another door, as `.data` is."""
    inside = {place.path: tensor for place, tensor in held_in({"": module})}
    for path, tensor in state.items():
        held = inside.get(path)
        if held is not None and isinstance(tensor, torch.Tensor) and tensor is not held:
            recorder.alias(tensor, held, "state_dict()")
