"""A batch of a DataLoader is data, as if the snippet had been given it.

How the loader draws, picks and stacks the samples differs each time: every batch would have a graph of its own, with
two ops for each sample. A data set that learns something is watched like anything else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import torch

from backend.trace.source import learner_frames, learner_site

if TYPE_CHECKING:
    from backend.trace.recorder import Recorder
    from backend.trace.records import Value


def watch_loaders(active: Callable[[], Recorder | None]) -> None:
    """Wrap what iterates over a DataLoader, once. Without an active recorder the wrappers only call what they wrap."""
    iterator = torch.utils.data.dataloader._BaseDataLoaderIter
    begin, following = iterator.__init__, iterator.__next__
    given: WeakSet[Any] = WeakSet()
    """Iterators over data sets that learn nothing. Asked once for each: a data set may hold long lists."""

    def draw(self: Any, loader: Any) -> None:
        recorder = active()
        if recorder is None or _learns(loader.dataset):
            return begin(self, loader)
        given.add(self)
        if recorder.suspended:
            return begin(self, loader)
        recorder.finish_op()
        with recorder.paused():
            return begin(self, loader)

    def fetch(self: Any) -> Any:
        recorder = active()
        if recorder is None or recorder.suspended or self not in given:
            return following(self)
        recorder.finish_op()
        with recorder.paused():
            batch = following(self)
        recorder.given(batch, "DataLoader", learner_site())
        return batch

    # the same signatures, watched
    iterator.__init__, iterator.__next__ = draw, fetch  # type: ignore[method-assign]


def _learns(dataset: Any) -> bool:
    held = [*vars(dataset).values()] if hasattr(dataset, "__dict__") else []
    held += [item for some in held if isinstance(some, list | tuple) for item in some]
    return any(isinstance(some, torch.nn.Module) or getattr(some, "requires_grad", False) for some in held)


def name_batch(values: list[Value]) -> None:
    """Name each value as the snippet does now: `x`, or `batch[0]` for what lies in a list or a dict."""
    if not values:
        return
    wanted = {id(tensor): value for value in values if not value.names and (tensor := value.ref()) is not None}
    for frame in learner_frames(sys._getframe(1)):
        for name, held in list(frame.f_locals.items()):
            for path, item in _inside(name, held):
                value = wanted.get(id(item))
                if value is not None and value.ref() is item and path not in value.names:
                    value.call(path)


def _inside(name: str, held: Any) -> Iterator[tuple[str, Any]]:
    yield name, held
    if type(held) in (list, tuple):
        yield from ((f"{name}[{i}]", item) for i, item in enumerate(held))
    elif type(held) is dict:
        yield from ((f"{name}[{key!r}]", item) for key, item in held.items())
