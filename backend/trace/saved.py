"""What a node keeps for backward.

The `_saved_*` attributes raise once backward has freed them, and after an in-place change; so they are read just before
backward runs. What is kept here is which value each one is, never the tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch
from torch.utils._pytree import tree_leaves

from backend.trace.layouts import stored_bytes

if TYPE_CHECKING:
    from backend.trace.recorder import Recorder
    from backend.trace.records import Op

Saved = list[tuple[str, Any]]
"""(name, what): a Value of the graph, `Unnamed`, or a plain text."""


class Unnamed(NamedTuple):
    """A saved tensor that no op was seen to make: a mask, a random state."""

    shape: tuple[int, ...]
    dtype: str
    bytes: int


def saved_of(node: Any, recorder: Recorder, op: Op | None) -> Sequence[tuple[str, Any]]:
    """The saved tensors of one autograd node, by torch's names. `op` is what it was recorded for, if that was seen."""
    names, custom = _known.get(type(node)) or _look_at(type(node))
    if custom or (names and recorder.packs):
        return _one_by_one(node, recorder, op, names, custom=custom)
    if not names:
        return ()
    found: Saved = []
    table = recorder.table
    try:
        for name, attribute, _ in names:
            kept = getattr(node, attribute)
            if kept is not None:
                value = table.get(id(kept))
                if value is None or value.ref() is not kept:
                    value = _unknown(name, kept, recorder, op)
                found.append((name, value))
    except (RuntimeError, AttributeError):  # one of them is freed or was changed in place, or is a list
        return _one_by_one(node, recorder, op, names, custom=custom)
    return found


def _one_by_one(node: Any, recorder: Recorder, op: Op | None, names: Names, *, custom: bool) -> Saved:
    """The same, where what is kept may be packed, a list, or not to be had."""
    found: Saved = []
    for name, attribute, raw_attribute in names:
        try:
            raw = getattr(node, raw_attribute)
            if type(raw) is tuple or raw.unpack_hook is not None:
                _keep_several(node, name, attribute, raw, recorder, found)
                continue
            kept = getattr(node, attribute)
            if kept is not None:
                found.append((name, recorder.known(kept) or _unknown(name, kept, recorder, op)))
        except RuntimeError as error:
            found.append((name, str(error).split(".")[0]))
    if custom and not found:
        with suppress(RuntimeError):  # freed
            _keep_several(node, "saved_tensors", "saved_tensors", node._raw_saved_tensors, recorder, found)
    return found


def _keep_several(node: Any, name: str, attribute: str, raw: Any, recorder: Recorder, found: Saved) -> None:
    """A list of saved tensors, or what `torch.autograd.graph.saved_tensors_hooks` packed.

    What is packed stays so: to unpack it would run the learner's hook, or all that is checkpointed. What it holds is
    what is kept alive.
    """
    several = raw if type(raw) is tuple else (raw,)
    packed = any(one.unpack_hook is not None for one in several)
    kept = [_packed(one) for one in several] if packed else [[tensor] for tensor in getattr(node, attribute)]
    for place, tensors in enumerate(kept):
        told = f"{name}[{place}]" if type(raw) is tuple and attribute != name else name
        if isinstance(tensors, str):
            found.append((told, tensors))
            continue
        found.extend((told, recorder.known(t) or _unknown(told, t, recorder, None)) for t in tensors if t is not None)


def _packed(one: Any) -> list[torch.Tensor] | str:
    """The tensors in what a hook packed, or why there is none."""
    tensors = [t for t in tree_leaves(one.data) if isinstance(t, torch.Tensor)]
    if tensors or one.unpack_hook is None:
        return tensors
    again = getattr(one.unpack_hook, "__module__", None) == "torch.utils.checkpoint"
    return _CHECKPOINTED if again else "packed by a hook, which keeps no tensor"


def _unknown(name: str, tensor: torch.Tensor, recorder: Recorder, op: Op | None) -> Any:
    """A saved tensor that is not the one that an op returned: that op's all the same, or a number, or nobody's."""
    if op is not None and not tensor.dim():
        # `x * 2` saves the 2 as a tensor of its own: it is told as the number that was written
        for attribute, written in op.attributes:
            if attribute == name and isinstance(written, (int, float, complex)):
                return str(written)
    value = recorder.made_by(tensor)
    if value is not None:
        return value
    return Unnamed(tuple(tensor.shape), str(tensor.dtype), memory_of(tensor))


def memory_of(tensor: torch.Tensor) -> int:
    """Bytes that a tensor keeps alive: of a view, all that it is a view of; of a sparse one, what it stores."""
    if tensor.layout is torch.strided:
        return tensor.untyped_storage().nbytes()
    return stored_bytes(tensor) or tensor.numel() * tensor.dtype.itemsize


_CHECKPOINTED: Final = "not kept: checkpoint computes it again in backward"

Names = tuple[tuple[str, str, str], ...]
"""Name, attribute, and the attribute that has it packed."""

_known: dict[type, tuple[Names, bool]] = {}


def _look_at(kind: type) -> tuple[Names, bool]:
    """The attributes of a kind of node that hold tensors, and whether it is a custom Function.

    Sizes and scalars are `_saved_*` too; only what holds tensors has a `_raw_saved_*` beside it.
    """
    attributes = frozenset(dir(kind))
    names = sorted(name[7:] for name in attributes if name.startswith("_saved_") and f"_raw{name}" in attributes)
    spelled = tuple((name, f"_saved_{name}", f"_raw_saved_{name}") for name in names)
    known = _known[kind] = spelled, "saved_tensors" in attributes
    return known
