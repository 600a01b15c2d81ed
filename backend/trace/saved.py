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
    """The saved tensors and the other saved tensors-or-numbers of one autograd node, by torch's names."""
    found: Saved = []
    for attribute in _attributes(type(node)):
        try:
            kept = getattr(node, attribute)
        except RuntimeError as error:
            found.append((attribute[7:], str(error).split(".")[0]))
            continue
        _keep(attribute[7:], kept, recorder, found)
    if not found:
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


_known: dict[type, tuple[str, ...]] = {}


def _attributes(kind: type) -> tuple[str, ...]:
    names = _known.get(kind)
    if names is None:
        names = _known[kind] = tuple(name for name in dir(kind) if name.startswith("_saved_"))
    return names


def _custom(node: Any) -> tuple[Any, ...]:
    """A custom Function's `ctx.saved_tensors`; a C++ node has none."""
    try:
        return tuple(getattr(node, "saved_tensors", ()))
    except RuntimeError:
        return ()
