"""What a node keeps for backward.

The `_saved_*` attributes raise once backward has freed them, and after an in-place change; so they are read just before
backward runs. What is kept here is which value each one is, never the tensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from backend.trace.recorder import Recorder

Saved = list[tuple[str, Any]]
"""(name, what): a Value of the graph, a tuple (shape, dtype) of another tensor, or a plain text."""


def saved_of(node: Any, recorder: Recorder) -> Saved:
    """The saved tensors of one autograd node, by torch's names."""
    names, custom = _known.get(type(node)) or _look_at(type(node))
    found: Saved = []
    for name, attribute in names:
        try:
            kept = getattr(node, attribute)
        except RuntimeError as error:
            found.append((name, str(error).split(".")[0]))
            continue
        _keep(name, kept, recorder, found)
    if custom and not found:
        for kept in _custom(node):
            _keep("saved_tensors", kept, recorder, found)
    return found


def _keep(name: str, kept: Any, recorder: Recorder, found: Saved) -> None:
    if isinstance(kept, torch.Tensor):
        found.append((name, _what(kept, recorder)))
    elif isinstance(kept, (tuple, list)) and kept and isinstance(kept[0], torch.Tensor):
        found.extend((f"{name}[{i}]", _what(t, recorder)) for i, t in enumerate(kept) if isinstance(t, torch.Tensor))


def _what(tensor: torch.Tensor, recorder: Recorder) -> Any:
    return recorder.known(tensor) or recorder.made_by(tensor) or (tuple(tensor.shape), str(tensor.dtype))


_known: dict[type, tuple[tuple[tuple[str, str], ...], bool]] = {}


def _look_at(kind: type) -> tuple[tuple[tuple[str, str], ...], bool]:
    """The attributes of a kind of node that hold tensors, and whether it is a custom Function.

    Sizes and scalars are `_saved_*` too; only what holds tensors has a `_raw_saved_*` beside it.
    """
    attributes = frozenset(dir(kind))
    names = sorted(name[7:] for name in attributes if name.startswith("_saved_") and f"_raw{name}" in attributes)
    known = _known[kind] = tuple((name, f"_saved_{name}") for name in names), "saved_tensors" in attributes
    return known


def _custom(node: Any) -> tuple[Any, ...]:
    """A custom Function's `ctx.saved_tensors`."""
    try:
        return tuple(node.saved_tensors)
    except RuntimeError:
        return ()
